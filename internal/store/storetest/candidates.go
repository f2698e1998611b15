package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

func candidateIDs(f store.Found) (ids []token.ID) {
	for _, c := range f.Candidates {
		ids = append(ids, c.Token.ID)
	}
	slices.Sort(ids)
	return ids
}

// finds demands these tokens from a lookup, from the database, and twice from
// wherever else they may come.
func (r *rig) finds(what string, l store.Lookup, want ...token.ID) {
	r.Helper()
	for _, fresh := range []bool{true, false, false} {
		r.same(fmt.Sprintf("%s (fresh %t)", what, fresh), candidateIDs(r.candidates(l, fresh)), want)
	}
}

var candidateTests = []test{
	{"BySerial", func(r *rig) {
		a, b := r.one(nil), r.one(nil)
		r.finds("a", store.Lookup{Serial: a.Identity.Serial}, a.ID)
		r.finds("b", store.Lookup{Serial: b.Identity.Serial}, b.ID)
		r.finds("part of a serial", store.Lookup{Serial: a.Identity.Serial[1:]})
		r.finds("a pattern", store.Lookup{Serial: "%"})
		if f := r.candidates(store.Lookup{Serial: a.Identity.Serial}, true); f.User != nil {
			r.Errorf("a lookup by serial found user %v", f.User)
		}
	}},
	{"ByUser", func(r *rig) {
		alice, bob := r.user("alice"), r.user("bob")
		as, bs := r.several(3, alice.ID), r.several(1, bob.ID)
		r.one(nil)
		r.finds("alice", store.Lookup{User: "alice"}, as[0].ID, as[1].ID, as[2].ID)
		r.finds("bob", store.Lookup{User: "bob"}, bs[0].ID)
		f := r.candidates(store.Lookup{User: "alice"}, false)
		if f.User == nil || f.User.ID != alice.ID || f.User.Name != "alice" {
			r.Errorf("user %+v, want alice", f.User)
		}
		for _, c := range f.Candidates {
			r.same("owner", c.Token.OwnerName, "alice")
		}
	}},
	// What one code can cause is bounded; the tokens come in one order, so that
	// it is always the same that are tried.
	{"AreBounded", func(r *rig) {
		alice := r.user("alice")
		var want []token.ID
		for _, t := range r.several(store.MaxCandidates+3, alice.ID)[:store.MaxCandidates] {
			want = append(want, t.ID)
		}
		r.finds("alice", store.Lookup{User: "alice"}, want...)
	}},
	{"OfAUserWithoutTokens", func(r *rig) {
		alice := r.user("alice")
		for _, fresh := range []bool{true, false, false} {
			f := r.candidates(store.Lookup{User: "alice"}, fresh)
			if f.User == nil || f.User.ID != alice.ID || len(f.Candidates) > 0 {
				r.Errorf("found %+v, want the user alone", f)
			}
		}
	}},
	// What is not there is stood in for by a row that is, the same for the same name.
	{"StandIns", func(r *rig) {
		if in := r.candidates(store.Lookup{Serial: "nobody's"}, true).StandIn; in.Candidate.Token.ID != 0 || in.User != 0 {
			r.Errorf("without any row %+v stands in", in)
		}
		alice, t := r.user("alice"), r.one(nil)
		for _, c := range []struct {
			l    store.Lookup
			user int64
		}{
			{store.Lookup{Serial: "nobody's"}, 0},
			{store.Lookup{Serial: t.Identity.Serial, Type: "another"}, 0},
			{store.Lookup{User: "nobody"}, alice.ID},
			{store.Lookup{User: "alice"}, 0},
		} {
			f := r.candidates(c.l, true)
			if f.StandIn.Candidate.Token.ID != t.ID || f.StandIn.User != c.user || len(f.Candidates) > 0 {
				r.Errorf("%+v finds %+v, want user %d and token %d to stand in", c.l, f, c.user, t.ID)
			}
		}
		r.several(20, 0)
		before := r.candidates(store.Lookup{User: "nobody"}, true)
		for range 3 {
			if f := r.candidates(store.Lookup{User: "nobody"}, true); f.StandIn.Candidate.Token.ID !=
				before.StandIn.Candidate.Token.ID {
				r.Error("another token stands in for the same name")
			}
		}
	}},
	{"OfNobody", func(r *rig) {
		r.one(nil)
		for _, fresh := range []bool{true, false, false} {
			if f := r.candidates(store.Lookup{User: "nobody"}, fresh); f.User != nil || len(f.Candidates) > 0 {
				r.Errorf("found %+v, want nothing", f)
			}
		}
	}},
	{"OfNothing", func(r *rig) {
		r.one(nil)
		r.finds("an empty lookup", store.Lookup{})
	}},
	{"Narrowed", func(r *rig) {
		u := r.user("alice")
		a, b, c := r.hotp(), r.hotp(), r.hotp()
		b.Token.Identity = token.Identity{Type: "totp", Manufacturer: "ACME", Serial: a.Token.Identity.Serial,
			KeyID: "k2"}
		c.Token.Identity = token.Identity{Type: "hotp", Manufacturer: "", Serial: a.Token.Identity.Serial, KeyID: ""}
		c.Token.Condition.Owner = u.ID
		r.publish(&a, &b, &c)
		serial, empty, acme, k2 := a.Token.Identity.Serial, "", "ACME", "k2"
		ida, idb, idc := a.Token.ID, b.Token.ID, c.Token.ID
		r.finds("serial alone", store.Lookup{Serial: serial}, ida, idb, idc)
		r.finds("type hotp", store.Lookup{Serial: serial, Type: "hotp"}, ida, idc)
		r.finds("type totp", store.Lookup{Serial: serial, Type: "totp"}, idb)
		r.finds("manufacturer", store.Lookup{Serial: serial, Manufacturer: &acme}, ida, idb)
		r.finds("no manufacturer", store.Lookup{Serial: serial, Manufacturer: &empty}, idc)
		r.finds("key id", store.Lookup{Serial: serial, KeyID: &k2}, idb)
		r.finds("no key id", store.Lookup{Serial: serial, KeyID: &empty}, idc)
		r.finds("type and manufacturer", store.Lookup{Serial: serial, Type: "hotp", Manufacturer: &acme}, ida)
		r.finds("what does not fit together", store.Lookup{Serial: serial, Type: "totp", KeyID: &empty})
		r.finds("user and type", store.Lookup{User: "alice", Type: "hotp"}, idc)
		r.finds("user and another type", store.Lookup{User: "alice", Type: "totp"})
		r.finds("serial alone, again", store.Lookup{Serial: serial}, ida, idb, idc)
	}},
	// Fresh is said of what was read just now, and only of that.
	{"Fresh", func(r *rig) {
		t := r.one(nil)
		for range 2 {
			l := store.Lookup{Serial: t.Identity.Serial}
			if f := r.candidates(l, true); !f.Fresh {
				r.Error("a fresh lookup is not said to be fresh")
			}
			// One that is said to be fresh without being asked for has to be.
			r.accepted(attempt(right(t, r.condition(t.ID).Next)))
			f := r.candidates(l, false)
			if f.Fresh {
				r.same("condition", f.Candidates[0].Token.Condition, r.condition(t.ID))
			}
			t.Condition = r.condition(t.ID)
		}
	}},
	// What a caller does to what it was given is its own affair.
	{"AreCopies", func(r *rig) {
		t := r.one(nil)
		l := store.Lookup{Serial: t.Identity.Serial}
		r.candidates(l, false)
		f := r.candidates(l, false)
		f.Candidates[0].Token.Condition.Next = 99
		f.Candidates[0].Token.Identity.Serial = "other"
		r.same("counter", r.candidates(l, false).Candidates[0].Token.Condition.Next, uint64(0))
		r.same("serial", r.candidates(l, false).Candidates[0].Token.Identity.Serial, t.Identity.Serial)
	}},
}

// coherence is a scene with lookups that were made before a change. When a
// change by this node has returned, the lookups must give what a fresh one does.
type coherence struct {
	*rig
	alice, bob    store.User
	token, second token.Token // alice's, free
	lookups       []store.Lookup
}

func newCoherence(r *rig) *coherence {
	c := &coherence{rig: r, alice: r.user("alice"), bob: r.user("bob")}
	c.token = r.several(1, c.alice.ID)[0]
	c.second = r.one(nil)
	acme := "ACME"
	c.lookups = []store.Lookup{
		{User: "alice"}, {User: "bob"}, {User: "carol"}, {User: "alice", Type: "hotp"},
		{Serial: c.token.Identity.Serial}, {Serial: c.second.Identity.Serial},
		{Serial: c.token.Identity.Serial, Type: "hotp"}, {Serial: c.token.Identity.Serial, Manufacturer: &acme},
	}
	c.check("before any change")
	return c
}

// check compares every lookup with a fresh one. Users are compared by who they
// are: their counts are the database's business.
func (c *coherence) check(when string) {
	c.Helper()
	for range 2 {
		for _, l := range c.lookups {
			cached := c.candidates(l, false)
			fresh := c.candidates(l, true)
			what := fmt.Sprintf("%s: lookup of user %q, serial %q, type %q", when, l.User, l.Serial, l.Type)
			c.same(what, cached.Candidates, fresh.Candidates)
			if (cached.User == nil) != (fresh.User == nil) || cached.User != nil && cached.User.ID != fresh.User.ID {
				c.Errorf("%s: user %+v, want %+v", what, cached.User, fresh.User)
			}
		}
	}
}

func (c *coherence) change(name string, fn func(store.Tx) error) {
	c.Helper()
	// Fill whatever there is to fill, without the fresh lookups of check.
	for _, l := range c.lookups {
		c.candidates(l, false)
	}
	c.update(fn)
	c.check(name)
}

var coherenceTests = []test{
	{"Assignment", func(r *rig) {
		c := newCoherence(r)
		c.change("assigned", func(tx store.Tx) error { return tx.SetOwner(c.second.ID, 0, c.bob.ID) })
		c.change("given on", func(tx store.Tx) error { return tx.SetOwner(c.second.ID, c.bob.ID, c.alice.ID) })
		c.change("unassigned", func(tx store.Tx) error { return tx.SetOwner(c.second.ID, c.alice.ID, 0) })
		c.change("the other unassigned", func(tx store.Tx) error { return tx.SetOwner(c.token.ID, c.alice.ID, 0) })
		c.change("the other given to bob", func(tx store.Tx) error { return tx.SetOwner(c.token.ID, 0, c.bob.ID) })
	}},
	{"State", func(r *rig) {
		c := newCoherence(r)
		c.change("revoked", func(tx store.Tx) error {
			return tx.SetState(c.token.ID, token.Valid, token.RevokedLost, "lost")
		})
		c.change("valid again", func(tx store.Tx) error {
			return tx.SetState(c.token.ID, token.RevokedLost, token.Valid, "found")
		})
	}},
	{"Unlocking", func(r *rig) {
		c := newCoherence(r)
		a := attempt(wrong(c.token))
		a.UserID, a.Delay = c.alice.ID, func(int) time.Duration { return time.Hour }
		c.try(a)
		c.check("a wrong code")
		c.change("unlocked", func(tx store.Tx) error { return tx.ResetFailures(c.token.ID) })
		c.change("user unlocked", func(tx store.Tx) error { return tx.ResetUserFailures(c.alice.ID) })
	}},
	{"Deletion", func(r *rig) {
		c := newCoherence(r)
		c.change("token deleted", func(tx store.Tx) error { return tx.DeleteToken(c.token.ID) })
		c.change("user deleted", func(tx store.Tx) error { return tx.DeleteUser(c.alice.ID) })
		c.change("user added again", func(tx store.Tx) error {
			_, err := tx.AddUser("alice", start)
			return err
		})
		c.change("user added", func(tx store.Tx) error {
			_, err := tx.AddUser("carol", start)
			return err
		})
	}},
	{"Renaming", func(r *rig) {
		c := newCoherence(r)
		by := store.Lookup{Serial: c.token.Identity.Serial}
		c.candidates(by, false)
		c.update(func(tx store.Tx) error { return tx.RenameUser(c.alice.ID, "alice", "dora") })
		r.same("the owner by the serial", c.candidates(by, false).Candidates[0].Token.OwnerName, "dora")
		c.update(func(tx store.Tx) error { return tx.RenameUser(c.alice.ID, "dora", "alice") })
		c.change("renamed", func(tx store.Tx) error { return tx.RenameUser(c.alice.ID, "alice", "carol") })
		c.change("bob gets the name", func(tx store.Tx) error { return tx.RenameUser(c.bob.ID, "bob", "alice") })
		c.change("and both back", func(tx store.Tx) error {
			return errors.Join(tx.RenameUser(c.bob.ID, "alice", "bob"), tx.RenameUser(c.alice.ID, "carol", "alice"))
		})
	}},
	{"Publication", func(r *rig) {
		c := newCoherence(r)
		twin := r.hotp()
		twin.Token.Identity = c.token.Identity
		twin.Token.Identity.KeyID = "second"
		twin.Token.Condition.Owner = c.alice.ID
		run := r.stage(&twin)
		c.check("staged")
		c.change("published", func(tx store.Tx) error { return tx.PublishRun(run, start) })
		r.finds("both", store.Lookup{Serial: c.token.Identity.Serial}, c.token.ID, twin.Token.ID)
		r.finds("both", store.Lookup{User: "alice"}, c.token.ID, twin.Token.ID)
		// And a run that is swept brings nothing.
		third := r.hotp()
		third.Token.Identity = c.token.Identity
		third.Token.Identity.KeyID = "third"
		run = r.stage(&third)
		c.change("swept", func(tx store.Tx) error {
			_, err := tx.SweepRun(run, start, "swept", 10)
			return err
		})
	}},
	// The times of an attempt come with more digits, and from another zone,
	// than a database keeps.
	{"Attempts", func(r *rig) {
		c := newCoherence(r)
		now := start.Add(1234567 * time.Nanosecond).In(time.FixedZone("elsewhere", 3600))
		seen := c.token
		next := uint64(0)
		step := func(name string, p store.Proposal, edit func(*store.Attempt)) {
			c.Helper()
			for _, l := range c.lookups {
				c.candidates(l, false)
			}
			p.Seen = r.condition(seen.ID)
			a := attempt(p)
			a.Now = now
			a.Delay = func(int) time.Duration { return 1500 * time.Microsecond }
			if edit != nil {
				edit(&a)
			}
			c.try(a)
			c.check(name)
			now = now.Add(time.Minute)
			next += 5
		}
		step("accepted", right(seen, next), nil)
		step("accepted without use", right(seen, next), func(a *store.Attempt) { a.Authentication = false })
		step("wrong", wrong(seen), nil)
		step("accepted after a failure", right(seen, next), nil)
		step("accepted for the user", right(seen, next), func(a *store.Attempt) { a.UserID = c.alice.ID })
		step("wrong for the user", wrong(seen), func(a *store.Attempt) { a.UserID = c.alice.ID })
		step("accepted at an earlier time", right(seen, next), func(a *store.Attempt) { a.Now = start.Add(-time.Hour) })
		step("accepted after that", right(seen, next), nil)
	}},
	// A proposal seen before other attempts must not bring old values back.
	{"AttemptsSeenEarlier", func(r *rig) {
		c := newCoherence(r)
		first := attempt(right(c.token, 3))
		first.Proposals[0].Drift = 2
		c.accepted(first)
		late := attempt(right(c.token, 7))
		late.Authentication = false
		late.Now = start.Add(time.Minute)
		c.accepted(late)
		c.check("accepted on an old view of the row")
		c.try(attempt(right(c.token, 5)))
		c.check("stale")
		if got := r.condition(c.token.ID); got.Next != 8 || !got.LastUsed.Equal(start) {
			r.Errorf("condition %+v", got)
		}
	}},
	{"RolledBackChanges", func(r *rig) {
		c := newCoherence(r)
		_ = r.db.Update(r.ctx(), func(tx store.Tx) error {
			if err := tx.SetOwner(c.token.ID, c.alice.ID, c.bob.ID); err != nil {
				return err
			}
			if err := tx.SetState(c.token.ID, token.Valid, token.RevokedLost, ""); err != nil {
				return err
			}
			return errTest
		})
		c.check("rolled back")
	}},
}
