package seedfile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ostiary/pskc"
)

// The invented secrets of testdata, and codes that another program computed.
const (
	k1hex, k1b32 = "A1B2C3D4E5F60718293A4B5C6D7E8F9001122334", "UGZMHVHF6YDRQKJ2JNOG27UPSAAREIZU"
	k2hex, k2b32 = "5F0E1D2C3B4A596877868594A3B2C1D0EFFE0D1C", "L4HB2LB3JJMWQ54GQWKKHMWB2DX74DI4"
)

var sampleTime = time.Unix(1750000000, 0)

func unhex(t testing.TB, s string) pskc.Secret {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testfile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// contents is all that a file gives.
type contents struct {
	info    Info
	keys    []*pskc.Key
	refused []*pskc.KeyError
	answers []answer // both, as they came
}

func open(text string, opt Options) (contents, error) {
	if opt.Now.IsZero() {
		opt.Now = sampleTime
	}
	f, err := Open(strings.NewReader(text), opt)
	if err != nil {
		return contents{}, err
	}
	defer f.Close()
	c := contents{info: f.Info()}
	for {
		k, err := f.Next()
		var bad *pskc.KeyError
		switch {
		case err == io.EOF:
			return c, nil
		case errors.As(err, &bad):
			c.refused = append(c.refused, bad)
			c.answers = append(c.answers, answer{bad: bad})
		case err != nil:
			return c, err
		default:
			c.keys = append(c.keys, k)
			c.answers = append(c.answers, answer{key: k})
		}
	}
}

func mustOpen(t testing.TB, text string, opt Options) contents {
	t.Helper()
	c, err := open(text, opt)
	if err != nil {
		t.Fatal(err)
	}
	if c.info.Keys != len(c.keys) || c.info.Refused != len(c.refused) {
		t.Errorf("Info counts %d keys and %d refused, Next gave %d and %d", c.info.Keys, c.info.Refused, len(c.keys),
			len(c.refused))
	}
	return c
}

// sameKeys compares every field.
func sameKeys(t testing.TB, got []*pskc.Key, want ...pskc.Key) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d keys, want %d", len(got), len(want))
	}
	for i, k := range got {
		w := want[i]
		if !bytes.Equal(k.Secret, w.Secret) {
			t.Errorf("key %d has another secret", i)
		}
		if w.Algorithm = algorithms[w.Kind]; w.Hash == "" {
			w.Hash = "SHA1"
		}
		a, b := *k, w
		a.Secret, b.Secret = nil, nil
		if !equal(a, b) {
			t.Errorf("key %d:\n got %+v\nwant %+v", i, a, b)
		}
	}
}

// refusals compares lines and parts of the reasons: "3: A3" is line 3 and a
// reason with A3 in it.
func refusals(t testing.TB, got []*pskc.KeyError, want ...string) {
	t.Helper()
	var all []string
	for _, e := range got {
		all = append(all, e.Error())
	}
	if len(got) != len(want) {
		t.Fatalf("%d refused, want %d:\n%s", len(got), len(want), strings.Join(all, "\n"))
	}
	for i, w := range want {
		line, part, _ := strings.Cut(w, ": ")
		if !strings.Contains(all[i], "(line "+line+")") || !strings.Contains(all[i], part) {
			t.Errorf("refusal %d is %q, want line %s with %q", i, all[i], line, part)
		}
	}
}

// fails demands an error of a kind, with a part of its text.
func fails(t testing.TB, err, kind error, part string) {
	t.Helper()
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), part) {
		t.Errorf("error %v, want %v with %q", err, kind, part)
	}
}

// silentOn demands that nothing of a secret stands in a text.
func silentOn(t testing.TB, text string) {
	t.Helper()
	text = strings.ToUpper(text)
	for _, s := range []string{k1hex, k1b32, k2hex, k2b32} {
		for i := 0; i+8 <= len(s); i++ {
			if strings.Contains(text, s[i:i+8]) {
				t.Fatalf("a secret shows in %q", text)
			}
		}
	}
}

func digits(n int) pskc.ResponseFormat {
	return pskc.ResponseFormat{Encoding: "DECIMAL", Length: n}
}
