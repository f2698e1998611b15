package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// list gives the numbers of the tokens that a filter chooses.
func (r *rig) list(f store.TokenFilter) (ids []token.ID) {
	r.Helper()
	r.view(func(rd store.Reader) error {
		tokens, err := rd.Tokens(f)
		for _, t := range tokens {
			ids = append(ids, t.ID)
		}
		return err
	})
	return ids
}

func (r *rig) identity(id token.Identity, run int64) (c store.Candidate, err error) {
	err = r.db.View(r.ctx(), func(rd store.Reader) (err error) {
		c, err = rd.Identity(id, run)
		return err
	})
	return c, err
}

// full is a token with no empty part.
func (r *rig) full(owner store.User) store.Candidate {
	c := r.hotp()
	t := &c.Token
	t.Kind = token.Software
	t.Identity = token.Identity{Type: "totp", Manufacturer: "Ünicode & Söhne", Serial: "S-1 / ö", KeyID: "key \"1\""}
	t.Spec = token.Spec{Algorithm: token.TOTP, Hash: "SHA512", Digits: 8, Period: 60, T0: -7,
		Suite: "OCRA-1:HOTP-SHA1-6:QN08"}
	t.Condition = token.Condition{Epoch: 3, Next: 1<<62 - 2, Drift: -4, State: token.RevokedBroken,
		NotBefore: start.Add(-time.Hour), NotAfter: start.Add(time.Hour), Owner: owner.ID}
	t.Profile = "bank"
	c.Sealed = []byte{0, 255, 1, 254}
	return c
}

var tokenTests = []test{
	{"SetLabel", func(r *rig) {
		t, other := r.one(nil), r.one(nil)
		label := func(id token.ID) (text string) {
			r.view(func(rd store.Reader) error {
				all, err := rd.Tokens(store.TokenFilter{ID: id})
				if err == nil {
					text = all[0].Label
				}
				return err
			})
			return text
		}
		for _, step := range [][2]string{{"", "desk"}, {"desk", "drawer"}, {"drawer", ""}} {
			r.is(store.ErrConflict, "set a label that was another", func(tx store.Tx) error {
				return tx.SetLabel(t.ID, step[0]+"x", step[1])
			})
			r.update(func(tx store.Tx) error { return tx.SetLabel(t.ID, step[0], step[1]) })
			r.same("the label", label(t.ID), step[1])
		}
		r.same("the label of another", label(other.ID), "")
		r.refuses("label nothing", func(tx store.Tx) error { return tx.SetLabel(other.ID+1, "", "x") })
	}},
	{"EverythingIsKept", func(r *rig) {
		u := r.user("alice")
		c := r.full(u)
		r.publish(&c)
		c.Token.OwnerName = "alice"
		r.view(func(rd store.Reader) error {
			got, err := rd.Tokens(store.TokenFilter{})
			r.same("token", got, []token.Token{c.Token})
			return err
		})
		got, err := r.identity(c.Token.Identity, 0)
		r.must(err)
		r.same("with its secret", got, c)
		r.same("as a candidate", r.candidates(store.Lookup{Serial: c.Token.Identity.Serial}, true).Candidates,
			[]store.Candidate{c})
	}},
	{"IdentityIsUnique", func(r *rig) {
		first := r.hotp()
		run := r.publish(&first)
		next := func() int64 {
			r.update(func(tx store.Tx) (err error) {
				run, err = tx.BeginRun(store.Run{Opened: start, Label: "next"})
				return err
			})
			return run
		}
		run = next()
		stage := func(c store.Candidate) error {
			return r.db.Update(r.ctx(), func(tx store.Tx) (err error) {
				if c.Token.ID, err = tx.NextTokenID(1); err != nil {
					return err
				}
				return tx.StageToken(run, c)
			})
		}
		same := first
		if err := stage(same); !errors.Is(err, store.ErrConflict) {
			r.Errorf("the identity of a published token: %v, want ErrConflict", err)
		}
		for _, part := range []struct {
			name string
			edit func(*token.Identity)
		}{
			{"type", func(i *token.Identity) { i.Type = "totp" }},
			{"manufacturer", func(i *token.Identity) { i.Manufacturer = "" }},
			{"case of the manufacturer", func(i *token.Identity) { i.Manufacturer = "acme" }},
			{"serial", func(i *token.Identity) { i.Serial += "1" }},
			{"key id", func(i *token.Identity) { i.KeyID += " " }},
		} {
			other := first
			part.edit(&other.Token.Identity)
			if err := stage(other); err != nil {
				r.Errorf("another %s: %v", part.name, err)
			}
			if err := stage(other); !errors.Is(err, store.ErrConflict) {
				r.Errorf("the identity of a staged token, another %s: %v, want ErrConflict", part.name, err)
			}
		}
	}},
	{"TakenIdentityLeavesTheTransaction", func(r *rig) {
		taken := r.one(nil)
		c, twin := r.hotp(), r.hotp()
		twin.Token.Identity = taken.Identity
		run := r.stage()
		r.update(func(tx store.Tx) (err error) {
			if twin.Token.ID, err = tx.NextTokenID(2); err != nil {
				return err
			}
			c.Token.ID = twin.Token.ID + 1
			if err := tx.StageToken(run, twin); !errors.Is(err, store.ErrConflict) {
				return fmt.Errorf("the taken identity: %v, want ErrConflict", err)
			}
			return errors.Join(tx.StageToken(run, c), tx.PublishRun(run, start))
		})
		r.same("tokens", r.list(store.TokenFilter{}), []token.ID{taken.ID, c.Token.ID})
	}},
	{"IdentityIsFound", func(r *rig) {
		published, staged := r.hotp(), r.hotp()
		r.publish(&published)
		run := r.stage(&staged)
		for _, tt := range []struct {
			name string
			id   token.Identity
			run  int64
			want error
		}{
			{"published", published.Token.Identity, 0, nil},
			{"published, beside a run", published.Token.Identity, run, nil},
			{"staged under the run", staged.Token.Identity, run, nil},
			{"staged, without the run", staged.Token.Identity, 0, store.ErrNotFound},
			{"staged under another run", staged.Token.Identity, run + 1, store.ErrNotFound},
			{"nobody's", token.Identity{Type: "hotp", Serial: "none"}, run, store.ErrNotFound},
		} {
			if _, err := r.identity(tt.id, tt.run); !errors.Is(err, tt.want) {
				r.Errorf("%s: %v, want %v", tt.name, err, tt.want)
			}
		}
	}},
	{"NumbersAreNeverUsedAgain", func(r *rig) {
		seen := map[token.ID]bool{}
		reserve := func(n int) (first token.ID) {
			r.update(func(tx store.Tx) (err error) {
				first, err = tx.NextTokenID(n)
				return err
			})
			for i := range n {
				id := first + token.ID(i)
				if id <= 0 || seen[id] {
					r.Errorf("number %d is given twice, or none", id)
				}
				seen[id] = true
			}
			return first
		}
		reserve(1)
		reserve(100)
		t := r.one(nil)
		if seen[t.ID] {
			r.Errorf("number %d is given twice", t.ID)
		}
		seen[t.ID] = true
		r.update(func(tx store.Tx) error { return tx.DeleteToken(t.ID) })
		reserve(3)
		var cs [5]store.Candidate
		for i := range cs {
			cs[i] = r.hotp()
		}
		run := r.stage(&cs[0], &cs[1], &cs[2], &cs[3], &cs[4])
		for _, c := range cs {
			if seen[c.Token.ID] {
				r.Errorf("number %d is given twice", c.Token.ID)
			}
			seen[c.Token.ID] = true
		}
		r.update(func(tx store.Tx) error {
			_, err := tx.SweepRun(run, start, "swept", 100)
			return err
		})
		reserve(10)
		r.update(func(tx store.Tx) error { // twice in one transaction
			a, err := tx.NextTokenID(2)
			if err != nil {
				return err
			}
			b, err := tx.NextTokenID(1)
			if err == nil && b < a+2 {
				err = fmt.Errorf("numbers %d and %d overlap", a, b)
			}
			return err
		})
	}},
	{"Filters", func(r *rig) {
		u := r.user("alice")
		a, b, c, d := r.hotp(), r.hotp(), r.hotp(), r.hotp()
		b.Token.Kind, b.Token.Identity.Manufacturer = token.Software, ""
		c.Token.Identity.Type, c.Token.Condition.Owner = "totp", u.ID
		c.Token.Identity.Serial = a.Token.Identity.Serial
		d.Token.Condition.State, d.Token.Identity.KeyID = token.RevokedLost, ""
		r.publish(&a, &b)
		run := r.publish(&c, &d)
		ids := func(cs ...store.Candidate) (ids []token.ID) {
			for _, c := range cs {
				ids = append(ids, c.Token.ID)
			}
			return ids
		}
		empty, acme, lost, valid := "", "ACME", token.RevokedLost, token.Valid
		for _, tt := range []struct {
			name string
			f    store.TokenFilter
			want []token.ID
		}{
			{"none", store.TokenFilter{}, ids(a, b, c, d)},
			{"id", store.TokenFilter{ID: b.Token.ID}, ids(b)},
			{"id of nobody", store.TokenFilter{ID: 1 << 40}, nil},
			{"kind", store.TokenFilter{Kind: token.Software}, ids(b)},
			{"type", store.TokenFilter{Type: "totp"}, ids(c)},
			{"manufacturer", store.TokenFilter{Manufacturer: &acme}, ids(a, c, d)},
			{"no manufacturer", store.TokenFilter{Manufacturer: &empty}, ids(b)},
			{"serial", store.TokenFilter{Serial: a.Token.Identity.Serial}, ids(a, c)},
			{"part of a serial", store.TokenFilter{Serial: a.Token.Identity.Serial[1:]}, nil},
			{"pattern for a serial", store.TokenFilter{Serial: "%"}, nil},
			{"no key id", store.TokenFilter{KeyID: &empty}, ids(d)},
			{"state", store.TokenFilter{State: &lost}, ids(d)},
			{"state VALID", store.TokenFilter{State: &valid}, ids(a, b, c)},
			{"owner", store.TokenFilter{Owner: u.ID}, ids(c)},
			{"run", store.TokenFilter{Run: run}, ids(c, d)},
			{"serial and type", store.TokenFilter{Serial: a.Token.Identity.Serial, Type: "hotp"}, ids(a)},
			{"after", store.TokenFilter{After: b.Token.ID}, ids(c, d)},
			{"after the last", store.TokenFilter{After: d.Token.ID}, nil},
			{"limit", store.TokenFilter{Limit: 3}, ids(a, b, c)},
			{"after and limit", store.TokenFilter{After: a.Token.ID, Limit: 2}, ids(b, c)},
			{"after, limit and state", store.TokenFilter{After: a.Token.ID, Limit: 2, State: &lost}, ids(d)},
		} {
			r.same("filter by "+tt.name, r.list(tt.f), tt.want)
		}
		// Paging with the cursor gives every token once.
		var paged []token.ID
		for f := (store.TokenFilter{Limit: 3}); ; f.After = paged[len(paged)-1] {
			page := r.list(f)
			if len(page) == 0 {
				break
			}
			paged = append(paged, page...)
		}
		r.same("pages", paged, ids(a, b, c, d))
	}},
	{"SetOwner", func(r *rig) {
		alice, bob := r.user("alice"), r.user("bob")
		t := r.one(nil)
		set := func(from, to int64) error {
			return r.db.Update(r.ctx(), func(tx store.Tx) error { return tx.SetOwner(t.ID, from, to) })
		}
		for _, step := range []struct {
			name     string
			from, to int64
			want     error
			owner    int64
		}{
			{"take what is free from alice", alice.ID, bob.ID, store.ErrConflict, 0},
			{"give what is free to alice", 0, alice.ID, nil, alice.ID},
			{"give it to bob as if it were free", 0, bob.ID, store.ErrConflict, alice.ID},
			{"give it to bob as if it were his", bob.ID, bob.ID, store.ErrConflict, alice.ID},
			{"give it on to bob", alice.ID, bob.ID, nil, bob.ID},
			{"free it as if it were alice's", alice.ID, 0, store.ErrConflict, bob.ID},
			{"free it", bob.ID, 0, nil, 0},
		} {
			if err := set(step.from, step.to); !errors.Is(err, step.want) {
				r.Errorf("%s: %v, want %v", step.name, err, step.want)
			}
			r.same("owner after: "+step.name, r.condition(t.ID).Owner, step.owner)
		}
		if err := set(0, bob.ID+100); err == nil {
			r.Error("a token was assigned to nobody")
		}
		r.refuses("assign no token", func(tx store.Tx) error { return tx.SetOwner(t.ID+100, 0, alice.ID) })
	}},
	{"SetOwnerIsDecidedOnce", func(r *rig) {
		const callers = 16
		t := r.one(nil)
		users := make([]store.User, callers)
		for i := range users {
			users[i] = r.user(fmt.Sprintf("user%d", i))
		}
		var won atomic.Int64
		var wg sync.WaitGroup
		for _, u := range users {
			wg.Go(func() {
				err := r.db.Update(r.ctx(), func(tx store.Tx) error { return tx.SetOwner(t.ID, 0, u.ID) })
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, store.ErrConflict) {
					r.Errorf("SetOwner = %v, want ErrConflict", err)
				}
			})
		}
		wg.Wait()
		r.same("winners", won.Load(), int64(1))
	}},
	{"SetState", func(r *rig) {
		t := r.one(func(c *store.Candidate) { c.Token.Condition.Next = 7 })
		set := func(from, to token.State, reason string) error {
			return r.db.Update(r.ctx(), func(tx store.Tx) error { return tx.SetState(t.ID, from, to, reason) })
		}
		r.must(set(token.Valid, token.RevokedLost, "left in a taxi"))
		if err := set(token.Valid, token.RevokedBroken, "too late"); !errors.Is(err, store.ErrConflict) {
			r.Errorf("from the wrong state: %v, want ErrConflict", err)
		}
		want := t
		want.Condition.State, want.StateReason = token.RevokedLost, "left in a taxi"
		r.view(func(rd store.Reader) error {
			got, err := rd.Tokens(store.TokenFilter{ID: t.ID})
			r.same("token", got, []token.Token{want})
			return err
		})
		r.must(set(token.RevokedLost, token.Valid, ""))
		r.view(func(rd store.Reader) error {
			got, err := rd.Tokens(store.TokenFilter{ID: t.ID})
			r.same("token found again", got, []token.Token{t})
			return err
		})
		r.refuses(
			"no token", func(tx store.Tx) error { return tx.SetState(t.ID+100, token.Valid, token.RevokedLost, "") })
	}},
	{"ResetFailures", func(r *rig) {
		t := r.one(func(c *store.Candidate) { c.Token.Condition.Next, c.Token.Condition.Drift = 7, 2 })
		a := attempt(wrong(t))
		a.Delay = func(int) time.Duration { return time.Hour }
		r.try(a)
		if c := r.condition(t.ID); c.Failures != 1 || c.RetryAt.IsZero() {
			r.Fatalf("after a wrong code: %+v", c)
		}
		r.update(func(tx store.Tx) error { return tx.ResetFailures(t.ID) })
		r.same("condition", r.condition(t.ID), t.Condition)
		r.refuses("no token", func(tx store.Tx) error { return tx.ResetFailures(t.ID + 100) })
	}},
	{"DeleteToken", func(r *rig) {
		u := r.user("alice")
		ts := r.several(2, u.ID)
		r.update(func(tx store.Tx) error { return tx.DeleteToken(ts[0].ID) })
		r.same("tokens left", r.list(store.TokenFilter{}), []token.ID{ts[1].ID})
		r.same("the user's tokens", r.userNow("alice").Tokens, 1)
		if _, err := r.identity(ts[0].Identity, 0); !errors.Is(err, store.ErrNotFound) {
			r.Errorf("the deleted token's secret: %v, want ErrNotFound", err)
		}
		r.refuses("delete again", func(tx store.Tx) error { return tx.DeleteToken(ts[0].ID) })
		// The identity is free again.
		c := r.hotp()
		c.Token.Identity = ts[0].Identity
		r.publish(&c)
	}},
}
