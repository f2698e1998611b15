package tables

import (
	"context"
	"time"

	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// Spent are the temporary codes that this process saw used or revoked. A row that was
// put back in the file, with the tag that it had, is as this program wrote it; only
// memory knows that it is past. Whoever does it while the server is stopped is found
// by the log (package derive). It is not safe for concurrent use.
type Spent struct {
	until map[proof.Row]time.Time // the codes' ends: from then on the row itself refuses
	sweep int                     // the size at which those that ended are forgotten
}

// ReadSpent takes up the used codes that are in the database when it is opened.
func ReadSpent(ctx context.Context, q query.Conn) (s Spent, err error) {
	s = Spent{until: map[proof.Row]time.Time{}}
	all, err := query.All(ctx, q, scanTemporary, "SELECT \"user\", fingerprint, expires FROM temporary_code WHERE used > 0")
	for _, c := range all {
		s.until[proof.TemporaryRow(c.User, c.Fingerprint)] = c.Expires
	}
	return s, err
}

// Has tells whether a code is past.
func (s *Spent) Has(user int64, fingerprint []byte) bool {
	_, ok := s.until[proof.TemporaryRow(user, fingerprint)]
	return ok
}

// Settle is called after the commit.
func (s *Spent) Settle(p proof.Spending) {
	for _, k := range p.Issued { // the same digits again, by a command
		delete(s.until, k)
	}
	for k, until := range p.Past {
		s.until[k] = until
	}
	if len(s.until) <= s.sweep || p.Now.IsZero() {
		return
	}
	for k, until := range s.until {
		if !until.After(p.Now) {
			delete(s.until, k)
		}
	}
	s.sweep = max(1024, 2*len(s.until))
}
