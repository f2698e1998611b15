package pskc

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// testPassphrase protects what the tests write.
const testPassphrase = "pässword of a test"

// export writes keys as tests can afford it: PBKDF2 runs once.
func export(t tb, opt WriterOptions, keys ...*Key) string {
	t.Helper()
	var b bytes.Buffer
	w := testWriter(t, &b, opt)
	for _, k := range keys {
		if err := w.Write(k); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func testWriter(t tb, out io.Writer, opt WriterOptions) *Writer {
	t.Helper()
	if !opt.Unprotected {
		opt.Passphrase = Secret(testPassphrase)
	}
	opt, err := opt.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	opt.Iterations = 1
	w, err := newWriter(out, opt)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// readsExport reads what export wrote.
func readsExport() Options { return Options{Passphrase: Secret(testPassphrase), MinSecret: 1} }

// reread demands that a file gives just these keys.
func reread(t tb, file string, want ...*Key) {
	t.Helper()
	res := readString(t, file, readsExport())
	if res.err != nil || len(res.refused) != 0 || len(res.keys) != len(want) {
		t.Fatalf("%d keys, refused %v, error %v\n%s", len(res.keys), res.refused, res.err, file)
	}
	for i, k := range res.keys {
		same := *want[i]
		if same.Line = k.Line; !reflect.DeepEqual(*k, same) {
			t.Fatalf("key %d:\nread  %+v (%x)\nwrote %+v (%x)\n%s", i, *k, []byte(k.Secret), same, []byte(same.Secret),
				file)
		}
	}
}

// What a Reader gives is written, and comes back the same.
func TestWriteRead(t *testing.T) {
	t.Parallel()
	for _, unprotected := range []bool{false, true} {
		rapid.Check(t, func(rt *rapid.T) {
			keys := rapid.SliceOfN(anyKey, 1, 4).Draw(rt, "keys")
			for _, k := range keys {
				if !unprotected {
					k.Record = anyRecord.Draw(rt, "record")
				}
			}
			reread(rt, export(rt, WriterOptions{Unprotected: unprotected}, keys...), keys...)
		})
	}
}

// What a Writer takes at all comes back the same; what it refuses leaves the
// file as it was.
func TestWriteTakesOnlyWhatReads(t *testing.T) {
	t.Parallel()
	taken, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		var b bytes.Buffer
		w := testWriter(rt, &b, WriterOptions{})
		first := &Key{ID: "1", Kind: HOTP, Hash: "SHA1", Algorithm: hotpURI, Secret: Secret(seed)}
		want := []*Key{first}
		odd := drawKey(rt, arbitrary, arbitrary)
		for _, k := range []*Key{first, odd, first} {
			err := w.Write(k)
			_, bad := errors.AsType[*KeyError](err)
			switch {
			case err == nil && k == odd:
				want = append(want, odd)
				taken++
			case bad && k == odd:
				refused++
			case err != nil:
				rt.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			rt.Fatal(err)
		}
		reread(rt, b.String(), append(want, first)...)
	})
	if taken < 5 || refused < 5 {
		t.Errorf("%d taken, %d refused", taken, refused)
	}
}

// Whatever other programs wrote, once read, is written and reads the same.
func TestWriteVectors(t *testing.T) {
	t.Parallel()
	n := 0
	for _, dir := range []string{"vectors", "python-pskc"} {
		names, err := filepath.Glob(filepath.Join("testdata", dir, "*.pskc"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			res := readFile(t, Options{MinSecret: 1}, dir, filepath.Base(name))
			if res.err != nil || len(res.keys) == 0 {
				continue // encrypted; the same keys are there in plain
			}
			n++
			for _, unprotected := range []bool{false, true} {
				reread(t, export(t, WriterOptions{Unprotected: unprotected}, res.keys...), res.keys...)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d files", n)
	}
}

// What follows from the rest of the key need not be said.
func TestWriteFillsIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, want Key }{
		{Key{Kind: HOTP}, Key{Kind: HOTP, Algorithm: hotpURI, Hash: "SHA1"}},
		{Key{Kind: TOTP, Hash: "SHA256"}, Key{Kind: TOTP, Algorithm: totpURI, Hash: "SHA256", Suite: "HMAC-SHA256"}},
		{Key{Algorithm: "totp", Suite: "sha512"}, Key{Kind: TOTP, Algorithm: "totp", Hash: "SHA512", Suite: "sha512"}},
		{Key{Algorithm: "OCRA-1:HOTP-SHA1-6:QN08"}, Key{Kind: OCRA, Algorithm: "OCRA-1:HOTP-SHA1-6:QN08",
			Suite: "OCRA-1:HOTP-SHA1-6:QN08"}},
		{Key{Kind: PIN}, Key{Kind: PIN, Algorithm: "urn:ietf:params:xml:ns:keyprov:pskc:pin"}},
	} {
		c.key.Secret, c.want.Secret = Secret(seed), Secret(seed)
		reread(t, export(t, WriterOptions{}, &c.key), &c.want)
	}
	// A date of another zone is the same moment.
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	k := wantOne(t, readString(t, export(t, WriterOptions{}, &Key{Kind: HOTP, Secret: Secret(seed), NotAfter: at}),
		readsExport()))
	if !k.NotAfter.Equal(at) {
		t.Error(k.NotAfter)
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	for reason, change := range map[string]func(*Key){
		"no Algorithm":                 func(k *Key) { k.Kind = "" },
		"do not mean the Kind":         func(k *Key) { k.Algorithm = totpURI },
		"and Hash":                     func(k *Key) { k.Suite, k.Hash = "SHA1", "SHA256" },
		"not a known hash":             func(k *Key) { k.Hash = "MD5" },
		"secret of 0 bytes":            func(k *Key) { k.Secret = nil },
		"secret of 1025 bytes":         func(k *Key) { k.Secret = make(Secret, 1025) },
		"Serial is longer":             func(k *Key) { k.Serial = strings.Repeat("1", 1025) },
		"Issuer begins or ends":        func(k *Key) { k.Issuer = "I " },
		"ID holds a character":         func(k *Key) { k.ID = "\ufffe" },
		"Model holds a character":      func(k *Key) { k.Model = "a\nb" },
		"PINKeyId holds":               func(k *Key) { k.Policy.PIN = &PINPolicy{KeyID: "\xff"} },
		"HasCounter is not":            func(k *Key) { k.Counter = 1 },
		"HasResponse is not":           func(k *Key) { k.Response.Length = 6 },
		"HasTransactions is not":       func(k *Key) { k.Policy.Transactions = 1 },
		"5 digits":                     func(k *Key) { k.HasResponse, k.Response.Length = true, 5 },
		"encoded as HEXADECIMAL":       func(k *Key) { k.HasResponse, k.Response.Encoding = true, "HEXADECIMAL" },
		"TimeInterval is out of range": func(k *Key) { k.HasInterval = true },
		"Interval does not fit": func(k *Key) {
			k.Kind, k.Algorithm, k.HasInterval, k.Interval = Other, "x",
				true, 1<<63
		},
		"length or count of -1":         func(k *Key) { k.Policy.PIN = &PINPolicy{MinLength: -1} },
		`"Shout" is not a word`:         func(k *Key) { k.Policy.PIN = &PINPolicy{UsageMode: "Shout"} },
		`KeyUsage "Dance" is not known`: func(k *Key) { k.Policy.KeyUsage = []string{"Dance"} },
		"or there twice":                func(k *Key) { k.Policy.KeyUsage = []string{"OTP", "OTP"} },
		"is longer than 2048 bytes":     func(k *Key) { k.Record = []Property{{"a", strings.Repeat("x", 2049)}} },
		"more than 32 properties":       func(k *Key) { k.Record = make([]Property, 33) },
		"years 1 to 9999":               func(k *Key) { k.NotAfter = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		k := &Key{ID: "1", Kind: HOTP, Secret: Secret(seed), Serial: "7", Manufacturer: "Acme"}
		change(k)
		var b bytes.Buffer
		w := testWriter(t, &b, WriterOptions{})
		e, ok := errors.AsType[*KeyError](w.Write(k))
		if !ok || !strings.Contains(e.Error(), reason) || e.Manufacturer != "Acme" || e.ID != k.ID {
			t.Errorf("%s: %v", reason, e)
			continue
		}
		if strings.Contains(e.Error(), "line") || strings.Contains(e.Error(), seed) {
			t.Error(e)
		}
		if err := w.Close(); err == nil || b.Len() != 0 {
			t.Errorf("%s: %v after nothing was written, %d bytes", reason, err, b.Len())
		}
	}
}

func TestWriterOptions(t *testing.T) {
	t.Parallel()
	pass := Secret("x")
	for reason, opt := range map[string]WriterOptions{
		"Passphrase is empty": {}, "not between": {Passphrase: pass, Iterations: MinIterations - 1},
		"between 100000 and 10000000": {Passphrase: pass, Iterations: MaxIterations + 1},
		"which it would not use":      {Passphrase: pass, Unprotected: true},
		"random bytes: disk on fire":  {Passphrase: pass, Rand: iotest.ErrReader(errors.New("disk on fire"))},
	} {
		if _, err := NewWriter(io.Discard, opt); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", reason, err)
		}
	}
	if _, err := NewWriter(nil, WriterOptions{Passphrase: pass}); err == nil {
		t.Error("no output taken")
	}
	// By default the passphrase costs 600,000 iterations.
	var b bytes.Buffer
	w, err := NewWriter(&b, WriterOptions{Passphrase: pass})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(&Key{Kind: HOTP, Secret: Secret(seed)}), w.Close()); err != nil {
		t.Fatal(err)
	}
	res := readString(t, b.String(), Options{Passphrase: pass})
	wantOne(t, res)
	if h := res.hdr; h.Iterations != 600_000 || !h.NeedsPassphrase || h.Cipher != aes256URI || h.MAC != hmacSHA256URI ||
		h.PRF != hmacSHA256URI {
		t.Errorf("%+v", h)
	}
}

// failing gives an error once it has taken n bytes.
type failing struct{ n int }

func (f *failing) Write(b []byte) (int, error) {
	if f.n -= len(b); f.n < 0 {
		return 0, errors.New("disk full")
	}
	return len(b), nil
}

// The first error stays, and the keys are gone with it.
func TestWriterFails(t *testing.T) {
	t.Parallel()
	key := &Key{Kind: HOTP, Secret: Secret(seed)}
	w := testWriter(t, &failing{n: 100_000}, WriterOptions{})
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = w.Write(key)
	}
	if err == nil || !strings.Contains(err.Error(), "disk full") || n < 100 {
		t.Fatal(n, err)
	}
	if again := w.Write(key); again != err || w.Close() != err || w.block != nil {
		t.Error(again)
	}
	random := io.MultiReader(bytes.NewReader(make([]byte, 1000)), iotest.ErrReader(errors.New("no more")))
	w = testWriter(t, io.Discard, WriterOptions{Rand: random})
	for n = 0; n < 1000; n++ {
		if err = w.Write(key); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "no more") || w.Close() != err {
		t.Error(err)
	}
	w = testWriter(t, io.Discard, WriterOptions{})
	if err := errors.Join(w.Write(key), w.Close()); err != nil {
		t.Fatal(err)
	}
	if w.Write(key) == nil || w.Close() == nil {
		t.Error("a closed Writer writes on")
	}
}

// A file that is not closed is no file.
func TestWriterNotClosed(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := testWriter(t, &b, WriterOptions{})
	for b.Len() == 0 {
		if err := w.Write(&Key{Kind: HOTP, Secret: Secret(seed)}); err != nil {
			t.Fatal(err)
		}
	}
	if res := readString(t, b.String(), readsExport()); !errors.Is(res.err, ErrMalformed) {
		t.Error(res.err)
	}
}

// Every value has an IV of its own, and nothing of a secret shows.
func TestWriterEncrypts(t *testing.T) {
	t.Parallel()
	k := &Key{Kind: HOTP, Secret: Secret(seed)}
	file := export(t, WriterOptions{}, k, k, k)
	seen := map[string]bool{}
	for _, span := range spans(file, "CipherValue") {
		seen[file[span[0]:span[1]]] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d different ciphertexts", len(seen))
	}
	if strings.Contains(file, seed) || strings.Contains(file, b64([]byte(seed))) {
		t.Error("a secret in plain")
	}
	wantFatal(t, readString(t, file, Options{Passphrase: Secret("another")}), ErrWrongKey, "")
	wantFatal(t, readString(t, file, Options{}), ErrKeyNeeded, "a passphrase is needed")
	if plain := export(t, WriterOptions{Unprotected: true}, k); !strings.Contains(plain, b64([]byte(seed))) {
		t.Error("no secret in an unprotected file")
	}
}
