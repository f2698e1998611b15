package ledger_test

import (
	"errors"
	"testing"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// What a token was before its move follows from the log, and the row that keeps it is
// named where it does not; with such a row nothing comes back.
func TestStateBeforeAMoveFollowsFromTheLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ query, text string }{
		"made VALID": {"UPDATE move_token SET before = 0", "the state before its move is VALID, and by the log " +
			"REVOKED_TOKEN_LOST"},
		"removed": {"DELETE FROM move_token", "the row of its move is not in the database"},
	} {
		w := newTown(t)
		w.SetState(t, "3", token.RevokedLost)
		var id string
		if _, _, err := testkit.Export(t, w.Kit, testkit.Move, func(r *lifecycle.ExportRequest) {
			r.Serials, r.Begun = []string{"3"}, func(m string) { id = m }
		}); err != nil {
			t.Fatal(err)
		}
		if rep := w.verify(); !rep.Whole() {
			t.Fatalf("%s, before: %v", name, rep.State.Findings)
		}
		w.PastLog()
		w.Exec(t, c.query)
		w.names("token hotp 3 of Acme", "token.state_changed", c.text)
		if name == "removed" {
			continue
		}
		if _, err := w.Lifecycle.CancelMove(t.Context(), id, testkit.Origin); !errors.Is(err, store.ErrForged) {
			t.Errorf("the move is cancelled: %v", err)
		}
		if s := w.Token(t, "3").Condition.State; s != token.Moving {
			t.Errorf("the token is %s", s)
		}
		// The way out: the token is deleted, and the move ends without it.
		if _, err := w.Lifecycle.Delete(t.Context(), testkit.Serial("3"), testkit.Origin); err != nil {
			t.Fatal(err)
		}
		if m, err := w.Lifecycle.CancelMove(t.Context(), id, testkit.Origin); err != nil || m.Moving != 0 {
			t.Errorf("cancelled: %+v, %v", m, err)
		}
		if rep := w.verify(); !rep.Whole() {
			t.Errorf("after it: %v, %s", rep.State.Findings, rep.Problem)
		}
	}
}
