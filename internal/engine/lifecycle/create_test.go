package lifecycle_test

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/oath"
)

// create makes tokens and fails the test if it does not.
func create(t *testing.T, k *testkit.Kit, typeName string, more ...func(*lifecycle.CreateRequest)) []lifecycle.Created {
	t.Helper()
	made, err := tryCreate(k, typeName, more...)
	if err != nil || made.Missing != 0 || made.Why != nil {
		t.Fatalf("create %s: %v, %d missing because %v", typeName, err, made.Missing, made.Why)
	}
	return made.Tokens
}

func tryCreate(k *testkit.Kit, typeName string, more ...func(*lifecycle.CreateRequest)) (lifecycle.Creation, error) {
	req := lifecycle.CreateRequest{Type: typeName, Count: 1, Origin: testkit.Origin}
	for _, m := range more {
		m(&req)
	}
	return k.Lifecycle.Create(background(), req)
}

func count(n int) func(*lifecycle.CreateRequest) {
	return func(r *lifecycle.CreateRequest) { r.Count = n }
}

func forUser(name string) func(*lifecycle.CreateRequest) {
	return func(r *lifecycle.CreateRequest) { r.User = name }
}

func reveal(r *lifecycle.CreateRequest) { r.Reveal = true }

func serials(made []lifecycle.Created) (all []string) {
	for _, m := range made {
		all = append(all, m.Token.Identity.Serial)
	}
	return all
}

func TestCreate(t *testing.T) {
	t.Parallel()
	k := kit(t)
	if err := changeType(k, "app-totp", func(t *token.Type) { t.Lifetime = 365 }); err != nil {
		t.Fatal(err)
	}
	size := k.LogSize(t)
	made := create(t, k, "app-totp", count(3), forUser("Anna"),
		func(r *lifecycle.CreateRequest) { r.Label = "second phone" })
	if got := fmt.Sprint(serials(made)); got != "[AT10000001 AT10000002 AT10000003]" {
		t.Errorf("serials %s", got)
	}
	for _, m := range made {
		want := token.Token{ID: m.Token.ID, Kind: token.Software,
			Identity: token.Identity{Type: "app-totp", Serial: m.Token.Identity.Serial},
			Spec:     token.Spec{Algorithm: token.TOTP, Hash: "SHA1", Digits: 6, Period: 30}, Issuer: "Ostiary",
			Label: "second phone", Created: testkit.Start, Mark: m.Token.Mark,
			OwnerName: "anna", Condition: token.Condition{State: token.Pending, Owner: k.FindUser(t, "anna").ID,
				NotAfter: testkit.Start.AddDate(0, 0, 365)}}
		if m.Token != want || m.Token.Mark == 0 {
			t.Errorf("made %+v, want %+v", m.Token, want)
		}
		if got := k.Token(t, m.Token.Identity.Serial); got != want {
			t.Errorf("stored %+v, want %+v", got, want)
		}
		if m.URI.Len() != 0 || m.Link.Len() < 26 || !m.Expires.Equal(testkit.Start.Add(30*time.Minute)) {
			t.Errorf("URI of %d bytes, link of %d, until %s", m.URI.Len(), m.Link.Len(), m.Expires)
		}
	}
	log := k.Log(t, size)
	if len(log) != 4 || log[0].Action != string(audit.SeriesAdvanced) || log[0].Before["next"] != "AT10000001" ||
		log[0].After["next"] != "AT10000004" {
		t.Fatalf("the log begins with %s", log[0].Raw)
	}
	for i, e := range log[1:] {
		if e.Action != string(audit.TokenCreated) || e.Subject["serial"] != serials(made)[i] ||
			e.Actor != testkit.Origin.Actor ||
			fmt.Sprint(e.After) != fmt.Sprintf("map[algorithm:TOTP label:second phone link_expires:2026-03-01T12:30:15Z "+
				"link_hash:%.8s "+
				"owner:anna secret_shown:false state:PENDING valid_from:none valid_until:2027-03-01T12:00:15Z]",
				e.After["link_hash"]) {
			t.Errorf("the log says %s", e.Raw)
		}
	}
	// The next ones follow; and those with an activation have neither link nor secret.
	if got := fmt.Sprint(serials(create(t, k, "app-totp", count(2)))); got != "[AT10000004 AT10000005]" {
		t.Errorf("serials %s", got)
	}
	k.DefaultProfiles(t)
	for _, typ := range []string{"mobile-totp", "mobile-hotp", "mobile-license"} {
		m := create(t, k, typ)[0]
		if m.Link.Len() != 0 || m.URI.Len() != 0 || m.Token.Condition.Proven() ||
			m.Token.Condition.State != token.Pending {
			t.Errorf("made %+v with link or URI", m.Token)
		}
		c := sealedOf(t, k, m.Token)
		secret, err := k.Keys.Open(store.SecretBinding(c.Token.ID), c.Sealed)
		if err != nil || secret.Len() != 0 {
			t.Errorf("a token to be activated has a secret of %d bytes, %v", secret.Len(), err)
		}
		if _, err := k.Lifecycle.Delete(t.Context(), testkit.Serial(m.Token.Identity.Serial),
			testkit.Origin); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
}

func sealedOf(t *testing.T, k *testkit.Kit, tok token.Token) (c store.Candidate) {
	t.Helper()
	err := k.DB.View(t.Context(), func(r store.Reader) (err error) {
		c, err = r.Identity(tok.Identity, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCreateIsRefused(t *testing.T) {
	t.Parallel()
	k := kit(t)
	typ := app("tiny", "T")
	typ.Width, typ.Start = 1, 7
	addType(t, k, typ)
	addType(t, k, app("old", "O"))
	if _, err := k.Lifecycle.RetireType(t.Context(), "old", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if err := changeType(k, "app-hotp", func(t *token.Type) { t.MaxPerUser = 2 }); err != nil {
		t.Fatal(err)
	}
	create(t, k, "app-hotp", forUser("anna"))
	k.DefaultProfiles(t)
	for name, c := range map[string]struct {
		typ  string
		edit func(*lifecycle.CreateRequest)
		kind fault.Kind
		code string
		says string
	}{
		"none":            {"app-totp", count(0), fault.Invalid, "count", "0 tokens cannot be created: at least 1"},
		"fewer than none": {"app-totp", count(-1), fault.Invalid, "count", ""},
		"too many": {"app-totp", count(10_001), fault.Invalid, "count", "10001 tokens are more " +
			"than the 10000"},
		"no type":  {"nonesuch", count(1), fault.NotFound, "type_not_found", ""},
		"hardware": {"hotp", count(1), fault.Conflict, "no_series", "token import"},
		"retired":  {"old", count(1), fault.Conflict, "type_retired", "old is retired"},
		"beyond the series": {"tiny", count(4), fault.Conflict, "series_end", "end at T9: 3 are left, but 4 were " +
			"requested. None was created."},
		"nobody":       {"app-totp", forUser("nobody"), fault.NotFound, "user_not_found", ""},
		"no user name": {"app-totp", forUser(" "), fault.Invalid, "user_name", ""},
		"too many for a user": {"app-totp", func(r *lifecycle.CreateRequest) { r.User, r.Count = "bert", 33 },
			fault.Conflict, "too_many_tokens", ""},
		"too many of a type": {"app-hotp", func(r *lifecycle.CreateRequest) { r.User, r.Count = "anna", 2 },
			fault.Conflict, "too_many_of_type", ""},
		"a long label": {"app-totp", func(r *lifecycle.CreateRequest) { r.Label = strings.Repeat("x", 129) },
			fault.Invalid, "label", ""},
		"an odd label": {"app-totp", func(r *lifecycle.CreateRequest) { r.Label = "a\nb" }, fault.Invalid, "label",
			""},
		"two shown": {"app-totp", func(r *lifecycle.CreateRequest) { r.Reveal, r.Count = true, 2 }, fault.Invalid,
			"reveal", ""},
		"nothing to show": {"mobile-totp", reveal, fault.Invalid, "reveal", "its activation creates one"},
	} {
		k.Unchanged(t, func() {
			made, err := tryCreate(k, c.typ, c.edit)
			if len(made.Tokens) != 0 {
				t.Errorf("%s: made %v", name, serials(made.Tokens))
			}
			testkit.IsFault(t, err, c.kind, c.code)
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want %q in it", name, err, c.says)
			}
		})
	}
	if got := fmt.Sprint(serials(create(t, k, "tiny", count(3)))); got != "[T7 T8 T9]" {
		t.Errorf("the last serials are %s", got)
	}
	create(t, k, "app-hotp", forUser("anna"))
}

// The secret is as long as the hash, is new each time, and what the URI says is
// what is stored.
func TestSecretsOfCreatedTokens(t *testing.T) {
	t.Parallel()
	k := kit(t)
	k.User(t, "an:na")
	seen := map[string]bool{}
	var shown []string
	for i, hash := range []oath.Hash{oath.SHA1, oath.SHA256, oath.SHA512} {
		typ := app(fmt.Sprint("app-", i), fmt.Sprint("Q", i))
		typ.Hash, typ.Digits, typ.Period = hash.String(), 6+i, int64(30*(i+1))
		addType(t, k, typ)
		for user, account := range map[string]string{"anna": "anna", "": "", "an:na": ""} {
			m := create(t, k, typ.Name, forUser(user), reveal)[0]
			u, err := oath.ParseURI(string(m.URI.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if account == "" {
				account = m.Token.Identity.Serial
			}
			secret := u.Secret.Bytes()
			if len(secret) != hash.Size() || seen[string(secret)] || u.Issuer != "Ostiary" || u.Account != account ||
				u.Hash != hash || u.Digits != 6+i || u.Period != int64(30*(i+1)) {
				t.Errorf("URI %+v with a secret of %d bytes, seen %t", u, len(secret), seen[string(secret)])
			}
			seen[string(secret)] = true
			c := sealedOf(t, k, m.Token)
			stored, err := k.Keys.Open(store.SecretBinding(c.Token.ID), c.Sealed)
			if err != nil || string(stored.Bytes()) != string(secret) {
				t.Errorf("what is stored is not what was shown: %v", err)
			}
			if e := k.LastEntry(t); e.After["secret_shown"] != "true" || m.Link.Len() != 0 {
				t.Errorf("the log says %s", e.Raw)
			}
			shown = append(shown, hex.EncodeToString(secret),
				base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret), string(secret))
			k.Unchanged(t, func() {
				_, _, err := k.Lifecycle.RenewLink(t.Context(), testkit.Serial(m.Token.Identity.Serial), testkit.Origin)
				testkit.IsFault(t, err, fault.Conflict, "secret_shown")
			})
		}
	}
	readable(t, k, shown...)
}

// readable checks that texts stand nowhere in the database.
func readable(t *testing.T, k *testkit.Kit, texts ...string) {
	t.Helper()
	dump := k.Dump(t)
	for _, text := range texts {
		if strings.Contains(dump, text) || strings.Contains(dump, hex.EncodeToString([]byte(text))) {
			t.Error("a secret is readable in the database")
		}
	}
}

// A request of many goes in chunks; an import beside it does not matter.
func TestCreateMany(t *testing.T) {
	t.Parallel()
	k := kit(t)
	k.PastLog()
	err := k.DB.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.BeginRun(store.Run{Opened: testkit.Start, Label: "an import that is under way"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	const n = 601
	made := create(t, k, "app-hotp", count(n))
	links := map[string]bool{}
	for i, m := range made {
		if want := fmt.Sprintf("AH%08d", 10_000_001+i); m.Token.Identity.Serial != want {
			t.Fatalf("token %d is %s, want %s", i, m.Token.Identity.Serial, want)
		}
		links[string(m.Link.Bytes())] = true
	}
	if got := k.Serials(t, lifecycle.Filter{Type: "app-hotp"}); len(got) != n || len(links) != n {
		t.Errorf("%d tokens with %d links, want %d", len(got), len(links), n)
	}
}

// When the database fails in the middle, what is there is listed, and what is
// not there takes up its serials all the same.
func TestCreateFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	k := kit(t)
	for after := range 3 {
		n := 0
		broken := testkit.Failing{DB: k.DB, Fail: func() error {
			if n++; n > after {
				return store.ErrUnavailable
			}
			return nil
		}}
		s, err := lifecycle.New(lifecycle.Config{DB: broken, Keys: k.Keys, Marks: k.Marks, Links: k.Hasher(seal.Link),
			Now: k.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		before := k.Serials(t, lifecycle.Filter{Type: "app-totp"})
		made, err := s.Create(
			t.Context(), lifecycle.CreateRequest{Type: "app-totp", Count: 600, Origin: testkit.Origin})
		there := k.Serials(t, lifecycle.Filter{Type: "app-totp"})[len(before):]
		if after == 0 {
			if err == nil || len(made.Tokens) != 0 || len(there) != 0 {
				t.Errorf("nothing could be written: %v, %d listed, %d there", err, len(made.Tokens), len(there))
			}
			continue
		}
		if err != nil || made.Why == nil || made.Missing != 600-250*after || len(made.Tokens) != 250*after ||
			fmt.Sprint(serials(made.Tokens)) != fmt.Sprint(there) {
			t.Errorf("after %d chunks: %v, %d listed, %d missing because %v, %d there", after, err, len(made.Tokens),
				made.Missing, made.Why, len(there))
		}
	}
	if next := serials(create(t, k, "app-totp"))[0]; next != "AT10001201" {
		t.Errorf("the next serial is %s", next)
	}
}

// Whatever becomes of tokens, no serial comes twice.
func TestSerialsAreNeverUsedAgain(t *testing.T) {
	t.Parallel()
	k := kit(t)
	seen := map[string]bool{}
	var mu sync.Mutex
	for range 3 {
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				made, err := tryCreate(k, "app-totp", count(1+i%3))
				if err != nil {
					t.Error(err)
					return
				}
				for _, serial := range serials(made.Tokens) {
					mu.Lock()
					if seen[serial] {
						t.Errorf("serial %s is made twice", serial)
					}
					seen[serial] = true
					mu.Unlock()
					if _, err := k.Lifecycle.Delete(background(), testkit.Serial(serial), testkit.Origin); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		k.Reopen(t)
	}
	if len(seen) != 3*31 {
		t.Errorf("%d serials, want %d", len(seen), 3*31)
	}
}

// What an administrator may do with a token that is not proven.
func TestStatesOfAPendingToken(t *testing.T) {
	t.Parallel()
	k := kit(t)
	serial := serials(create(t, k, "app-totp"))[0]
	set := func(to token.State) error {
		_, err := k.Lifecycle.SetState(t.Context(), testkit.Serial(serial), to, "", testkit.Origin)
		return err
	}
	k.Assign(t, serial, "anna")
	k.Unchanged(t, func() {
		testkit.IsFault(t, set(token.Valid), fault.Conflict, "not_proven")
		testkit.IsFault(t, set(token.Pending), fault.Conflict, "state_pending")
	})
	written(t, k, audit.TokenStateChanged, "map[state:PENDING]", "map[state:REVOKED_TOKEN_LOST]",
		func() error { return set(token.RevokedLost) })
	k.Unchanged(t, func() {
		testkit.IsFault(t, set(token.Valid), fault.Conflict, "not_proven")
		testkit.IsFault(t, set(token.Pending), fault.Conflict, "state_pending")
	})
	if err := set(token.RevokedBroken); err != nil {
		t.Error(err)
	}
	if _, err := lifecycle.New(lifecycle.Config{DB: k.DB, Keys: k.Keys, Marks: k.Marks, Links: k.Hasher(seal.Link),
		Issuer: "A:B"}); err == nil ||
		!strings.Contains(err.Error(), "A:B") {
		t.Errorf("an issuer that no URI can hold: %v", err)
	}
}
