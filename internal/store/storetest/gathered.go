package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"ostiary/internal/store"
)

// atOnce runs lookups at the same moment, each several times, and gives what each found
// first; what it found further must be the same.
func (r *rig) atOnce(ls []store.Lookup) []store.Found {
	r.Helper()
	const times = 4
	fs := make([]store.Found, times*len(ls))
	var wg sync.WaitGroup
	for i := range fs {
		wg.Go(func() {
			var err error
			if fs[i], err = r.db.Candidates(r.ctx(), ls[i%len(ls)], true); err != nil {
				r.Errorf("%+v: %v", ls[i%len(ls)], err)
			}
		})
	}
	wg.Wait()
	for i := range fs {
		r.same(fmt.Sprintf("%+v, once more", ls[i%len(ls)]), fs[i], fs[i%len(ls)])
	}
	return fs[:len(ls)]
}

// crowd publishes tokens of each kind that lookups tell apart, and gives lookups that find
// them, or not.
func (r *rig) crowd() (ls []store.Lookup) {
	r.Helper()
	acme, other, empty := "ACME", "Other", ""
	for i := range 10 {
		u := r.user(fmt.Sprintf("user %d", i))
		ts := r.several(i%4, u.ID) // none for some
		ls = append(ls, store.Lookup{User: u.Name}, store.Lookup{User: u.Name, Type: "hotp", Manufacturer: &acme},
			store.Lookup{User: u.Name, Manufacturer: &other}, store.Lookup{User: fmt.Sprintf("nobody %d", i)})
		for _, t := range ts {
			ls = append(ls, store.Lookup{Serial: t.Identity.Serial})
		}
	}
	var of []*store.Candidate // of one serial
	for i := range store.MaxCandidates + 5 {
		c := r.hotp()
		c.Token.Identity.Serial, c.Token.Identity.KeyID = "crowded", fmt.Sprint(i)
		of = append(of, &c)
	}
	r.publish(of...)
	r.several(store.MaxCandidates+5, r.user("crowded").ID)
	several := r.hotp()
	r.publish(&several)
	r.update(func(tx store.Tx) error {
		return tx.SetApplications(several.Token.ID, []store.Application{
			{Token: several.Token.ID, Index: 2, Spec: several.Token.Spec, Next: 7, Sealed: []byte("second")},
			{Token: several.Token.ID, Index: 3, Spec: several.Token.Spec, Sealed: []byte("third")}})
	})
	key := "3"
	return append(ls, store.Lookup{Serial: "crowded"}, store.Lookup{Serial: "crowded", KeyID: &key},
		store.Lookup{Serial: "crowded", KeyID: &empty}, store.Lookup{User: "crowded"}, store.Lookup{},
		store.Lookup{Serial: several.Token.Identity.Serial}, store.Lookup{Serial: "none"})
}

// Lookups that come at the same moment may be run together. None notices the others.
var gatheredTests = []test{
	{"AsAlone", func(r *rig) {
		ls := r.crowd()
		fs := r.atOnce(ls)
		crowded := 0
		for i, l := range ls {
			r.same(fmt.Sprintf("%+v", l), fs[i], r.candidates(l, true))
			if len(fs[i].Candidates) == store.MaxCandidates {
				crowded++
			}
			for _, c := range fs[i].Candidates {
				if l.Serial != "" && c.Token.Identity.Serial != l.Serial || l.User != "" && c.Token.OwnerName != l.User {
					r.Errorf("%+v finds %+v", l, c.Token)
				}
			}
			if len(fs[i].Candidates) == 0 && l != (store.Lookup{}) && fs[i].StandIn.Candidate.Token.ID == 0 {
				r.Errorf("nothing stands in for what %+v does not find", l)
			}
		}
		r.same("lookups of more than are tried", crowded, 2)
		several := fs[len(fs)-2].Candidates
		if len(several) != 1 || len(several[0].Applications) != 2 || several[0].Applications[0].Next != 7 {
			r.Errorf("a token with applications is found as %+v", several)
		}
	}},
	// What no row can hold is found nowhere, and is nobody else's trouble.
	{"TextsThatNoRowHolds", func(r *rig) {
		t := r.several(1, r.user("alice").ID)[0]
		for _, bad := range []string{"\x00", "a\x00", "\xff", "\xed\xa0\x80"} {
			ls := []store.Lookup{
				{Serial: bad}, {User: bad}, {Serial: t.Identity.Serial, Type: bad},
				{Serial: t.Identity.Serial, Manufacturer: &bad}, {User: "alice", KeyID: &bad},
				{User: "alice"}, {Serial: t.Identity.Serial}}
			for i, f := range r.atOnce(ls) {
				want := 0
				if i >= len(ls)-2 {
					want = 1
				}
				if len(f.Candidates) != want || want == 0 && f.StandIn.Candidate.Token.ID == 0 {
					r.Errorf("%+v finds %+v", ls[i], f)
				}
			}
		}
	}},
	// A lookup begins after it was asked for: it finds what was committed before.
	{"AfterWhatWasCommitted", func(r *rig) {
		ts := r.several(8, 0)
		var wg sync.WaitGroup
		for _, t := range ts {
			wg.Go(func() {
				for n := range uint64(20) {
					seen := t
					seen.Condition.Next = n
					if o, err := r.db.Attempt(r.ctx(), attempt(right(seen, n))); err != nil || o.Verdict != store.Accepted {
						r.Errorf("counter %d: %+v, %v", n, o, err)
						return
					}
					f, err := r.db.Candidates(r.ctx(), store.Lookup{Serial: t.Identity.Serial}, true)
					if err != nil || len(f.Candidates) != 1 || f.Candidates[0].Token.Condition.Next != n+1 {
						r.Errorf("after counter %d: %+v, %v", n, f, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}},
	// Who leaves is answered, and those who stay are, too.
	{"CancelledCallers", func(r *rig) {
		ts := r.several(20, 0)
		var wg sync.WaitGroup
		for i := range 400 {
			wg.Go(func() {
				ctx := r.ctx()
				if i%2 == 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, time.Duration(i%50)*50*time.Microsecond)
					defer cancel()
				}
				t := ts[i%len(ts)]
				f, err := r.db.Candidates(ctx, store.Lookup{Serial: t.Identity.Serial}, true)
				switch {
				case i%2 == 0 && errors.Is(err, context.DeadlineExceeded):
				case err != nil || len(f.Candidates) != 1 || f.Candidates[0].Token.ID != t.ID:
					r.Errorf("lookup %d: %+v, %v", i, f, err)
				}
			})
		}
		wg.Wait()
		r.works()
	}},
}

// RunForgedLookups forges a token, a user and an application among others that are looked up at the same
// moment. open gives a new database that tells alarm what it finds, and what runs a
// statement as another program does.
func RunForgedLookups(t *testing.T, open func(t *testing.T, alarm func(store.Alarm)) (db store.DB,
	forge func(statement string))) {
	var mu sync.Mutex
	var alarms []string
	db, forge := open(t, func(a store.Alarm) {
		mu.Lock()
		defer mu.Unlock()
		alarms = append(alarms, a.Table+" "+a.Row)
	})
	r := &rig{T: t, db: db}
	r.firstRecord()
	alice, bob := r.user("alice"), r.user("bob")
	as, bs, free := r.several(2, alice.ID), r.several(2, bob.ID), r.several(5, 0)
	r.update(func(tx store.Tx) error {
		return tx.SetApplications(free[2].ID, []store.Application{{Token: free[2].ID, Index: 2, Spec: free[2].Spec,
			Sealed: []byte("second")}})
	})
	forge(fmt.Sprintf("UPDATE token SET digits = 8 WHERE id = %d", free[1].ID))
	forge(fmt.Sprintf("UPDATE application SET digits = 8 WHERE token = %d", free[2].ID))
	forge(fmt.Sprintf(`UPDATE "user" SET tag = NULL WHERE id = %d`, bob.ID))
	ls := []store.Lookup{{User: "alice"}, {User: "bob"}, {User: "nobody"}, {Serial: as[0].Identity.Serial}}
	for _, t := range free {
		ls = append(ls, store.Lookup{Serial: t.Identity.Serial})
	}
	var wg sync.WaitGroup
	for i, l := range ls {
		wg.Go(func() {
			f, err := db.Candidates(r.ctx(), l, true)
			if err != nil {
				t.Errorf("%+v: %v", l, err)
			}
			forged := l.User == "bob" || l.Serial == free[1].Identity.Serial || l.Serial == free[2].Identity.Serial
			if f.Forged != (l.User == "bob") {
				t.Errorf("%+v: user forged %t", l, f.Forged)
			}
			for _, c := range f.Candidates {
				if c.Forged != forged {
					t.Errorf("%+v: token %d forged %t", l, c.Token.ID, c.Forged)
				}
			}
			if want := []int{len(as), len(bs), 0}; i < len(want) && len(f.Candidates) != want[i] ||
				i >= len(want) && len(f.Candidates) != 1 {
				t.Errorf("%+v finds %d tokens", l, len(f.Candidates))
			}
		})
	}
	wg.Wait()
	slices.Sort(alarms)
	r.same("alarms", alarms, []string{fmt.Sprintf("application %d, index 2", free[2].ID),
		fmt.Sprintf("token %d", free[1].ID), fmt.Sprintf("user %d", bob.ID)})
	for _, l := range []store.Lookup{{User: "bob"}, {Serial: free[1].Identity.Serial}} {
		if f, err := db.Candidates(r.ctx(), l, false); err != nil || !f.Fresh || !f.Candidates[0].Forged {
			t.Errorf("%+v finds it again as %+v, %v", l, f, err)
		}
	}
}
