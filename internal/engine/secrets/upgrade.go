package secrets

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// markStep is how many tokens one transaction marks.
const markStep = 500

// Upgrade marks the tokens of a database from before there were marks, and lets those
// share their secret that have one. It may be cut off at any point and begun anew; on
// a database that is marked it changes nothing. It gives the number of tokens marked
// and of secrets that several tokens hold.
func (m *Marker) Upgrade(ctx context.Context, db store.DB, keys Keys, now time.Time, origin audit.Origin) (
	marked, shared int, err error) {
	for after, more := token.ID(0), true; more; {
		n, last := 0, after
		err := db.Update(ctx, func(tx store.Tx) error {
			n = 0 // fn may run again
			all, err := tx.Unmarked(after, markStep)
			if more = len(all) == markStep; err != nil {
				return err
			}
			for _, c := range all {
				if last = c.Token.ID; c.Forged {
					continue // it takes no code, and the database has told of it
				}
				mark, err := m.open(keys, c)
				if err != nil {
					return fmt.Errorf("mark token %d: %w", c.Token.ID, err)
				}
				if mark == 0 {
					continue // its activation is still to make a secret
				}
				if err := tx.SetMark(c.Token.ID, mark); err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			return marked, 0, err
		}
		marked, after = marked+n, last
	}
	for after, more := token.Mark(math.MinInt64), true; more; {
		n, last := 0, after
		err := db.Update(ctx, func(tx store.Tx) error {
			n = 0
			marks, err := tx.SharedMarks(after, markStep)
			if more = len(marks) == markStep; err != nil || len(marks) == 0 {
				return err
			}
			last = marks[len(marks)-1]
			alone, err := unshared(tx, marks)
			if err != nil {
				return err
			}
			entries, err := Share(tx, 0, alone, now, origin)
			n = len(alone)
			return errors.Join(err, tx.AppendAudit(entries...))
		})
		if err != nil {
			return marked, shared, err
		}
		shared, after = shared+n, last
	}
	return marked, shared, nil
}

// unshared leaves out the marks whose tokens share their secret already.
func unshared(r store.SecretReader, marks []token.Mark) (left []token.Mark, err error) {
	for _, m := range marks {
		holders, err := r.Holders(0, m)
		if err != nil {
			return nil, err
		}
		for _, h := range holders {
			if h.Condition.Shared.Mark == 0 {
				left = append(left, m)
				break
			}
		}
	}
	return left, nil
}
