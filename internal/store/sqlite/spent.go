package sqlite

import (
	"context"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// spent are the temporary codes that this process saw used or revoked. A row that was
// put back in the file, with the tag that it had, is as this program wrote it; only
// memory knows that it is past. Whoever does it while the server is stopped is found
// by the log (package derive). Only the writer uses it.
type spent struct {
	until map[rowKey]time.Time // the codes' ends: from then on the row itself refuses
	sweep int                  // the size at which those that ended are forgotten
}

// readSpent takes up the used codes that are in the file when it is opened.
func readSpent(ctx context.Context, q query.Conn) (s spent, err error) {
	s = spent{until: map[rowKey]time.Time{}}
	all, err := query.All(ctx, q, scanTemporary, "SELECT user, fingerprint, expires FROM temporary_code WHERE used > 0")
	for _, c := range all {
		s.until[temporaryKey(c.User, c.Fingerprint)] = c.Expires
	}
	return s, err
}

func scanTemporary(s query.Scanner) (c store.TemporaryCode, err error) {
	var expires int64
	err = s.Scan(&c.User, &c.Fingerprint, &expires)
	c.Expires = query.Time(expires)
	return c, err
}

func temporaryKey(user int64, fingerprint []byte) rowKey {
	return rowKey{table: temporaryTable, id: user, fingerprint: string(fingerprint)}
}

// has tells whether a code is past.
func (s *spent) has(user int64, fingerprint []byte) bool {
	_, ok := s.until[temporaryKey(user, fingerprint)]
	return ok
}

// spending is what a transaction changes of what is past.
type spending struct {
	past   map[rowKey]time.Time
	issued []rowKey
	now    time.Time // zero if it is not known
}

func (p *spending) use(k rowKey, until time.Time) {
	if p.past == nil {
		p.past = map[rowKey]time.Time{}
	}
	p.past[k] = until
}

func (p *spending) has(user int64, fingerprint []byte) bool {
	_, ok := p.past[temporaryKey(user, fingerprint)]
	return ok
}

// settle is called after the commit.
func (s *spent) settle(p spending) {
	for _, k := range p.issued { // the same digits again, by a command
		delete(s.until, k)
	}
	for k, until := range p.past {
		s.until[k] = until
	}
	if len(s.until) <= s.sweep || p.now.IsZero() {
		return
	}
	for k, until := range s.until {
		if !until.After(p.now) {
			delete(s.until, k)
		}
	}
	s.sweep = max(1024, 2*len(s.until))
}
