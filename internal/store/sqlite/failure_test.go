package sqlite

import (
	"errors"
	"testing"

	"ostiary/internal/core/token"
)

// The statement that counts a failure changes the row only as it was read. Within one
// transaction nothing else changes it; the statement does not rely on that.
func TestFailureIsCountedOnTheRowThatWasRead(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	id := tokens(t, db, 1)[0]
	as := func(edit int, to int64) (changed int64) {
		t.Helper()
		err := db.writer.line.Between(func() error {
			h := db.writer.hot
			if _, err := h.begin.exec(); err != nil {
				return err
			}
			rows := hotRows{hot: h}
			var c [11]any
			_, err := rows.Row(attempted(t, "condition"), c[:], int64(id))
			args := []any{int64(1), int64(id), c[0], c[1], c[3], c[5]}
			if edit > 0 {
				args[edit] = to
			}
			if err == nil {
				changed, err = rows.Exec(attempted(t, "count failure"), args...)
			}
			_, end := h.rollback.exec()
			return errors.Join(err, end)
		})
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	if n := as(0, 0); n != 1 {
		t.Fatalf("%d rows changed of the one that was read", n)
	}
	for what, e := range map[string]struct {
		arg int
		to  int64
	}{"token": {1, int64(id) + 1}, "epoch": {2, 77}, "counter": {3, 77}, "failures": {4, 77},
		"state": {5, int64(token.RevokedLost)}} {
		if n := as(e.arg, e.to); n != 0 {
			t.Errorf("a row with another %s: %d changed", what, n)
		}
	}
}
