package secrets_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// Secrets that make the same codes have one mark, whatever computes with them; others
// do not.
func TestMarksAreOfWhatHMACSees(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	mark := func(spec token.Spec, secret []byte) token.Mark {
		m, err := k.Marks.Mark(spec, seal.NewSecret(bytes.Clone(secret)))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	spec := func(hash string) token.Spec { return token.Spec{Algorithm: token.HOTP, Hash: hash, Digits: 6} }
	key := testkit.SecretOf("1")
	one := mark(spec("SHA1"), key)
	for name, m := range map[string]token.Mark{
		"another hash":    mark(spec("SHA512"), key),
		"zeros behind it": mark(spec("SHA1"), append(bytes.Clone(key), 0, 0)),
		"time":            mark(token.Spec{Algorithm: token.TOTP, Hash: "SHA256", Digits: 8, Period: 60}, key),
		"challenge":       mark(token.Spec{Algorithm: token.OCRA, Suite: "OCRA-1:HOTP-SHA1-6:QN08"}, key),
	} {
		if m != one {
			t.Errorf("%s: mark %s, want %s", name, m, one)
		}
	}
	for hash, c := range map[string]struct {
		block int
		sum   func([]byte) []byte
	}{
		"SHA1":   {64, func(b []byte) []byte { s := sha1.Sum(b); return s[:] }},
		"SHA256": {64, func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }},
		"SHA512": {128, func(b []byte) []byte { s := sha512.Sum512(b); return s[:] }},
	} {
		for n, same := range map[int]bool{c.block: false, c.block + 1: true} {
			long := bytes.Repeat([]byte{7}, n)
			if got := mark(spec(hash), long) == mark(spec(hash), c.sum(long)); got != same {
				t.Errorf("%s: a key of %d bytes and its hash: one mark %v", hash, n, got)
			}
		}
	}
	if other := mark(spec("SHA1"), testkit.SecretOf("2")); other == one || one == 0 {
		t.Errorf("two secrets: %s and %s", one, other)
	}
	if none := mark(spec("SHA1"), nil); none != 0 {
		t.Errorf("of no secret: %s", none)
	}
	if _, err := k.Marks.Mark(spec("MD5"), seal.NewSecret([]byte("key"))); err == nil {
		t.Error("a hash that is none")
	}
	second := testkit.New(t)
	if m, err := second.Marks.Mark(spec("SHA1"), seal.NewSecret(bytes.Clone(key))); err != nil || m == one {
		t.Errorf("another server makes the same mark: %s, %v", m, err)
	}
	first := mark(spec("SHA1"), key)
	if k.Reopen(t); mark(spec("SHA1"), key) != first {
		t.Error("a restart changes marks")
	}
}

// What databases of before remember of deleted tokens goes on counting: a counter as
// it is; a time step if it may be one of this period, else all up to now is used.
func TestRetiredBeforeThereWereMarks(t *testing.T) {
	t.Parallel()
	now := uint64(testkit.Start.Unix())
	for name, c := range map[string]struct {
		key  *pskc.Key
		next uint64 // as it was remembered
		want uint64
	}{
		"counter":          {testkit.HOTP("1"), 40, 40},
		"the same period":  {testkit.TOTP("1"), now/30 - 5, now/30 - 5},
		"a little ahead":   {testkit.TOTP("1"), now/30 + 5, now/30 + 5},
		"a longer period":  {testkit.Period(testkit.TOTP("1"), 60), now / 30, now/60 + 1},
		"a shorter period": {testkit.TOTP("1"), now / 60, now/30 + 1},
		"never used":       {testkit.TOTP("1"), 0, 0},
	} {
		k := testkit.New(t)
		fingerprint := bytes.Repeat([]byte{5}, 32)
		where := seal.Binding{Table: "setting", Column: "fingerprint_key"}
		sealed, err := k.Keys.Seal(where, seal.NewSecret(bytes.Clone(fingerprint)))
		if err != nil {
			t.Fatal(err)
		}
		err = k.DB.Update(t.Context(), func(tx store.Tx) error { return tx.SetSetting(where.Column, sealed) })
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, fingerprint)
		fmt.Fprintf(mac, "%s\x00%s", c.key.Kind, []byte(c.key.Secret))
		k.Exec(t, fmt.Sprintf("INSERT INTO retired (fingerprint, next, moved_away) VALUES (x'%s', %d, 0)",
			hex.EncodeToString(mac.Sum(nil)), c.next))
		k.Import(t, c.key)
		if got := k.Token(t, "1").Condition.Next; got != c.want {
			t.Errorf("%s: it begins at %d, want %d", name, got, c.want)
		}
		// Deleted now, the mark takes over.
		k.Clock.Advance(time.Minute)
		counter := c.want
		if c.key.Kind == pskc.TOTP {
			counter = testkit.Step(t, c.key, k.Clock.Now())
		}
		if counter >= c.want && !k.Verify(t, "1", testkit.Code(t, c.key, counter)) {
			t.Errorf("%s: a right code is refused: %s", name, k.LastEntry(t).Raw)
		}
	}
}
