package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// RunLists holds the lists of a database alone to the contract; a database that is told
// to look at little for a page goes other ways than one that may sort everything.
func RunLists(t *testing.T, open func(t *testing.T) store.DB) {
	group{"Lists", listTests}.run(t, open)
	group{"Sorted", sortedTests}.run(t, open)
}

var sortedTests = []test{
	// In each order, either way round, the pages of each filter are what it chooses, sorted.
	{"PagesFollowEachOtherInEachOrder", func(r *rig) {
		tokens := r.mixed(32)
		for name, c := range chosenBy(tokens) {
			for _, by := range store.TokenSorts {
				for _, desc := range []bool{false, true} {
					o := store.TokenOrder{By: by, Desc: desc}
					var want []token.Token
					for _, t := range tokens {
						if c.is(t) {
							want = append(want, t)
						}
					}
					slices.SortFunc(want, func(a, b token.Token) int { return behind(o, a, b) })
					f := c.f
					f.Limit = 7
					if desc {
						f.Limit = 2
					}
					got, err := r.sortedPages(f, o, nil)
					if errors.Is(err, store.ErrTooMany) && slices.Contains([]store.TokenSort{store.ByLastUsed, store.ByFailures,
						store.ByDrift}, by) {
						continue // there is no index of it
					}
					r.must(err)
					what := fmt.Sprintf("%s by %s (descending: %t), %d at a time", name, by, desc, f.Limit)
					r.same(what, ids(got), ids(want))
					f.Limit, o.Back = 9, true
					got, err = r.sortedPages(f, o, nil)
					r.must(err)
					r.same(what+", backwards", ids(got), ids(want))
					f.Limit, o.Back = 100, false
					r.around(what, f, o, want)
				}
			}
		}
	}},
	{"ADeliveryIsSortedAsAllElse", func(r *rig) {
		tokens := r.mixed(40)
		var inBatch []token.ID
		r.view(func(rd store.Reader) error {
			all, err := rd.Tokens(store.TokenFilter{Batch: "one"})
			inBatch = ids(all)
			return err
		})
		for _, by := range []store.TokenSort{store.ByArrival, store.ByUser, store.BySerial, store.ByEnd} {
			for _, desc := range []bool{false, true} {
				o := store.TokenOrder{By: by, Desc: desc}
				want := slices.DeleteFunc(slices.Clone(tokens), func(t token.Token) bool { return !slices.Contains(inBatch, t.ID) })
				slices.SortFunc(want, func(a, b token.Token) int { return behind(o, a, b) })
				got, err := r.sortedPages(store.TokenFilter{Batch: "one", Limit: 3}, o, nil)
				r.must(err)
				r.same(fmt.Sprintf("by %s, descending: %t", by, desc), ids(got), ids(want))
			}
		}
	}},
	// A token that is deleted, or goes to another user, between two pages is no reason
	// that another one is missed, or comes twice.
	{"PagesGoOnWhereTheLastTokenWas", func(r *rig) {
		for _, by := range []store.TokenSort{store.ByArrival, store.ByUser, store.BySerial, store.ByEnd} {
			tokens := r.mixed2(20, string(by))
			o := store.TokenOrder{By: by}
			slices.SortFunc(tokens, func(a, b token.Token) int { return behind(o, a, b) })
			n := 0
			got, err := r.sortedPages(store.TokenFilter{Type: string(by), Limit: 3}, o, func(so []token.Token) {
				if n = len(so); n == 0 {
					return
				}
				if last := so[n-1]; r.there(last.ID) {
					r.update(func(tx store.Tx) error { return tx.DeleteToken(last.ID) })
				}
			})
			r.must(err)
			r.same("by "+string(by), ids(got), ids(tokens))
		}
	}},
	// A user who is renamed between two pages is no reason that a token of another user is
	// missed, or comes twice. What the user has may come under both names, or under none, and
	// once where the order does not look at users.
	{"ARenamedUserMovesNoOther", func(r *rig) {
		tokens := r.mixed(40)
		name := map[int64]string{}
		for _, t := range tokens {
			name[t.Condition.Owner] = t.OwnerName
		}
		delete(name, 0)
		for _, by := range []store.TokenSort{store.ByArrival, store.ByUser, store.BySerial, store.ByEnd} {
			for _, desc := range []bool{false, true} {
				o := store.TokenOrder{By: by, Desc: desc}
				renamed := map[int64]bool{}
				got, err := r.sortedPages(store.TokenFilter{Limit: 4}, o, func(so []token.Token) {
					owner := so[len(so)-1].Condition.Owner
					if owner == 0 || len(renamed) > 1 || renamed[owner] {
						return
					}
					to := []string{"a", "東東"}[len(renamed)] + fmt.Sprint(by, desc) // before and behind all others
					r.update(func(tx store.Tx) error { return tx.RenameUser(owner, name[owner], to) })
					name[owner], renamed[owner] = to, true
				})
				r.must(err)
				if len(renamed) == 0 {
					r.Errorf("by %s, descending: %t: nobody was renamed", by, desc)
				}
				of := func(all []token.Token, is func(token.Token) bool) (left []token.ID) {
					for _, t := range all {
						if is(t) {
							left = append(left, t.ID)
						}
					}
					slices.Sort(left)
					return left
				}
				others := func(t token.Token) bool { return by != store.ByUser || !renamed[t.Condition.Owner] }
				r.same(fmt.Sprintf("by %s, descending: %t", by, desc), of(got, others), of(tokens, others))
				theirs := of(got, func(t token.Token) bool { return !others(t) })
				for _, id := range theirs {
					if i := slices.Index(theirs, id); i+2 < len(theirs) && theirs[i+2] == id {
						r.Errorf("by %s, descending: %t: token %d comes three times", by, desc, id)
					}
				}
			}
		}
	}},
	// Of each filter as many are counted as it chooses, or it is said that there may be more.
	{"ListsAreCounted", func(r *rig) {
		tokens := r.mixed(60)
		c := r.hotp()
		r.stage(&c) // counts for nothing
		exact := 0
		for name, c := range chosenBy(tokens) {
			n := 0
			for _, t := range tokens {
				if c.is(t) {
					n++
				}
			}
			var got store.Count
			r.view(func(rd store.Reader) (err error) { got, err = rd.CountTokens(c.f); return err })
			if got.Number > n || !got.More && got.Number != n {
				r.Errorf("%s: counted %+v, and there are %d", name, got, n)
			}
			if !got.More {
				exact++
			}
		}
		if exact == 0 {
			r.Error("nothing was counted to its end")
		}
		for f, n := range map[store.UserFilter]int{{}: 10, {WithoutToken: true}: 3, {Contains: "Ä"}: 2, {Failures: 1}: 0,
			{After: "anna", Contains: "n"}: 5} {
			var got store.Count
			r.view(func(rd store.Reader) (err error) { got, err = rd.CountUsers(f); return err })
			if got.Number > n || !got.More && got.Number != n {
				r.Errorf("users %+v: counted %+v, and there are %d", f, got, n)
			}
		}
	}},
	// Tokens are counted a few rows at a time, each once, by all that is asked for.
	{"TokensAreTallied", func(r *rig) {
		tokens := r.mixed(60)
		c := r.hotp()
		r.stage(&c) // counts for nothing
		by := store.TallyBy{Used: []time.Time{start.Add(-time.Hour), start.Add(-2 * time.Hour)}, Drift: []int64{1, 2},
			Ends: []time.Time{start.Add(time.Hour), start.Add(2 * time.Hour)}, Failures: limit}
		want := map[store.TokenTally]int{}
		for _, t := range tokens {
			c := t.Condition
			tally := store.TokenTally{Kind: t.Kind, Type: t.Identity.Type, State: c.State, Held: c.Owner != 0,
				Locked: c.Failures >= limit}
			if !c.LastUsed.IsZero() {
				tally.Used = max(1, int(start.Sub(c.LastUsed)/time.Hour))
			}
			if c.Drift != 0 {
				tally.Drift = map[int64]int{1: 2, -1: 2, 2: 3, -2: 3}[c.Drift]
			}
			if !c.NotAfter.IsZero() {
				tally.Ends = min(3, 1+max(0, int((c.NotAfter.Sub(start)-1)/time.Hour)))
			}
			want[tally]++
		}
		for _, rows := range []int{1, 7, 1000} {
			got := map[store.TokenTally]int{}
			for after := token.ID(0); ; {
				var counts []store.TokenTally
				r.view(func(rd store.Reader) (err error) {
					counts, after, err = rd.TallyTokens(by, after, rows)
					return err
				})
				for _, c := range counts {
					n := c.N
					c.N = 0
					got[c] += n
				}
				if after == 0 {
					break
				}
			}
			r.same(fmt.Sprint(rows, " rows at a time"), got, want)
		}
	}},
	{"UnpublishedTokensAreInNoOrder", func(r *rig) {
		c := r.hotp()
		r.stage(&c)
		for _, by := range store.TokenSorts {
			got, err := r.sortedPages(store.TokenFilter{Limit: 5}, store.TokenOrder{By: by}, nil)
			r.must(err)
			r.same("by "+string(by), ids(got), []token.ID(nil))
		}
	}},
	{"UsersAreFound", func(r *rig) {
		r.mixed(30)
		find := func(f store.UserFilter) (names []string) {
			for pages := 0; pages < 100; pages++ {
				var page []store.User
				var next string
				r.view(func(rd store.Reader) (err error) {
					page, next, err = rd.FindUsers(f)
					return err
				})
				for _, u := range page {
					names = append(names, u.Name)
				}
				if next == "" {
					return names
				}
				f.After = next
			}
			r.Fatal("no end")
			return nil
		}
		for _, n := range []int{1, 2, 100} {
			r.same("all", find(store.UserFilter{Limit: n}), r.users("", 100))
			r.same("without a token", find(store.UserFilter{WithoutToken: true, Limit: n}),
				[]string{"nobody", "nobody2", "none"})
			back := func(f store.UserFilter) (names []string) {
				for f.Before = "\U0010FFFF"; ; {
					var page []store.User
					r.view(func(rd store.Reader) (err error) {
						page, f.Before, err = rd.FindUsers(f)
						return err
					})
					for i, u := range page {
						names = slices.Insert(names, i, u.Name)
					}
					if f.Before == "" {
						return names
					}
				}
			}
			r.same("all, backwards", back(store.UserFilter{Limit: n}), r.users("", 100))
			r.same("without a token, backwards", back(store.UserFilter{WithoutToken: true, Limit: n}),
				[]string{"nobody", "nobody2", "none"})
			r.same("holding Ä", find(store.UserFilter{Contains: "Ä", Limit: n}), []string{"änne", "ärger"})
			r.same("locked", find(store.UserFilter{Failures: 1, Limit: n}), []string(nil))
		}
		u := r.userNow("zoe")
		tok := r.several(1, u.ID)[0]
		a := attempt(wrong(tok))
		a.UserID, a.Delay = u.ID, func(int) time.Duration { return time.Hour }
		r.try(a)
		ends := start.Add(time.Hour)
		for span, within := range map[store.Span]bool{{}: true, {After: start, Until: ends}: true,
			{After: ends, Until: ends.Add(time.Hour)}: false, {After: start, Until: ends.Add(-time.Millisecond)}: false} {
			users, tokens := []string(nil), []token.ID(nil)
			if within {
				users, tokens = []string{"zoe"}, []token.ID{tok.ID}
			}
			r.same("users delayed", find(store.UserFilter{Failures: 1, Delayed: span, Limit: 1}), users)
			r.view(func(rd store.Reader) error {
				var ids []token.ID
				found, err := rd.Tokens(store.TokenFilter{Failures: 1, Delayed: span})
				for _, t := range found {
					if t.ID == tok.ID { // others have had wrong codes before
						ids = append(ids, t.ID)
					}
				}
				r.same("tokens delayed", ids, tokens)
				return err
			})
		}
		r.same("with a wrong code", find(store.UserFilter{Failures: 1, Limit: 1}), []string{"zoe"})
		r.same("with more", find(store.UserFilter{Failures: 2, Limit: 1}), []string(nil))
	}},
}
