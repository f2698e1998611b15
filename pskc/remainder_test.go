package pskc

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// answersOf reads a file to its end: one text for each answer, without lines.
func answersOf(t tb, file string, opt Options) (answers []string, err error) {
	t.Helper()
	r, err := NewReader(strings.NewReader(file), opt)
	if err != nil {
		t.Fatal(err)
	}
	for {
		k, err := r.Next()
		refused, ok := errors.AsType[*KeyError](err)
		switch {
		case ok:
			refused.Line = 0
			answers = append(answers, refused.Error())
		case err == io.EOF:
			return answers, nil
		case err != nil:
			return answers, err
		default:
			k.Line = 0
			shown, err := json.Marshal(k)
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, fmt.Sprintf("%s %x", shown, []byte(k.Secret)))
		}
	}
}

// part is a piece of a file as encoding/xml sees it: a package with its number
// of answers, or what is between packages, or what is never copied.
type part struct {
	text    string
	answers int // 0: not a package
	never   bool
}

// partsOf takes a file apart.
func partsOf(t tb, file string) (parts []part) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(file))
	depth, begin, keys, own := 0, int64(0), 0, false // own: an Extensions of ours
	last := int64(0)
	cut := func(to int64, answers int, never bool) {
		parts = append(parts, part{file[last:to], answers, never})
		last = to
	}
	for {
		at := d.InputOffset()
		tok, err := d.Token()
		if err == io.EOF {
			cut(int64(len(file)), 0, false)
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			depth++
			switch {
			case tok.Name.Space == "urn:x":
				own = false
			case depth == 2:
				begin, keys, own = at, 0, false
			case depth == 3 && (tok.Name.Local == "Key" || tok.Name.Local == "Secret"):
				keys++
			case depth == 3 && tok.Name.Local == "FileMAC":
				own = true
			}
		case xml.EndElement:
			depth--
			name := tok.Name.Local
			if depth == 1 && tok.Name.Space != "urn:x" &&
				(name == "KeyPackage" || name == "Device" || name == "Signature" || own) {
				cut(begin, 0, false)
				if name == "Signature" || own {
					keys = 0
				} else {
					keys = max(keys, 1)
				}
				cut(d.InputOffset(), keys, keys == 0)
			}
		}
	}
}

// checkRemainder copies a file with the keys of the set, and demands that the
// copy has just their packages, to the byte, and reads to their answers.
func checkRemainder(t tb, file string, opt Options, set func(n int) bool) {
	t.Helper()
	all, fatal := answersOf(t, file, opt)
	var wantText strings.Builder
	var want []string
	n := 0
	for _, p := range partsOf(t, file) {
		kept := p.answers == 0
		for i := range p.answers {
			kept = kept || set(n+i)
		}
		if kept && !p.never {
			wantText.WriteString(p.text)
			if n < len(all) {
				want = append(want, all[n:min(len(all), n+p.answers)]...)
			}
		}
		n += p.answers
	}
	var got bytes.Buffer
	asked := 0
	kept, err := Remainder(&got, strings.NewReader(file), func(n int) bool {
		if n != asked {
			t.Errorf("asked for %d after %d", n, asked-1)
		}
		asked++
		return set(n)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != wantText.String() {
		t.Fatalf("copied\n%s\nwant\n%s", got.String(), wantText.String())
	}
	if fatal == nil && (kept != len(want) || asked != len(all)) {
		t.Fatalf("%d answers are to come of %d asked for, want %d of %d", kept, asked, len(want), len(all))
	}
	if fatal != nil || kept == 0 {
		return
	}
	opt.AllowPart = true
	answers, err := answersOf(t, got.String(), opt)
	if err != nil || !reflect.DeepEqual(answers, want) {
		t.Fatalf("the copy gives\n%q, %v\nwant\n%q", answers, err, want)
	}
}

// remainderFiles are files of all makes, with what reads them.
func remainderFiles(t testing.TB) map[string]modeFile {
	t.Helper()
	files := map[string]modeFile{}
	for _, m := range modeFiles(t) {
		files[m.name] = m
	}
	read := func(dir, name string, opt Options) {
		text, err := os.ReadFile("testdata/" + dir + "/" + name + ".pskc")
		if err != nil {
			t.Fatal(err)
		}
		files[dir+"/"+name] = modeFile{file: string(text), opt: opt}
	}
	for _, name := range []string{"figure2", "figure3", "figure4", "figure5", "figure9", "figure9-erratum",
		"figure10"} {
		read("vectors", name, Options{})
	}
	read("vectors", "figure6", Options{PreSharedKey: testKey})
	read("vectors", "figure7", Options{Passphrase: Secret("qwerty")})
	raw, err := os.ReadFile("testdata/python-pskc/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var python map[string]struct{ PSK, Passphrase string }
	if err := json.Unmarshal(raw, &python); err != nil {
		t.Fatal(err)
	}
	for name, f := range python {
		read("python-pskc", name, Options{PreSharedKey: mustHex(f.PSK), Passphrase: Secret(f.Passphrase),
			AllowTripleDES: true})
	}
	good := func(id string) string {
		return `<Key Id="` + id + `" Algorithm="` + hotpURI + `">` + data(plainSecret(seed)) + "</Key>"
	}
	for name, text := range map[string]string{
		"mixed": container("<!-- 1 -->", "<KeyPackage>"+good("a")+"<!-- <KeyPackage> -->"+good("b")+"</KeyPackage>",
			"<KeyPackage/>", "<KeyPackage></KeyPackage>",
			"<KeyPackage><DeviceInfo/><Key/>"+good("c")+`<x:Key xmlns:x="urn:x"><Key/></x:Key></KeyPackage><?pi <KeyPackage/>?>`,
			`<x:KeyPackage xmlns:x="urn:x"/>`, "<Extensions>text<a/></Extensions><Extensions/><Extensions></Extensions>", "<KeyPackage>"+good("d")+"</KeyPackage>"),
		"export": export(t, WriterOptions{}, recordKeys()...),
		"draft": `<SecretContainer><Device><Secret SecretId="1" SecretAlgorithm="HOTP">` + named("SECRET", []byte(seed), nil) + "</Secret></Device>" +
			`<Device><Secret SecretId="2" SecretAlgorithm="HOTP">` + named("SECRET", []byte(seed), nil) + "</Secret></Device></SecretContainer>",
		"bom": "\xef\xbb\xbf<?xml version='1.0'?>\r\n" + sealedFile("1", "2", "3"),
	} {
		opt := readsExport()
		opt.PreSharedKey = testKey
		files[name] = modeFile{file: text, opt: opt}
	}
	return files
}

func TestRemainder(t *testing.T) {
	t.Parallel()
	for name, f := range remainderFiles(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkRemainder(t, f.file, f.opt, func(int) bool { return true })
			checkRemainder(t, f.file, f.opt, func(int) bool { return false })
			for n := range 8 {
				checkRemainder(t, f.file, f.opt, func(i int) bool { return i == n })
				set := uint64(n+1) * 0x9e3779b97f4a7c15
				checkRemainder(t, f.file, f.opt, func(i int) bool { return set>>i&1 == 1 })
			}
		})
	}
}

// An export is a part afterwards, and is not taken for the whole.
func TestRemainderOfExport(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	kept, err := Remainder(&b, strings.NewReader(export(t, WriterOptions{}, recordKeys()...)),
		func(n int) bool { return n != 1 })
	if err != nil || kept != 2 {
		t.Fatal(kept, err)
	}
	wantLost(t, readString(t, b.String(), readsExport()), "option AllowPart")
	opt := readsExport()
	opt.AllowPart = true
	res := readString(t, b.String(), opt)
	if res.err != nil || len(res.keys) != 2 || res.keys[1].ID != "3" || len(res.keys[0].Record) != 2 {
		t.Error(res.keys, res.err)
	}
}

// However the bytes come, the copy is the same; UTF-16 comes out as UTF-8.
func TestRemainderReaders(t *testing.T) {
	t.Parallel()
	file := strings.ReplaceAll(sealedFile("1", "2", "3"), "Acme", "Zürich 漢 😀")
	const decl16, decl8 = `<?xml version="1.0" encoding="UTF-16" standalone="yes"?>`, `<?xml version="1.0" encoding="UTF-8"?>`
	second := func(n int) bool { return n == 1 }
	var want bytes.Buffer
	if _, err := Remainder(&want, strings.NewReader(file), second); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat(" \n", windowSize)
	for name, c := range map[string]struct{ file, want string }{
		"utf-8": {file, want.String()},
		"long":  {long + file, long + want.String()},
		"le":    {wide(binary.LittleEndian, "\ufeff"+file), want.String()},
		"be":    {wide(binary.BigEndian, decl16+"\r\n"+file), decl8 + "\r\n" + want.String()},
	} {
		for how, r := range map[string]io.Reader{
			"whole": strings.NewReader(c.file), "bytes": iotest.OneByteReader(strings.NewReader(c.file)),
			"odd": &stutter{c.file, 7},
		} {
			var got bytes.Buffer
			if kept, err := Remainder(&got, r, second); err != nil || kept != 1 || got.String() != c.want {
				t.Errorf("%s, %s: %d, %v\n%s", name, how, kept, err, got.String())
			}
		}
		if name != "utf-8" {
			continue
		}
		if k := wantOne(t, readString(t, c.want, Options{PreSharedKey: testKey})); k.Serial != "2" {
			t.Error(k)
		}
	}
}

func TestRemainderRefuses(t *testing.T) {
	t.Parallel()
	yes := func(int) bool { return true }
	file := sealedFile("1", "2")
	for name, c := range map[string]struct {
		file string
		kind error
	}{
		"empty": {"", ErrNotPSKC}, "table": {"serial,seed", ErrNotPSKC}, "other": {"<a/>", ErrNotPSKC},
		"cut": {file[:len(file)/2], ErrMalformed}, "cut at the end": {file[:len(file)-10], ErrMalformed},
		"more": {file + "x", ErrMalformed}, "two": {file + file, ErrMalformed},
		"entities": {`<!DOCTYPE a [<!ENTITY b "c">]>` + file, ErrUnsupported}, "nested": {strings.Replace(file, "<Data>", strings.Repeat("<a>", 40), 1), ErrLimit},
		"attributes": {strings.Replace(file, "<Data>", "<Data"+strings.Repeat(" xmlns:a=''", 70)+">", 1), ErrMalformed},
		"long tag": {strings.Replace(file, "<Data>", "<Data a='"+strings.Repeat("x", defaultTagBytes)+"'>", 1),
			ErrLimit},
	} {
		if kept, err := Remainder(io.Discard, strings.NewReader(c.file), yes); kept != 0 || !errors.Is(err, c.kind) {
			t.Errorf("%s: %d, %v", name, kept, err)
		}
	}
	if _, err := Remainder(&failing{100}, strings.NewReader(file), yes); err == nil ||
		!strings.Contains(err.Error(), "disk full") {
		t.Error(err)
	}
	cause := errors.New("disk on fire")
	if _, err := Remainder(io.Discard, iotest.ErrReader(cause), yes); !errors.Is(err, cause) {
		t.Error(err)
	}
	for _, err := range []error{
		second(Remainder(nil, strings.NewReader(file), yes)), second(Remainder(io.Discard, nil, yes)),
		second(Remainder(io.Discard, strings.NewReader(file), nil)),
	} {
		if err == nil {
			t.Error("nothing taken for something")
		}
	}
}

func second(_ int, err error) error { return err }

// A copy costs little memory, whatever is long about the file. Not parallel: it
// looks at the whole heap.
func TestRemainderFlat(t *testing.T) {
	head, _, _ := strings.Cut(container(), "\n")
	good := pkg("1", "k", hotpURI, data(plainSecret(seed)))
	blank := strings.Repeat(" \n", 4<<10)
	open := head + "<KeyPackage><DeviceInfo><SerialNo>1</SerialNo></DeviceInfo>"
	odd := func(n int) bool { return n%2 == 1 }
	for name, c := range map[string]struct {
		head, chunk, tail string
		kept              int
		kind              error
	}{
		"packages":      {head, good, "</KeyContainer>", 500, nil},
		"white space":   {head, blank, good + good + "</KeyContainer>", 1, nil},
		"comment":       {head + "<!--", blank, "-->" + good + good + "</KeyContainer>", 1, nil},
		"signature":     {head + good + good + "<ds:Signature>", blank, "</ds:Signature></KeyContainer>", 1, nil},
		"kept package":  {open + "<Key/><Key>", blank, "</Key></KeyPackage></KeyContainer>", 2, nil},
		"held package":  {open, blank, "<Key/></KeyPackage></KeyContainer>", 0, ErrLimit},
		"held packages": {open, "<Extensions/>", "<Key/></KeyPackage></KeyContainer>", 0, nil},
	} {
		times := 1000
		file := repeat(c.head, c.chunk, times, c.tail)
		grown := heapDuring(func(sample func()) {
			kept, err := Remainder(io.Discard, file, odd)
			sample()
			if kept != c.kept || !errors.Is(err, c.kind) {
				t.Errorf("%s: %d, %v", name, kept, err)
			}
		})
		if grown > 3<<20 {
			t.Errorf("%s: the heap grew by %d bytes", name, grown)
		}
	}
}

// FuzzRemainder holds the copy against the whole: of what reads to its end, any
// part reads to its end, and gives the answers of the whole.
func FuzzRemainder(f *testing.F) {
	for _, m := range remainderFiles(f) {
		f.Add([]byte(m.file), uint64(0x5555555555555555))
	}
	f.Fuzz(func(t *testing.T, doc []byte, set uint64) {
		opt := Options{PreSharedKey: testKey, AllowPart: true, Limits: Limits{Iterations: 10}}
		answers, err := answersOf(t, string(doc), opt)
		if err != nil {
			_, _ = Remainder(io.Discard, bytes.NewReader(doc), func(n int) bool { return set>>(n%64)&1 == 1 })
			return
		}
		var b bytes.Buffer
		kept, err := Remainder(&b, bytes.NewReader(doc), func(n int) bool { return set>>(n%64)&1 == 1 })
		if errors.Is(err, ErrLimit) || err == nil && kept == 0 {
			return
		}
		if err != nil {
			t.Fatalf("the whole reads, but is not copied: %v", err)
		}
		got, err := answersOf(t, b.String(), opt)
		if errors.Is(err, ErrWrongKey) || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrNoMAC) {
			return // what proved the key is not among what is kept, and until then that is final
		}
		if err != nil || len(got) != kept {
			t.Fatalf("%d answers, want %d: %v\n%s", len(got), kept, err, b.Bytes())
		}
		for n := range answers {
			if set>>(n%64)&1 == 1 && len(got) == len(answers) && got[n] != answers[n] {
				t.Fatalf("answer %d is %q, was %q", n, got[n], answers[n])
			}
		}
	})
}
