package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// softType is a type that is not there yet.
func softType(name, prefix string) token.Type {
	return token.Type{Name: name, Kind: token.Software, Spec: token.Spec{Algorithm: token.HOTP, Hash: "SHA256",
		Digits: 8},
		Prefix: prefix, Width: 6, Start: 100, Activation: token.NoActivation}
}

func (r *rig) types() (types []token.Type) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		types, err = rd.Types()
		return err
	})
	return types
}

func (r *rig) typ(name string) (t token.Type) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		t, err = rd.Type(name)
		return err
	})
	return t
}

func (r *rig) addType(t token.Type) {
	r.Helper()
	r.update(func(tx store.Tx) error { return tx.AddType(t) })
}

// clashes demands that do is refused because of a type, and changes none.
func (r *rig) clashes(what, with string, product bool, do func(store.Tx) error) {
	r.Helper()
	before := r.types()
	clash, ok := errors.AsType[*store.ClashError](r.db.Update(r.ctx(), do))
	if !ok || clash.With != with || clash.Product != product {
		r.Errorf("%s: %v, want a clash with %s (product %t)", what, clash, with, product)
	}
	r.same("types after: "+what, r.types(), before)
}

var typeTests = []test{
	{"BuiltIn", func(r *rig) { r.same("types of a new database", r.types(), token.Types()) }},
	{"EverythingIsKept", func(r *rig) {
		t := token.Type{Name: "every-thing", Kind: token.Software,
			Spec: token.Spec{Algorithm: token.OCRA, Hash: "SHA512", Digits: 9, Period: 77,
				Suite: "OCRA-1:HOTP-SHA1-6:QN08"},
			Prefix: "Z9Z", Width: 15, Start: 999_999_999_999_999, Activation: token.TwoStep, Profile: "Prüfblatt \"1\"",
			Manufacturer: "Ünicode & Söhne", Product: "SafeID/Time", MaxPerUser: 3, Lifetime: 3650, Retired: start}
		r.addType(t)
		r.same("the type", r.typ(t.Name), t)
		all := append(token.Types(), t)
		slices.SortFunc(all, func(a, b token.Type) int { return strings.Compare(a.Name, b.Name) })
		r.same("all types", r.types(), all)
	}},
	{"NameIsUnique", func(r *rig) {
		r.addType(softType("new", "N"))
		r.is(store.ErrConflict, "add it again", func(tx store.Tx) error { return tx.AddType(softType("new", "M")) })
		r.is(store.ErrConflict, "add a built-in one",
			func(tx store.Tx) error { return tx.AddType(softType("hotp", "M")) })
		err := r.db.View(r.ctx(), func(rd store.Reader) error {
			_, err := rd.Type("nonesuch")
			return err
		})
		if !errors.Is(err, store.ErrNotFound) {
			r.Errorf("a type that is not there: %v, want ErrNotFound", err)
		}
	}},
	{"SerialsStayApart", func(r *rig) {
		r.addType(softType("new", "N1"))
		retired := softType("old", "Q")
		retired.Retired = start
		r.addType(retired)
		narrow := softType("other", "N12")
		narrow.Width = 5
		r.clashes("add what makes the same serials", "new", false,
			func(tx store.Tx) error { return tx.AddType(softType("other", "N1")) })
		r.clashes("add what makes some of its serials", "new", false,
			func(tx store.Tx) error { return tx.AddType(narrow) })
		r.clashes("add the serials of a retired type", "old", false,
			func(tx store.Tx) error { return tx.AddType(softType("other", "Q")) })
		r.addType(softType("other", "N2"))
		moved := r.typ("other")
		moved.Prefix = "N1"
		r.clashes("change to the same serials", "new", false,
			func(tx store.Tx) error { return tx.ChangeType(r.inside(tx, "other"), moved) })
	}},
	{"ProductsStayApart", func(r *rig) {
		of := func(name, prefix, manufacturer, product string) token.Type {
			t := softType(name, prefix)
			t.Manufacturer, t.Product = manufacturer, product
			return t
		}
		r.addType(of("new", "N", "ACME", "Fob"))
		r.addType(of("new-2", "O", "ACME", "Card"))
		r.addType(of("new-3", "P", "Other", "Fob"))
		r.addType(of("new-4", "Q", "ACME", ""))
		r.addType(of("new-5", "R", "ACME", ""))
		same := of("new-6", "S", "ACME", "Fob")
		r.clashes("add one for the same product", "new", true, func(tx store.Tx) error { return tx.AddType(same) })
		retired := r.typ("new")
		retired.Retired = start
		r.update(func(tx store.Tx) error { return tx.ChangeType(r.inside(tx, "new"), retired) })
		r.addType(same)
		r.clashes("bring the retired one back", "new-6", true, func(tx store.Tx) error {
			return tx.ChangeType(retired, of("new", "N", "ACME", "Fob"))
		})
	}},
	{"Change", func(r *rig) {
		before := softType("new", "N")
		r.addType(before)
		after := before
		after.Profile, after.Manufacturer, after.Product, after.MaxPerUser, after.Lifetime, after.Retired = "p", "m",
			"q", 4, 5, start
		r.update(func(tx store.Tx) error { return tx.ChangeType(before, after) })
		r.same("the type", r.typ("new"), after)
		r.is(store.ErrConflict, "change it as if it were as before",
			func(tx store.Tx) error { return tx.ChangeType(before, before) })
		defined := after
		defined.Algorithm, defined.Hash, defined.Digits, defined.Period = token.TOTP, "SHA512", 7, 60
		defined.Prefix, defined.Width, defined.Start = "X", 9, 3
		defined.Activation, defined.Suite = token.OneStep, "s"
		r.update(func(tx store.Tx) error { return tx.ChangeType(after, defined) })
		r.same("the type without tokens", r.typ("new"), defined)
		other := defined
		other.Name, other.Prefix = "newer", "Y"
		r.is(store.ErrConflict, "change the name", func(tx store.Tx) error { return tx.ChangeType(defined, other) })
		r.is(store.ErrConflict, "change what is not there",
			func(tx store.Tx) error { return tx.ChangeType(other, other) })
		r.same("the type", r.typ("new"), defined)
	}},
	// Each part of the condition alone: the row must be as it was in every column.
	{"ChangeOfWhatIsOtherwise", func(r *rig) {
		t := softType("new", "N")
		r.addType(t)
		for name, edit := range map[string]func(*token.Type){
			"kind":      func(t *token.Type) { t.Kind = token.Hardware },
			"algorithm": func(t *token.Type) { t.Algorithm = token.TOTP },
			"hash":      func(t *token.Type) { t.Hash = "" }, "digits": func(t *token.Type) { t.Digits++ },
			"period": func(t *token.Type) { t.Period++ },
			"suite":  func(t *token.Type) { t.Suite = "s" }, "prefix": func(t *token.Type) { t.Prefix = "n" },
			"width":        func(t *token.Type) { t.Width++ },
			"start":        func(t *token.Type) { t.Start++ },
			"activation":   func(t *token.Type) { t.Activation = token.TwoStep },
			"profile":      func(t *token.Type) { t.Profile = "p" },
			"manufacturer": func(t *token.Type) { t.Manufacturer = "m" },
			"product":      func(t *token.Type) { t.Product = "p" }, "limit": func(t *token.Type) { t.MaxPerUser++ },
			"lifetime": func(t *token.Type) { t.Lifetime++ }, "retirement": func(t *token.Type) { t.Retired = start },
		} {
			seen := t
			edit(&seen)
			r.is(store.ErrConflict, "seen with another "+name,
				func(tx store.Tx) error { return tx.ChangeType(seen, seen) })
		}
		r.same("the type", r.typ("new"), t)
	}},
	{"DefinitionIsFixedByTokens", func(r *rig) {
		t := softType("new", "N")
		r.addType(t)
		c := r.hotp()
		c.Token.Kind, c.Token.Identity.Type = token.Software, "new"
		run := r.stage(&c)
		digits, profile := t, t
		digits.Digits, profile.Profile = 7, "p"
		redefine := func(tx store.Tx) error { return tx.ChangeType(t, digits) }
		r.is(store.ErrConflict, "redefine with a staged token", redefine)
		r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
		r.is(store.ErrConflict, "redefine with a token", redefine)
		r.update(func(tx store.Tx) error { return tx.ChangeType(t, profile) })
		r.same("the type", r.typ("new"), profile)
	}},
	{"ChangeIsDecidedOnce", func(r *rig) {
		t := softType("new", "N")
		r.addType(t)
		won := r.race(16, func(i int, tx store.Tx) error {
			mine := t
			mine.Profile = fmt.Sprint("p", i)
			return tx.ChangeType(t, mine)
		})
		r.same("winners", won, 1)
	}},
	{"AddIsDecidedOnce", func(r *rig) {
		won := r.race(16, func(i int, tx store.Tx) error {
			err := tx.AddType(softType(fmt.Sprint("new-", i), "N"))
			if _, clash := errors.AsType[*store.ClashError](err); clash {
				err = store.ErrConflict
			}
			return err
		})
		r.same("types of one prefix", won, 1)
	}},
}

// inside reads a type in a transaction.
func (r *rig) inside(tx store.Tx, name string) token.Type {
	r.Helper()
	t, err := tx.Type(name)
	r.must(err)
	return t
}

// race runs n updates at once and counts those that do not lose by ErrConflict.
func (r *rig) race(n int, do func(i int, tx store.Tx) error) int {
	r.Helper()
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			err := r.db.Update(r.ctx(), func(tx store.Tx) error { return do(i, tx) })
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, store.ErrConflict) {
				r.Errorf("update %d: %v, want ErrConflict", i, err)
			}
		})
	}
	wg.Wait()
	return int(won.Load())
}
