package pskc

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// generator makes a file of any length without holding it: head, then the
// parts that part gives until it gives "".
type generator struct {
	part func(i int) string
	rest string
	i    int
	done bool
}

func (g *generator) Read(b []byte) (int, error) {
	for g.rest == "" {
		if g.done {
			return 0, io.EOF
		}
		g.rest = g.part(g.i)
		g.i++
		g.done = g.rest == ""
	}
	n := copy(b, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// repeat gives head, then the chunk the given number of times, then tail.
func repeat(head, chunk string, times int, tail string) io.Reader {
	return &generator{part: func(i int) string {
		switch {
		case i == 0:
			return head
		case i <= times:
			return chunk
		case i == times+1:
			return tail
		}
		return ""
	}}
}

// heapDuring gives the growth of the live heap while f runs, as f samples it.
func heapDuring(f func(sample func())) uint64 {
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var most uint64
	f(func() {
		runtime.GC()
		runtime.ReadMemStats(&now)
		if now.HeapAlloc > before.HeapAlloc {
			most = max(most, now.HeapAlloc-before.HeapAlloc)
		}
	})
	return most
}

// Not parallel, as are the other tests of memory: they look at the whole heap.
func TestFlatMemory(t *testing.T) {
	const n, bound = 200_000, 1 << 20
	key := func(inKey string) string {
		return strings.TrimSuffix(
			strings.TrimPrefix(plainFile(inKey), container()[:strings.Index(container(), "\n")+1]),
			"\n</KeyContainer>\n") + "\n"
	}
	head, _, _ := strings.Cut(container(), "\n")
	for name, chunk := range map[string]string{
		"good":  key(data(plainSecret(seed))),
		"empty": "<KeyPackage><Key/></KeyPackage>\n",
	} {
		r, err := NewReader(repeat(head, chunk, n, "</KeyContainer>"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		grown := heapDuring(func(sample func()) {
			for {
				_, err := r.Next()
				if err == io.EOF {
					return
				}
				if _, ok := errors.AsType[*KeyError](err); err != nil && !ok {
					t.Fatal(name, err)
				}
				if count++; count%(n/8) == 0 {
					sample()
				}
			}
		})
		if count != n {
			t.Errorf("%s: %d keys", name, count)
		}
		if grown > bound {
			t.Errorf("%s: the heap grew by %d bytes over %d keys", name, grown, n)
		}
		runtime.KeepAlive(r)
	}
}

// Giants are refused after a bounded number of bytes, whatever they are.
func TestGiants(t *testing.T) {
	const chunks = 1 << 16 // of 16 KiB: 1 GiB, of which hardly any is read
	big := strings.Repeat("x", 16<<10)
	head, _, _ := strings.Cut(container(), "\n")
	inKey := head + `<KeyPackage><Key Id="1" Algorithm="` + hotpURI + `">`
	for name, c := range map[string]struct {
		head, chunk string
		kind        error
	}{
		"text":       {inKey + "<Issuer>", big, ErrLimit},
		"base64":     {inKey + "<Data><Secret><PlainValue>", big, ErrLimit},
		"cdata":      {inKey + "<Issuer><![CDATA[", big, ErrLimit},
		"references": {inKey + "<Issuer>", strings.Repeat("&amp;", 3000), ErrLimit},
		"attribute":  {inKey + `<Issuer a="`, big, ErrLimit},
		"attributes": {inKey + `<Issuer`, strings.Repeat(` a="1" b="2" c="3"`, 500), ErrLimit},
		"namespaces": {inKey + `<Issuer`, strings.Repeat(` xmlns:a="1" xmlns:b="1"`, 500), ErrLimit},
		"tag name":   {inKey + "<", big, ErrLimit},
		"end tag":    {inKey + "</", big, ErrLimit},
		"in tag":     {inKey + "<Issuer ", strings.Repeat(" ", 1000), ErrLimit},
		"nesting":    {inKey, "<Extensions>", ErrLimit},
		"foreign":    {inKey, `<f:a xmlns:f="urn:x">`, ErrLimit},
		"root":       {"<", big, ErrLimit},
		"entity":     {inKey + "<Issuer>&", big, ErrMalformed},
		"no xml":     {"", big, ErrNotPSKC},
		"declared":   {"<?xml version='1.0' ", strings.Repeat(" ", 1000), ErrLimit},
	} {
		g := repeat(c.head, c.chunk, chunks, "")
		grown := heapDuring(func(sample func()) {
			res := readAll(t, g, Options{})
			sample()
			if len(res.keys) != 0 || !errors.Is(res.err, c.kind) {
				t.Errorf("%s: %d keys, error %v", name, len(res.keys), res.err)
			}
		})
		if grown > 1<<20 {
			t.Errorf("%s: the heap grew by %d bytes", name, grown)
		}
		if read := g.(*generator).i; read > 200 {
			t.Errorf("%s: %d chunks were read before it was refused", name, read)
		}
	}
}

// What has no size of its own is passed over at any length, in little memory:
// more than 100 MB of white space, comments, extensions.
func TestEndless(t *testing.T) {
	const chunks, more = 2000, 12_000 // of 9,000 bytes
	head, _, _ := strings.Cut(container(), "\n")
	good := pkg("1", "k", hotpURI, data(plainSecret(seed)))
	before, after, _ := strings.Cut(good, "</Data>")
	for name, c := range map[string][3]string{
		"white space":          {head, strings.Repeat(" \n\t", 3000), good + "</KeyContainer>"},
		"white space in a key": {head + before, strings.Repeat(" \n\t", 3000), "</Data>" + after + "</KeyContainer>"},
		"comment":              {head + "<!--", strings.Repeat("Ä-x", 3000), "-->" + good + "</KeyContainer>"},
		"instruction":          {head + "<?a ", strings.Repeat("? >", 3000), "?>" + good + "</KeyContainer>"},
		"extension": {head + "<Extensions><x>", strings.Repeat("text", 3000), "</x></Extensions>" + good +
			"</KeyContainer>"},
	} {
		times := chunks
		if strings.HasPrefix(name, "white space") {
			times = more
		}
		grown := heapDuring(func(sample func()) {
			k := wantOne(t, readAll(t, repeat(c[0], c[1], times, c[2]), Options{}))
			sample()
			if string(k.Secret) != seed {
				t.Error(name)
			}
		})
		if grown > 1<<20 {
			t.Errorf("%s: the heap grew by %d bytes", name, grown)
		}
	}
}

func TestBombs(t *testing.T) {
	t.Parallel()
	good := plainFile(data(plainSecret(seed)))
	for name, file := range map[string]string{
		"laughs":   `<!DOCTYPE KeyContainer [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>` + good,
		"external": `<!DOCTYPE KeyContainer SYSTEM "file:///etc/passwd">` + good,
		"late":     strings.Replace(good, "<KeyPackage>", `<!ENTITY a "a"><KeyPackage>`, 1),
		"declared": `<?xml version="1.0"?><!DOCTYPE KeyContainer>` + good,
	} {
		t.Run(name, func(t *testing.T) {
			wantFatal(t, readString(t, file, Options{}), ErrUnsupported,
				"document type declaration (DTD) is never read")
		})
	}
	wantFatal(t, readString(t, strings.Replace(good, "Acme", "&acme;", 1), Options{}), ErrMalformed, "not defined")
}

func TestNotPSKC(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, text string }{
		{"empty", "", "it is empty"},
		{"blank", " \n\t ", "it is empty"},
		{"bom only", "\xef\xbb\xbf", "it is empty"},
		{"text", "serial,seed\n1,2\n", "it is not XML"},
		{"binary", "\x7fELF\x01\x00", "it is not XML"},
		{"zip", "PK\x03\x04", "it is not XML"},
		{"gzip", "\x1f\x8b\x08", "it is not XML"},
		{"html", "<!DOCTYPE html><html></html>", "HTML"},
		{"html2", "<html><body>", "HTML"},
		{"html3", "<HTML>", "HTML"},
		{"json", `{"a":1}`, "it is not XML"},
		{"nonsense", "<<<", "'<' inside a tag"},
		{"cut", "<?xml ver", "ends early"},
		{"other xml", "<a/>", `the outermost element is "a"`},
		{"other pskc", `<KeyPackage xmlns="urn:ietf:params:xml:ns:keyprov:pskc"/>`, "KeyPackage"},
		{"comment only", "<!-- a -->", "ends early"},
		{"latin1", "\xe4", "it is not XML"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantFatal(t, readString(t, c.file, Options{}), ErrNotPSKC, c.text)
		})
	}
	good := plainFile(data(plainSecret(seed)))
	wantFatal(t, readString(t, `<?xml version="1.0" encoding="UTF-16"?>`+good, Options{}), ErrUnsupported, "UTF-16")
	wantFatal(t, readString(t, `<?xml version="1.0" encoding="EBCDIC-US"?>`+good, Options{}), ErrUnsupported, "EBCDIC-US")
	wantFatal(t, readString(t, `<?xml version="1.1"?>`+good, Options{}), ErrUnsupported, "XML version")
	for _, ns := range []string{
		"urn:ietf:params:xml:ns:keyprov:pskc:2.0", "http://www.openauthentication.org/OATH/2007/10/PSKC",
	} {
		wantFatal(t, readString(t, `<KeyContainer xmlns="`+ns+`"/>`, Options{}), ErrNotPSKC, ns)
	}
	wantFatal(t, readString(t, `<SecretContainer xmlns="urn:ietf:params:xml:ns:keyprov:pskc"/>`, Options{}), ErrNotPSKC, "SecretContainer")
	wantFatal(t, readString(t, container(), Options{}), ErrMalformed, "no KeyPackage")
	wantFatal(t, readString(t, strings.Replace(good, `"1.0"`, `"2.0"`, 1), Options{}), ErrUnsupported, "version")
}

func TestLimits(t *testing.T) {
	t.Parallel()
	file := sealedFile("1", "2", "3")
	psk := func(l Limits) Options { return Options{PreSharedKey: testKey, Limits: l} }
	wantFatal(t, readString(t, file, psk(Limits{TotalBytes: 500})), ErrLimit, "longer than 500 bytes")
	if res := readString(t, file, psk(Limits{TotalBytes: int64(len(file))})); res.err != nil {
		t.Error(res.err)
	}
	if res := readString(t, file, psk(Limits{Keys: 2})); len(res.keys) != 2 || !errors.Is(res.err, ErrLimit) {
		t.Error(res)
	}
	wantFatal(t, readString(t, file, psk(Limits{Depth: 3})), ErrLimit, "nested")
	wantFatal(t, readString(t, file, psk(Limits{Attributes: 2})), ErrLimit, "attributes")
	wantFatal(t, readString(t, file, psk(Limits{TagBytes: 20})), ErrLimit, "tag")
	wantFatal(t, readString(t, file, psk(Limits{TextBytes: 20})), ErrLimit, "text")
	if res := readString(t, file, psk(Limits{SecretBytes: 19})); len(res.refused) != 3 ||
		!errors.Is(res.refused[0], ErrLimit) {
		t.Error(res)
	}
	long := plainFile(data(plainSecret(strings.Repeat("s", 1025))))
	wantRefused(t, readString(t, long, Options{}), "secret of 8200 bits is too long")
	wantOne(t, readString(t, plainFile(data(plainSecret(strings.Repeat("s", 1024)))), Options{}))
	wantRefused(t, readString(t, plainFile("<Issuer>"+strings.Repeat("i", 1025)+"</Issuer>"+data(plainSecret(seed))),
		Options{}), "Issuer is longer")
	for _, opt := range []Options{{MinSecret: -1}, {Limits: Limits{Depth: -1}}, {Limits: Limits{TotalBytes: -1}}} {
		if _, err := NewReader(strings.NewReader(""), opt); err == nil {
			t.Errorf("%+v taken", opt)
		}
	}
	if _, err := NewReader(nil, Options{}); err == nil {
		t.Error("nil reader taken")
	}
}

// The reader of bytes may misbehave in the ways readers do.
func TestReaders(t *testing.T) {
	t.Parallel()
	file := sealedFile("1", "2")
	opt := Options{PreSharedKey: testKey}
	for name, r := range map[string]io.Reader{
		"one byte": iotest.OneByteReader(strings.NewReader(file)),
		"half":     iotest.HalfReader(strings.NewReader(file)),
		"data err": iotest.DataErrReader(strings.NewReader(file)),
	} {
		if res := readAll(t, r, opt); res.err != nil || len(res.keys) != 2 {
			t.Errorf("%s: %v", name, res.err)
		}
	}
	cause := errors.New("disk on fire")
	res := readAll(t, io.MultiReader(strings.NewReader(file[:1500]), iotest.ErrReader(cause)), opt)
	if !errors.Is(res.err, cause) {
		t.Error(res.err)
	}
	if res := readAll(t, stuck{}, opt); !errors.Is(res.err, io.ErrNoProgress) {
		t.Error(res.err)
	}
	// Every place where a read may end.
	for n := 1; n < 200; n += 7 {
		if res := readAll(t, &stutter{file, n}, opt); res.err != nil || len(res.keys) != 2 {
			t.Fatal(n, res.err)
		}
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// stutter gives at most n bytes at once.
type stutter struct {
	rest string
	n    int
}

func (s *stutter) Read(b []byte) (int, error) {
	if s.rest == "" {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), s.n)], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// derivedFile is a file under a passphrase with the given PBKDF2 parameters.
func derivedFile(algorithm, params string) string {
	return container(fmt.Sprintf(`<EncryptionKey><xenc11:DerivedKey><xenc11:KeyDerivationMethod Algorithm=%q>%s`+
		`</xenc11:KeyDerivationMethod></xenc11:DerivedKey></EncryptionKey>`, algorithm, params),
		macXML(), pkg("1", "1", hotpURI, data(sealed("Secret", []byte(seed), 1))))
}

func TestDerivationRefused(t *testing.T) {
	t.Parallel()
	const uri = "http://www.w3.org/2009/xmlenc11#pbkdf2"
	params := func(s string) string {
		return "<xenc11:PBKDF2-params>" + s + "</xenc11:PBKDF2-params>"
	}
	salt := "<Salt><Specified>AAAAAAAA</Specified></Salt>"
	count := func(s string) string { return "<IterationCount>" + s + "</IterationCount>" }
	for _, c := range []struct {
		name, uri, params string
		kind              error
		text              string
	}{
		{"10,000,001", uri, params(salt + count("10000001")), ErrLimit, "more than 10000000 PBKDF2 iterations"},
		{"huge", uri, params(salt + count("99999999999999999999999")), ErrLimit, "iterations"},
		{"zero", uri, params(salt + count("0")), ErrMalformed, "not positive"},
		{"negative", uri, params(salt + count("-1000")), ErrMalformed, "not positive"},
		{"hex", uri, params(salt + count("0x10")), ErrMalformed, "not positive"},
		{"none", uri, params(salt), ErrMalformed, "without an IterationCount"},
		{"twice", uri, params(salt + count("1") + count("2")), ErrMalformed, "twice"},
		{"no salt", uri, params(count("1")), ErrMalformed, "without a Salt"},
		{"empty salt", uri, params("<Salt><Specified/></Salt>" + count("1")), ErrMalformed, "salt is empty"},
		{"bad salt", uri, params("<Salt><Specified>*</Specified></Salt>" + count("1")), ErrMalformed, "not base64"},
		{"long salt", uri, params("<Salt><Specified>" + strings.Repeat("AAAA", 400) + "</Specified></Salt>" +
			count("1")), ErrLimit, "salt"},
		{"other salt", uri, params("<Salt><OtherSource/></Salt>" + count("1")), ErrUnsupported, "OtherSource"},
		{"key length", uri, params(salt + count("1") + "<KeyLength>32</KeyLength>"), ErrMalformed,
			"AES-128-CBC takes 128 bits"},
		{"bad key length", uri, params(salt + count("1") + "<KeyLength>-1</KeyLength>"), ErrMalformed, "KeyLength"},
		{"prf", uri, params(salt + count("1") + `<PRF Algorithm="urn:x#hmac-md5"/>`), ErrUnsupported, "urn:x#hmac-md5"},
		{"two prfs", uri, params(salt + count("1") + `<PRF Algorithm="a">b</PRF>`), ErrMalformed, "two functions"},
		{"unknown", uri, params(salt + count("1") + `<Pepper/>`), ErrMalformed, "Pepper"},
		{"no params", uri, "", ErrMalformed, "without PBKDF2-params"},
		{"other kdf", "http://www.w3.org/2009/xmlenc11#ConcatKDF", "", ErrUnsupported, "ConcatKDF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantFatal(t, readString(t, derivedFile(c.uri, c.params), Options{Passphrase: []byte("x")}), c.kind, c.text)
		})
	}
	// A caller may lower the ceiling, not raise it.
	opt := Options{Passphrase: []byte("x"), Limits: Limits{Iterations: MaxIterations * 2}}
	wantFatal(t, readString(t, derivedFile(uri, params(salt+count("10000001"))), opt), ErrLimit, "")
	opt.Limits.Iterations = 999
	wantFatal(t, readString(t, derivedFile(uri, params(salt+count("1000"))), opt), ErrLimit, "more than 999")
}
