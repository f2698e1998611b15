package storetest

import (
	"errors"
	"time"

	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// is demands an error of this kind from a change, and that nothing of the
// change is there.
func (r *rig) is(want error, what string, fn func(store.Tx) error) {
	r.Helper()
	if err := r.db.Update(r.ctx(), fn); !errors.Is(err, want) {
		r.Errorf("%s: %v, want %v", what, err, want)
	}
}

// absent demands ErrNotFound from a read.
func (r *rig) absent(what string, fn func(store.Reader) error) {
	r.Helper()
	if err := r.db.View(r.ctx(), fn); !errors.Is(err, store.ErrNotFound) {
		r.Errorf("%s: %v, want ErrNotFound", what, err)
	}
}

// refuses demands that a conditional write on a row that is not there is
// refused, as missing or as a conflict.
func (r *rig) refuses(what string, fn func(store.Tx) error) {
	r.Helper()
	if err := r.db.Update(r.ctx(), fn); !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
		r.Errorf("%s: %v, want ErrNotFound or ErrConflict", what, err)
	}
}

func (r *rig) users(after string, limit int) (names []string) {
	r.Helper()
	r.view(func(rd store.Reader) error {
		users, err := rd.Users(after, limit)
		for _, u := range users {
			names = append(names, u.Name)
		}
		return err
	})
	return names
}

func (r *rig) keys() (keys []store.APIKey) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		keys, err = rd.APIKeys()
		return err
	})
	return keys
}

var recordTests = []test{
	{"Check", func(r *rig) { r.must(r.db.Check(r.ctx())) }},
	{"Settings", func(r *rig) {
		r.absent("a setting never set", func(rd store.Reader) error {
			_, err := rd.Setting("name")
			return err
		})
		for _, value := range []string{"one", "two", "", "\x00\xff bytes"} {
			r.update(func(tx store.Tx) error { return tx.SetSetting("name", []byte(value)) })
			r.view(func(rd store.Reader) error {
				got, err := rd.Setting("name")
				r.same("setting", string(got), value)
				return err
			})
		}
		r.absent("another name", func(rd store.Reader) error {
			_, err := rd.Setting("NAME")
			return err
		})
	}},
	{"DataKeys", func(r *rig) {
		want := []seal.DataKey{
			{ID: 1, KEK: "file:1", Wrapped: []byte{0, 1, 2}},
			{ID: 1<<32 - 1, KEK: "file:2", Wrapped: []byte{3}},
		}
		r.update(func(tx store.Tx) error { return errors.Join(tx.AddDataKey(want[1]), tx.AddDataKey(want[0])) })
		r.view(func(rd store.Reader) error {
			got, err := rd.DataKeys()
			r.same("data keys", got, want)
			return err
		})
		r.is(store.ErrConflict, "a data key of the same id", func(tx store.Tx) error {
			return tx.AddDataKey(seal.DataKey{ID: 1, KEK: "other", Wrapped: []byte{9}})
		})
	}},
	{"UserIsAddedAndFound", func(r *rig) {
		added := r.user("alice")
		if added.ID == 0 {
			r.Error("the user has no number")
		}
		want := store.User{ID: added.ID, Name: "alice", Created: start}
		r.same("what AddUser returns", added, want)
		r.same("what User returns", r.userNow("alice"), want)
		r.is(store.ErrConflict, "the same name again", func(tx store.Tx) error {
			_, err := tx.AddUser("alice", start)
			return err
		})
		r.absent("a user nobody added", func(rd store.Reader) error {
			_, err := rd.User("bob")
			return err
		})
		r.absent("the empty name", func(rd store.Reader) error {
			_, err := rd.User("")
			return err
		})
	}},
	{"UsersAreListedByName", func(r *rig) {
		for _, name := range []string{"carol", "alice", "émile", "bob", "al", "dave"} {
			r.user(name)
		}
		r.same("all", r.users("", 10), []string{"al", "alice", "bob", "carol", "dave", "émile"})
		r.same("the first two", r.users("", 2), []string{"al", "alice"})
		r.same("the two behind alice", r.users("alice", 2), []string{"bob", "carol"})
		r.same("behind a name that nobody has", r.users("bz", 1), []string{"carol"})
		r.same("behind the last", r.users("émile", 10), []string(nil))
	}},
	{"UserCountsPublishedTokens", func(r *rig) {
		u := r.user("alice")
		r.several(2, u.ID)
		r.one(nil)
		staged := r.hotp()
		staged.Token.Condition.Owner = u.ID
		r.stage(&staged)
		r.same("tokens", r.userNow("alice").Tokens, 2)
		r.view(func(rd store.Reader) error {
			users, err := rd.Users("", 1)
			if err == nil {
				r.same("tokens in the list", users[0].Tokens, 2)
			}
			return err
		})
	}},
	{"DeleteUser", func(r *rig) {
		u := r.user("alice")
		t := r.several(1, u.ID)[0]
		r.is(store.ErrConflict, "delete a user with a token", func(tx store.Tx) error { return tx.DeleteUser(u.ID) })
		r.same("the user", r.userNow("alice").Tokens, 1)
		r.update(func(tx store.Tx) error { return tx.SetOwner(t.ID, u.ID, 0) })
		r.update(func(tx store.Tx) error { return tx.DeleteUser(u.ID) })
		r.absent("the deleted user", func(rd store.Reader) error {
			_, err := rd.User("alice")
			return err
		})
		r.refuses("delete again", func(tx store.Tx) error { return tx.DeleteUser(u.ID) })
		if again := r.user("alice"); again.ID == u.ID {
			r.Error("a user's number is used again")
		}
	}},
	{"DeleteUserWithStagedToken", func(r *rig) {
		u := r.user("alice")
		c := r.hotp()
		c.Token.Condition.Owner = u.ID
		r.stage(&c)
		r.is(store.ErrConflict, "delete a user with a staged token",
			func(tx store.Tx) error { return tx.DeleteUser(u.ID) })
	}},
	{"RenameUser", func(r *rig) {
		u, bob := r.user("alice"), r.user("bob")
		t := r.several(1, u.ID)[0]
		for what, fn := range map[string]func(store.Tx) error{
			"to a name that is taken":     func(tx store.Tx) error { return tx.RenameUser(u.ID, "alice", "bob") },
			"of one who is not called so": func(tx store.Tx) error { return tx.RenameUser(u.ID, "bob", "carol") },
		} {
			r.is(store.ErrConflict, "rename "+what, fn)
		}
		r.refuses("rename nobody", func(tx store.Tx) error { return tx.RenameUser(bob.ID+1, "alice", "carol") })
		r.update(func(tx store.Tx) error { return tx.RenameUser(u.ID, "alice", "carol") })
		r.same("the user", r.userNow("carol"), store.User{ID: u.ID, Name: "carol", Created: start, Tokens: 1})
		r.absent("the name of before", func(rd store.Reader) error {
			_, err := rd.User("alice")
			return err
		})
		r.view(func(rd store.Reader) error {
			all, err := rd.Tokens(store.TokenFilter{ID: t.ID})
			if err == nil {
				r.same("the owner of the token", all[0].OwnerName, "carol")
			}
			return err
		})
		r.same("the list", r.users("", 10), []string{"bob", "carol"})
		// The name is free again.
		if again := r.user("alice"); again.ID == u.ID {
			r.Error("somebody else has the number of a user who was renamed")
		}
		staged := r.hotp()
		run := r.stage(&staged)
		r.update(func(tx store.Tx) error {
			_, _, err := tx.StageUser(run, "staged", start)
			return err
		})
		r.is(store.ErrConflict, "rename to the name of a user who is staged",
			func(tx store.Tx) error { return tx.RenameUser(bob.ID, "bob", "staged") })
	}},
	{"AttemptUnderAFormerName", func(r *rig) {
		u := r.user("alice")
		t := r.several(1, u.ID)[0]
		under := func(name string, p store.Proposal) store.Attempt {
			a := attempt(p)
			a.UserID, a.UserName = u.ID, name
			return a
		}
		r.update(func(tx store.Tx) error { return tx.RenameUser(u.ID, "alice", "carol") })
		for _, p := range []store.Proposal{right(t, 0), wrong(t)} {
			r.same("the verdict under the former name", r.try(under("alice", p)).Verdict, store.Stale)
		}
		r.same("the token", r.condition(t.ID).Next, uint64(0))
		r.same("the verdict under the name", r.try(under("carol", right(t, 0))).Verdict, store.Accepted)
		r.same("the verdict, used", r.try(under("carol", right(t, 0))).Verdict, store.Stale)
	}},
	{"ResetUserFailures", func(r *rig) {
		u := r.user("alice")
		t := r.several(1, u.ID)[0]
		a := attempt(wrong(t))
		a.UserID, a.Delay = u.ID, func(int) time.Duration { return time.Hour }
		r.try(a)
		before := r.userNow("alice")
		if before.Failures != 1 || !before.RetryAt.Equal(start.Add(time.Hour)) {
			r.Fatalf("after a wrong code: %+v", before)
		}
		r.update(func(tx store.Tx) error { return tx.ResetUserFailures(u.ID) })
		after := r.userNow("alice")
		if after.Failures != 0 || !after.RetryAt.IsZero() {
			r.Errorf("after the reset: %+v", after)
		}
		r.same("the token's failures", r.condition(t.ID).Failures, 1)
		r.refuses("reset nobody", func(tx store.Tx) error { return tx.ResetUserFailures(u.ID + 1) })
	}},
	{"APIKeys", func(r *rig) {
		key := func(id, name string) store.APIKey {
			return store.APIKey{ID: id, Name: name, Role: "operator", HelpDesk: true, Hash: []byte("hash of " + id),
				Created: start}
		}
		one, two := key("id1", "radius"), key("id2", "portal")
		one.Expires = start.AddDate(0, 3, 0)
		r.update(func(tx store.Tx) error { return errors.Join(tx.AddAPIKey(one), tx.AddAPIKey(two)) })
		r.view(func(rd store.Reader) error {
			got, err := rd.APIKey("id1")
			r.same("key", got, one)
			return err
		})
		r.absent("a key nobody made", func(rd store.Reader) error {
			_, err := rd.APIKey("id3")
			return err
		})
		r.is(store.ErrConflict, "a name that a working key has",
			func(tx store.Tx) error { return tx.AddAPIKey(key("id3", "radius")) })
		r.is(store.ErrConflict, "an id that is taken",
			func(tx store.Tx) error { return tx.AddAPIKey(key("id1", "third")) })

		for _, at := range []time.Time{start.Add(time.Minute), start.Add(time.Hour), start} {
			r.update(func(tx store.Tx) error { return tx.NoteKeyUse("id1", at) })
		}
		one.LastUsed = start.Add(time.Hour)
		r.view(func(rd store.Reader) error {
			got, err := rd.APIKey("id1")
			r.same("the key that was used", got, one)
			return err
		})
		revoked := start.Add(time.Hour)
		r.update(func(tx store.Tx) error { return tx.RevokeAPIKey("id1", revoked) })
		one.Revoked, one.Hash = revoked, nil
		r.refuses("revoke again", func(tx store.Tx) error { return tx.RevokeAPIKey("id1", revoked.Add(1)) })
		r.refuses("revoke what is not there", func(tx store.Tx) error { return tx.RevokeAPIKey("id9", revoked) })
		again := key("id4", "radius")
		again.HelpDesk = false
		r.update(func(tx store.Tx) error { return tx.AddAPIKey(again) })
		got := map[string]store.APIKey{}
		for _, k := range r.keys() {
			got[k.ID] = k
		}
		r.same("all keys", got, map[string]store.APIKey{"id1": one, "id2": two, "id4": again})
	}},
}
