package lifecycle_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// portable is a token as it is on every server: without its number, its run,
// and the moment it came.
func portable(t token.Token) token.Token {
	t.ID, t.Run, t.Created, t.Condition.Owner, t.Condition.RetryAt = 0, 0, time.Time{}, 0, time.Time{}
	t.Condition.Epoch, t.Mark = 1, 0 // marks are of one database
	return t
}

// all gives every token with its secret, in order.
func all(t testing.TB, k *testkit.Kit) (out []any) {
	t.Helper()
	err := k.DB.View(context.Background(), func(r store.Reader) error {
		found, err := r.Sealed(store.TokenFilter{})
		for _, c := range found {
			secret, err := k.Keys.Open(store.SecretBinding(c.Token.ID), c.Sealed)
			if err != nil {
				return err
			}
			policy, err := r.Policy(c.Token.ID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			pin := ""
			if policy.Sealed != nil {
				s, err := k.Keys.Open(store.PINBinding(c.Token.ID), policy.Sealed)
				if err != nil {
					return err
				}
				pin = string(s.Bytes())
			}
			out = append(out, portable(c.Token), hex.EncodeToString(secret.Bytes()), policy.Text, pin)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// figure5 is a PIN policy with its PIN in a key of its own.
func figure5(t *testing.T) *pskc.Reader {
	t.Helper()
	raw, err := os.ReadFile("../../../pskc/testdata/vectors/figure5.pskc")
	if err != nil {
		t.Fatal(err)
	}
	r, err := pskc.NewReader(bytes.NewReader(raw), pskc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A PIN of a device is kept with its token, and is no token itself.
func TestPINOfAToken(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	dry := testkit.Take(t, k, figure5(t), testkit.DryRun)
	rep := testkit.Take(t, k, figure5(t))
	if diff := cmp.Diff([]any{dry.RunCounts, dry.Rows}, []any{rep.RunCounts, rep.Rows}); diff != "" {
		t.Errorf("the dry run differs (-dry +real):\n%s", diff)
	}
	testkit.Ended(t, rep, store.RunCounts{Imported: 2})
	if row := rep.Rows[1]; !strings.Contains(row.Reason, "PIN of a token") || row.KeyID != "123456781" {
		t.Errorf("the PIN: %+v", row)
	}
	got := all(t, k)
	if len(got) != 4 || got[3] != "1234" || !strings.Contains(got[2].(string), `"MaxLength":4`) {
		t.Errorf("kept: %v", got)
	}
	if strings.Contains(fmt.Sprint(k.Log(t, 0)), "1234\"") || strings.Contains(k.Dump(t, "audit_entry"), `"1234"`) {
		t.Error("the PIN is in the log or open in the database")
	}
	// The same once more: the token is there, so its PIN is of no use.
	testkit.Ended(t, testkit.Take(t, k, figure5(t)), store.RunCounts{Duplicate: 2})
	file, n, err := testkit.Export(t, k)
	if err != nil || n != 1 {
		t.Fatalf("%d exported, %v", n, err)
	}
	other := testkit.New(t)
	testkit.Ended(t, testkit.Take(t, other, testkit.OpenExport(t, file)), store.RunCounts{Imported: 2})
	if diff := cmp.Diff(got, all(t, other)); diff != "" {
		t.Errorf("after export and import (-was +is):\n%s", diff)
	}
}

// Whatever set of tokens is exported and imported elsewhere, it is the same set.
func TestExportRoundTrip(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	for _, k := range []*testkit.Kit{a, b} {
		for i := range 3 {
			k.User(t, fmt.Sprint("user", i))
		}
	}
	text := rapid.StringMatching(`([A-Za-zäöü0-9&<>"'./=,_-]( ?[A-Za-zäöü0-9&<>"'./=,_-]){0,20})?`)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		if n++; n > 8 {
			return // each derives a key twice, which takes its time
		}
		run := fmt.Sprintf("%d-", n)
		for i := range rapid.IntRange(1, 40).Draw(rt, "tokens") {
			tok := token.Token{Kind: token.Hardware, Model: text.Draw(rt, "model"), Issuer: text.Draw(rt, "issuer"),
				StateReason: text.Draw(rt, "reason"),
				Identity: token.Identity{Manufacturer: text.Draw(rt, "manufacturer"),
					Serial: fmt.Sprintf("%s%d", run, i), KeyID: text.Draw(rt, "key id")}}
			c := &tok.Condition
			c.Epoch, c.Next = 1, rapid.Uint64Range(0, token.MaxCounter).Draw(rt, "next")
			c.State = token.State(rapid.IntRange(0, 3).Draw(rt, "state"))
			c.Failures = rapid.IntRange(0, 20).Draw(rt, "failures")
			for _, at := range []*time.Time{&c.NotBefore, &c.NotAfter, &c.LastUsed} {
				if rapid.Bool().Draw(rt, "dated") {
					*at = time.UnixMilli(rapid.Int64Range(1, 4e12).Draw(rt, "date")).UTC().Truncate(time.Second)
				}
			}
			tok.Spec.Hash, tok.Spec.Digits = rapid.SampledFrom([]string{"SHA1", "SHA256", "SHA512"}).Draw(rt, "hash"),
				rapid.IntRange(6, 10).Draw(rt, "digits")
			switch rapid.IntRange(0, 2).Draw(rt, "algorithm") {
			case 0:
				tok.Identity.Type, tok.Spec.Algorithm = "hotp", token.HOTP
			case 1:
				tok.Identity.Type, tok.Spec.Algorithm = "totp", token.TOTP
				tok.Spec.Period, tok.Spec.T0 = rapid.Int64Range(1, 172_800).Draw(rt, "period"),
					rapid.Int64Range(0, 1e9).Draw(rt, "t0")
				c.Drift = rapid.Int64Range(-120, 120).Draw(rt, "drift")
			default:
				tok.Identity.Type, tok.Spec = "ocra",
					token.Spec{Algorithm: token.OCRA, Digits: 8, Suite: "OCRA-1:HOTP-SHA256-8:C-QN08"}
			}
			a.Stage(t, tok, rapid.SliceOfN(rapid.Byte(), 16, 64).Draw(rt, "secret"))
			if rapid.Bool().Draw(rt, "owned") {
				a.Assign(t, tok.Identity.Serial, fmt.Sprint("user", rapid.IntRange(0, 2).Draw(rt, "user")))
			}
		}
		serials := []string{}
		for _, tok := range a.List(t, lifecycle.Filter{}) {
			serials = append(serials, tok.Identity.Serial)
		}
		file, count, err := testkit.Export(t, a)
		if err != nil || count != len(serials) {
			rt.Fatalf("%d of %d exported, %v", count, len(serials), err)
		}
		rep := testkit.Take(t, b, testkit.OpenExport(t, file))
		for _, row := range rep.Rows {
			if row.Outcome != imports.Imported {
				rt.Fatalf("%s of %s was %s: %s", row.KeyID, row.Serial, row.Outcome, row.Reason)
			}
		}
		if diff := cmp.Diff(all(t, a), all(t, b)); diff != "" {
			rt.Fatalf("the tokens differ (-exported +imported):\n%s", diff)
		}
		for _, k := range []*testkit.Kit{a, b} {
			for _, s := range serials {
				if _, err := k.Lifecycle.Delete(context.Background(), testkit.Serial(s), testkit.Origin); err != nil {
					rt.Fatal(err)
				}
			}
		}
	})
}

// The log says which tokens left before any secret does, and no secret itself.
func TestExportIsLogged(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	var keys []*pskc.Key
	for i := range 300 {
		keys = append(keys, testkit.HOTP(fmt.Sprintf("%04d", i)))
	}
	k.Import(t, keys...)
	size := len(k.Log(t, 0))
	file, n, err := testkit.Export(t, k)
	if err != nil || n != 300 {
		t.Fatalf("%d exported, %v", n, err)
	}
	var serials []string
	for _, e := range k.Log(t, 0)[size:] {
		if e.Action != "tokens.exported" || e.Actor != testkit.Origin.Actor {
			t.Errorf("the log says %s", e.Raw)
		}
		serials = append(serials, strings.Fields(fmt.Sprint(e.After["serials"]))...)
	}
	if len(serials) != 300 || serials[0] != "0000" || serials[299] != "0299" {
		t.Errorf("the log names %d tokens", len(serials))
	}
	for _, secret := range []string{string(keys[7].Secret), hex.EncodeToString(keys[7].Secret), testkit.ExportPhrase} {
		if strings.Contains(string(file), secret) || strings.Contains(fmt.Sprint(k.Log(t, 0)), secret) ||
			strings.Contains(k.Dump(t), secret) {
			t.Error("a secret is open in the file, the log or the database")
		}
	}
	// A log that cannot be written lets nothing out.
	closed, err := lifecycle.New(
		lifecycle.Config{Keys: k.Keys, Marks: k.Marks, Links: k.Hasher(seal.Link), Now: k.Clock.Now,
			DB: testkit.Failing{DB: k.DB, Fail: func() error { return store.ErrUnavailable }}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := closed.Export(t.Context(), &out,
		lifecycle.ExportRequest{Passphrase: seal.NewSecret([]byte(testkit.ExportPhrase))}); !errors.Is(
		err, store.ErrUnavailable) || out.Len() > 0 {
		t.Errorf("%d bytes left without a log, %v", out.Len(), err)
	}
}

// What is chosen is exported; nothing is no file, and a weak passphrase none either.
func TestExportChooses(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	k.Import(t, testkit.HOTP("1"), testkit.TOTP("2"), testkit.HOTP("3"))
	k.User(t, "anna")
	k.Assign(t, "3", "anna")
	for name, c := range map[string]struct {
		choose func(*lifecycle.ExportRequest)
		want   string
	}{
		"type":    {func(r *lifecycle.ExportRequest) { r.Filter.Type = "totp" }, "2"},
		"user":    {func(r *lifecycle.ExportRequest) { r.Filter.User = "Anna" }, "3"},
		"serials": {func(r *lifecycle.ExportRequest) { r.Serials = []string{"3", "1", "none"} }, "1 3"},
	} {
		file, _, err := testkit.Export(t, k, c.choose)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for r := testkit.OpenExport(t, file); ; {
			key, err := r.Next()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			got = append(got, key.Serial)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	k.Unchanged(t, func() {
		file, _, err := testkit.Export(t, k, func(r *lifecycle.ExportRequest) { r.Serials = []string{"none"} })
		testkit.IsFault(t, err, fault.NotFound, "nothing_to_export")
		if len(file) > 0 {
			t.Errorf("a file of nothing: %s", file)
		}
		_, _, err = testkit.Export(t, k,
			func(r *lifecycle.ExportRequest) { r.Passphrase = seal.NewSecret([]byte("short")) })
		testkit.IsFault(t, err, fault.Invalid, "passphrase_short")
	})
}

// Another program reads the file.
func TestExportForPythonPSKC(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	one, two := testkit.HOTP("1"), testkit.TOTP("2")
	k.Import(t, one, two)
	if !k.Verify(t, "1", testkit.Code(t, one, 4)) {
		t.Fatal("the code is refused")
	}
	file, _, err := testkit.Export(t, k)
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/export.pskc"
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `
import sys
from pskc import PSKC
f = PSKC(sys.argv[1])
f.encryption.derive_key(sys.argv[2])
for k in f.keys:
    print(k.serial, k.secret.hex(), k.counter, k.time_interval, k.response_length)
`
	out, err := exec.Command("/usr/bin/python3", "-c", script, path, testkit.ExportPhrase).CombinedOutput()
	if err != nil {
		t.Fatalf("python3-pskc: %v: %s", err, out)
	}
	want := fmt.Sprintf("1 %x 5 None 6\n2 %x None 30 6\n", []byte(one.Secret), []byte(two.Secret))
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("python3-pskc reads (-want +got):\n%s", diff)
	}
}
