package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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
