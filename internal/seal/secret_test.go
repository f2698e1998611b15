package seal

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const secretText = "correct horse battery staple"

// leaks looks for the secret in whatever form a printer may give it.
func leaks(t *testing.T, where, text string) {
	t.Helper()
	raw := []byte(secretText)
	for _, form := range []string{
		secretText, hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)),
		strings.Trim(fmt.Sprint(raw), "[]"), fmt.Sprintf("% x", raw), fmt.Sprintf("%#v", raw),
		strings.TrimSuffix(fmt.Sprintf("%#v", raw), "}")[len("[]byte{"):], "Y29ycmVjdCBob3JzZ",
	} {
		if strings.Contains(text, form) {
			t.Errorf("%s shows the secret as %q: %q", where, form, text)
		}
	}
}

type exported struct{ S Secret }

type unexported struct{ s Secret }

func TestSecretIsNotPrinted(t *testing.T) {
	t.Parallel()
	s := NewSecret([]byte(secretText))
	verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%c", "%b", "%o", "%U", "%t", "%e",
		"%10.3v", "%-20s"}
	for _, verb := range verbs {
		if got := fmt.Sprintf(verb, s); !strings.Contains(got, redacted) {
			t.Errorf("%s prints %q, want %q", verb, got, redacted)
		}
	}
	for _, verb := range append(verbs, "%p", "%T", "%w", "%z") {
		for name, v := range map[string]any{
			"a secret": s, "a pointer": &s, "a slice": []Secret{s}, "a map": map[string]Secret{"k": s},
			"an exported field": exported{s}, "an unexported field": unexported{s},
			"a pointer to an unexported field": &unexported{s},
			"deep":                             []any{map[int]*unexported{1: {s}}, [1]unexported{{s}}},
		} {
			leaks(t, verb+" of "+name, fmt.Sprintf(verb, v))
		}
	}
	leaks(t, "Sprint", fmt.Sprint(s, unexported{s}))
	leaks(t, "an error", fmt.Errorf("open %v: %w", s, errors.New(fmt.Sprint(exported{s}))).Error())
}

func TestSecretIsNotLogged(t *testing.T) {
	t.Parallel()
	s := NewSecret([]byte(secretText))
	var buf bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&buf, nil), slog.NewJSONHandler(&buf, nil)} {
		l := slog.New(h)
		l.Info("alone", "secret", s)
		l.Info("inside", "exported", exported{s}, "unexported", unexported{s}, "pointer", &exported{s}, "slice",
			[]Secret{s})
		l.With("secret", s).WithGroup("group").Info("with", slog.Any("secret", &s))
	}
	leaks(t, "the log", buf.String())
	if n := strings.Count(buf.String(), redacted); n < 6 {
		t.Errorf("%d times %s in %s", n, redacted, buf.String())
	}
}

func TestSecretIsNotMarshalled(t *testing.T) {
	t.Parallel()
	s := NewSecret([]byte(secretText))
	for name, v := range map[string]any{
		"a secret": s, "a pointer": &s, "a slice": []Secret{s}, "a value": map[string]Secret{"k": s},
		"a field": exported{s}, "an unexported field": unexported{s},
	} {
		got, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		leaks(t, "JSON of "+name, string(got))
		if name != "an unexported field" && !strings.Contains(string(got), redacted) {
			t.Errorf("JSON of %s is %s", name, got)
		}
	}
	got, err := xml.Marshal(exported{s})
	if err != nil || !strings.Contains(string(got), redacted) {
		t.Errorf("XML is %s, %v", got, err)
	}
	leaks(t, "XML", string(got))
	var m encoding.TextMarshaler = s
	if got, err := m.MarshalText(); err != nil || string(got) != redacted {
		t.Errorf("MarshalText = %q, %v", got, err)
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	a, b := NewSecret([]byte("one")), NewSecret([]byte("one"))
	if !a.Equal(b) || a.Len() != 3 || string(a.Bytes()) != "one" {
		t.Errorf("two secrets of the same bytes are not equal, or not %q", a.Bytes())
	}
	for _, other := range []string{"", "on", "onf", "one ", "ONE"} {
		if a.Equal(NewSecret([]byte(other))) {
			t.Errorf("equal to %q", other)
		}
	}
	b.Wipe()
	if string(b.Bytes()) != "\x00\x00\x00" || b.Equal(a) {
		t.Errorf("wiped: %q", b.Bytes())
	}
	copied := a
	copied.Wipe()
	if string(a.Bytes()) != "\x00\x00\x00" {
		t.Error("wiping a copy does not wipe the secret")
	}
	var zero Secret
	zero.Wipe()
	if zero.Len() != 0 || zero.Bytes() != nil || !zero.Equal(NewSecret(nil)) {
		t.Errorf("the zero secret has %d bytes", zero.Len())
	}
}
