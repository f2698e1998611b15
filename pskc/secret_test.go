package pskc

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// However a key, a reader or options are printed, no secret shows.
func TestSecretIsNotPrinted(t *testing.T) {
	t.Parallel()
	file := sealedFile("1", "2")
	opt := Options{PreSharedKey: testKey, Passphrase: Secret(seed)}
	r, err := NewReader(strings.NewReader(file), opt)
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.Next()
	if err != nil || string(k.Secret) != seed {
		t.Fatal(err)
	}
	writing := WriterOptions{Passphrase: Secret(seed)}
	w := testWriter(t, io.Discard, WriterOptions{})
	if err := w.Write(k); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b"} {
		for _, v := range []any{k, *k, k.Secret, []Secret{k.Secret}, opt, &opt, r, *r, writing, &writing, w, *w,
			&KeyError{Err: ErrAltered}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, v := range []any{k, *k, k.Secret, opt, writing, map[string]any{"k": k}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	b, err := xml.Marshal(k.Secret)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("m", "key", k, "value", *k, "secret", k.Secret, "reader", r, "options", opt, "writer", w,
			"writing", writing)
	}
	got := out.String()
	if !strings.Contains(got, redacted) {
		t.Error("nothing redacted")
	}
	for _, secret := range [][]byte{[]byte(seed), testKey, testMACKey} {
		for _, shape := range []string{
			string(secret), b64(secret), fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret),
			strings.Trim(fmt.Sprintf("%d", secret), "[]"), strings.Trim(fmt.Sprintf("%o", secret), "[]"),
			strings.Trim(fmt.Sprintf("%b", secret), "[]"),
			strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", secret), "[]byte{"), "}"),
		} {
			if i := strings.Index(got, shape); i >= 0 {
				t.Errorf("printed: %s", got[max(0, i-60):i+len(shape)])
			}
		}
	}
}

// The keys are gone from the reader when it is done.
func TestWiped(t *testing.T) {
	t.Parallel()
	p := newTestParser(t, []byte(sealedFile("1")), Options{PreSharedKey: testKey})
	if _, err := p.next(); err != nil {
		t.Fatal(err)
	}
	key := p.cry.key
	if !bytes.Equal(key, testKey) {
		t.Fatal("no key")
	}
	if _, err := p.next(); err == nil {
		t.Fatal("no end")
	}
	if !bytes.Equal(key, make([]byte, len(key))) || p.cry.key != nil {
		t.Error("the key was not wiped")
	}
	if !bytes.Equal(testKey, mustHex("12345678901234567890123456789012")) {
		t.Error("the caller's key was wiped")
	}
}

// The secret is the caller's own: reading on does not touch it.
func TestSecretIsOwned(t *testing.T) {
	t.Parallel()
	for _, file := range []string{sealedFile("1", "2"), container(
		pkg("1", "1", hotpURI, data(plainSecret(seed))),
		pkg("2", "2", hotpURI, data(plainSecret("abcdefghijklmnopqrst"))))} {
		res := readString(t, file, Options{PreSharedKey: testKey})
		if len(res.keys) != 2 || string(res.keys[0].Secret) != seed {
			t.Fatal(res)
		}
	}
}
