package imports_test

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// with is a key under another serial with the secret of one.
func with(k *pskc.Key, secret []byte) *pskc.Key {
	k.Secret = bytes.Clone(secret)
	return k
}

// at is the counter that a key shows after n presses, or its time step.
func at(t *testing.T, k *testkit.Kit, key *pskc.Key, n uint64) uint64 {
	if key.Kind == pskc.HOTP {
		return n
	}
	return testkit.Step(t, key, k.Clock.Now())
}

func gone(t *testing.T, k *testkit.Kit, serial string) {
	t.Helper()
	if _, err := k.Lifecycle.Delete(t.Context(), testkit.Serial(serial), testkit.Origin); err != nil {
		t.Fatal(err)
	}
}

func reason(t *testing.T, k *testkit.Kit, want token.Reason) {
	t.Helper()
	if e := k.LastEntry(t); e.Reason != string(want) {
		t.Errorf("the log says %s, want %s", e.Raw, want)
	}
}

// pairs are records of one secret, as one file may bring them.
func pairs() map[string][2]*pskc.Key {
	secret := testkit.SecretOf("A")
	hotp, totp := func() *pskc.Key { return testkit.HOTP("A") }, func() *pskc.Key { return testkit.TOTP("A") }
	elsewhere := with(testkit.HOTP("B"), secret)
	elsewhere.Manufacturer = "Other"
	padded := with(testkit.HOTP("B"), append(bytes.Clone(secret), 0, 0))
	long := bytes.Repeat([]byte{7}, 65)
	sum := sha1.Sum(long)
	second := with(testkit.HOTP("A"), secret)
	second.ID = "second"
	return map[string][2]*pskc.Key{
		"another serial":       {hotp(), with(testkit.HOTP("B"), secret)},
		"another key id":       {hotp(), second},
		"another manufacturer": {hotp(), elsewhere},
		"of time":              {totp(), with(testkit.TOTP("B"), secret)},
		"another period":       {totp(), testkit.Period(with(testkit.TOTP("B"), secret), 60)},
		"more digits":          {hotp(), testkit.Digits(with(testkit.HOTP("B"), secret), 8)},
		"zeros at the end":     {hotp(), padded},
		"a hash of the secret": {with(hotp(), long), with(testkit.HOTP("B"), sum[:])},
	}
}

// A code of a secret is accepted once, whichever record it is presented for first,
// and the log says of the second that it was replayed.
func TestOneAcceptanceForOneSecret(t *testing.T) {
	t.Parallel()
	for name, pair := range pairs() {
		for _, order := range [][2]int{{0, 1}, {1, 0}} {
			t.Run(fmt.Sprint(name, order), func(t *testing.T) {
				t.Parallel()
				k := testkit.New(t)
				k.Import(t, pair[0], pair[1])
				for n := range uint64(3) {
					k.Clock.Advance(10 * time.Minute)
					first, second := pair[order[0]], pair[order[1]]
					if !present(t, k, first, testkit.Code(t, first, at(t, k, first, n))) {
						t.Fatalf("the first use is refused: %s", k.LastEntry(t).Raw)
					}
					if present(t, k, second, testkit.Code(t, second, at(t, k, second, n))) {
						t.Fatalf("accepted twice: %s", k.LastEntry(t).Raw)
					}
					reason(t, k, token.Replayed)
				}
			})
		}
	}
}

// present presents a code for the one record that a key is.
func present(t *testing.T, k *testkit.Kit, key *pskc.Key, code string) bool {
	t.Helper()
	return k.Present(t, codes.Request{Lookup: store.Lookup{Serial: key.Serial, KeyID: &key.ID}, OTP: code})
}

// 64 at once, over both records.
func TestParallelUsesOfOneSecret(t *testing.T) {
	t.Parallel()
	for name, pair := range pairs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := testkit.New(t)
			k.Import(t, pair[0], pair[1])
			var mu sync.Mutex
			for n := range uint64(4) {
				k.Clock.Advance(10 * time.Minute)
				accepted, wg := 0, sync.WaitGroup{}
				for i := range 64 {
					key := pair[i%2]
					code := testkit.Code(t, key, at(t, k, key, n))
					wg.Go(func() {
						valid, err := k.Engine.Verify(t.Context(), codes.Request{OTP: code, Origin: testkit.Origin,
							Lookup: store.Lookup{Serial: key.Serial, KeyID: &key.ID}})
						mu.Lock()
						defer mu.Unlock()
						if err != nil {
							t.Errorf("verify: %v", err)
						}
						if valid {
							accepted++
						}
					})
				}
				if wg.Wait(); accepted != 1 {
					t.Errorf("round %d: %d of 64 uses are accepted", n, accepted)
				}
				for _, key := range pair {
					if _, err := k.Lifecycle.Unlock(t.Context(), tokens.Selector{Serial: key.Serial, KeyID: &key.ID},
						testkit.Origin); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// RFC 6030, figure 10: four keys, three serials, one secret. All are imported, and a
// code works once: by serial and key id, and then by the user.
func TestFigure10HoldsOneSecret(t *testing.T) {
	t.Parallel()
	for _, users := range [][]string{{"anna"}, {"anna", "bert"}} {
		k := testkit.New(t)
		raw, err := os.ReadFile("../../../pskc/testdata/vectors/figure10.pskc")
		if err != nil {
			t.Fatal(err)
		}
		for _, dry := range []bool{true, false} {
			rep := testkit.Take(t, k, reader(t, string(raw)), func(r *imports.Request) { r.DryRun = dry })
			testkit.Ended(t, rep, store.RunCounts{Imported: 4})
			if len(rep.Rows) != 4 || !strings.Contains(rep.Rows[1].Reason, "same secret as key 1") {
				t.Errorf("dry run %v: rows %+v", dry, rep.Rows)
			}
		}
		if e := k.Log(t, k.LogSize(t)-2)[0]; e.Action != "secret.shared" ||
			len(strings.Fields(e.After["serials"].(string))) != 4 {
			t.Errorf("the log says %s", e.Raw)
		}
		all := k.List(t, lifecycle.Filter{Twins: true})
		if len(all) != 4 {
			t.Fatalf("%d tokens share a secret", len(all))
		}
		for _, u := range users {
			k.User(t, u)
		}
		for i, tok := range all {
			id := tok.Identity
			if tok.OwnerName != "" {
				if _, err := k.Lifecycle.Unassign(t.Context(), tokens.Selector{Serial: id.Serial, KeyID: &id.KeyID},
					testkit.Origin); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := k.Lifecycle.Assign(t.Context(), tokens.Selector{Serial: id.Serial, KeyID: &id.KeyID},
				users[i%len(users)], testkit.Origin); err != nil {
				t.Fatal(err)
			}
		}
		secret := secretOf(t, k, all[0])
		used := uint64(0)
		for _, tok := range all {
			if tok.Spec.Timed() || tok.Spec.Algorithm == token.OCRA {
				continue
			}
			key := with(testkit.Digits(testkit.HOTP(tok.Identity.Serial), tok.Spec.Digits), secret)
			key.ID, key.Hash = tok.Identity.KeyID, tok.Spec.Hash
			k.Clock.Set(tok.Condition.NotBefore.Add(time.Hour)) // each has dates of its own
			used = max(used+1, tok.Condition.Next)
			code := testkit.Code(t, key, used)
			if !present(t, k, key, code) {
				t.Errorf("key %s of %s: refused: %s", key.ID, key.Serial, k.LastEntry(t).Raw)
			}
			for _, u := range users {
				size := k.LogSize(t)
				if k.VerifyUser(t, u, code) {
					t.Errorf("key %s of %s: a used code works by the user's name", key.ID, key.Serial)
				}
				if n := k.LogSize(t) - size; n != 1 {
					t.Errorf("%d entries", n)
				}
				if _, err := k.Users.Unlock(t.Context(), u, testkit.Origin); err != nil {
					t.Fatal(err)
				}
				for _, other := range all {
					id := other.Identity
					if _, err := k.Lifecycle.Unlock(t.Context(), tokens.Selector{Serial: id.Serial, KeyID: &id.KeyID},
						testkit.Origin); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if used == 0 {
			t.Error("no key of the figure was tried")
		}
	}
}

func secretOf(t *testing.T, k *testkit.Kit, tok token.Token) []byte {
	t.Helper()
	var c store.Candidate
	err := k.DB.View(t.Context(), func(r store.Reader) (err error) {
		c, err = r.Identity(tok.Identity, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := k.Keys.Open(store.SecretBinding(tok.ID), c.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Bytes()
}

// A code that is right for two tokens of a user is one acceptance and one entry.
func TestTwinsOfOneUser(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	a := testkit.HOTP("A")
	k.Import(t, a, with(testkit.HOTP("B"), a.Secret))
	k.User(t, "anna")
	k.Assign(t, "A", "anna")
	k.Assign(t, "B", "anna")
	for n := range uint64(3) {
		size := k.LogSize(t)
		if !k.VerifyUser(t, "anna", testkit.Code(t, a, n)) {
			t.Fatalf("refused: %s", k.LastEntry(t).Raw)
		}
		if got := k.LogSize(t) - size; got != 1 {
			t.Errorf("%d entries", got)
		}
		for _, serial := range []string{"A", "B"} {
			if next := k.Token(t, serial).Condition.Next; next != n+1 {
				t.Errorf("%s stands at %d", serial, next)
			}
		}
	}
	if k.VerifyUser(t, "anna", testkit.Code(t, a, 2)) {
		t.Error("a used code is accepted")
	}
	reason(t, k, token.Replayed)
}

// The same over a resynchronisation by two codes.
func TestResyncUsesTheSecret(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	a := testkit.HOTP("A")
	k.Import(t, a, with(testkit.HOTP("B"), a.Secret))
	resync := func(serial string, from uint64) bool {
		ok, err := k.Engine.Resync(t.Context(), codes.ResyncRequest{Lookup: store.Lookup{Serial: serial},
			OTP1: testkit.Code(t, a, from), OTP2: testkit.Code(t, a, from+1), Origin: testkit.Origin})
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !resync("A", 40) || resync("B", 40) || k.Verify(t, "B", testkit.Code(t, a, 41)) || !resync("B", 42) ||
		k.Verify(t, "A", testkit.Code(t, a, 43)) || !k.Verify(t, "A", testkit.Code(t, a, 44)) {
		t.Errorf("the codes of a resynchronisation: %s", k.LastEntry(t).Raw)
	}
}

// A key whose secret another token has is no second record of it, whatever it is
// called: it is held back like a conflict.
func TestSecretIsHereAlready(t *testing.T) {
	t.Parallel()
	secret := testkit.SecretOf("A")
	other := with(testkit.HOTP("B"), secret)
	other.Manufacturer = "Other"
	for name, again := range map[string]*pskc.Key{
		"serial": with(testkit.HOTP("B"), secret), "manufacturer": other,
		"type": with(testkit.TOTP("B"), secret), "digits": testkit.Digits(with(testkit.HOTP("B"), secret), 8),
		"type alone": with(testkit.TOTP("A"), secret),
	} {
		outcome, why, counts := imports.Twin, "its secret is already here, as A (hotp), assigned to anna; delete that "+
			"token first, or omit this key", store.RunCounts{Twin: 1}
		if name == "type alone" { // the same device, and one of the two names its kind wrongly
			outcome, counts = imports.Difference, store.RunCounts{Difference: 1}
			why = "the same token with the same secret is already here, but with other code settings (kind: HOTP here, TOTP " +
				"in the file); if the file is right, delete the token and import again"
		}
		heldBack, skipped := counts, counts
		heldBack.HeldBack, skipped.Imported = 1, 1
		k := testkit.New(t)
		k.Import(t, testkit.HOTP("A"))
		k.User(t, "anna")
		k.Assign(t, "A", "anna")
		for _, more := range [][]func(*imports.Request){{testkit.DryRun}, {}} {
			rep := testkit.Take(t, k, testkit.Keys(testkit.HOTP("good"), again), more...)
			testkit.Ended(t, rep, heldBack)
			if row := rep.Rows[1]; row.Outcome != outcome || row.Reason != why {
				t.Errorf("%s: %+v", name, row)
			}
		}
		testkit.Ended(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("good"), again), testkit.SkipBad), skipped)
		// A revoked or departing token has its secret all the same.
		k.SetState(t, "A", token.RevokedLost)
		testkit.Ended(t, testkit.Take(t, k, testkit.Keys(again)), counts)
	}
}

// Replacing a secret does not bring a second record either.
func TestReplaceByASecretOfAnother(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	a, b := testkit.HOTP("A"), testkit.HOTP("B")
	k.Import(t, a, b)
	testkit.Ended(t, testkit.Take(t, k, testkit.Keys(with(testkit.HOTP("B"), a.Secret)), testkit.Replace),
		store.RunCounts{Twin: 1})
	// By a new one it may be, and the old one begins where it stood.
	if !k.Verify(t, "B", testkit.Code(t, b, 4)) {
		t.Fatal("refused")
	}
	fresh := with(testkit.HOTP("B"), testkit.SecretOf("fresh"))
	testkit.Ended(t, testkit.Take(t, k, testkit.Keys(fresh, with(testkit.HOTP("C"), fresh.Secret)), testkit.Replace),
		store.RunCounts{Replaced: 1, Imported: 1})
	if !k.Verify(t, "B", testkit.Code(t, fresh, 0)) || k.Verify(t, "C", testkit.Code(t, fresh, 0)) {
		t.Error("a replaced secret and a new token's are one")
	}
	old := with(testkit.HOTP("D"), b.Secret)
	testkit.Ended(t, testkit.Take(t, k, testkit.Keys(old)), store.RunCounts{Imported: 1})
	if k.Verify(t, "D", testkit.Code(t, old, 4)) || !k.Verify(t, "D", testkit.Code(t, old, 5)) {
		t.Error("a code of a replaced secret counts again")
	}
}

// A hardware token is not replaced by one that makes its codes.
func TestSpareOfOneSecret(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	a := testkit.HOTP("A")
	k.Import(t, a, with(testkit.HOTP("B"), a.Secret), testkit.HOTP("C"))
	k.User(t, "anna")
	k.Assign(t, "A", "anna")
	_, err := k.Lifecycle.Replace(t.Context(), lifecycle.ReplaceRequest{Selector: testkit.Serial("A"), By: "B",
		Origin: testkit.Origin})
	testkit.IsFault(t, err, fault.Conflict, "twin")
	if _, err := k.Lifecycle.Replace(t.Context(), lifecycle.ReplaceRequest{Selector: testkit.Serial("A"), By: "C",
		Origin: testkit.Origin}); err != nil {
		t.Error(err)
	}
}

// Deleted and imported again, under the same or another name, period or algorithm, a
// token begins where its secret stood; right codes of later work.
func TestDeletedAndImportedAgain(t *testing.T) {
	t.Parallel()
	secret := testkit.SecretOf("A")
	h, m := testkit.TOTP("A"), testkit.Period(testkit.TOTP("A"), 60)
	for name, chain := range map[string][]*pskc.Key{
		"counter":           {testkit.HOTP("A"), testkit.HOTP("A"), with(testkit.HOTP("B"), secret)},
		"periods":           {h, m, h, m},
		"HOTP, then TOTP":   {testkit.HOTP("A"), h, testkit.HOTP("A")},
		"TOTP, then HOTP":   {m, testkit.HOTP("A"), m},
		"digits and serial": {testkit.HOTP("A"), testkit.Digits(with(testkit.HOTP("B"), secret), 8)},
	} {
		k := testkit.New(t)
		used := map[string]bool{}
		counter := uint64(0)
		for n, key := range chain {
			k.Import(t, key)
			for step := range uint64(3) {
				c := counter
				if key.Kind == pskc.TOTP {
					c = at(t, k, key, 0)
				}
				for old := c - min(c, 5); old < c; old++ {
					if used[fmt.Sprint(key.Kind, key.Period(), old)] &&
						k.Verify(t, key.Serial, testkit.Code(t, key, old)) {
						t.Errorf("%s: a used code of step %d is accepted again", name, old)
					}
				}
				k.Unlock(t, key.Serial)
				if !k.Verify(t, key.Serial, testkit.Code(t, key, c)) {
					t.Fatalf("%s: import %d, code %d is refused: %s", name, n, step, k.LastEntry(t).Raw)
				}
				used[fmt.Sprint(key.Kind, key.Period(), c)] = true
				if key.Kind == pskc.HOTP {
					counter++
				}
				k.Clock.Advance(2 * time.Minute)
			}
			gone(t, k, key.Serial)
		}
	}
}

// A token whose row somebody forged is deleted and imported again, as the message about it
// says: its used codes do not work again, whichever column was forged.
func TestForgedIsDeletedAndImportedAgain(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"mark = mark + 1", "mark = NULL", "algorithm = 'totp', period = 30",
		"algorithm = 'hotp', period = 0", "algorithm = 'ocra'", "period = 1", "t0 = 1000000000", "hash = 'SHA256'",
		"hash = 'none'", "secret = x'00'"} {
		for _, key := range []*pskc.Key{testkit.HOTP("A"), testkit.TOTP("A")} {
			k := testkit.New(t)
			k.Import(t, key)
			c := uint64(3)
			if key.Kind == pskc.TOTP {
				c = at(t, k, key, 0)
			}
			if !k.Verify(t, "A", testkit.Code(t, key, c)) {
				t.Fatal("the code is refused")
			}
			k.Exec(t, "UPDATE token SET "+set)
			gone(t, k, "A")
			k.Import(t, key)
			if k.Verify(t, "A", testkit.Code(t, key, c)) {
				t.Errorf("%s of %s: a used code is accepted again", set, key.Kind)
			}
			k.Unlock(t, "A")
			k.Clock.Advance(3 * time.Minute)
			if key.Kind == pskc.TOTP {
				c = at(t, k, key, 0) - 1
			}
			if !k.Verify(t, "A", testkit.Code(t, key, c+1)) {
				t.Errorf("%s of %s: the next code is refused: %s", set, key.Kind, k.LastEntry(t).Raw)
			}
		}
	}
}

// Counter v and step v of a secret are one code: so counters of such a pair end where
// time steps begin, and time steps are short.
func TestSecretOfBothKinds(t *testing.T) {
	t.Parallel()
	a := func(counter uint64) *pskc.Key { return testkit.Counter(testkit.HOTP("A"), counter) }
	b := func(period uint64) *pskc.Key {
		return testkit.Period(with(testkit.TOTP("B"), testkit.SecretOf("A")), period)
	}
	good, bad := store.RunCounts{Imported: 2}, store.RunCounts{Refused: 1, HeldBack: 1}
	for name, c := range map[string]struct {
		keys []*pskc.Key
		want store.RunCounts
	}{
		"both":           {[]*pskc.Key{a(0), b(30)}, good},
		"highest":        {[]*pskc.Key{a(1<<20 - 1), b(30)}, good},
		"too high":       {[]*pskc.Key{a(1 << 20), b(30)}, bad},
		"too high, last": {[]*pskc.Key{b(30), a(1 << 20)}, bad},
		"longest":        {[]*pskc.Key{a(0), b(900)}, good},
		"too long":       {[]*pskc.Key{a(0), b(901)}, bad},
	} {
		k := testkit.New(t)
		rep := testkit.Take(t, k, testkit.Keys(c.keys...), testkit.DryRun)
		testkit.Ended(t, rep, c.want)
		testkit.Ended(t, testkit.Take(t, k, testkit.Keys(c.keys...)), c.want)
		if c.want.Imported != 2 {
			continue
		}
		hotp, totp := c.keys[0], c.keys[1]
		step := at(t, k, totp, 0)
		if !k.Verify(t, "B", testkit.Code(t, totp, step)) {
			t.Errorf("%s: the time step is refused: %s", name, k.LastEntry(t).Raw)
		}
		if !k.Verify(t, "A", testkit.Code(t, hotp, hotp.Counter)) {
			t.Errorf("%s: the counter is refused: %s", name, k.LastEntry(t).Raw)
		}
		// The code of the used step, as one of a counter.
		_, err := k.Engine.Resync(t.Context(), codes.ResyncRequest{Lookup: store.Lookup{Serial: "A"}, Counter: &step,
			OTP1: testkit.Code(t, hotp, step), OTP2: testkit.Code(t, hotp, step+1), Origin: testkit.Origin})
		if next := k.Token(t, "A").Condition.Next; err != nil || next > 1<<20 {
			t.Errorf("%s: the counter went to %d among the steps, %v", name, next, err)
		}
		if name == "highest" && k.Verify(t, "A", testkit.Code(t, hotp, 1<<20)) {
			t.Error("the counter goes beyond its end")
		}
	}
}

// Tokens of one secret that count time from other beginnings show one code at other
// times: they are not taken in beside each other, nor one after the other.
func TestSecretFromAnotherBeginning(t *testing.T) {
	t.Parallel()
	later := func(serial string) *pskc.Key {
		key := with(testkit.TOTP(serial), testkit.SecretOf("A"))
		key.Record = []pskc.Property{{Name: "time_zero", Value: "60"}}
		return key
	}
	first := with(testkit.TOTP("A"), testkit.SecretOf("A"))
	k := testkit.New(t)
	for _, keys := range [][]*pskc.Key{{first, later("B")}, {later("B"), first}} {
		testkit.Ended(t, testkit.Take(t, k, testkit.Keys(keys...), testkit.DryRun),
			store.RunCounts{Refused: 1, HeldBack: 1})
		testkit.Ended(t, testkit.Take(t, k, testkit.Keys(keys...)), store.RunCounts{Refused: 1, HeldBack: 1})
	}
	k.Import(t, first)
	if !k.Verify(t, "A", testkit.Code(t, first, at(t, k, first, 0))) {
		t.Fatal("refused")
	}
	gone(t, k, "A")
	testkit.Ended(t, testkit.Take(t, k, testkit.Keys(later("A"))), store.RunCounts{Refused: 1})
}
