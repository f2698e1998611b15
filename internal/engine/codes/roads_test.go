package codes_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// opened counts how often secrets are opened.
type opened struct {
	*seal.Keyring
	n atomic.Int64
}

func (o *opened) Open(b seal.Binding, sealed []byte) (seal.Secret, error) {
	o.n.Add(1)
	return o.Keyring.Open(b, sealed)
}

// refusal is a code that is refused with the answer of all others, for a reason that
// nobody may learn from the time.
type refusal struct {
	name   string
	lookup store.Lookup
	otp    func() string
	reason token.Reason
	undo   func() // takes back what the refusals counted
}

// town is a database with all kinds of tokens and users of which a code can be refused.
type town struct {
	*testkit.Kit
	t      *testing.T
	road   *testkit.Road
	opened *opened
	keys   map[string]*pskc.Key
	codes  map[string][]string // temporary ones, and one that was used
	digits int
}

// The tokens of a town, each under its own serial, and of the user of the same name.
var inhabitants = []string{"wrong", "replayed", "revoked", "ended", "locked", "delayed", "user locked", "user delayed",
	"temporary", "temporary, locked"}

func newTown(t *testing.T, kind pskc.Kind, digits int) *town {
	t.Helper()
	k, road := testkit.NewWatched(t)
	c := &town{Kit: k, t: t, road: road, keys: map[string]*pskc.Key{}, codes: map[string][]string{},
		digits: digits}
	key := func(name string) *pskc.Key {
		key := testkit.Counter(testkit.Digits(testkit.HOTP(name), digits), 500)
		if kind == pskc.TOTP {
			key = testkit.Digits(testkit.TOTP(name), digits)
		}
		c.keys[name] = key
		return key
	}
	var all []*pskc.Key
	for _, name := range inhabitants {
		all = append(all, key(name))
	}
	c.keys["ended"].NotAfter = testkit.Start.Add(time.Second)
	other := *key("ambiguous")
	other.ID, other.Secret = "second", testkit.SecretOf("second")
	k.Import(t, append(all, c.keys["ambiguous"], &other, testkit.OCRA("ocra"), testkit.Digits(key("length"), 7))...)
	for _, name := range append(slices.Clone(inhabitants), "ocra", "length") {
		k.User(t, name)
		k.Assign(t, name, name)
	}
	for _, name := range []string{"without", "without, temporary", "pending", "renamed"} {
		k.User(t, name)
	}
	if _, err := k.Users.Rename(t.Context(), "renamed", "another", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	pending, err := k.Lifecycle.Create(t.Context(), lifecycle.CreateRequest{Type: "app-hotp", Count: 1,
		Origin: testkit.Origin})
	if err != nil {
		t.Fatal(err)
	}
	c.keys["pending"] = &pskc.Key{Serial: pending.Tokens[0].Token.Identity.Serial}
	k.Assign(t, c.keys["pending"].Serial, "pending")
	return c
}

// settle puts the inhabitants into the state that their name says.
func (c *town) settle() {
	c.t.Helper()
	t := c.t
	c.SetState(t, "revoked", token.RevokedLost)
	for _, name := range []string{"without, temporary", "temporary", "temporary, locked"} {
		c.codes[name] = issue(t, c.Kit, name, 2)
	}
	logsIn(t, c.Kit, "temporary", c.codes["temporary"][1], true)
	fail := func(n int, names ...string) {
		for range n {
			c.Clock.Advance(20 * time.Minute)
			for _, name := range names {
				c.VerifyUser(t, name, c.wrong(name))
			}
		}
	}
	fail(10, "locked", "user locked", "temporary, locked")
	fail(9, "delayed", "user delayed") // for 64 seconds
	for _, name := range []string{"user locked", "user delayed"} {
		c.Unlock(t, name)
	}
	c.codes["replayed"] = []string{c.right("replayed")}
	logsIn(t, c.Kit, "replayed", c.codes["replayed"][0], true)
}

func (c *town) right(name string) string {
	t, key := c.t, c.keys[name]
	if key.Kind == pskc.TOTP {
		return testkit.Code(t, key, testkit.Step(t, key, c.Clock.Now()))
	}
	return testkit.Code(t, key, c.Token(t, name).Condition.Next)
}

func (c *town) wrong(name string) string {
	t, key := c.t, c.keys[name]
	near := uint64(500)
	if key.Kind == pskc.TOTP {
		near = testkit.Step(t, key, c.Clock.Now())
	}
	return testkit.Wrong(t, key, near, 1)[0]
}

// refusals are all that are answered alike, the first of each kind of lookup being the
// one of a name that nobody has.
func (c *town) refusals() (serials, users, narrowed []refusal) {
	t := c.t
	say := func(otp string) func() string { return func() string { return otp } }
	wrong := func(name string) func() string { return func() string { return c.wrong(name) } }
	right := func(name string) func() string { return func() string { return c.right(name) } }
	any := say(c.wrong("wrong"))
	unlock := func(name string, tokens bool) func() {
		return func() {
			if tokens {
				c.Unlock(t, name)
			}
			if _, err := c.Users.Unlock(t.Context(), name, testkit.Origin); err != nil {
				t.Fatal(err)
			}
		}
	}
	acme := testkit.Manufacturer
	serials = []refusal{
		{"unknown", lookup("nobody's"), any, token.Unknown, nil},
		{"unknown of a type", store.Lookup{Serial: "nobody's", Type: "hotp"}, any, token.Unknown, nil},
		{"of another type", store.Lookup{Serial: "wrong", Type: "app-hotp"}, any, token.Unknown, nil},
		{"of a manufacturer", store.Lookup{Serial: "revoked", Manufacturer: &acme}, wrong("revoked"), token.Revoked, nil},
		{"wrong", lookup("wrong"), wrong("wrong"), token.Wrong, unlock("wrong", true)},
		{"replayed", lookup("replayed"), say(c.codes["replayed"][0]), token.Replayed, unlock("replayed", true)},
		{"revoked", lookup("revoked"), wrong("revoked"), token.Revoked, nil},
		{"revoked, right", lookup("revoked"), right("revoked"), token.Revoked, nil},
		{"ended", lookup("ended"), wrong("ended"), token.Expired, nil},
		{"ended, right", lookup("ended"), right("ended"), token.Expired, nil},
		{"pending", lookup(c.keys["pending"].Serial), any, token.NotProven, nil},
		{"locked", lookup("locked"), wrong("locked"), token.Locked, nil},
		{"locked, right", lookup("locked"), right("locked"), token.Locked, nil},
		{"delayed", lookup("delayed"), wrong("delayed"), token.Delayed, nil},
		{"delayed, right", lookup("delayed"), right("delayed"), token.Delayed, nil},
		{"of another length", lookup("length"), any, token.Malformed, nil},
		{"no code at all", lookup("ocra"), any, token.NeedsChallenge, nil},
	}
	user := func(name string) store.Lookup { return store.Lookup{User: name} }
	users = []refusal{
		{"unknown", user("nobody"), any, token.Unknown, nil},
		{"renamed", user("renamed"), any, token.Unknown, nil},
		{"without tokens", user("without"), any, token.Unassigned, nil},
		{"wrong", user("wrong"), wrong("wrong"), token.Wrong, unlock("wrong", true)},
		{"replayed", user("replayed"), say(c.codes["replayed"][0]), token.Replayed, unlock("replayed", true)},
		{"revoked", user("revoked"), wrong("revoked"), token.Revoked, nil},
		{"revoked, right", user("revoked"), right("revoked"), token.Revoked, nil},
		{"pending", user("pending"), any, token.NotProven, nil},
		{"ended", user("ended"), wrong("ended"), token.Expired, nil},
		{"locked", user("locked"), wrong("locked"), token.UserLocked, nil},
		{"locked, right", user("locked"), right("locked"), token.UserLocked, nil},
		{"delayed", user("delayed"), wrong("delayed"), token.UserDelayed, nil},
		{"delayed, right", user("delayed"), right("delayed"), token.UserDelayed, nil},
		{"user locked", user("user locked"), wrong("user locked"), token.UserLocked, nil},
		{"user locked, right", user("user locked"), right("user locked"), token.UserLocked, nil},
		{"user delayed", user("user delayed"), wrong("user delayed"), token.UserDelayed, nil},
		{"user delayed, right", user("user delayed"), right("user delayed"), token.UserDelayed, nil},
		{"temporary, locked", user("temporary, locked"), wrong("temporary, locked"), token.UserLocked, nil},
		{"temporary", user("temporary"), wrong("temporary"), token.Wrong, unlock("temporary", true)},
		{"of another length", user("length"), any, token.Malformed, nil},
		{"no code at all", user("ocra"), any, token.NeedsChallenge, nil},
	}
	of := func(name, typ string) store.Lookup { return store.Lookup{User: name, Type: typ} }
	narrowed = []refusal{ // these ask for no temporary code
		{"unknown", of("nobody", "hotp"), any, token.Unknown, nil},
		{"without tokens", of("without", "hotp"), any, token.Unassigned, nil},
		{"without any of that type", of("wrong", "app-hotp"), any, token.Unassigned, nil},
		{"pending", of("pending", "app-hotp"), any, token.NotProven, nil},
		{"temporary", of("without, temporary", "hotp"), any, token.Unassigned, nil},
	}
	if c.digits == 8 {
		users = append(users, []refusal{
			{"without tokens, temporary", user("without, temporary"), any, token.Wrong, unlock("without, temporary", false)},
			{"temporary, locked, right", user("temporary, locked"), say(c.codes["temporary, locked"][0]),
				token.UserLocked, nil},
			{"temporary, used", user("temporary"), say(c.codes["temporary"][1]), token.Replayed, unlock("temporary", true)},
		}...)
	}
	return serials, users, narrowed
}

// Whatever is wrong with a code, a refusal whose answer is the same takes the same road:
// as many secrets are opened, as many codes computed; the database gets the same
// statements in the same order, and each reads and writes as many rows. So it is by
// serial and by user, for a narrow window and a wide one, the first time and when the
// tokens are in the cache, and also when refusals are too many to be recorded.
func TestNoRefusalTellsByItsRoad(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind   pskc.Kind
		digits int
	}{"HOTP": {pskc.HOTP, 6}, "TOTP": {pskc.TOTP, 6}, "HOTP, as long as temporary codes": {pskc.HOTP, 8},
		"TOTP, as long as temporary codes": {pskc.TOTP, 8}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTown(t, c.kind, c.digits)
			c.settle()
			serials, users, narrowed := c.refusals()
			for _, quiet := range []bool{false, true} {
				c.watch(quiet)
				for _, wide := range []bool{false, true} {
					for _, round := range []string{"not seen before", "seen before"} {
						what := fmt.Sprintf("quiet %t, wide %t, %s", quiet, wide, round)
						c.sameRoad("serials, "+what, serials, wide)
						c.sameRoad("users, "+what, users, wide)
						c.sameRoad("tokens of users, "+what, narrowed, wide)
					}
				}
			}
		})
	}
}

// watch makes an engine that refuses in full, or quietly.
func (c *town) watch(quiet bool) {
	c.t.Helper()
	c.opened = &opened{Keyring: c.Keys}
	p := codes.Policy{QuietAfter: 1 << 20}
	if quiet {
		p = codes.Policy{QuietAfter: 1, QuietPerMinute: 1}
	}
	var err error
	c.Reopen(c.t) // nothing is in the cache
	c.Engine, err = codes.New(codes.Config{Store: c.DB, Keys: c.opened, Policy: p, Temporary: c.Temporary,
		Now: c.Clock.Now})
	if err != nil {
		c.t.Fatal(err)
	}
	c.Verify(c.t, "nobody's", "000000")
}

// sameRoad demands that all refusals take the road of the first. The log's index follows
// in the background: a road that it crosses is taken again.
func (c *town) sameRoad(what string, refusals []refusal, wide bool) {
	c.t.Helper()
	want, _ := c.take(refusals[0], wide)
	for again, _ := c.take(refusals[0], wide); again != want; again, _ = c.take(refusals[0], wide) {
		want = again
	}
	for _, r := range refusals {
		got, steps := c.take(r, wide)
		for tries := 0; got != want && tries < 5; tries++ {
			got, steps = c.take(r, wide)
		}
		if got != want {
			c.t.Errorf("%s: %s\n  takes %s\n  want  %s\n%s", what, r.name, got, want, steps)
		}
	}
}

// take has a code refused, and gives what that took, in numbers and statement by
// statement.
func (c *town) take(r refusal, wide bool) (road, statements string) {
	c.t.Helper()
	t, otp := c.t, r.otp()
	size, opens, compared := c.LogSize(t), c.opened.n.Load(), c.Engine.Compared()
	c.road.Taken()
	if c.Present(t, codes.Request{Lookup: r.lookup, OTP: otp, Wide: wide, Origin: testkit.Origin}) {
		t.Fatalf("%s: accepted", r.name)
	}
	var kinds, texts []string
	for _, s := range c.road.Taken() {
		if s.Kind() == "DELETE 0/0" {
			s.Changed = 1 // the entry stays, so nothing is taken away again: what is left of the difference
		}
		kinds, texts = append(kinds, s.Kind()), append(texts, s.String())
	}
	road = fmt.Sprintf("%d secrets opened, %d codes compared, %s", c.opened.n.Load()-opens,
		c.Engine.Compared()-compared, strings.Join(kinds, ", "))
	if c.LogSize(t) > size {
		if e := c.LastEntry(t); e.Reason != string(r.reason) {
			t.Errorf("%s is refused because %s, want %s", r.name, e.Reason, r.reason)
		}
	}
	if r.undo != nil {
		r.undo()
	}
	return road, strings.Join(texts, "\n")
}
