package storetest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"ostiary/internal/store"
)

// together makes attempts that come at once, held up behind an update for as
// long as the database lets them be; through these handles in turn, where there
// are more than the one under test.
func (r *rig) together(as []store.Attempt, handles ...store.DB) ([]store.Outcome, []error) {
	r.Helper()
	if len(handles) == 0 {
		handles = []store.DB{r.db}
	}
	outcomes, errs := make([]store.Outcome, len(as)), make([]error, len(as))
	inside, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var wg, ready sync.WaitGroup
	wg.Go(func() {
		err := r.db.Update(r.ctx(), func(store.Tx) error {
			once.Do(func() { close(inside) })
			<-release
			return nil
		})
		if err != nil {
			r.Error(err)
		}
	})
	<-inside
	ready.Add(len(as))
	for i, a := range as {
		wg.Go(func() {
			ready.Done()
			outcomes[i], errs[i] = handles[i%len(handles)].Attempt(r.ctx(), a)
		})
	}
	ready.Wait()
	close(release)
	wg.Wait()
	return outcomes, errs
}

// hurtsOnlyItself makes many good attempts and a few bad ones at once.
func hurtsOnlyItself(bad func(store.Outcome) []byte) func(*rig) {
	return func(r *rig) {
		const callers = 32
		tokens := r.several(callers, 0)
		isBad := func(i int) bool { return i%10 == 5 }
		for round := range uint64(3) {
			as := make([]store.Attempt, callers)
			want := len(r.log())
			for i, t := range tokens {
				as[i] = attempt(right(t, round))
				if isBad(i) {
					as[i].Record = bad
				} else {
					want++
				}
			}
			outcomes, errs := r.together(as)
			for i, t := range tokens {
				next := r.condition(t.ID).Next
				switch {
				case isBad(i) && (errs[i] == nil || outcomes[i].Verdict == store.Accepted || next != 0):
					r.Errorf("round %d, bad attempt %d: outcome %+v, error %v, next counter %d", round, i, outcomes[i],
						errs[i], next)
				case !isBad(i) && (errs[i] != nil || outcomes[i].Verdict != store.Accepted || next != round+1):
					r.Errorf("round %d, good attempt %d: outcome %+v, error %v, next counter %d", round, i, outcomes[i],
						errs[i], next)
				}
			}
			r.same("audit entries", len(r.log()), want)
			r.checkLog()
		}
	}
}

var concurrencyTests = []test{
	// The promise that the product is made for.
	{"OneOfManyIsAccepted", func(r *rig) {
		const callers, rounds = 64, 50
		t := r.one(nil)
		for round := range uint64(rounds) {
			accepted := 0
			var mu sync.Mutex
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					o, err := r.db.Attempt(r.ctx(), attempt(right(t, round)))
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						r.Error(err)
					}
					if o.Verdict == store.Accepted {
						accepted++
					}
				})
			}
			wg.Wait()
			if accepted != 1 {
				r.Fatalf("round %d: the code was accepted %d times", round, accepted)
			}
		}
		r.same("next counter", r.condition(t.ID).Next, uint64(rounds))
		r.same("audit entries", len(r.log()), rounds)
	}},
	{"OneOfManyIsAcceptedForAUser", func(r *rig) {
		const callers, rounds = 32, 10
		u := r.user("alice")
		ts := r.several(2, u.ID)
		for round := range uint64(rounds) {
			as := make([]store.Attempt, callers)
			for i := range as {
				as[i] = forUser(u, right(ts[0], round), right(ts[1], round))
				if i%2 == 1 { // by serial, beside those by name
					as[i] = attempt(right(ts[1], round), right(ts[0], round))
				}
			}
			outcomes, errs := r.together(as)
			accepted := 0
			for i := range as {
				r.must(errs[i])
				if outcomes[i].Verdict == store.Accepted {
					accepted++
				}
			}
			r.same("accepted", accepted, 1)
		}
	}},
	{"EveryFailureCounts", func(r *rig) {
		const callers = 40
		u := r.user("alice")
		t := r.several(1, u.ID)[0]
		as := make([]store.Attempt, callers)
		for i := range as {
			as[i] = forUser(u, wrong(t))
			as[i].Lock.Limit = callers
		}
		_, errs := r.together(as)
		for _, err := range errs {
			r.must(err)
		}
		r.same("the token's failures", r.condition(t.ID).Failures, callers)
		r.same("the user's failures", r.userNow("alice").Failures, callers)
	}},
	{"NoMoreThanTheLimitAreTested", func(r *rig) {
		t := r.one(nil)
		as := make([]store.Attempt, 40)
		for i := range as {
			as[i] = attempt(wrong(t))
		}
		outcomes, errs := r.together(as)
		counted := 0
		for i := range as {
			r.must(errs[i])
			if outcomes[i].Counted {
				counted++
			}
		}
		r.same("counted", counted, limit)
		r.same("failures", r.condition(t.ID).Failures, limit)
	}},
	// Whatever the order, it is one order: the log tells it, and every verdict
	// follows from those before it.
	{"VerdictsFollowOneOrder", func(r *rig) {
		const callers = 48
		t := r.one(nil)
		for round := range uint64(5) {
			already := len(r.log())
			as := make([]store.Attempt, callers)
			for i := range as {
				counter := round*callers + uint64(i)
				as[i] = attempt(right(t, counter))
				as[i].Record = func(store.Outcome) []byte { return entry(fmt.Sprint(counter)) }
			}
			outcomes, errs := r.together(as)
			var accepted []string
			highest := 0
			for i := range as {
				r.must(errs[i])
				switch outcomes[i].Verdict {
				case store.Accepted:
					accepted = append(accepted, string(as[i].Record(outcomes[i])))
					highest = i
				case store.Refused:
					r.Errorf("attempt %d: %+v, want Accepted or Stale", i, outcomes[i])
				}
			}
			// Accepted counters rise, so in the order of the log they are sorted
			// as they are here; and the highest of all is always accepted.
			r.same("the log", strings.Join(r.log()[already:], "\n"), strings.Join(accepted, "\n"))
			r.same("the highest accepted", highest, callers-1)
		}
	}},
	{"PanicHurtsOnlyItsCaller", hurtsOnlyItself(func(store.Outcome) []byte { panic("of the test's own") })},
	{"MissingRecordHurtsOnlyItsCaller", hurtsOnlyItself(func(store.Outcome) []byte { return nil })},
	{"PanickingDelayHurtsOnlyItsCaller", func(r *rig) {
		ts := r.several(2, 0)
		bad, good := attempt(wrong(ts[0])), attempt(wrong(ts[1]))
		bad.Delay = func(int) time.Duration { panic("of the test's own") }
		outcomes, errs := r.together([]store.Attempt{good, bad})
		if errs[1] == nil || r.condition(ts[0].ID).Failures != 0 {
			r.Errorf("the bad attempt: %+v, %v", outcomes[1], errs[1])
		}
		if errs[0] != nil || r.condition(ts[1].ID).Failures != 1 {
			r.Errorf("the good attempt: %+v, %v", outcomes[0], errs[0])
		}
	}},
	// A panic alone, so that no batch is to be run again, leaves the database
	// as well.
	{"PanicAlone", func(r *rig) {
		t := r.one(nil)
		a := attempt(right(t, 0))
		a.Record = func(store.Outcome) []byte { panic("of the test's own") }
		for range 3 {
			r.unchanged(func() {
				if o, err := r.db.Attempt(r.ctx(), a); err == nil || o.Verdict == store.Accepted {
					r.Errorf("outcome %+v, error %v", o, err)
				}
			}, t.ID)
		}
		r.works()
	}},
	{"LookupsBesideAttempts", func(r *rig) {
		const callers = 8
		u := r.user("alice")
		ts := r.several(callers, u.ID)
		var wg sync.WaitGroup
		for _, t := range ts {
			wg.Go(func() {
				for n := range uint64(20) {
					f, err := r.db.Candidates(r.ctx(), store.Lookup{Serial: t.Identity.Serial}, n%3 == 0)
					if err != nil || len(f.Candidates) != 1 {
						r.Errorf("found %d candidates, error %v", len(f.Candidates), err)
						return
					}
					// Nobody else moves this token, so its own last acceptance
					// is seen, whatever the others' do.
					if c := f.Candidates[0].Token.Condition; c.Next != n {
						r.Errorf("next counter %d after %d was accepted", c.Next, n)
						return
					}
					o, err := r.db.Attempt(r.ctx(), attempt(right(f.Candidates[0].Token, n)))
					if err != nil || o.Verdict != store.Accepted {
						r.Errorf("outcome %+v, error %v", o, err)
						return
					}
					if _, err := r.db.Candidates(r.ctx(), store.Lookup{User: "alice"}, false); err != nil {
						r.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}},
}
