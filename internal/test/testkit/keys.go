package testkit

import (
	"context"
	"crypto/sha512"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/imports"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/oath"
	"ostiary/pskc"
)

// Manufacturer of the keys made here.
const Manufacturer = "Acme"

// SecretOf is the secret that the keys made here have under a serial.
func SecretOf(serial string) []byte {
	sum := sha512.Sum512([]byte("secret of " + serial))
	return sum[:20]
}

func key(serial string, kind pskc.Kind) *pskc.Key {
	return &pskc.Key{ID: serial, Kind: kind, Manufacturer: Manufacturer, Serial: serial, Secret: SecretOf(serial)}
}

// HOTP is an event-based key as a seed file gives it.
func HOTP(serial string) *pskc.Key {
	k := key(serial, pskc.HOTP)
	k.Hash = "SHA1"
	return k
}

// TOTP is a time-based key as a seed file gives it.
func TOTP(serial string) *pskc.Key {
	k := key(serial, pskc.TOTP)
	k.Hash = "SHA1"
	return k
}

// OCRA is a challenge-response key as a seed file gives it.
func OCRA(serial string) *pskc.Key {
	k := key(serial, pskc.OCRA)
	k.Suite = "OCRA-1:HOTP-SHA1-6:QN08"
	return k
}

// Digits sets the length of a key's codes.
func Digits(k *pskc.Key, n int) *pskc.Key {
	k.HasResponse, k.Response = true, pskc.ResponseFormat{Encoding: "DECIMAL", Length: n}
	return k
}

// Period sets a key's time step.
func Period(k *pskc.Key, seconds uint64) *pskc.Key {
	k.HasInterval, k.Interval = true, seconds
	return k
}

// Counter sets where an event-based key stands.
func Counter(k *pskc.Key, next uint64) *pskc.Key {
	k.HasCounter, k.Counter = true, next
	return k
}

// Source gives keys and errors as a file would. What it gives is a copy,
// because an import wipes secrets.
type Source struct {
	items []any
	// Before, when set, runs before each answer, io.EOF included.
	Before func(n int)
	n      int
}

// NewSource makes a Source of *pskc.Key and error values.
func NewSource(items ...any) *Source { return &Source{items: items} }

// Keys makes a Source of keys.
func Keys(keys ...*pskc.Key) *Source {
	s := &Source{}
	for _, k := range keys {
		s.items = append(s.items, k)
	}
	return s
}

// Next gives the next key.
func (s *Source) Next() (*pskc.Key, error) {
	if s.Before != nil {
		s.Before(s.n)
	}
	s.n++
	if s.n > len(s.items) {
		return nil, io.EOF
	}
	switch item := s.items[s.n-1].(type) {
	case *pskc.Key:
		k := *item
		k.Secret = append(pskc.Secret(nil), item.Secret...)
		k.Line = s.n
		return &k, nil
	case error:
		return nil, item
	default:
		panic(fmt.Sprintf("testkit: a source gives keys and errors, not %T", item))
	}
}

// Import imports keys and fails the test unless every one is.
func (k *Kit) Import(t testing.TB, keys ...*pskc.Key) {
	t.Helper()
	rep, err := k.Imports.Import(context.Background(), imports.Request{Keys: Keys(keys...), Label: "test",
		Origin: Origin})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Counts.Imported != len(keys) {
		t.Fatalf("imported %d of %d keys: %+v", rep.Counts.Imported, len(keys), rep.Counts)
	}
}

// Stage puts a token into the database past the import, for what no seed file
// can say, such as another beginning of time.
func (k *Kit) Stage(t testing.TB, tok token.Token, secret pskc.Secret) {
	t.Helper()
	k.PastLog()
	ctx := context.Background()
	sealed := func(id token.ID) []byte { return k.sealed(t, id, secret) }
	err := k.DB.Update(ctx, func(tx store.Tx) error {
		run, err := tx.BeginRun(store.Run{Opened: k.Clock.Now(), Label: "staged"})
		if err != nil {
			return err
		}
		if tok.ID, err = tx.NextTokenID(1); err != nil {
			return err
		}
		tok.Condition.Epoch = 1
		if tok.Mark, err = k.Marks.Mark(tok.Spec, seal.NewSecret(secret)); err != nil {
			return err
		}
		if err := tx.StageToken(run, store.Candidate{Token: tok, Sealed: sealed(tok.ID)}); err != nil {
			return err
		}
		return tx.PublishRun(run, k.Clock.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Code is the code of a key at a counter or time step.
func Code(t testing.TB, k *pskc.Key, counter uint64) string {
	t.Helper()
	h, err := oath.ParseHash(k.Hash)
	if err != nil {
		t.Fatal(err)
	}
	code, err := oath.HOTP(k.Secret, counter, h, k.Digits())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// Step is the time step of a key at a time.
func Step(t testing.TB, k *pskc.Key, at time.Time) uint64 {
	t.Helper()
	step, err := oath.Step(at.Unix(), int64(k.Period().Seconds()), 0)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// Wrong gives n codes that a key shows nowhere near a counter.
func Wrong(t testing.TB, k *pskc.Key, near uint64, n int) []string {
	t.Helper()
	taken := map[string]bool{}
	for c := near - min(near, 300); c < near+1500; c++ {
		taken[Code(t, k, c)] = true
	}
	var codes []string
	for i := 0; len(codes) < n; i++ {
		if code := fmt.Sprintf("%0*d", k.Digits(), i); !taken[code] {
			codes = append(codes, code)
		}
	}
	return codes
}

// Oathtool runs the program oathtool and gives the codes it prints. The secret
// goes in by standard input.
func Oathtool(t testing.TB, secret []byte, args ...string) []string {
	t.Helper()
	program, err := exec.LookPath("oathtool")
	if err != nil {
		t.Fatal("this test compares with the program oathtool: install the Debian package oathtool")
	}
	cmd := exec.Command(program, append(args, "-")...)
	cmd.Stdin = strings.NewReader(fmt.Sprintf("%x\n", secret))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("oathtool %v: %v\n%s", args, err, out)
	}
	return strings.Fields(string(out))
}

// OathtoolTOTP is what oathtool shows for a key at a time.
func OathtoolTOTP(t testing.TB, k *pskc.Key, t0 int64, at time.Time) string {
	t.Helper()
	return Oathtool(t, k.Secret, "--totp="+k.Hash, "--digits", strconv.Itoa(k.Digits()),
		"--time-step-size", strconv.FormatInt(int64(k.Period().Seconds()), 10)+"s",
		"--start-time", "@"+strconv.FormatInt(t0, 10), "--now", "@"+strconv.FormatInt(at.Unix(), 10))[0]
}
