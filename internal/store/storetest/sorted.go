package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// mixed publishes tokens that have much in common: few users, some with names beyond
// ASCII, few serials, ends and times of use, and users who hold none.
func (r *rig) mixed(n int) []token.Token {
	r.Helper()
	owners := []int64{0, 0}
	names := map[int64]string{}
	for _, name := range []string{"zoe", "anna", "ärger", "änne", "bo b", "東京", "z", "nobody", "nobody2", "none"} {
		u := r.user(name)
		names[u.ID] = name
		if !strings.HasPrefix(name, "no") {
			owners = append(owners, u.ID)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	var all []token.Token
	for i := range n {
		batch := pick("", "one", "other")
		c := r.hotp()
		t := &c.Token
		t.Kind = token.Kind(pick("hardware", "hardware", "software"))
		t.Identity = token.Identity{Serial: pick("S1", "S2", "É3", "s1", "") + fmt.Sprint(i/4),
			Type: pick("hotp", "totp", "ocra"), Manufacturer: pick("", "ACME", "Zweï"), KeyID: fmt.Sprint(i)}
		if t.Kind == token.Software {
			t.Identity.Serial = fmt.Sprintf("SOFT%04d", i)
		}
		t.Label = pick("", "Fürs Büro", "spare")
		t.Condition.Owner = owners[rnd.IntN(len(owners))]
		t.Condition.State = []token.State{token.Valid, token.Valid, token.RevokedLost}[rnd.IntN(3)]
		t.Condition.Failures = []int{0, 0, 0, 1, 10, 11}[rnd.IntN(6)]
		if rnd.IntN(2) == 0 {
			t.Condition.NotAfter = start.Add(time.Duration(rnd.IntN(4)) * time.Hour)
		}
		t.Condition.Drift = int64(i%5 - 2)
		if rnd.IntN(2) == 0 {
			t.Condition.LastUsed = start.Add(-time.Duration(rnd.IntN(4)) * time.Hour)
		}
		r.update(func(tx store.Tx) (err error) {
			if t.Run, err = tx.BeginRun(store.Run{Opened: start, Label: "test", Batch: batch}); err != nil {
				return err
			}
			if t.ID, err = tx.NextTokenID(1); err != nil {
				return err
			}
			return tx.StageToken(t.Run, c)
		})
		r.update(func(tx store.Tx) error { return tx.PublishRun(t.Run, start) })
		t.OwnerName = names[t.Condition.Owner]
		all = append(all, *t)
	}
	return all
}

// behind compares two tokens as an order has them.
func behind(o store.TokenOrder, a, b token.Token) int {
	nobody := func(t token.Token) int { return map[bool]int{false: 0, true: 1}[t.Condition.Owner == 0] }
	endless := func(t token.Token) int { return map[bool]int{false: 0, true: 1}[t.Condition.NotAfter.IsZero()] }
	serial := func() int {
		return cmp.Or(cmp.Compare(a.Identity.Serial, b.Identity.Serial), cmp.Compare(a.Identity.Type, b.Identity.Type),
			cmp.Compare(a.Identity.Manufacturer, b.Identity.Manufacturer), cmp.Compare(a.Identity.KeyID, b.Identity.KeyID))
	}
	last, c := 0, cmp.Compare(a.ID, b.ID)
	switch o.By {
	case store.ByUser:
		last = cmp.Compare(nobody(a), nobody(b))
		c = cmp.Or(cmp.Compare(a.OwnerName, b.OwnerName), serial())
	case store.BySerial:
		c = serial()
	case store.ByEnd:
		last = cmp.Compare(endless(a), endless(b))
		c = cmp.Or(a.Condition.NotAfter.Compare(b.Condition.NotAfter), c)
	case store.ByLastUsed:
		c = cmp.Or(a.Condition.LastUsed.Compare(b.Condition.LastUsed), c)
	case store.ByState:
		c = cmp.Or(cmp.Compare(a.Condition.State, b.Condition.State), c)
	case store.ByType:
		c = cmp.Or(cmp.Compare(a.Identity.Type, b.Identity.Type), c)
	case store.ByManufacturer:
		c = cmp.Or(cmp.Compare(a.Identity.Manufacturer, b.Identity.Manufacturer), c)
	case store.ByFailures:
		c = cmp.Or(cmp.Compare(a.Condition.Failures, b.Condition.Failures), c)
	case store.ByDrift:
		c = cmp.Or(cmp.Compare(a.Condition.Drift, b.Condition.Drift), c)
	}
	if o.Desc {
		c = -c
	}
	return cmp.Or(last, c)
}

// sortedPages reads an order page by page; between, which may be nil, is called before
// each further page with what came so far.
func (r *rig) sortedPages(f store.TokenFilter, o store.TokenOrder, between func([]token.Token)) (all []token.Token,
	err error) {
	for pages := 0; ; pages++ {
		var page []token.Token
		var next *store.TokenPlace
		if err := r.db.Browse(r.ctx(), func(rd store.Reader) (err error) {
			page, next, err = rd.SortedTokens(f, o)
			return err
		}); err != nil {
			return nil, err
		}
		if len(page) > f.Limit || pages > 2000 {
			r.Fatalf("%+v %+v: page %d has %d tokens", f, o, pages, len(page))
		}
		if all = append(all, page...); o.Back {
			all = append(page, all[:len(all)-len(page)]...)
		}
		if next == nil {
			return all, nil
		}
		if between != nil {
			between(all)
		}
		o.After = next
	}
}

// around turns around in the middle of a list: behind a token, and before it.
func (r *rig) around(what string, f store.TokenFilter, o store.TokenOrder, want []token.Token) {
	r.Helper()
	if len(want) == 0 {
		return
	}
	i := len(want) / 2
	place := store.PlaceOf(want[i], o.By)
	for _, c := range []struct {
		back, itself bool
		want         []token.Token
	}{{false, o.Desc, want[i+map[bool]int{false: 1}[o.Desc]:]}, {true, !o.Desc, want[:i+map[bool]int{false: 1}[o.Desc]]}} {
		place.Itself, o.Back, o.After = c.itself, c.back, &place
		got, err := r.sortedPages(f, o, nil)
		r.must(err)
		r.same(fmt.Sprintf("%s, from token %d (back: %t, itself: %t)", what, place.ID, c.back, c.itself), ids(got),
			ids(c.want))
	}
}

func ids(tokens []token.Token) (all []token.ID) {
	for _, t := range tokens {
		all = append(all, t.ID)
	}
	return all
}

// RunLists holds the lists of a database alone to the contract; a database that is told
// to look at little for a page goes other ways than one that may sort everything.
func RunLists(t *testing.T, open func(t *testing.T) store.DB) {
	group{"Lists", listTests}.run(t, open)
	group{"Sorted", sortedTests}.run(t, open)
}

// chosenBy are filters, each with what it chooses.
func chosenBy(tokens []token.Token) map[string]struct {
	f  store.TokenFilter
	is func(token.Token) bool
} {
	type choice = struct {
		f  store.TokenFilter
		is func(token.Token) bool
	}
	lost, valid, acme := token.RevokedLost, token.Valid, "ACME"
	one := tokens[len(tokens)/2]
	owned := tokens[slices.IndexFunc(tokens, func(t token.Token) bool { return t.Condition.Owner != 0 })]
	ends := func(t token.Token) bool {
		return t.Condition.NotAfter.After(start) && !t.Condition.NotAfter.After(start.Add(2*time.Hour))
	}
	holds := func(text string) func(token.Token) bool {
		return func(t token.Token) bool {
			for _, s := range []string{t.Identity.Serial, t.Label, t.OwnerName} {
				if strings.Contains(strings.ToLower(s), text) {
					return true
				}
			}
			return false
		}
	}
	return map[string]choice{
		"all": {store.TokenFilter{}, func(token.Token) bool { return true }},
		"hardware": {store.TokenFilter{Kind: token.Hardware}, func(t token.Token) bool {
			return t.Kind == token.Hardware
		}},
		"type": {store.TokenFilter{Type: "totp"}, func(t token.Token) bool { return t.Identity.Type == "totp" }},
		"manufacturer": {store.TokenFilter{Manufacturer: &acme}, func(t token.Token) bool {
			return t.Identity.Manufacturer == acme
		}},
		"lost": {store.TokenFilter{State: &lost}, func(t token.Token) bool { return t.Condition.State == lost }},
		"valid, free": {store.TokenFilter{State: &valid, Free: true}, func(t token.Token) bool {
			return t.Condition.State == valid && t.Condition.Owner == 0
		}},
		"free":   {store.TokenFilter{Free: true}, func(t token.Token) bool { return t.Condition.Owner == 0 }},
		"locked": {store.TokenFilter{Failures: limit}, func(t token.Token) bool { return t.Condition.Failures >= limit }},
		"serial": {store.TokenFilter{Serial: one.Identity.Serial}, func(t token.Token) bool {
			return t.Identity.Serial == one.Identity.Serial
		}},
		"user": {store.TokenFilter{Owner: owned.Condition.Owner}, func(t token.Token) bool {
			return t.Condition.Owner == owned.Condition.Owner
		}},
		"run":    {store.TokenFilter{Run: one.Run}, func(t token.Token) bool { return t.Run == one.Run }},
		"ending": {store.TokenFilter{EndsAfter: start, EndsBy: start.Add(2 * time.Hour)}, ends},
		"ending and lost": {store.TokenFilter{EndsAfter: start, EndsBy: start.Add(2 * time.Hour), State: &lost},
			func(t token.Token) bool { return ends(t) && t.Condition.State == lost }},
		"holding é3":   {store.TokenFilter{Contains: "é3"}, holds("é3")},
		"holding BÜRO": {store.TokenFilter{Contains: "BÜRO"}, holds("büro")},
		"holding Än": {store.TokenFilter{Contains: "Än", Kind: token.Hardware}, func(t token.Token) bool {
			return holds("än")(t) && t.Kind == token.Hardware
		}},
		"holding %": {store.TokenFilter{Contains: "%"}, holds("%")},
		"nothing":   {store.TokenFilter{Type: "nothing"}, func(token.Token) bool { return false }},
		"serials S": {store.TokenFilter{SerialPrefix: "S", State: &valid}, func(t token.Token) bool {
			return strings.HasPrefix(t.Identity.Serial, "S") && t.Condition.State == valid
		}},
		"serials É3": {store.TokenFilter{SerialPrefix: "É3"}, func(t token.Token) bool {
			return strings.HasPrefix(t.Identity.Serial, "É3")
		}},
		"users an": {store.TokenFilter{OwnerPrefix: "än"}, func(t token.Token) bool {
			return strings.HasPrefix(t.OwnerName, "än")
		}},
		"users z, serials S": {store.TokenFilter{OwnerPrefix: "z", SerialPrefix: "S", Type: "hotp"},
			func(t token.Token) bool {
				return strings.HasPrefix(t.OwnerName, "z") && strings.HasPrefix(t.Identity.Serial, "S") &&
					t.Identity.Type == "hotp"
			}},
		"serial with 1": {store.TokenFilter{SerialPart: "1"}, func(t token.Token) bool {
			return strings.Contains(t.Identity.Serial, "1")
		}},
		"user with N": {store.TokenFilter{OwnerPart: "N"}, func(t token.Token) bool {
			return strings.Contains(t.OwnerName, "n")
		}},
		"labelled BÜRO": {store.TokenFilter{LabelPart: "BÜRO"}, func(t token.Token) bool {
			return strings.Contains(t.Label, "Büro")
		}},
		"held": {store.TokenFilter{Held: true, Kind: token.Hardware}, func(t token.Token) bool {
			return t.Condition.Owner != 0 && t.Kind == token.Hardware
		}},
		"unused": {store.TokenFilter{UnusedSince: start.Add(-time.Hour)}, func(t token.Token) bool {
			return t.Condition.LastUsed.Before(start.Add(-time.Hour))
		}},
		"never used": {store.TokenFilter{NeverUsed: true}, func(t token.Token) bool { return t.Condition.LastUsed.IsZero() }},
	}
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

// mixed2 publishes tokens of a type, half of them of two users.
func (r *rig) mixed2(n int, typeName string) (tokens []token.Token) {
	r.Helper()
	one, other := r.user("one "+typeName), r.user("two "+typeName)
	for i := range n {
		tokens = append(tokens, r.one(func(c *store.Candidate) {
			c.Token.Identity.Type = typeName
			c.Token.Condition.Owner = []int64{one.ID, other.ID, 0, 0}[i%4]
			c.Token.OwnerName = []string{one.Name, other.Name, "", ""}[i%4]
			c.Token.Condition.NotAfter = []time.Time{start.Add(time.Hour), {}, start.Add(time.Hour)}[i%3]
		}))
	}
	return tokens
}

func (r *rig) there(id token.ID) bool {
	r.Helper()
	return len(r.list(store.TokenFilter{ID: id})) == 1
}
