package pskc

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// There is no bit of an export that could be another, be it as insignificant as
// a blank.
func TestFileMACFlips(t *testing.T) {
	t.Parallel()
	file := []byte(export(t, WriterOptions{}, recordKeys()[0]))
	if res := readString(t, string(file), readsExport()); res.err != nil || !res.hdr.FileMAC || len(res.keys) != 1 {
		t.Fatal(res.err)
	}
	opt := readsExport()
	opt.Limits.Iterations = 10
	for i := range file {
		for bit := range 8 {
			file[i] ^= 1 << bit
			if res := readString(t, string(file), opt); res.err == nil {
				t.Errorf("bit %d of byte %d taken: %d keys, refused %v\n%s", bit, i, len(res.keys), res.refused, file)
			}
			file[i] ^= 1 << bit
		}
	}
}

// Cut anywhere, with anything behind, or with a byte less, it is no whole file.
func TestFileMACCuts(t *testing.T) {
	t.Parallel()
	file := export(t, WriterOptions{}, recordKeys()[0])
	for i := range file {
		for _, f := range []string{file[:i], file[:i] + file[i+1:], file[:i] + " " + file[i:], file[:i] + "<!---->" +
			file[i:]} {
			if res := readString(t, f, readsExport()); res.err == nil {
				t.Fatalf("taken: cut or filled at byte %d\n%s", i, f)
			}
		}
	}
	for _, more := range []string{"\n", " ", "<a/>", "<!-- -->", "\x00"} {
		if res := readString(t, file+more, readsExport()); !errors.Is(res.err, ErrAltered) {
			t.Errorf("%q behind: %v", more, res.err)
		}
	}
	if wide := readString(t, "\xef\xbb\xbf"+file, readsExport()); !errors.Is(wide.err, ErrAltered) {
		t.Error("a mark before it:", wide.err)
	}
	if crlf := readString(t, strings.ReplaceAll(file, "\n", "\r\n"), readsExport()); !errors.Is(crlf.err, ErrAltered) {
		t.Error("line ends:", crlf.err)
	}
}

// Without the keys nobody drops, doubles, exchanges or adds packages, changes what
// is plain, or takes the MAC away.
func TestFileMACAttacks(t *testing.T) {
	t.Parallel()
	file := export(t, WriterOptions{}, recordKeys()...)
	other := export(t, WriterOptions{}, recordKeys()...)
	head, rest, _ := strings.Cut(file, "<KeyPackage>")
	body, tail := rest[:strings.Index(rest, fileMACHead)], rest[strings.Index(rest, fileMACHead):]
	var packages []string
	for _, p := range strings.SplitAfter(body, "</KeyPackage>\n") {
		if p != "" {
			packages = append(packages, "<KeyPackage>"+strings.TrimPrefix(p, "<KeyPackage>"))
		}
	}
	a, b, c := packages[0], packages[1], packages[2]
	if head+a+b+c+tail != file {
		t.Fatal("taken apart wrongly")
	}
	const end = "</KeyContainer>\n"
	bare := func(s string) string {
		for strings.Contains(s, "<Extensions>") {
			s = strings.Replace(s, between(s, "<Extensions>", "</Extensions>"), "", 1)
		}
		return s
	}
	for name, f := range map[string]string{
		"dropped": head + a + c + tail, "last dropped": head + a + b + tail, "doubled": head + a + a + b + c + tail,
		"exchanged": head + b + a + c + tail,
		"one only":  head + b + tail, "no MAC": head + a + b + c + end, "dropped, no MAC": head + a + end,
		"MAC moved": head + a + tail[:len(tail)-len(end)] + b + c + end, "MAC first": head + tail[:len(tail)-len(end)] +
			a + b + c + end,
		"MAC in a key": head + strings.Replace(a, "<os:Record>", between(tail, "<os:FileMAC>", "</os:FileMAC>")+
			"<os:Record>", 1) + b + c + tail,
		"other MAC":       head + a + b + c + other[strings.Index(other, fileMACHead):],
		"empty MAC":       head + a + b + c + "<Extensions><os:FileMAC/></Extensions>\n" + end,
		"records dropped": bare(head+a+b+c) + tail, "records and MAC dropped": bare(head+a+b+c) + end,
		"namespace changed": strings.Replace(head, ownSpace, "urn:another", 1) + a + b + c + tail,
		"namespace and MAC": strings.Replace(head, ownSpace, "urn:another", 1) + a + b + c + end,
		"counter":           head + strings.Replace(a, ">7<", ">0<", 1) + b + c + tail, "serial": head +
			strings.Replace(a, ">S1<", ">S2<", 1) + b + c + tail,
		"other keys": other[:strings.Index(other, "<KeyPackage>")] + a + b + c + tail,
	} {
		res := readString(t, f, readsExport())
		if res.err == nil || !errors.Is(res.err, ErrAltered) && !errors.Is(res.err, ErrWrongKey) &&
			!errors.Is(res.err, ErrUnsupported) {
			t.Errorf("%s: %d keys, refused %v, error %v", name, len(res.keys), res.refused, res.err)
		}
	}
	// Where no value is left, nothing asks for the MAC key, and nothing is given.
	for name, f := range map[string]string{"empty package": "<KeyPackage/>",
		"plain key": pkg("1", "1", hotpURI, data(plainSecret(seed)))} {
		if res := readString(t, head+f+end, readsExport()); len(res.keys) != 0 || len(res.refused) != 1 ||
			res.hdr.FileMAC {
			t.Errorf("%s: %d keys, refused %v, error %v", name, len(res.keys), res.refused, res.err)
		}
		wantFatal(t, result{err: readString(t, head+f+tail, readsExport()).err}, ErrWrongKey, "")
	}
}

// A part of an export is read by whoever says so.
func TestAllowPart(t *testing.T) {
	t.Parallel()
	file := export(t, WriterOptions{}, recordKeys()...)
	part := file[:strings.Index(file, fileMACHead)] + "</KeyContainer>"
	wantLost(t, readString(t, part, readsExport()), "option AllowPart")
	opt := readsExport()
	opt.AllowPart = true
	res := readString(t, part, opt)
	if res.err != nil || len(res.keys) != 3 || res.hdr.FileMAC || len(res.keys[0].Record) != 2 {
		t.Errorf("%d keys, %v, %+v", len(res.keys), res.err, res.hdr)
	}
	// A MAC that is there must be right.
	wantLost(t, readString(t, strings.Replace(file, ">7<", ">6<", 1), opt), "does not verify")
	if res := readString(t, file, opt); res.err != nil || !res.hdr.FileMAC {
		t.Error(res.err)
	}
	// It is known with the first key.
	r, err := NewReader(strings.NewReader(file), readsExport())
	if err != nil {
		t.Fatal(err)
	}
	before := r.Header().FileMAC
	if _, err := r.Next(); err != nil || before || !r.Header().FileMAC {
		t.Error(err, before)
	}
	// Other files have none, and say so.
	if res := readString(t, sealedFile("1"), Options{PreSharedKey: testKey}); res.err != nil || res.hdr.FileMAC {
		t.Error(res.err)
	}
	unannounced := strings.Replace(sealedFile("1"), "</KeyContainer>", `<Extensions><os:FileMAC xmlns:os="`+ownSpace+`">AAAA</os:FileMAC></Extensions></KeyContainer>`, 1)
	wantLost(t, readString(t, unannounced, Options{PreSharedKey: testKey}), "does not announce")
}

func wantLost(t testing.TB, res result, text string) {
	t.Helper()
	if !errors.Is(res.err, ErrAltered) || !strings.Contains(res.err.Error(), text) {
		t.Errorf("want ErrAltered with %q, got %v", text, res.err)
	}
}

// However the bytes come, they are the same bytes; and the file may be long.
func TestFileMACReaders(t *testing.T) {
	t.Parallel()
	keys := recordKeys()
	for range 7 {
		keys = append(keys, keys...)
	}
	file := export(t, WriterOptions{}, keys...)
	if len(file) < 10*windowSize {
		t.Fatal(len(file))
	}
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(file), "one byte": iotest.OneByteReader(strings.NewReader(file)),
		"odd": &stutter{file, 333}, "data err": iotest.DataErrReader(strings.NewReader(file)),
	} {
		if res := readAll(t, r, readsExport()); res.err != nil || len(res.keys) != len(keys) {
			t.Errorf("%s: %v", name, res.err)
		}
	}
	for i := 0; i < len(file); i += 9973 {
		bad := []byte(file)
		bad[i] ^= 1
		if res := readString(t, string(bad), readsExport()); res.err == nil {
			t.Errorf("byte %d", i)
		}
	}
}
