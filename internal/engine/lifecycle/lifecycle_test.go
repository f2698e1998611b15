package lifecycle_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// kit makes a database with tokens of these keys and the users anna and bert.
func kit(t *testing.T, keys ...*pskc.Key) *testkit.Kit {
	t.Helper()
	k := testkit.New(t)
	k.User(t, "anna")
	k.User(t, "bert")
	if len(keys) > 0 {
		k.Import(t, keys...)
	}
	return k
}

// written runs do and checks that it left exactly one entry, which says this.
func written(t *testing.T, k *testkit.Kit, action audit.Action, before, after string, do func() error) testkit.Entry {
	t.Helper()
	size := k.LogSize(t)
	if err := do(); err != nil {
		t.Fatalf("%s: %v", action, err)
	}
	if n := k.LogSize(t) - size; n != 1 {
		t.Fatalf("%s: %d entries, want 1", action, n)
	}
	e := k.LastEntry(t)
	if e.Action != string(action) || e.Outcome != "done" || fmt.Sprint(e.Before) != before ||
		fmt.Sprint(e.After) != after ||
		e.Actor != testkit.Origin.Actor || e.Source != testkit.Origin.Source || e.Request != testkit.Origin.Request {
		t.Errorf("the log says %s, want %s before %s after %s", e.Raw, action, before, after)
	}
	return e
}

const none = "map[]"

func TestAssign(t *testing.T) {
	t.Parallel()
	k := kit(t, testkit.HOTP("1"))
	ctx := t.Context()
	e := written(t, k, audit.TokenAssigned, "map[owner:]", "map[owner:anna]", func() error {
		tok, err := k.Lifecycle.Assign(ctx, testkit.Serial("1"), "Anna", testkit.Origin)
		if tok.OwnerName != "anna" {
			t.Errorf("the owner is %q", tok.OwnerName)
		}
		return err
	})
	if e.Subject["serial"] != "1" || e.Subject["user"] != "anna" {
		t.Errorf("the subject is %v", e.Subject)
	}
	k.Unchanged(t, func() {
		for _, user := range []string{"anna", "bert"} {
			_, err := k.Lifecycle.Assign(ctx, testkit.Serial("1"), user, testkit.Origin)
			testkit.IsFault(t, err, fault.Conflict, "token_taken")
		}
		_, err := k.Lifecycle.Assign(ctx, testkit.Serial("1"), "nobody", testkit.Origin)
		testkit.IsFault(t, err, fault.NotFound, "user_not_found")
		_, err = k.Lifecycle.Assign(ctx, testkit.Serial("nobody's"), "anna", testkit.Origin)
		testkit.IsFault(t, err, fault.NotFound, "token_not_found")
		_, err = k.Lifecycle.Assign(ctx, testkit.Serial("1"), " anna", testkit.Origin)
		testkit.IsFault(t, err, fault.Invalid, "user_name")
	})
	written(t, k, audit.TokenUnassigned, "map[owner:anna]", "map[owner:]", func() error {
		tok, err := k.Lifecycle.Unassign(ctx, testkit.Serial("1"), testkit.Origin)
		if tok.OwnerName != "" {
			t.Errorf("the owner is %q", tok.OwnerName)
		}
		return err
	})
	k.Unchanged(t, func() {
		_, err := k.Lifecycle.Unassign(ctx, testkit.Serial("1"), testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "token_free")
	})
	k.Assign(t, "1", "bert")
}

// A code is tried against every token of a user, so a user holds no more than
// are tried.
func TestUserHoldsAsManyAsAreTried(t *testing.T) {
	t.Parallel()
	var keys []*pskc.Key
	for i := range store.MaxCandidates + 1 {
		keys = append(keys, testkit.HOTP(fmt.Sprint(i)))
	}
	k := kit(t, keys...)
	for _, key := range keys[:store.MaxCandidates] {
		k.Assign(t, key.Serial, "anna")
	}
	last := keys[store.MaxCandidates]
	k.Unchanged(t, func() {
		_, err := k.Lifecycle.Assign(t.Context(), testkit.Serial(last.Serial), "anna", testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "too_many_tokens")
	})
	if tried := keys[store.MaxCandidates-1]; !k.VerifyUser(t, "anna", testkit.Code(t, tried, 0)) {
		t.Error("the last token of the user is not tried")
	}
}

// Of two who assign one token at once, one gets it.
func TestRacingAssignments(t *testing.T) {
	t.Parallel()
	var keys []*pskc.Key
	for i := range 20 {
		keys = append(keys, testkit.HOTP(fmt.Sprint(i)))
	}
	k := kit(t, keys...)
	for _, key := range keys {
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = k.Lifecycle.Assign(t.Context(), testkit.Serial(key.Serial), []string{"anna", "bert"}[i%2],
					testkit.Origin)
			})
		}
		wg.Wait()
		won := 0
		for i, err := range errs {
			if err != nil {
				testkit.IsFault(t, err, fault.Conflict, "token_taken")
				continue
			}
			won++
			if owner := k.Token(t, key.Serial).OwnerName; owner != []string{"anna", "bert"}[i%2] {
				t.Errorf("token %s is of %s, not of the one who was told so", key.Serial, owner)
			}
		}
		if won != 1 {
			t.Errorf("token %s was assigned %d times", key.Serial, won)
		}
	}
}

// Every state follows every other; the same again is refused.
func TestStates(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	k.Assign(t, "1", "anna")
	if !k.Verify(t, "1", testkit.Code(t, key, 4)) || k.Verify(t, "1", testkit.Wrong(t, key, 5, 1)[0]) {
		t.Fatal("the token does not work")
	}
	want := k.Token(t, "1").Condition
	states := []token.State{token.Valid, token.RevokedLost, token.RevokedBroken, token.RevokedOther}
	for _, from := range states {
		for _, to := range states {
			if k.Token(t, "1").Condition.State != from {
				k.SetState(t, "1", from)
			}
			if from == to {
				k.Unchanged(t, func() {
					_, err := k.Lifecycle.SetState(t.Context(), testkit.Serial("1"), to, "again", testkit.Origin)
					testkit.IsFault(t, err, fault.Conflict, "state_unchanged")
				})
				continue
			}
			why := "because of " + to.String()
			e := written(t, k, audit.TokenStateChanged, "map[state:"+from.String()+"]", "map[state:"+to.String()+"]",
				func() error {
					tok, err := k.Lifecycle.SetState(t.Context(), testkit.Serial("1"), to, why, testkit.Origin)
					if tok.Condition.State != to || tok.StateReason != why {
						t.Errorf("the token is %s because of %q", tok.Condition.State, tok.StateReason)
					}
					return err
				})
			if e.Reason != why {
				t.Errorf("the reason in the log is %q", e.Reason)
			}
			got := k.Token(t, "1").Condition
			got.State = want.State
			if got != want {
				t.Errorf("%s to %s changed more than the state: %+v, was %+v", from, to, got, want)
			}
		}
	}
	k.Unchanged(t, func() {
		for _, why := range []string{strings.Repeat("x", 501), "a\nb", "\xff"} {
			_, err := k.Lifecycle.SetState(t.Context(), testkit.Serial("1"), token.Valid, why, testkit.Origin)
			testkit.IsFault(t, err, fault.Invalid, "reason")
		}
	})
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	for _, guess := range testkit.Wrong(t, key, 0, 10) {
		k.Verify(t, "1", guess)
		k.Clock.Advance(time.Hour)
	}
	written(t, k, audit.TokenUnlocked, "map[failures:10 retry_at:2026-03-01T21:02:23Z]", "map[failures:0]",
		func() error {
			tok, err := k.Lifecycle.Unlock(t.Context(), testkit.Serial("1"), testkit.Origin)
			if c := tok.Condition; c.Failures != 0 || !c.RetryAt.IsZero() || c.Next != 0 {
				t.Errorf("the token stands at %+v", c)
			}
			return err
		})
}

// A deleted token is gone, its number is never used again, and neither are its
// codes.
func TestDelete(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key, testkit.HOTP("2"))
	k.Assign(t, "1", "anna")
	if !k.Verify(t, "1", testkit.Code(t, key, 6)) {
		t.Fatal("the token does not work")
	}
	was := k.Token(t, "1")
	id := was.ID
	left := fmt.Sprintf("map[secret:%s secret_events:7 secret_moved_away:false secret_seconds:0]", was.Mark)
	written(t, k, audit.TokenDeleted, "map[epoch:1 next:7 owner:anna state:VALID]", left, func() error {
		tok, err := k.Lifecycle.Delete(t.Context(), testkit.Serial("1"), testkit.Origin)
		if tok.Identity.Serial != "1" {
			t.Errorf("deleted %+v", tok)
		}
		return err
	})
	if k.Verify(t, "1", testkit.Code(t, key, 7)) || k.VerifyUser(t, "anna", testkit.Code(t, key, 7)) {
		t.Error("a deleted token is accepted")
	}
	_, err := k.Lifecycle.Show(t.Context(), testkit.Serial("1"))
	testkit.IsFault(t, err, fault.NotFound, "token_not_found")
	if strings.Contains(k.Dump(t, "audit_entry"), "| 1 | 1 | HOTP") {
		t.Error("a row of the token is still there")
	}
	if n := k.FindUser(t, "anna").Tokens; n != 0 {
		t.Errorf("the user still holds %d tokens", n)
	}

	k.Import(t, testkit.HOTP("1"))
	again := k.Token(t, "1")
	if again.ID <= id || again.OwnerName != "" {
		t.Errorf("the token is back as %+v, was number %d", again, id)
	}
	for c := range uint64(7) {
		if k.Verify(t, "1", testkit.Code(t, key, c)) {
			t.Errorf("the used code of counter %d is accepted after deletion and import", c)
		}
		k.Clock.Advance(time.Hour)
	}
	if !k.Verify(t, "1", testkit.Code(t, key, 7)) {
		t.Error("the next code is refused")
	}
}

// The same secret under another name does not bring used codes back either.
func TestDeleteAndImportUnderAnotherName(t *testing.T) {
	t.Parallel()
	key, other := testkit.TOTP("1"), testkit.TOTP("2")
	other.Secret = key.Secret
	k := kit(t, key)
	code := testkit.Code(t, key, testkit.Step(t, key, testkit.Start))
	if !k.Verify(t, "1", code) {
		t.Fatal("the token does not work")
	}
	if _, err := k.Lifecycle.Delete(t.Context(), testkit.Serial("1"), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	k.Import(t, other)
	if k.Verify(t, "2", code) {
		t.Error("a used code is accepted under another serial")
	}
}

func TestSelector(t *testing.T) {
	t.Parallel()
	second := testkit.HOTP("1")
	second.ID, second.Manufacturer = "second", ""
	k := kit(t, testkit.HOTP("1"), second, testkit.TOTP("1"))
	_, err := k.Lifecycle.Show(t.Context(), testkit.Serial("1"))
	testkit.IsFault(t, err, fault.Conflict, "serial_ambiguous")
	if ids, ok := fault.Of(err).Details["candidates"].([]token.Identity); !ok || len(ids) != 3 {
		t.Errorf("the candidates are %v", ids)
	}
	_, err = k.Lifecycle.Show(t.Context(), testkit.Serial(""))
	testkit.IsFault(t, err, fault.Invalid, "serial")
	empty, id, acme := "", "second", testkit.Manufacturer
	for _, c := range []struct {
		sel  tokens.Selector
		want token.Identity
	}{
		{tokens.Selector{Serial: "1", Type: "totp"}, token.Identity{Type: "totp", Manufacturer: acme, Serial: "1",
			KeyID: "1"}},
		{tokens.Selector{Serial: "1", Manufacturer: &empty}, token.Identity{Type: "hotp", Serial: "1", KeyID: id}},
		{tokens.Selector{Serial: "1", KeyID: &id}, token.Identity{Type: "hotp", Serial: "1", KeyID: id}},
		{tokens.Selector{Serial: "1", Type: "hotp", Manufacturer: &acme},
			token.Identity{Type: "hotp", Manufacturer: acme, Serial: "1", KeyID: "1"}},
	} {
		tok, err := k.Lifecycle.Show(t.Context(), c.sel)
		if err != nil || tok.Identity != c.want {
			t.Errorf("%+v is %+v, %v", c.sel, tok.Identity, err)
		}
	}
	_, err = k.Lifecycle.Delete(t.Context(), tokens.Selector{Serial: "1", KeyID: &empty}, testkit.Origin)
	testkit.IsFault(t, err, fault.NotFound, "token_not_found")
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	k := kit(t, testkit.HOTP("1"), testkit.TOTP("2"), testkit.HOTP("3"), testkit.TOTP("3"), testkit.OCRA("4"))
	k.Assign(t, "2", "anna")
	k.Assign(t, "4", "anna")
	k.SetState(t, "1", token.RevokedLost)
	valid, lost := token.Valid, token.RevokedLost
	for name, c := range map[string]struct {
		filter lifecycle.Filter
		want   []string
	}{
		"all":           {lifecycle.Filter{}, []string{"1", "2", "3", "3", "4"}},
		"serial":        {lifecycle.Filter{Serial: "3"}, []string{"3", "3"}},
		"type":          {lifecycle.Filter{Type: "totp"}, []string{"2", "3"}},
		"serial, type":  {lifecycle.Filter{Serial: "3", Type: "hotp"}, []string{"3"}},
		"user":          {lifecycle.Filter{User: "ANNA"}, []string{"2", "4"}},
		"idle user":     {lifecycle.Filter{User: "bert"}, nil},
		"lost":          {lifecycle.Filter{State: &lost}, []string{"1"}},
		"valid":         {lifecycle.Filter{State: &valid, Type: "hotp"}, []string{"3"}},
		"hardware":      {lifecycle.Filter{Kind: token.Hardware}, []string{"1", "2", "3", "3", "4"}},
		"software":      {lifecycle.Filter{Kind: token.Software}, nil},
		"nothing there": {lifecycle.Filter{Serial: "5"}, nil},
	} {
		if got := k.Serials(t, c.filter); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	_, _, err := k.Lifecycle.List(t.Context(), lifecycle.Filter{User: "nobody"}, store.TokenOrder{})
	testkit.IsFault(t, err, fault.NotFound, "user_not_found")

	var pages []string
	o := store.TokenOrder{By: store.ByUser}
	for range 5 {
		page, next, err := k.Lifecycle.List(t.Context(), lifecycle.Filter{Limit: 2}, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, tok := range page {
			pages = append(pages, tok.Identity.Serial)
		}
		if o.After = next; next == nil {
			break
		}
	}
	if want := []string{"2", "4", "1", "3", "3"}; !slices.Equal(pages, want) {
		t.Errorf("the pages together are %v, want %v", pages, want)
	}
}

// A change whose write fails leaves neither the change nor an entry.
func TestChangeThatFails(t *testing.T) {
	t.Parallel()
	k := kit(t, testkit.HOTP("1"))
	broken, err := lifecycle.New(
		lifecycle.Config{Keys: k.Keys, Marks: k.Marks, Links: k.Hasher(seal.Link), Now: k.Clock.Now,
			DB: testkit.Failing{DB: k.DB, Fail: func() error { return store.ErrUnavailable }}})
	if err != nil {
		t.Fatal(err)
	}
	k.Unchanged(t, func() {
		if _, err := broken.Assign(t.Context(), testkit.Serial("1"), "anna", testkit.Origin); err == nil {
			t.Error("assigned without a write")
		}
		if _, err := broken.Delete(t.Context(), testkit.Serial("1"), testkit.Origin); err == nil {
			t.Error("deleted without a write")
		}
	})
	if _, err := lifecycle.New(lifecycle.Config{}); err == nil {
		t.Error("a service without its parts is made")
	}
}
