package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// RunNodes holds two handles on one database, as two servers have them, to what
// must hold between them. open gives a pair on a new database and closes it when
// the test ends.
func RunNodes(t *testing.T, open func(t *testing.T) (a, b store.DB)) {
	for _, tt := range []struct {
		name string
		run  func(*rig, ...store.DB)
	}{
		{"Allocation", allocateTogether},
		{"Proof", proveTogether},
		{"Applications", useApplicationsTogether},
		{"Enrolment", showTogether},
		{"Temporary", useTogether},
		{"Expiry", expireTogether},
		{"Sweep", sweepTogether},
		{"Codes", decideTogether},
		{"Changes", changeTogether},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, b := open(t)
			r := &rig{T: t, db: a}
			defer r.checkLog()
			tt.run(r, a, b)
		})
	}
}

// decideTogether presents right and wrong codes of few tokens at all handles at once: under
// their serials, under the names of their users, and under names that nobody has. Each code
// is accepted once, each acceptance is in the log, and the entries of a token are in the
// order of its codes.
func decideTogether(r *rig, handles ...store.DB) {
	r.Helper()
	const presenters, codes = 32, 12
	var ids []token.ID
	var users []store.User
	for n := range 4 {
		u := r.user(fmt.Sprintf("user%d", n))
		users = append(users, u)
		for _, t := range r.several(2, u.ID) {
			ids = append(ids, t.ID)
		}
	}
	one, other := r.twins(r.one(nil))
	for _, t := range append(r.several(4, 0), one, other) {
		ids = append(ids, t.ID)
	}
	var mu sync.Mutex
	accepted := map[token.ID]uint64{}
	var wg sync.WaitGroup
	for h, db := range handles {
		for p := range presenters {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(h), uint64(p)))
				for range codes {
					a := presented(r, db, rnd, ids, users)
					o, err := db.Attempt(r.ctx(), a)
					if err != nil {
						r.Error(err)
						return
					}
					if o.Verdict == store.Accepted {
						mu.Lock()
						for _, e := range append(o.Others, store.Effect{Index: o.Index}) {
							accepted[a.Proposals[e.Index].ID]++
						}
						mu.Unlock()
					}
				}
			})
		}
	}
	wg.Wait()
	if len(accepted) < 10 {
		r.Errorf("only %d tokens had a code accepted", len(accepted))
	}
	for _, id := range ids {
		if next := r.condition(id).Next; next != accepted[id] && id != one.ID && id != other.ID {
			r.Errorf("token %d: %d codes were accepted, and the next counter is %d", id, accepted[id], next)
		}
	}
	standing := map[int64]uint64{}
	for _, e := range r.log() {
		var id int64
		var counter uint64
		if _, err := fmt.Sscanf(e, `{"test":"token %d takes %d"}`, &id, &counter); err != nil {
			continue
		}
		if counter != standing[id] {
			r.Errorf("token %d takes code %d, where %d is the next in the log", id, counter, standing[id])
		}
		standing[id] = counter + 1
	}
}

// presented draws an attempt, judged by the rows as they are now.
func presented(r *rig, db store.DB, rnd *rand.Rand, ids []token.ID, users []store.User) store.Attempt {
	var a store.Attempt
	var tokens []token.Token
	must := func(err error) {
		if err != nil {
			r.Error(err)
		}
	}
	must(db.View(r.ctx(), func(rd store.Reader) error {
		if rnd.IntN(2) == 0 {
			found, err := rd.Tokens(store.TokenFilter{ID: ids[rnd.IntN(len(ids))]})
			a, tokens = attempt(), found
			return err
		}
		u := users[rnd.IntN(len(users))]
		found, err := rd.Tokens(store.TokenFilter{Owner: u.ID})
		a, tokens = forUser(u), found
		return err
	}))
	for i, t := range tokens {
		p := wrong(t)
		if i == 0 && rnd.IntN(3) > 0 {
			p = right(t, t.Condition.Own())
		}
		a.Proposals = append(a.Proposals, p)
	}
	if rnd.IntN(6) == 0 {
		a = nobody(rnd)
	}
	a.Lock.Limit = 1_000_000
	a.Delay = func(int) time.Duration { return 0 }
	proposals := a.Proposals
	a.Record = func(o store.Outcome) []byte {
		if o.Verdict == store.Accepted {
			return entry(fmt.Sprintf("token %d takes %d", proposals[o.Index].ID, proposals[o.Index].Counter))
		}
		return entry("refused")
	}
	return a
}

// changeTogether has both handles change settings while both decide codes: every change is
// made on what the one before has left, and finds its entries.
func changeTogether(r *rig, handles ...store.DB) {
	r.Helper()
	const changes = 20
	tokens := r.several(len(handles), 0)
	var wg sync.WaitGroup
	for h, db := range handles {
		wg.Go(func() {
			for range changes {
				err := db.Update(r.ctx(), func(tx store.Tx) error {
					count, err := tx.Setting("count")
					if err != nil {
						count = nil
					}
					return errors.Join(tx.AppendAudit(entry(fmt.Sprint("count ", len(count)))),
						tx.SetSetting("count", append(count, 1)))
				})
				if err != nil {
					r.Error(err)
				}
			}
		})
		wg.Go(func() {
			for n := range uint64(changes) {
				if o, err := db.Attempt(r.ctx(), attempt(right(tokens[h], n))); err != nil || o.Verdict != store.Accepted {
					r.Errorf("code %d: %+v, %v", n, o, err)
				}
				tokens[h].Condition.Next = n + 1
			}
		})
	}
	wg.Wait()
	n := 0
	for _, e := range r.log() {
		var count int
		if _, err := fmt.Sscanf(e, `{"test":"count %d"}`, &count); err == nil {
			if count != n {
				r.Errorf("change %d stands where %d was to come", count, n)
			}
			n++
		}
	}
	r.same("changes in the log", n, changes*len(handles))
}
