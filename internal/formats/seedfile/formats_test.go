package seedfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"ostiary/oath"
	"ostiary/pskc"
)

// samples are the files of testdata that a format has, by name.
func samples(t testing.TB, name Format) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", string(name), "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("format %s has no samples in testdata/%s", name, name)
	}
	files := map[string]string{}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(p)] = string(b)
	}
	return files
}

// expected are the codes of the invented secrets, as another program computed
// them: by secret, kind, digits and, of HOTP, the counter or else the time step.
var expected = map[string]string{
	"1 HOTP 6 0": "006951", "1 HOTP 6 1": "035350", "1 HOTP 6 2": "443120", "1 HOTP 6 3": "429941",
	"2 HOTP 6 0": "730424", "2 HOTP 6 1": "324640", "2 HOTP 6 2": "078348", "2 HOTP 6 3": "940208",
	"1 TOTP 6 30": "024918", "1 TOTP 6 60": "304811", "1 TOTP 8 30": "86024918",
	"2 TOTP 6 30": "719915", "2 TOTP 6 60": "344796",
}

// testFormat holds a format to what all of them promise, on its samples.
func testFormat(t *testing.T, name Format) {
	codes := 0
	for file, text := range samples(t, name) {
		if got := Detect([]byte(text)); got != name {
			t.Errorf("%s is taken for %q", file, got)
		}
		c := mustOpen(t, text, Options{Format: name})
		if c.info.Format != name || c.info.Keys == 0 {
			t.Errorf("%s: info %+v", file, c.info)
		}
		if again := mustOpen(t, text, Options{}); !reflect.DeepEqual(again, c) {
			t.Errorf("%s: by content %+v, by name %+v", file, again, c)
		}
		for _, e := range c.refused {
			silentOn(t, e.Error())
		}
		silentOn(t, fmt.Sprintf("%+v", c.info))
		for _, k := range c.keys {
			codes += checkCode(t, k)
		}
		for _, w := range written(text) {
			if again := mustOpen(t, w, Options{}); !reflect.DeepEqual(again.answers, c.answers) {
				t.Errorf("%s, written %.8q: %+v, want %+v", file, w, again, c)
			}
			testRemainders(t, w, Options{Format: name})
		}
		if s := c.info.Sample; s == nil || s.Serial != c.keys[0].Serial || s.Code == "" {
			t.Errorf("%s: sample %+v", file, s)
		}
	}
	if codes == 0 {
		t.Errorf("no key of testdata/%s has a code that another program computed", name)
	}
}

// written gives a text as it stands, with a byte order mark and the line ends of
// Windows, and in UTF-16.
func written(text string) []string {
	all := []string{text}
	if charsetOf([]byte(text)).charset > markedUTF8 {
		return all
	}
	windows := strings.TrimPrefix(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n"), "\ufeff")
	all = append(all, "\ufeff"+windows)
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		var b []byte
		for _, unit := range utf16.Encode([]rune("\ufeff" + windows)) {
			b = order.AppendUint16(b, unit)
		}
		all = append(all, string(b))
	}
	return all
}

// checkCode compares the code of a key with that of another program, and counts
// whether there was one.
func checkCode(t *testing.T, k *pskc.Key) int {
	t.Helper()
	which := map[string]string{k1hex: "1", k2hex: "2"}[fmt.Sprintf("%X", []byte(k.Secret))]
	at, code := k.Counter, ""
	var err error
	switch {
	case k.Hash != oath.SHA1.String():
		return 0
	case k.Kind == pskc.HOTP:
		code, err = oath.HOTP(k.Secret, k.Counter, oath.SHA1, k.Digits())
	default:
		at = uint64(k.Period().Seconds())
		code, err = oath.TOTP(k.Secret, sampleTime.Unix(), int64(at), 0, oath.SHA1, k.Digits())
	}
	want, known := expected[fmt.Sprintf("%s %s %d %d", which, k.Kind, k.Digits(), at)]
	if !known {
		return 0
	}
	if code != want || err != nil {
		t.Errorf("key %s shows %s, want %s; error %v", k.Serial, code, want, err)
	}
	return 1
}

// TestFormats holds every format that this package reads to what they promise.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		if f.name == PSKC || f.name == DualShieldAssignments {
			continue // read by others, see TestElsewhere
		}
		t.Run(string(f.name), func(t *testing.T) {
			t.Parallel()
			testFormat(t, f.name)
		})
	}
}

func TestElsewhere(t *testing.T) {
	t.Parallel()
	for file, text := range samples(t, DualShieldAssignments) {
		if got := Detect([]byte(text)); got != DualShieldAssignments {
			t.Errorf("%s is taken for %q", file, got)
		}
		_, err := open(text, Options{})
		fails(t, err, ErrAssignments, "contains no secrets")
	}
	_, err := open("<KeyContainer/>", Options{})
	fails(t, err, ErrPSKC, "PSKC")
}

// fuzzFormat opens any content as one format, starting from its samples and, if it
// is XML, from attacks.
func fuzzFormat(f *testing.F, name Format) {
	for _, text := range samples(f, name) {
		f.Add([]byte(text))
	}
	if frame, ok := xmlFrames[name]; ok {
		for _, a := range attacks() {
			if text := hostile(frame, a); len(text) < maxToken {
				f.Add([]byte(text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkFile(t, b, Options{Format: name, Now: sampleTime}) })
}

// checkFile demands what every caller relies on: an answer for each entry, as
// many as Info counts, keys that can be used, errors of the package.
func checkFile(t *testing.T, b []byte, opt Options) {
	file, err := Open(bytes.NewReader(b), opt)
	if err != nil {
		if _, ok := errors.AsType[*Error](err); !ok && !errors.Is(err, ErrProduct) {
			t.Fatalf("error of another kind: %v", err)
		}
		if strings.ContainsAny(err.Error(), "\n\x00") {
			t.Fatalf("error %q", err)
		}
		return
	}
	defer file.Close()
	checkRemainder(t, string(b), opt, func(n int) bool { return crc32.ChecksumIEEE(b)>>(n%32)&1 == 1 })
	info := file.Info()
	keys, refused := 0, 0
	for {
		k, err := file.Next()
		if err == io.EOF {
			break
		}
		if bad, ok := errors.AsType[*pskc.KeyError](err); ok {
			if refused++; bad.Line < 1 || bad.Reason == "" {
				t.Fatalf("refusal %+v", bad)
			}
			continue
		}
		if err != nil {
			t.Fatalf("Next, when all was well: %v", err)
		}
		keys++
		if k.Serial == "" || k.Line < 1 || len(k.Secret) < pskc.DefaultMinSecret || len(k.Secret) > maxSecret ||
			algorithms[k.Kind] == "" ||
			k.Digits() < 6 || k.Digits() > 10 || k.Period() < 1 || sample(k, sampleTime) == nil {
			t.Fatalf("key %+v", k)
		}
	}
	if keys != info.Keys || refused != info.Refused || (info.Sample == nil) != (keys == 0) {
		t.Fatalf("%d keys and %d refused, info %+v", keys, refused, info)
	}
}
