package pskc

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// spans gives the begin and end of the text of each element of the name.
func spans(file, name string) (out [][2]int) {
	at := 0
	for {
		i := strings.Index(file[at:], name+">")
		if i < 0 {
			return out
		}
		begin := at + i + len(name) + 1
		end := begin + strings.Index(file[begin:], "<")
		if tag := strings.LastIndexByte(file[:at+i], '<'); file[tag+1] != '/' {
			out = append(out, [2]int{begin, end})
		}
		at = end
	}
}

// Every bit of ciphertext, IV and MAC counts: no file with one character of
// them changed gives a key.
func TestFlips(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/vectors/figure6.pskc")
	if err != nil {
		t.Fatal(err)
	}
	file := string(raw)
	opt := Options{PreSharedKey: testKey}
	n := 0
	for _, name := range []string{"CipherValue", "ValueMAC"} {
		for _, span := range spans(file, name) {
			for i := span[0]; i < span[1]; i++ {
				if isSpace(file[i]) {
					continue
				}
				for _, c := range []byte{file[i] ^ 1, file[i] ^ 2, 'A', 'B', '/', '='} {
					if c == file[i] {
						continue
					}
					n++
					res := readString(t, file[:i]+string(c)+file[i+1:], opt)
					if len(res.keys) != 0 || res.err == nil && len(res.refused) != 1 {
						t.Fatalf("byte %d of %s as %q: %d keys, %v", i, name, c, len(res.keys), res.err)
					}
				}
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d changes tried", n)
	}
}

// Without a proven key, a wrong key, a MAC that fails, a MAC key that does not
// decrypt and bad padding give one and the same answer.
func TestOneAnswer(t *testing.T) {
	t.Parallel()
	good := sealedFile("1")
	wrong := append([]byte(nil), testKey...)
	wrong[0] ^= 1
	macKey := b64(seal(testKey, testMACKey, 1))
	badMACKey := seal(testKey, testMACKey, 1)
	badMACKey[len(badMACKey)-17] ^= 1 // changes the last byte of the padding
	other := b64(seal(testKey, []byte(seed), 0))
	badIV := seal(testKey, []byte(seed), 0)
	badIV[3] ^= 1
	answers := map[string]bool{}
	for name, c := range map[string]struct {
		file string
		key  []byte
	}{
		"key":     {good, wrong},
		"mac key": {strings.Replace(good, macKey, b64(badMACKey), 1), testKey},
		"iv":      {strings.Replace(good, other, b64(badIV), 1), testKey},
		"mac":     {strings.Replace(good, "<ValueMAC>", "<ValueMAC>AAAA", 1), testKey},
	} {
		if c.file == good && name != "key" {
			t.Fatalf("%s: nothing changed", name)
		}
		res := readString(t, c.file, Options{PreSharedKey: c.key})
		wantFatal(t, res, ErrWrongKey, "")
		answers[res.err.Error()] = true
	}
	if len(answers) != 1 {
		t.Errorf("answers differ: %v", answers)
	}
	res := readFile(t, Options{Passphrase: []byte("Qwerty")}, "vectors", "figure7.pskc")
	wantFatal(t, res, ErrWrongKey, "")
}

// Once a value has verified, another that does not costs only its own key.
func TestOneKeyAltered(t *testing.T) {
	t.Parallel()
	file := sealedFile("1", "2", "3")
	bad := strings.Replace(file, b64(seal(testKey, []byte(seed), 1)), b64(seal(testKey, []byte("x"+seed[1:]), 1)), 1)
	res := readString(t, bad, Options{PreSharedKey: testKey})
	if res.err != nil || len(res.keys) != 2 || len(res.refused) != 1 {
		t.Fatal(res)
	}
	e := res.refused[0]
	if e.Serial != "2" || e.ID != "2" || e.Manufacturer != "Acme" || !errors.Is(e, ErrAltered) ||
		!strings.Contains(e.Reason, "altered or damaged: its MAC does not verify") {
		t.Errorf("%+v", e)
	}
	// A plain number beside it does not save a key.
	if res := readString(t, file, Options{PreSharedKey: testKey}); len(res.keys) != 3 {
		t.Fatal(res)
	}
}

func between(s, begin, end string) string {
	i := strings.Index(s, begin)
	return s[i : i+strings.Index(s[i:], end)+len(end)]
}

// Taking MACs away never makes a file acceptable.
func TestMACStripped(t *testing.T) {
	t.Parallel()
	good := sealedFile("1")
	method := between(good, "<MACMethod", "</MACMethod>")
	macKey := between(good, "<MACKey>", "</MACKey>")
	value := between(good, "<ValueMAC>", "</ValueMAC>")
	without := func(parts ...string) string {
		s := good
		for _, p := range parts {
			s = strings.ReplaceAll(s, p, "")
		}
		return s
	}
	key := Options{PreSharedKey: testKey}
	allow := Options{PreSharedKey: testKey, AllowUnauthenticated: true}
	for _, opt := range []Options{key, allow} {
		refused := wantRefused(t, readString(t, without(value), opt), "has no ValueMAC")
		if refused.Err != ErrAltered {
			t.Errorf("Err = %v", refused.Err)
		}
		wantFatal(t, readString(t, without(method), opt), ErrUnsupported, "a ValueMAC without a MACMethod")
		// Without a MACKey the key of the values is meant, and nobody else has it.
		wantFatal(t, readString(t, without(macKey), opt), ErrWrongKey, "")
	}
	wantFatal(t, readString(t, without(method, value), key), ErrNoMAC, "AllowUnauthenticated")
	// Without a key the advice is the same: giving one would not help.
	wantFatal(t, readString(t, without(method, value), Options{}), ErrNoMAC, "")
	if k := wantOne(t, readString(t, without(method, value), allow)); string(k.Secret) != seed {
		t.Error("wrong secret")
	}
	// A MAC that turns up later in a file without a MACMethod.
	bare := func(iv byte) string {
		v := sealed("Secret", []byte(seed), iv)
		return strings.Replace(v, between(v, "<ValueMAC>", "</ValueMAC>"), "", 1)
	}
	late := container(pskHeader, pkg("1", "1", hotpURI, data(bare(1))),
		pkg("2", "2", hotpURI, data(sealed("Secret", []byte(seed), 2))), pkg("3", "3", hotpURI, data(bare(3))))
	res := readString(t, late, allow)
	if res.err != nil || len(res.keys) != 2 || len(res.refused) != 1 || !errors.Is(res.refused[0], ErrUnsupported) {
		t.Fatal(res)
	}
}

// A secret that anybody could have written stands out in an encrypted file.
func TestPlainAmongEncrypted(t *testing.T) {
	t.Parallel()
	file := container(pskHeader, macXML(), pkg("1", "1", hotpURI, data(plainSecret(seed))))
	wantRefused(t, readString(t, file, Options{PreSharedKey: testKey}), "plain in a file that declares encryption")
	wantOne(t, readString(t, file, Options{PreSharedKey: testKey, AllowUnauthenticated: true}))
	wantRefused(
		t,
		readString(
			t,
			plainFile(data("<Secret><PlainValue>"+b64([]byte(seed))+"</PlainValue><ValueMAC>AAAA</ValueMAC></Secret>")),
			Options{}), "a ValueMAC over a plain value")
}

// Without a MAC only the padding speaks, and all of it is checked.
func TestUnauthenticatedPadding(t *testing.T) {
	t.Parallel()
	b := seal(testKey, []byte(seed), 1)
	enc := func(b []byte) string {
		return "<Secret><EncryptedValue>" + cipherXML(b) + "</EncryptedValue></Secret>"
	}
	file := func(second []byte) string {
		return container(pskHeader, pkg("1", "1", hotpURI, data(enc(b))), pkg("2", "2", hotpURI, data(enc(second))))
	}
	opt := Options{PreSharedKey: testKey, AllowUnauthenticated: true}
	bad := append([]byte(nil), b...)
	bad[len(bad)-16-2] ^= 1 // a padding byte that is not the last
	res := readString(t, file(bad), opt)
	if len(res.keys) != 1 || len(res.refused) != 1 || !errors.Is(res.refused[0], ErrAltered) {
		t.Fatal(res)
	}
	wantFatal(t, readString(t, container(pskHeader, pkg("1", "1", hotpURI, data(enc(bad)))), opt), ErrWrongKey, "")
}

// A file that is cut anywhere does not end properly.
func TestTruncated(t *testing.T) {
	t.Parallel()
	whole := sealedFile("1", "2", "3")
	for n := range len(strings.TrimSpace(whole)) {
		res := readString(t, whole[:n], Options{PreSharedKey: testKey})
		if res.err == nil {
			t.Fatalf("cut at %d of %d: %d keys and a proper end", n, len(whole), len(res.keys))
		}
		if n > len("<KeyContainer>")+len(testNS)+20 && !errors.Is(res.err, ErrMalformed) {
			t.Fatalf("cut at %d: %v", n, res.err)
		}
	}
	res := readString(t, whole[:len(whole)-30], Options{PreSharedKey: testKey})
	if len(res.keys) == 0 ||
		!strings.Contains(res.err.Error(), "line 9: damaged or malformed PSKC: the file ends early") {
		t.Error(len(res.keys), res.err)
	}
	if res := readString(t, whole+"x", Options{PreSharedKey: testKey}); !errors.Is(res.err, ErrMalformed) {
		t.Error(res.err)
	}
	if res := readString(t, whole+"<a/>", Options{PreSharedKey: testKey}); !errors.Is(res.err, ErrMalformed) {
		t.Error(res.err)
	}
}

func TestKeyLength(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 15, 24, 32} {
		res := readString(t, sealedFile("1"), Options{PreSharedKey: make([]byte, n)})
		wantFatal(t, res, ErrKeyLength, "AES-128-CBC takes 128 bits")
	}
}

// No error and no printed key shows key material.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	opt := Options{PreSharedKey: testKey, MinSecret: 64}
	res := readString(t, sealedFile("1", "2"), opt)
	if len(res.refused) != 2 {
		t.Fatal(res)
	}
	for _, e := range res.refused {
		if strings.Contains(e.Error(), seed) || strings.Contains(e.Error(), b64([]byte(seed))) {
			t.Error(e)
		}
	}
}
