package tables

import (
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// Effects are what a transaction changes of what is kept elsewhere than in the database,
// once it is committed.
type Effects struct {
	Touched  Touched
	Spending proof.Spending // what it does of temporary codes
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

// scanTemporary reads user, fingerprint and end of a temporary code.
func scanTemporary(s query.Scanner) (c store.TemporaryCode, err error) {
	var expires int64
	err = s.Scan(&c.User, &c.Fingerprint, &expires)
	c.Expires = query.Time(expires)
	return c, err
}
