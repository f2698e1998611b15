package pskc

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"strings"
	"testing"
)

// recordKeys are the keys of a small export.
func recordKeys() []*Key {
	hotp := func(id, state string) *Key {
		return &Key{
			ID: id, Serial: "S" + id, Manufacturer: "Acme", Kind: HOTP, Algorithm: hotpURI, Hash: "SHA1",
			Secret:  Secret(seed),
			Counter: 7, HasCounter: true, Record: []Property{{"state", state}, {"owner", "Zoë = 1"}},
		}
	}
	last := hotp("3", "")
	last.Record = nil
	return []*Key{hotp("1", "VALID"), hotp("2", "REVOKED_TOKEN_LOST"), last}
}

// The largest record there can be is written and read with the default limits.
func TestLargestRecord(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ß", maxField/2)
	k := &Key{ID: long, Serial: long, Manufacturer: long, IssueNo: long, Kind: Other, Algorithm: long,
		Secret: Secret(seed)}
	for i := range maxProperties {
		name := strings.Repeat("a", i) + strings.Repeat("b", maxPropertyName-i)
		value := strings.Repeat("v", maxPropertyValue)
		if i >= 20 {
			value = "" // all together is bounded, too
		}
		k.Record = append(k.Record, Property{name, value})
	}
	reread(t, export(t, WriterOptions{}, k), k)
}

// A secret of 80 bits that a server has taken is read again; without a record, or if it
// is shorter, it is not.
func TestShortSecretWithRecord(t *testing.T) {
	t.Parallel()
	with, without, shorter := recordKeys()[0], recordKeys()[2], recordKeys()[1]
	with.Secret, without.Secret, shorter.Secret = Secret(seed[:ShortSecret]), Secret(seed[:ShortSecret]),
		Secret(seed[:ShortSecret-1])
	res := readString(t, export(t, WriterOptions{}, with, without, shorter), Options{Passphrase: Secret(testPassphrase)})
	if res.err != nil || len(res.keys) != 1 || len(res.refused) != 2 || res.keys[0].ID != with.ID ||
		!strings.Contains(res.refused[0].Reason, "80 bits is too short, at least 128") ||
		!strings.Contains(res.refused[1].Reason, "72 bits is too short, at least 80") {
		t.Errorf("%d keys, refused %v, %v", len(res.keys), res.refused, res.err)
	}
}

// resealed gives the export of one key with another text encrypted as its
// record, by somebody who has the keys of the file.
func resealed(t testing.TB, change func(text string) string) string {
	t.Helper()
	var b bytes.Buffer
	w := testWriter(t, &b, WriterOptions{})
	k := recordKeys()[0]
	good := string(appendRecord(nil, k))
	bad := change(good)
	if bad == good {
		t.Fatal("nothing changed")
	}
	sealed, mac := w.mac, w.record
	k.Record = nil
	c, _ := writable(k)
	if err := w.addPackage(&c); err != nil {
		t.Fatal(err)
	}
	w.begun = true
	w.buf = bytes.TrimSuffix(w.buf, []byte("</Key>\n</KeyPackage>\n"))
	w.add("<Extensions><os:Record>")
	if sealed == nil || w.addSealed([]byte(bad), mac) != nil {
		t.Fatal("not sealed")
	}
	w.add("</os:Record></Extensions>\n</Key>\n</KeyPackage>\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A record that breaks the format, though its MAC is right, refuses its key.
func TestRecordFormat(t *testing.T) {
	t.Parallel()
	add := func(lines string) func(string) string {
		return func(s string) string { return s + lines }
	}
	replace := func(old, with string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, with, 1) }
	}
	for reason, change := range map[string]func(string) string{
		"that of another key":       replace("id=1", "id=2"),
		"record is that of another": replace("manufacturer=Acme\n", ""),
		"of another key":            replace("algorithm="+hotpURI, "algorithm="+totpURI),
		"lines of name and value":   add("state"),
		"made of lines":             add("a=b"),
		"twice":                     add("state=VALID\n"),
		`the property "State"`:      add("State=VALID\n"),
		`the property ""`:           add("=VALID\n"),
		"names are 1 to 32":         add(strings.Repeat("a", 33) + "=\n"),
		"control character":         add("a=\x07\n"),
		"or is not UTF-8":           add("a=\xff\n"),
		"is longer than 2048 bytes": add("a=" + strings.Repeat("x", 2049) + "\n"),
		"is not hexadecimal":        add("secret_a=0\n"),
		"a secret property":         add("secret_a=FF\n"),
		"secret_a twice":            add("secret_a=00\nsecret_a=00\n"),
		"holds more than 42000 bytes": add(func() (s string) {
			for c := range rune(21) {
				s += string('a'+c) + "=" + strings.Repeat("x", 2048) + "\n"
			}
			return s
		}()),
		"more than 32 properties": add(func() (s string) {
			for c := range rune(maxProperties - 1) { // and the two that are there
				s += strings.Repeat(string('a'+c%26), int(c)+1) + "=\n"
			}
			return s
		}()),
		"is empty": func(s string) string { return s[:strings.Index(s, "state=")] },
	} {
		e := wantRefused(t, readString(t, resealed(t, change), readsExport()), reason)
		if strings.Contains(e.Error(), "VALID") {
			t.Error(e)
		}
	}
	// The helper itself does not break anything.
	fine := readString(t, resealed(t, add("more=1\n")), readsExport())
	if k := wantOne(t, fine); len(k.Record) != 3 || k.Record[2] != (Property{"more", "1"}) {
		t.Error(k.Record)
	}
}

// A record is no secret and a secret no record, whoever moves them: each has
// a MAC of its own kind. So is the record of a key no other key's.
func TestRecordMoved(t *testing.T) {
	t.Parallel()
	file := export(t, WriterOptions{}, recordKeys()...)
	part := Options{Passphrase: Secret(testPassphrase), AllowPart: true}
	file = file[:strings.Index(file, fileMACHead)] + "</KeyContainer>"
	i := strings.LastIndex(
		file[:strings.Index(file, "<KeyPackage>\n<DeviceInfo>\n<Manufacturer>Acme</Manufacturer>\n<SerialNo>S2")],
		"</KeyPackage>")
	first, second := file[:i], file[i:]
	secret := strings.TrimPrefix(strings.TrimSuffix(between(second, "<Secret>", "</Secret>"), "</Secret>"), "<Secret>")
	record := strings.TrimPrefix(strings.TrimSuffix(between(second, "<os:Record>", "</os:Record>"), "</os:Record>"),
		"<os:Record>")
	own := strings.TrimPrefix(strings.TrimSuffix(between(first, "<os:Record>", "</os:Record>"), "</os:Record>"),
		"<os:Record>")
	for name, c := range map[string]struct{ file, reason string }{
		"record as secret":  {first + strings.Replace(second, secret, record, 1), "its Secret is altered or damaged"},
		"secret as record":  {first + strings.Replace(second, record, secret, 1), "its record is altered or damaged"},
		"record of another": {first + strings.Replace(second, record, own, 1), "its record is that of another key"},
		"plain": {first + strings.Replace(second, record, "<PlainValue>AAAA</PlainValue>", 1),
			"its record is not encrypted"},
		"no MAC": {first + strings.Replace(second, record, record[:strings.Index(record, "<ValueMAC>")], 1),
			"record has no ValueMAC"},
		"twice": {first + strings.Replace(second, "<os:Record>", "<os:Record>"+own+"</os:Record><os:Record>", 1),
			"Record twice"},
		"unknown": {first + strings.Replace(second, "</Extensions>", "<os:Colour/></Extensions>", 1), `"Colour" of namespace`},
	} {
		res := readString(t, c.file, part)
		if res.err != nil || len(res.keys) != 2 || len(res.refused) != 1 ||
			!strings.Contains(res.refused[0].Reason, c.reason) || res.refused[0].ID != "2" {
			t.Errorf("%s: %d keys, refused %v, error %v", name, len(res.keys), res.refused, res.err)
		}
	}
	// In a file of another make there is none.
	foreign := strings.Replace(sealedFile("1", "2"), "</Data></Key>", "</Data><Extensions><os:Record xmlns:os=\""+
		ownSpace+"\">"+record+"</os:Record></Extensions></Key>", 1)
	wantFatal(t, readString(t, foreign, Options{PreSharedKey: testKey}), ErrAltered, "does not announce a MAC "+
		"over all of it")
}

// stream gives bytes that are always the same.
type stream struct {
	n    uint64
	rest []byte
}

func (s *stream) Read(b []byte) (int, error) {
	if len(s.rest) == 0 {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("pskc testdata"), s.n))
		s.rest = sum[:]
		s.n++
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

const goldenExport = "testdata/record/export.pskc"

// The format stays what it is: today's Writer writes testdata/record/export.pskc
// (after a change that is meant: PSKC_UPDATE=1), and it is read.
func TestGoldenExport(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w, err := NewWriter(&b, WriterOptions{Passphrase: Secret("qwerty"), Iterations: MinIterations, Rand: &stream{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range recordKeys() {
		if err := w.Write(k); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("PSKC_UPDATE") != "" {
		if err := os.WriteFile(goldenExport, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(goldenExport)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), golden) {
		t.Errorf("written now:\n%s", b.String())
	}
	res := readString(t, string(golden), Options{Passphrase: Secret("qwerty")})
	if res.err != nil || len(res.keys) != 3 || !res.hdr.FileMAC ||
		res.keys[1].Record[0] != (Property{"state", "REVOKED_TOKEN_LOST"}) || res.keys[2].Record != nil {
		t.Fatal(res)
	}
}

// A reader that was written after docs/pskc-record.md alone finds the same in
// the file, and notices when a byte is another.
func TestRecordByPython(t *testing.T) {
	t.Parallel()
	const want = "1 state=VALID owner=Zoë = 1\n2 state=REVOKED_TOKEN_LOST owner=Zoë = 1\n3\nthe MAC over the " +
		"file is right\n"
	if got := run(t, "python3-pskc", python, "testdata/record/read.py", goldenExport, "qwerty"); got != want {
		t.Errorf("%q", got)
	}
	golden, err := os.ReadFile(goldenExport)
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, "python3-pskc", python, "testdata/record/read.py",
		saved(t, strings.Replace(string(golden), ">7<", ">6<", 1)), "qwerty"); !strings.Contains(
		got, "the MAC over the file is wrong") {
		t.Errorf("%q", got)
	}
}

// FuzzRecord: what is taken for a record is one, written again.
func FuzzRecord(f *testing.F) {
	k := recordKeys()[0]
	good := appendRecord(nil, k)
	f.Add(good)
	f.Add(bytes.ReplaceAll(good, []byte("state"), []byte("owner")))
	f.Add(append(good, "a=b"...))
	f.Add(append(bytes.Clone(good), "secret_a=00ff\n"...))
	f.Add(append(bytes.Clone(good), "secret_a=0\n"...))
	f.Fuzz(func(t *testing.T, text []byte) {
		k := *k
		k.Record = nil
		k.Hidden = nil
		record, hidden, why := parseRecord(text, &k)
		if why.text != "" {
			return
		}
		k.Record, k.Hidden = record, hidden
		if again := appendRecord(nil, &k); len(hidden) > 0 && len(again) == len(text) {
			return // hidden properties are written last, wherever they stood
		}
		if again := appendRecord(nil, &k); !bytes.Equal(again, text) || len(record) == 0 ||
			len(record)+len(hidden) > maxProperties {
			t.Fatalf("%q is taken for %q", text, record)
		}
	})
}
