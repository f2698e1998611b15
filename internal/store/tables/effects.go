package tables

import (
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"time"
)

// Effects are what a transaction changes of what is kept elsewhere than in the database,
// once it is committed.
type Effects struct {
	Touched  Touched
	Spending Spending // what it does of temporary codes
	// Entries are those that it appended to the log, and First is the place of the first.
	Entries [][]byte
	First   int64
}

// Touched are rows that a cache must forget.
type Touched struct {
	Tokens []token.ID
	Names  []string // users and serials whose set of tokens changed
	All    bool
}

// ScanTemporary reads user, fingerprint and end of a temporary code.
func ScanTemporary(s query.Scanner) (c store.TemporaryCode, err error) {
	var expires int64
	err = s.Scan(&c.User, &c.Fingerprint, &expires)
	c.Expires = query.Time(expires)
	return c, err
}

// Spending is what a transaction changes of what is past.
type Spending struct {
	Past   map[proof.Row]time.Time
	Issued []proof.Row
	Now    time.Time // zero if it is not known
}

// Use notes that a code is past, with its end.
func (p *Spending) Use(k proof.Row, until time.Time) {
	if p.Past == nil {
		p.Past = map[proof.Row]time.Time{}
	}
	p.Past[k] = until
}

// Has tells whether the transaction made a code past.
func (p *Spending) Has(user int64, fingerprint []byte) bool {
	_, ok := p.Past[proof.TemporaryRow(user, fingerprint)]
	return ok
}
