package ledger_test

import (
	"errors"
	"strings"
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
		"made VALID": {"UPDATE move_token SET before = 0", "the state before its move is VALID, but according to the log " +
			"REVOKED_TOKEN_LOST"},
		"removed": {"DELETE FROM move_token", "the row of its move is not in the database"},
	} {
		w := newTown(t)
		w.SetState(t, "3", token.RevokedLost)
		var id string
		if _, _, err := testkit.Export(t, w.Kit, testkit.Move, func(r *lifecycle.ExportRequest) {
			r.Serials, r.Begun = []string{"3"}, func(m string, _ int) { id = m }
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
		if rep, err := w.Ledger.Verify(t.Context()); err != nil || !rep.Whole() {
			t.Errorf("after it: %v, %s", rep.State.Findings, rep.Problem)
		}
	}
}

// A row that is not as the server wrote it is a finding of its own, under the name that
// people know; the log is intact all the same.
func TestForgedRowIsNamedApartFromTheLog(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.PastLog()
	w.Exec(t, "UPDATE token SET digits = 8 WHERE serial = '3'")
	rep, err := w.Ledger.Verify(t.Context())
	if err != nil || rep.Problem != "" || rep.Whole() || rep.State.Count != 1 {
		t.Fatalf("verify: %v, %+v", err, rep)
	}
	if f := rep.State.Findings[0]; f.Row != "token hotp 3 of Acme" || !strings.Contains(f.Text, "of table token") {
		t.Errorf("found %+v", f)
	}
	// It is told also where the log is not whole.
	w.Exec(t, "UPDATE audit_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'done', 'dune') AS BLOB) WHERE seq = 3")
	if rep, err = w.Ledger.Verify(t.Context()); err != nil || rep.Problem == "" || rep.State.Count != 1 {
		t.Errorf("verify: %v, %+v", err, rep)
	}
}

// What is left of a deleted token follows from the log: its floor is not set back, taken
// away or said to be elsewhere unnoticed.
func TestPastOfSecretsFollowsFromTheLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ query, text string }{
		"counter":  {"UPDATE secret SET events = 0", "its floor is counter 0"},
		"away":     {"UPDATE secret SET moved_away = 1", "lives on another server: true"},
		"row gone": {"DELETE FROM secret", "it is not in the database"},
	} {
		w := newTown(t)
		mark := w.Token(t, "1").Mark
		if _, err := w.Lifecycle.Delete(t.Context(), testkit.Serial("1"), testkit.Origin); err != nil {
			t.Fatal(err)
		}
		if rep := w.verify(); !rep.Whole() {
			t.Fatalf("%s, before: %v", name, rep.State.Findings)
		}
		w.PastLog()
		w.Exec(t, c.query)
		w.names("secret "+mark.String(), "token.deleted", c.text)
	}
}

// The receipt of an import keeps its file from coming in again; without it, the move is
// named. An import that is taken back in the file leaves its tokens missing.
func TestArrivalsFollowFromTheLog(t *testing.T) {
	t.Parallel()
	from, w := testkit.New(t), newTown(t)
	from.Import(t, testkit.HOTP("9"))
	var move string
	file, _, err := testkit.Export(t, from, testkit.Move, func(r *lifecycle.ExportRequest) {
		r.Begun = func(m string, _ int) { move = m }
	})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Take(t, w.Kit, testkit.OpenExport(t, file))
	if rep := w.verify(); !rep.Whole() {
		t.Fatalf("before: %v", rep.State.Findings)
	}
	w.PastLog()
	w.Exec(t, "DELETE FROM import_receipt")
	w.names("receipt of move "+move, "import.published", "not in the database")
	w.Exec(t, "UPDATE import_run SET published = 0 WHERE id = (SELECT max(id) FROM import_run)")
	if rep := w.verify(); rep.State.Count != 2 || rep.State.Findings[1].Row+rep.State.Findings[0].Row == "" {
		t.Errorf("an import that is published no more: %v", rep.State.Findings)
	}
}
