package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// Together decides attempts in one transaction, in their order, as they are when they wait
// for the one before.
type Together func(db store.DB, as []store.Attempt) ([]store.Outcome, error)

// RunBatches holds batches to what attempts are one by one: the outcomes, the rows and the
// log are the same. They are drawn at random, many of one token or user.
func RunBatches(t *testing.T, open func(t *testing.T) store.DB, together Together) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			batch := &drawn{rig: &rig{T: t, db: open(t)}}
			single := &drawn{rig: &rig{T: t, db: open(t)}}
			batch.prepare()
			single.prepare()
			rnd := rand.New(rand.NewPCG(seed, 12))
			accepted, cleared, refused, stale := 0, 0, 0, 0
			for range 30 {
				as := batch.draw(rnd)
				got, err := together(batch.db, as)
				batch.must(err)
				want := make([]store.Outcome, len(as))
				for i, a := range as {
					want[i], err = single.db.Attempt(single.ctx(), a)
					single.must(err)
					switch want[i].Verdict {
					case store.Accepted:
						accepted++
						if want[i].UserBefore != want[i].UserAfter {
							cleared++
						}
					case store.Refused:
						refused++
					default:
						stale++
					}
				}
				batch.same("outcomes", got, want)
				batch.same("users", batch.standing(), single.standing())
				batch.same("tokens", batch.conditions(), single.conditions())
				batch.same("the log", batch.log(), single.log())
				if t.Failed() {
					break
				}
			}
			if accepted < 30 || cleared < 3 || refused < 5 || stale < 10 {
				t.Errorf("%d accepted, %d of them clearing failures of a user, %d refused, %d stale: too few of one",
					accepted, cleared, refused, stale)
			}
			batch.checkLog()
			single.checkLog()
		})
	}
}

// RunBatchesOfNodes has two nodes decide batches at the same time, drawn of the same tokens
// and users, and for names that nobody has. None may be refused because it waited for the
// other; a code counts once.
func RunBatchesOfNodes(t *testing.T, open func(t *testing.T) (a, b store.DB), together Together) {
	a, b := open(t)
	d := &drawn{rig: &rig{T: t, db: a}}
	d.prepare()
	for _, t := range d.several(30, 0) {
		d.ids = append(d.ids, t.ID)
	}
	before := d.conditions()
	accepted := map[token.ID]uint64{}
	for round := range uint64(60) {
		var wg sync.WaitGroup
		batches, outcomes := [2][]store.Attempt{}, [2][]store.Outcome{}
		for n := range batches {
			rnd := rand.New(rand.NewPCG(round, uint64(n)))
			for range 12 {
				batches[n] = append(batches[n], d.draw(rnd)...)
			}
			if round%3 > 0 { // whose users are locked is alone with their tokens, and others', too
				batches[n] = slices.DeleteFunc(batches[n], func(a store.Attempt) bool { return a.UserID != 0 })
			}
			for range 8 {
				batches[n] = append(batches[n], nobody(rnd))
			}
			rnd.Shuffle(len(batches[n]), func(i, j int) { batches[n][i], batches[n][j] = batches[n][j], batches[n][i] })
		}
		for n, db := range []store.DB{a, b} {
			wg.Go(func() {
				var err error
				if outcomes[n], err = together(db, batches[n]); err != nil {
					t.Errorf("node %d: %v", n, err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		for n := range outcomes {
			for i, o := range outcomes[n] {
				if o.Verdict == store.Accepted {
					for _, e := range append(o.Others, store.Effect{Index: o.Index}) {
						accepted[batches[n][i].Proposals[e.Index].ID]++
					}
				}
			}
		}
	}
	all := uint64(0)
	for i, c := range d.conditions() {
		n := accepted[d.ids[i]]
		if all += n; c.Next-before[i].Next < n {
			t.Errorf("token %d took %d codes, and moved from %d to %d", d.ids[i], n, before[i].Next, c.Next)
		}
	}
	if all < 200 {
		t.Errorf("only %d codes were accepted", all)
	}
	d.checkLog()
}

// nobody is an attempt under a name that nobody has, which is counted only.
func nobody(rnd *rand.Rand) store.Attempt {
	a := attempt()
	a.UserName, a.QuietFor = "nobody", fmt.Sprint("caller ", rnd.IntN(6))
	a.StandIn = &store.StandIn{User: int64(rnd.IntN(20)), Candidate: store.Candidate{Token: token.Token{
		ID: token.ID(rnd.IntN(20))}}}
	return a
}

// drawn is a database of which attempts are drawn: tokens of users, of nobody, and two that
// hold one secret.
type drawn struct {
	*rig
	users []store.User
	ids   []token.ID
}

func (d *drawn) prepare() {
	for n := range 4 {
		u := d.user(fmt.Sprintf("user%d", n))
		d.users = append(d.users, u)
		for _, t := range d.several(1+n%2, u.ID) {
			d.ids = append(d.ids, t.ID)
		}
	}
	nobodys := d.several(4, 0)
	for _, t := range nobodys {
		d.ids = append(d.ids, t.ID)
	}
	_, other := d.twins(nobodys[3])
	d.ids = append(d.ids, other.ID)
}

func (d *drawn) tokens() []token.Token {
	all := make([]token.Token, len(d.ids))
	d.view(func(r store.Reader) error {
		for i, id := range d.ids {
			found, err := r.Tokens(store.TokenFilter{ID: id})
			if err != nil {
				return err
			}
			all[i] = found[0]
		}
		return nil
	})
	return all
}

func (d *drawn) conditions() (all []token.Condition) {
	for _, t := range d.tokens() {
		all = append(all, t.Condition)
	}
	return all
}

func (d *drawn) standing() (all []store.User) {
	for _, u := range d.users {
		all = append(all, d.userNow(u.Name))
	}
	return all
}

// draw draws a batch, all of it judged by the rows as they are now: what comes later in it
// finds them changed.
func (d *drawn) draw(rnd *rand.Rand) []store.Attempt {
	tokens := d.tokens()
	as := make([]store.Attempt, 2+rnd.IntN(9))
	for i := range as {
		propose := func(t token.Token) store.Proposal {
			p := wrong(t)
			if rnd.IntN(3) > 0 {
				p = right(t, t.Condition.Own()+uint64(rnd.IntN(3)))
			}
			if rnd.IntN(12) == 0 {
				p.Seen.Epoch++
			}
			return p
		}
		a := attempt(propose(tokens[rnd.IntN(len(tokens))]))
		if rnd.IntN(3) > 0 {
			a = forUser(d.users[rnd.IntN(len(d.users))])
			for _, t := range tokens {
				if t.Condition.Owner == a.UserID {
					a.Proposals = append(a.Proposals, propose(t))
				}
			}
			if rnd.IntN(3) == 0 {
				a.UserName = "user9"
			}
		}
		a.Lock.Limit = 8
		a.Delay = func(failures int) time.Duration { return time.Duration(failures/6) * time.Minute }
		a.Now = start.Add(time.Duration(rnd.IntN(2)) * time.Hour)
		as[i] = a
	}
	return as
}
