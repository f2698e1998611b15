package sqlite

import (
	"testing"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// The write that accepts a code under a user's name asks for the user itself, whatever
// was read before it: the row count is the verdict.
func TestOwnedWriteAsksForTheUser(t *testing.T) {
	t.Parallel()
	now := time.Now()
	soon := query.Millis(now.Add(time.Minute))
	for name, c := range map[string]struct {
		change string
		args   []any
		want   int64
	}{
		"as it was":                   {`UPDATE "user" SET failures = 10`, nil, 1},
		"locked":                      {`UPDATE "user" SET failures = 11`, nil, 0},
		"delayed":                     {`UPDATE "user" SET retry_at = ?`, []any{soon}, 0},
		"delayed beyond any delay":    {`UPDATE "user" SET retry_at = ?`, []any{soon + 3_600_000}, 1},
		"another user's token by now": {"UPDATE condition SET owner = NULL", nil, 0},
	} {
		db := open(t, Config{})
		id := tokens(t, db, 1)[0]
		var user store.User
		update(t, db, func(tx store.Tx) (err error) {
			if user, err = tx.AddUser("alice", now); err == nil {
				err = tx.SetOwner(id, 0, user.ID)
			}
			return err
		})
		update(t, db, func(s store.Tx) error {
			tx := s.(*tables.Tx)
			if _, err := tx.Change(c.change, c.args...); err != nil {
				return err
			}
			owner, err := query.One(t.Context(), tx.Conn(), query.Value[int64], "SELECT coalesce(owner, 0) FROM condition")
			if err != nil {
				return err
			}
			won, err := tx.Change(attempted(t, "accept, owned").SQL, 0, 0, query.Millis(now), int64(id), 0, 10, 0, user.ID,
				0, 0, 0, 0, 0, owner, soon, soon)
			if won != c.want {
				t.Errorf("%s: %d rows were written, want %d", name, won, c.want)
			}
			return err
		})
	}
}
