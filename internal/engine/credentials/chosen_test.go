package credentials

import (
	"reflect"
	"strings"
	"testing"

	"ostiary/internal/core/fault"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

const good = "four unlikely green umbrellas"

// A chosen password is refused if it is short, the name, or easily guessed, and nothing
// changes then; what is said holds nothing of it.
func TestChosenPasswordIsNotWeak(t *testing.T) {
	t.Parallel()
	r, c, password := newRoot(t)
	size := len(entries(t, r.db))
	for name, weak := range map[string]string{
		"empty":                 "",
		"eleven characters":     "Xk4-pl9Zq2w",
		"eleven of two bytes":   strings.Repeat("äöüß€", 2) + "é",
		"too long":              strings.Repeat("long words ", 24),
		"the name":              "ROOT",
		"the name, again":       "RootRootRoot",
		"the name and a number": "root-2026-1234",
		"one character":         "aaaaaaaaaaaaaaaa",
		"two of them":           "abababababababab",
		"digits":                "314159265358979",
		"a row":                 "abcdefghijklmno",
		"a row downwards":       "ponmlkjihgfedcba",
		"a common one":          "Password12345!",
		"another":               "qwertyuiopasdfghjkl",
		"with a digit for a":    "P@ssw0rd2026",
		"a line feed":           "four unlikely\ngreen",
		"no UTF-8":              "four unlikely \xff green",
	} {
		err := r.ChoosePassword(t.Context(), weak, origin)
		demand(t, name, err, fault.Invalid, "weak_password")
		if err != nil && len(weak) > 3 && weak != "ROOT" && strings.Contains(err.Error(), weak) {
			t.Errorf("%s: the error holds the password: %v", name, err)
		}
	}
	if n := len(entries(t, r.db)); n != size {
		t.Errorf("%d entries of refusals", n-size)
	}
	start(t, r, c, password)
	for _, strong := range []string{good, "Xk4-pl9Zq2wB", "дванадцать слов", strings.Repeat("äöüß€", 2) + "éa"} {
		if err := r.ChoosePassword(t.Context(), strong, origin); err != nil {
			t.Errorf("%q: %v", strong, err)
		}
	}
}

// A chosen password takes the place of the one before, ends the sessions, and is in the
// log as one that was chosen, and nothing of it.
func TestChosenPassword(t *testing.T) {
	t.Parallel()
	db, dir := open(t)
	c := newClock()
	r := NewRoot(db, hasher(t, seal.Password), hasher(t, seal.Session), c.Now)
	password := setPassword(t, r)
	session := start(t, r, c, password)
	if err := r.ChoosePassword(t.Context(), good, origin); err != nil {
		t.Fatal(err)
	}
	e := last(t, db)
	err := db.View(t.Context(), func(rd store.Reader) error {
		mark, err := PasswordMark(rd)
		if want := (map[string]any{"hash": mark, "chosen": true}); e.Action != "root.password_set" ||
			!reflect.DeepEqual(e.After, want) {
			t.Errorf("entry %+v, want after %v", e, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := principal(t, r, session); ok {
		t.Error("a session outlived the password")
	}
	_, _, err = r.Start(t.Context(), password, origin)
	demand(t, "the password of before", err, fault.Unauthenticated, "wrong_password")
	start(t, r, c, good)
	notStored(t, dir, good)

	// One keyboard composes accents, and another does not.
	if err := r.ChoosePassword(t.Context(), "Gru\u0308ne Regenschirme", origin); err != nil {
		t.Fatal(err)
	}
	start(t, r, c, "Gr\u00fcne Regenschirme")
}
