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

	"pgregory.net/rapid"

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
		if e := k.Log(t, k.LogSize(t)-2)[0]; e.Action != "secret.shared" || len(strings.Fields(e.After["serials"].(string))) != 4 {
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
				if err := k.Users.Unlock(t.Context(), u, testkit.Origin); err != nil {
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
		k := testkit.New(t)
		k.Import(t, testkit.HOTP("A"))
		k.User(t, "anna")
		k.Assign(t, "A", "anna")
		for _, more := range [][]func(*imports.Request){{testkit.DryRun}, {}} {
			rep := testkit.Take(t, k, testkit.Keys(testkit.HOTP("good"), again), more...)
			testkit.Ended(t, rep, store.RunCounts{Twin: 1, HeldBack: 1})
			if row := rep.Rows[1]; row.Outcome != "twin" ||
				row.Reason != "its secret is here already, as A (hotp), assigned to anna; delete that first, or leave this key out" {
				t.Errorf("%s: %+v", name, row)
			}
		}
		testkit.Ended(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("good"), again), testkit.SkipBad),
			store.RunCounts{Twin: 1, Imported: 1})
		// A revoked or departing token has its secret all the same.
		k.SetState(t, "A", token.RevokedLost)
		testkit.Ended(t, testkit.Take(t, k, testkit.Keys(again)), store.RunCounts{Twin: 1})
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
					if used[fmt.Sprint(key.Kind, key.Period(), old)] && k.Verify(t, key.Serial, testkit.Code(t, key, old)) {
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

// Counter v and step v of a secret are one code: so counters of such a pair end where
// time steps begin, and time steps are short.
func TestSecretOfBothKinds(t *testing.T) {
	t.Parallel()
	secret := testkit.SecretOf("A")
	for name, c := range map[string]struct {
		keys []*pskc.Key
		want store.RunCounts
	}{
		"both":           {[]*pskc.Key{testkit.HOTP("A"), with(testkit.TOTP("B"), secret)}, store.RunCounts{Imported: 2}},
		"highest":        {[]*pskc.Key{testkit.Counter(testkit.HOTP("A"), 1<<20-1), with(testkit.TOTP("B"), secret)}, store.RunCounts{Imported: 2}},
		"too high":       {[]*pskc.Key{testkit.Counter(testkit.HOTP("A"), 1<<20), with(testkit.TOTP("B"), secret)}, store.RunCounts{Refused: 1, HeldBack: 1}},
		"too high, last": {[]*pskc.Key{with(testkit.TOTP("B"), secret), testkit.Counter(testkit.HOTP("A"), 1<<20)}, store.RunCounts{Refused: 1, HeldBack: 1}},
		"longest":        {[]*pskc.Key{testkit.HOTP("A"), testkit.Period(with(testkit.TOTP("B"), secret), 900)}, store.RunCounts{Imported: 2}},
		"too long":       {[]*pskc.Key{testkit.HOTP("A"), testkit.Period(with(testkit.TOTP("B"), secret), 901)}, store.RunCounts{Refused: 1, HeldBack: 1}},
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

// A part of the holders of a secret is not moved: it would live on two servers.
func TestMoveTakesAllHolders(t *testing.T) {
	t.Parallel()
	k, other := testkit.New(t), testkit.New(t)
	a := testkit.HOTP("A")
	k.Import(t, a, with(testkit.HOTP("B"), a.Secret))
	if !k.Verify(t, "A", testkit.Code(t, a, 6)) {
		t.Fatal("refused")
	}
	k.Unchanged(t, func() {
		_, _, err := testkit.Export(t, k, testkit.Move, func(r *lifecycle.ExportRequest) { r.Serials = []string{"A"} })
		testkit.IsFault(t, err, fault.Conflict, "shares_secret")
		if f := fault.Of(err); !strings.Contains(f.Text, ": B.") {
			t.Errorf("it says %q", f.Text)
		}
	})
	file, _, err := testkit.Export(t, k, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Ended(t, testkit.Take(t, other, testkit.OpenExport(t, file)), store.RunCounts{Imported: 2})
	// Both stand where their secret stood.
	if other.Verify(t, "B", testkit.Code(t, a, 6)) || !other.Verify(t, "B", testkit.Code(t, a, 7)) ||
		other.Verify(t, "A", testkit.Code(t, a, 7)) {
		t.Error("the secret moved without where it stood")
	}
}

// One export that was imported on two servers is told of once: the second receipt
// names the first.
func TestSecondReceipt(t *testing.T) {
	t.Parallel()
	k, one, two := testkit.New(t), testkit.New(t), testkit.New(t)
	k.Import(t, testkit.HOTP("A"), testkit.HOTP("B"))
	file, _, err := testkit.Export(t, k, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	two.Import(t, testkit.HOTP("before")) // so that the imports have other numbers
	first := testkit.Take(t, one, testkit.OpenExport(t, file))
	second := testkit.Take(t, two, testkit.OpenExport(t, file))
	for range 2 { // the same once more changes nothing
		m, err := k.Lifecycle.ConfirmMove(t.Context(), one.Receipt(t, first.ID), testkit.Origin)
		if err != nil || m.Moved != 2 {
			t.Fatalf("the first receipt: %+v, %v", m, err)
		}
	}
	k.Unchanged(t, func() {
		_, err := k.Lifecycle.ConfirmMove(t.Context(), two.Receipt(t, second.ID), testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "receipt_second")
		f := fault.Of(err)
		if !strings.Contains(f.Text, fmt.Sprintf("another receipt, of import %d", first.ID)) ||
			!strings.Contains(f.Hint, fmt.Sprintf("delete those that import %d brought there", second.ID)) {
			t.Errorf("it says %q, %q", f.Text, f.Hint)
		}
	})
}

// An older database is marked when it is opened, and what has one secret in it shares
// that from then on; marking may be cut off, and marks once.
func TestUpgradeMarksTokens(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	a := testkit.HOTP("A")
	b := with(testkit.HOTP("B"), a.Secret)
	k.Import(t, a, b, testkit.HOTP("C"))
	if !k.Verify(t, "A", testkit.Code(t, a, 3)) || !k.Verify(t, "B", testkit.Code(t, a, 8)) {
		t.Fatal("refused")
	}
	before := k.List(t, lifecycle.Filter{})
	if err := k.DB.Close(); err != nil {
		t.Fatal(err)
	}
	k.Exec(t, "DELETE FROM secret; UPDATE token SET mark = NULL WHERE serial <> 'C'; UPDATE condition SET twin = NULL")
	k.Open(t)
	for _, want := range [][2]int{{2, 1}, {0, 0}} {
		marked, shared, err := k.Marks.Upgrade(t.Context(), k.DB, k.Keys, k.Clock.Now(), testkit.Origin)
		if err != nil || marked != want[0] || shared != want[1] {
			t.Errorf("%d marked, %d shared, %v, want %v", marked, shared, err, want)
		}
	}
	if e := k.LastEntry(t); e.Action != "secret.shared" || e.After["serials"] != "A B" ||
		e.After["secret"] != before[0].Mark.String() {
		t.Errorf("the log says %s", e.Raw)
	}
	for i, tok := range k.List(t, lifecycle.Filter{}) {
		if tok != before[i] {
			t.Errorf("%+v, want %+v", tok, before[i])
		}
	}
	if k.Verify(t, "A", testkit.Code(t, a, 8)) || !k.Verify(t, "A", testkit.Code(t, a, 9)) ||
		k.Verify(t, "B", testkit.Code(t, a, 9)) {
		t.Error("the secret is not shared")
	}
}

// Whatever records there are of a few secrets, each code of each is accepted once, and
// none below one that was.
func TestSecretsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		k := testkit.New(t)
		var file []*pskc.Key
		for i := range rapid.IntRange(2, 7).Draw(rt, "keys") {
			serial, secret := fmt.Sprint("S", i), testkit.SecretOf(fmt.Sprint(rapid.IntRange(0, 2).Draw(rt, "secret")))
			key := with(testkit.HOTP(serial), secret)
			if rapid.Bool().Draw(rt, "timed") {
				key = testkit.Period(with(testkit.TOTP(serial), secret),
					rapid.SampledFrom([]uint64{30, 60}).Draw(rt, "period"))
			}
			file = append(file, testkit.Digits(key, rapid.IntRange(6, 8).Draw(rt, "digits")))
		}
		testkit.Ended(t, testkit.Take(t, k, testkit.Keys(file...)), store.RunCounts{Imported: len(file)})
		floors := map[string]int64{} // of secret and kind: a counter, or a second
		for range rapid.IntRange(1, 25).Draw(rt, "codes") {
			key := rapid.SampledFrom(file).Draw(rt, "key")
			k.Clock.Advance(time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds")) * time.Second)
			name := string(key.Kind) + string(key.Secret)
			var counter uint64
			var begins, ends int64
			if key.Kind == pskc.HOTP {
				counter = uint64(max(floors[name]+int64(rapid.IntRange(-3, 3).Draw(rt, "ahead")), 0))
				begins, ends = int64(counter), int64(counter)+1
			} else {
				counter = testkit.Step(t, key, k.Clock.Now()) + uint64(rapid.IntRange(0, 1).Draw(rt, "ahead"))
				begins = int64(counter) * int64(key.Interval)
				ends = begins + int64(key.Interval)
			}
			valid := k.Verify(t, key.Serial, testkit.Code(t, key, counter))
			if valid && begins < floors[name] {
				rt.Fatalf("%s %d is accepted below %d", key.Kind, counter, floors[name])
			}
			if !valid && key.Kind == pskc.HOTP && begins >= floors[name] {
				rt.Fatalf("%s %d is refused above %d: %s", key.Kind, counter, floors[name], k.LastEntry(t).Raw)
			}
			if valid {
				floors[name] = ends
			}
			k.Unlock(t, key.Serial)
		}
	})
}
