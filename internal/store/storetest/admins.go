package storetest

import (
	"time"

	"ostiary/internal/store"
)

// admin is an administrator who was added at the start.
func admin(id, name string) store.Admin {
	return store.Admin{ID: id, Name: name, Role: "admin", Password: "stored of " + name, MustChange: true,
		Created: start}
}

// passkey is one that was added some minutes after the start.
func passkey(id, admin string, minutes int) store.Passkey {
	return store.Passkey{ID: []byte(id), Admin: admin, Name: "key " + id, Host: "tokens.example.com",
		PublicKey: []byte("public"), Flags: 0xff, AAGUID: make([]byte, 16),
		Created: start.Add(time.Duration(minutes) * time.Minute)}
}

func (r *rig) admins() (found []store.Admin) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		found, err = rd.Admins()
		return err
	})
	return found
}

func (r *rig) passkeys(admin string) (found []store.Passkey) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		found, err = rd.Passkeys(admin)
		return err
	})
	return found
}

var adminTests = []test{
	{"AdminsAreFoundByName", func(r *rig) {
		bea, anna := admin("1", "bea"), admin("2", "anna")
		bea.HelpDesk, bea.MustChange = true, false
		for _, a := range []store.Admin{bea, anna} {
			r.update(func(tx store.Tx) error { return tx.AddAdmin(a) })
		}
		r.same("all, by name", r.admins(), []store.Admin{anna, bea})
		r.view(func(rd store.Reader) error {
			got, err := rd.Admin("bea")
			r.same("one", got, bea)
			return err
		})
		r.absent("another spelling", func(rd store.Reader) error {
			_, err := rd.Admin("Bea")
			return err
		})
		r.is(store.ErrConflict, "the same name", func(tx store.Tx) error { return tx.AddAdmin(admin("3", "bea")) })
		r.is(store.ErrConflict, "the same ID", func(tx store.Tx) error { return tx.AddAdmin(admin("1", "carl")) })
	}},
	{"ViewsAreKeptByNameAndReplaced", func(r *rig) {
		views := func(admin, list string) (found []store.View) {
			r.view(func(rd store.Reader) (err error) {
				found, err = rd.Views(admin, list)
				return err
			})
			return found
		}
		usual, lost := store.View{List: "tokens", Query: "size=50"}, store.View{Admin: "1", List: "tokens", Name: "lost",
			Query: "state=x"}
		all := store.View{Admin: "1", List: "tokens", Query: "size=20"}
		other := store.View{Admin: "1", List: "users", Name: "lost", Query: "q=a"}
		for _, v := range []store.View{lost, all, usual, other} {
			r.update(func(tx store.Tx) error { return tx.KeepView(v) })
		}
		r.same("by name", views("1", "tokens"), []store.View{all, lost})
		r.same("of ROOT", views("", "tokens"), []store.View{usual})
		lost.Query = "state=y"
		r.update(func(tx store.Tx) error { return tx.KeepView(lost) })
		r.same("another one of the name", views("1", "tokens"), []store.View{all, lost})
		r.update(func(tx store.Tx) error { return tx.RemoveView("1", "tokens", "lost") })
		r.is(store.ErrConflict, "one that is gone", func(tx store.Tx) error { return tx.RemoveView("1", "tokens", "lost") })
		r.same("the rest", views("1", "tokens"), []store.View{all})
		r.same("of another list", views("1", "users"), []store.View{other})
	}},
	{"AnAdminIsChangedFromWhatItIs", func(r *rig) {
		anna, other := admin("1", "anna"), admin("2", "bea")
		for _, a := range []store.Admin{anna, other} {
			r.update(func(tx store.Tx) error { return tx.AddAdmin(a) })
		}
		after := anna
		after.Role, after.HelpDesk, after.Password, after.MustChange, after.Disabled = "operator", true, "another", false,
			start.Add(time.Hour)
		for what, edit := range map[string]func(*store.Admin){
			"role":        func(a *store.Admin) { a.Role = "verifier" },
			"help desk":   func(a *store.Admin) { a.HelpDesk = true },
			"password":    func(a *store.Admin) { a.Password = "x" },
			"must change": func(a *store.Admin) { a.MustChange = false },
			"disabled":    func(a *store.Admin) { a.Disabled = start },
			"id":          func(a *store.Admin) { a.ID = "3" },
		} {
			before := anna
			edit(&before)
			r.is(store.ErrConflict, "another "+what, func(tx store.Tx) error { return tx.ChangeAdmin(before, after) })
		}
		r.update(func(tx store.Tx) error { return tx.ChangeAdmin(anna, after) })
		r.same("all", r.admins(), []store.Admin{after, other})
	}},
	{"TheLastSignInGoesForward", func(r *rig) {
		a := admin("1", "anna")
		r.update(func(tx store.Tx) error { return tx.AddAdmin(a) })
		for _, step := range []struct{ at, want time.Time }{
			{start.Add(time.Hour), start.Add(time.Hour)}, {start, start.Add(time.Hour)}} {
			r.update(func(tx store.Tx) error { return tx.NoteSignIn("1", step.at) })
			a.SignedIn = step.want
			r.same("the account", r.admins(), []store.Admin{a})
		}
	}},
	{"PasskeysBelongToAnAdmin", func(r *rig) {
		a, b, other := passkey("a", "1", 2), passkey("b", "1", 1), passkey("c", "2", 0)
		for _, p := range []store.Passkey{a, b, other} {
			r.update(func(tx store.Tx) error { return tx.AddPasskey(p) })
		}
		r.is(store.ErrConflict, "the same for another", func(tx store.Tx) error {
			return tx.AddPasskey(passkey("a", "2", 3))
		})
		r.same("the oldest first", r.passkeys("1"), []store.Passkey{b, a})
		r.view(func(rd store.Reader) error {
			all, err := rd.AllPasskeys()
			r.same("of all", all, []store.Passkey{a, b, other})
			return err
		})
		r.is(store.ErrConflict, "remove another's", func(tx store.Tx) error { return tx.RemovePasskey("1", []byte("c")) })
		r.update(func(tx store.Tx) error { return tx.UsePasskey([]byte("a"), 7, start) })
		r.update(func(tx store.Tx) error { return tx.RemovePasskey("1", []byte("a")) })
		r.same("what is left", r.passkeys("1"), []store.Passkey{b})
		r.same("of another", r.passkeys("2"), []store.Passkey{other})
		r.update(func(tx store.Tx) error { return tx.AddPasskey(a) })
		r.same("its use went with it", r.passkeys("1"), []store.Passkey{b, a})
	}},
	{"TheCountOfAPasskeyRises", func(r *rig) {
		p := passkey("a", "1", 0)
		r.update(func(tx store.Tx) error { return tx.AddPasskey(p) })
		use := func(count uint32, at time.Duration) func(store.Tx) error {
			return func(tx store.Tx) error { return tx.UsePasskey(p.ID, count, start.Add(at)) }
		}
		r.update(use(0, time.Second))
		r.update(use(0, 2*time.Second)) // it does not count
		r.update(use(4, 3*time.Second))
		for _, count := range []uint32{4, 3, 0} {
			r.is(store.ErrConflict, "one that does not rise", use(count, time.Minute))
		}
		r.update(use(5, time.Second))
		p.Count, p.Used = 5, start.Add(3*time.Second)
		r.same("the passkey", r.passkeys("1"), []store.Passkey{p})
	}},
}
