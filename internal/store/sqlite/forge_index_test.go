package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
)

// forgeIndex puts entries of another index in the place of those of an index: what is in no
// row, and in no schema, leads to other rows.
func forgeIndex(t *testing.T, path, index, on string) {
	t.Helper()
	alter(t, path, "PRAGMA writable_schema = ON; CREATE INDEX evil ON "+on+`;
		UPDATE sqlite_schema SET rootpage = (SELECT sum(rootpage) FROM sqlite_schema
			WHERE name IN ('evil', '`+index+`')) - rootpage WHERE name IN ('evil', '`+index+`');
		DELETE FROM sqlite_schema WHERE name = 'evil'; PRAGMA schema_version = `+fmt.Sprint(rand.Uint32()>>1))
}

// twoTokens is a scene with a second token, B, of mallory's.
func twoTokens(t *testing.T) (s *scene, second token.ID) {
	t.Helper()
	s = newScene(t)
	update(t, s.db, func(tx store.Tx) (err error) {
		if second, err = tx.NextTokenID(1); err != nil {
			return err
		}
		return tx.AddToken(store.Candidate{Sealed: []byte("sealed"), Token: token.Token{ID: second, Kind: token.Hardware,
			Identity:  token.Identity{Type: "hotp", Serial: "B", KeyID: "Z"},
			Spec:      token.Spec{Algorithm: token.HOTP, Hash: "SHA1", Digits: 6},
			Condition: token.Condition{Owner: s.mallory.ID, Epoch: 1}}})
	})
	return s, second
}

const swappedSerials = "token (CASE serial WHEN 'A' THEN 'B' WHEN 'B' THEN 'A' END, type, manufacturer, key_id)"

// A row that carries its tag is found under the serial of another one only: its codes are
// not accepted there.
func TestIndexOfSerialsLetsNobodyIn(t *testing.T) {
	t.Parallel()
	s, second := twoTokens(t)
	forgeIndex(t, s.path, "sqlite_autoindex_token_1", swappedSerials)
	f := s.find(store.Lookup{Serial: "A"})
	if len(f.Candidates) != 1 || f.Candidates[0].Token.ID != second {
		t.Fatalf("found %+v; the index is not forged", f.Candidates)
	}
	if !f.Candidates[0].Forged {
		t.Errorf("token %s is taken for A", f.Candidates[0].Token.Identity)
	}
	if rows := s.raised.rows(); !slices.Contains(rows, proof.TokenIndex+" 2") {
		t.Errorf("alarms %q", rows)
	}
	// Nor is it changed by a command that names the other one.
	view(t, s.db, func(r store.Reader) error {
		for _, filter := range []store.TokenFilter{{Serial: "A"}, {Serials: []string{"A"}}} {
			if found, err := r.Tokens(filter); err != nil || len(found) > 0 {
				t.Errorf("%+v: %+v, %v", filter, found, err)
			}
		}
		if c, err := r.Identity(token.Identity{Type: "hotp", Serial: "A", KeyID: "Z"}, 0); err == nil {
			t.Errorf("as A: %+v", c.Token)
		}
		return nil
	})
	// It is repaired as docs/operate.md says.
	alter(t, s.path, "REINDEX")
	if f := s.find(store.Lookup{Serial: "A"}); len(f.Candidates) != 1 || f.Candidates[0].Forged {
		t.Errorf("after REINDEX: %+v", f)
	}
}

// The same of users, links and activations.
func TestIndexesLeadToNothingElse(t *testing.T) {
	t.Parallel()
	forged := func(t *testing.T, s *scene, row string, err error) {
		t.Helper()
		if !errors.Is(err, store.ErrForged) {
			t.Errorf("%v, want ErrForged", err)
		}
		if rows := s.raised.rows(); !slices.Contains(rows, row) {
			t.Errorf("alarms %q, want %q", rows, row)
		}
	}
	t.Run("user", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		forgeIndex(t, s.path, "sqlite_autoindex_user_1", "user (CASE name WHEN 'alice' THEN 'mallory' ELSE 'alice' END)")
		view(t, s.db, func(r store.Reader) error {
			u, err := r.User("mallory")
			if err == nil {
				t.Errorf("mallory is %+v", u)
			}
			forged(t, s, proof.UserIndex+" 1", err)
			return nil
		})
	})
	t.Run("user who presents a code", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		forgeIndex(t, s.path, "sqlite_autoindex_user_1", "user (CASE name WHEN 'alice' THEN 'mallory' ELSE 'alice' END)")
		if f := s.find(store.Lookup{User: "mallory"}); f.User != nil || len(f.Candidates) > 0 || f.StandIn.User != 1 {
			t.Errorf("mallory is %+v, with %d tokens; stand-in %d", f.User, len(f.Candidates), f.StandIn.User)
		}
		if rows := s.raised.rows(); !slices.Contains(rows, proof.UserIndex+" 1") {
			t.Errorf("alarms %q", rows)
		}
	})
	t.Run("link", func(t *testing.T) {
		t.Parallel()
		s, second := twoTokens(t)
		until := time.Now().Add(time.Hour)
		update(t, s.db, func(tx store.Tx) error {
			return errors.Join(tx.AddEnrolment(store.Enrolment{Token: s.id, Hash: []byte{1}, Expires: until}),
				tx.AddEnrolment(store.Enrolment{Token: second, Hash: []byte{2}, Expires: until}))
		})
		forgeIndex(t, s.path, "sqlite_autoindex_enrolment_1", "enrolment (CASE hash WHEN x'01' THEN x'02' ELSE x'01' END)")
		err := s.db.View(t.Context(), func(r store.Reader) error {
			_, err := r.Enrolment([]byte{2})
			return err
		})
		forged(t, s, proof.EnrolmentIndex+" 1", err)
		err = s.db.Update(t.Context(), func(tx store.Tx) error {
			_, err := tx.ShowEnrolment([]byte{2}, time.Now(), []byte{3}, until)
			return err
		})
		forged(t, s, proof.EnrolmentIndex+" 1", err)
		view(t, s.db, func(r store.Reader) error {
			if e, err := r.EnrolmentOf(s.id); err != nil || !bytes.Equal(e.Hash, []byte{1}) {
				t.Errorf("alice's link is %+v, %v", e, err)
			}
			return nil
		})
	})
	t.Run("activation", func(t *testing.T) {
		t.Parallel()
		s, second := twoTokens(t)
		now := time.Now()
		update(t, s.db, func(tx store.Tx) error {
			err := tx.AddProfile(store.Profile{Name: "p", Vector: []byte("v"), Issuer: []byte("i"), Created: now})
			for locator, id := range map[string]token.ID{"A": s.id, "B": second} {
				err = errors.Join(err, tx.AddActivation(store.Activation{ID: int64(id), Token: id, Profile: "p", Route: "online",
					Opened: now, Expires: now.Add(time.Hour), Secret: []byte("s"), Offer: store.Offer{Locator: locator}}))
			}
			return err
		})
		forgeIndex(t, s.path, "activation_locator", "activation (CASE locator WHEN 'A' THEN 'B' ELSE 'A' END) "+
			"WHERE locator IS NOT NULL")
		err := s.db.View(t.Context(), func(r store.Reader) error {
			_, err := r.OfferedActivation("B")
			return err
		})
		forged(t, s, proof.ActivationIndex+" 1", err)
		forgeIndex(t, s.path, "activation_open", "activation (3 - token) WHERE status = 0")
		err = s.db.View(t.Context(), func(r store.Reader) error {
			_, err := r.OpenActivation(second)
			return err
		})
		forged(t, s, proof.ActivationIndex+" 1", err)
	})
}
