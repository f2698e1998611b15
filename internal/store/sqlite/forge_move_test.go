package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// departed is a scene whose token was reported lost and is on its way to another server.
func departed(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	update(t, s.db, func(tx store.Tx) error {
		if err := tx.SetState(s.id, token.Valid, token.RevokedLost, ""); err != nil {
			return err
		}
		found, err := tx.Tokens(store.TokenFilter{ID: s.id})
		if err != nil {
			return err
		}
		return errors.Join(tx.AddMove(store.Move{ID: "m", Opened: time.Now(), Sealed: []byte("key")}),
			tx.Depart("m", found[0]))
	})
	return s
}

// What a token was before its move is what it becomes when the move is cancelled: so
// the row that keeps it is tagged, and a forged one gives nothing back.
func TestForgedMoveGivesNothingBack(t *testing.T) {
	t.Parallel()
	for name, stmt := range map[string]string{
		"before":      "UPDATE move_token SET before = 0",
		"token":       "UPDATE move_token SET token = token + 1",
		"move":        "INSERT INTO move (id, opened, actor, key) VALUES ('n', 1, '', x'00'); UPDATE move_token SET move = 'n'",
		"serial":      "UPDATE move_token SET serial = 'Z'",
		"ended":       "UPDATE move_token SET ended = 1",
		"tag":         "UPDATE move_token SET tag = NULL",
		"another row": "UPDATE move_token SET tag = (SELECT tag FROM token)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := departed(t)
			if p := s.problems(); len(p) > 0 {
				t.Fatalf("before: %q", p)
			}
			forge(t, s.path, stmt)
			for _, move := range []string{"m", "n"} {
				for _, id := range []token.ID{s.id, s.id + 1} {
					err := s.db.Update(t.Context(), func(tx store.Tx) error { return tx.Return(move, id) })
					if !errors.Is(err, store.ErrForged) && !errors.Is(err, store.ErrConflict) {
						t.Errorf("Return: %v", err)
					}
				}
			}
			if f := s.find(store.Lookup{Serial: "A"}); f.Candidates[0].Token.Condition.State != token.Moving {
				t.Errorf("the token is %s", f.Candidates[0].Token.Condition.State)
			}
			if p := s.problems(); len(p) != 1 || !strings.Contains(p[0], "move_token") {
				t.Errorf("verify says %q", p)
			}
		})
	}
	s := departed(t)
	forge(t, s.path, "UPDATE move_token SET before = 0")
	if err := s.db.Update(t.Context(), func(tx store.Tx) error { return tx.Return("m", s.id) }); !errors.Is(
		err, store.ErrForged) {
		t.Errorf("Return: %v", err)
	}
	if rows := s.raised.rows(); !slices.Equal(rows, []string{fmt.Sprintf("move_token %d", s.id)}) {
		t.Errorf("alarms %q", rows)
	}
	// The way out: the token goes, and the move ends without it.
	update(t, s.db, func(tx store.Tx) error { return errors.Join(tx.DeleteToken(s.id), tx.Forget("m", s.id)) })
	if p := s.problems(); len(p) > 0 {
		t.Errorf("without it: %q", p)
	}
}

// A move whose rows are as they were written ends in every way, tagged to its end.
func TestMovesEndTagged(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(store.Tx, token.ID) error{
		"back":    func(tx store.Tx, id token.ID) error { return tx.Return("m", id) },
		"arrived": func(tx store.Tx, id token.ID) error { return errors.Join(tx.Arrive("m", id), tx.DeleteToken(id)) },
	} {
		s := departed(t)
		update(t, s.db, func(tx store.Tx) error { return end(tx, s.id) })
		if p := s.problems(); len(p) > 0 {
			t.Errorf("%s: %q", name, p)
		}
	}
}

// A forged token, or one whose move is forged, is deleted although it is on its way: there
// is no other way to be rid of it. Its move ends without it.
func TestForgedTokenIsDeletedOnItsWay(t *testing.T) {
	t.Parallel()
	for name, stmt := range map[string]string{
		"token":     "UPDATE token SET label = 'forged'",
		"condition": "UPDATE condition SET epoch = epoch + 1",
		"move":      "UPDATE move_token SET before = 0",
	} {
		s := departed(t)
		if err := s.db.Update(t.Context(), func(tx store.Tx) error { return tx.DeleteToken(s.id) }); !errors.Is(
			err, store.ErrConflict) {
			t.Errorf("%s: deleted before it was forged: %v", name, err)
		}
		forge(t, s.path, stmt)
		update(t, s.db, func(tx store.Tx) error { return errors.Join(tx.DeleteToken(s.id), tx.Forget("m", s.id)) })
		if p := s.problems(); len(p) > 0 {
			t.Errorf("%s: without it: %q", name, p)
		}
	}
}

// The rows that an older version left without tags are tagged once; one that loses its
// tag later stays without.
func TestFurtherRowsAreTaggedOnce(t *testing.T) {
	t.Parallel()
	for _, older := range []bool{true, false} {
		s := departed(t)
		if older {
			update(t, s.db, func(tx store.Tx) error { return tx.DeleteSetting("further_tags") })
		}
		forge(t, s.path, "UPDATE move_token SET tag = NULL")
		for range 2 {
			if err := s.db.Close(); err != nil {
				t.Fatal(err)
			}
			s.db = open(t, Config{Path: s.path})
			protect(t, s.db)
		}
		if p := s.problems(); (len(p) == 0) != older {
			t.Errorf("of an older version %t: verify says %q", older, p)
		}
	}
}
