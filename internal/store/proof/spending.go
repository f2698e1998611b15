package proof

import "time"

// Spending is what a transaction changes of what is past.
type Spending struct {
	Past   map[Row]time.Time
	Issued []Row
	Now    time.Time // zero if it is not known
}

// Use notes that a code is past, with its end.
func (p *Spending) Use(k Row, until time.Time) {
	if p.Past == nil {
		p.Past = map[Row]time.Time{}
	}
	p.Past[k] = until
}

// Has tells whether the transaction made a code past.
func (p *Spending) Has(user int64, fingerprint []byte) bool {
	_, ok := p.Past[TemporaryRow(user, fingerprint)]
	return ok
}
