package pskc

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// wrapKey is AES key wrap, by RFC 5649 if padded, else by RFC 3394.
func wrapKey(kek, plain []byte, padded bool) []byte {
	block, err := aes.NewCipher(kek)
	if err != nil {
		panic(err)
	}
	work := bytes.Repeat([]byte{0xa6}, 8)
	if padded {
		work = binary.BigEndian.AppendUint32(mustHex("a65959a6"), uint32(len(plain)))
	}
	r := append(bytes.Clone(plain), make([]byte, (8-len(plain)%8)%8)...)
	n := len(r) / 8
	work = append(work, make([]byte, 8)...)
	if n == 1 {
		copy(work[8:], r)
		block.Encrypt(work, work)
		return work
	}
	for j := range 6 {
		for i := range n {
			copy(work[8:], r[i*8:])
			block.Encrypt(work, work)
			copy(r[i*8:], work[8:])
			binary.BigEndian.PutUint64(work, binary.BigEndian.Uint64(work)^uint64(n*j+i+1))
		}
	}
	return append(work[:8:8], r...)
}

// The vectors of RFC 3394 section 4 and RFC 5649 section 6.
func TestKeyWrapVectors(t *testing.T) {
	t.Parallel()
	const k256 = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
	const d256 = "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F"
	const kPad = "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"
	for _, c := range []struct {
		kek, data, wrapped string
		padded             bool
	}{
		{k256[:32], d256[:32], "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5", false},
		{k256[:48], d256[:32], "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D", false},
		{k256, d256[:32], "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7", false},
		{k256[:48], d256[:48], "031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2", false},
		{k256, d256[:48], "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1", false},
		{k256, d256, "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21", false},
		{kPad, "c37b7e6492584340bed12207808941155068f738",
			"138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a", true},
		{kPad, "466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f", true},
	} {
		block, err := aes.NewCipher(mustHex(c.kek))
		if err != nil {
			t.Fatal(err)
		}
		wrapped := mustHex(c.wrapped)
		if got := wrapKey(mustHex(c.kek), mustHex(c.data), c.padded); !bytes.Equal(got, wrapped) {
			t.Errorf("wrapped as %x", got)
		}
		for _, paddedOnly := range []bool{false, true} {
			got, ok := unwrap(block, wrapped, paddedOnly)
			if want := c.padded || !paddedOnly; ok != want || ok && !bytes.Equal(got, mustHex(c.data)) {
				t.Errorf("%s: %x, %v", c.wrapped, got, ok)
			}
		}
		for i := range wrapped {
			for _, bit := range []byte{1, 0x80} {
				bad := bytes.Clone(wrapped)
				bad[i] ^= bit
				if got, ok := unwrap(block, bad, false); ok {
					t.Errorf("byte %d altered: %x", i, got)
				}
			}
		}
		for n := range wrapped {
			if _, ok := unwrap(block, wrapped[:n], false); ok {
				t.Errorf("cut to %d bytes and taken", n)
			}
		}
	}
}

// Padding of RFC 5649 that is too long or not zero, and check values that are wrong.
func TestKeyWrapPadding(t *testing.T) {
	t.Parallel()
	for a, plain := range map[uint64]string{
		paddedWrapIV<<32 | 20: "12345678901234567890\x00\x00\x01\x00",
		paddedWrapIV<<32 | 16: strings.Repeat("\x00", 24),
		paddedWrapIV<<32 | 25: strings.Repeat("\x00", 24),
		paddedWrapIV << 32:    strings.Repeat("\x00", 8),
		// The check value itself is wrong, and all else is right.
		(paddedWrapIV^1)<<32 | 20:     "12345678901234567890\x00\x00\x00\x00",
		(paddedWrapIV^1<<31)<<32 | 24: strings.Repeat("\x01", 24),
	} {
		if n, ok := paddedLength(a, []byte(plain)); ok {
			t.Errorf("%x: taken as %d bytes", a, n)
		}
	}
}

// sealDES encrypts with Triple-DES as seal does with AES.
func sealDES(key, text []byte) []byte {
	if len(key) == 16 {
		key = append(bytes.Clone(key), key[:8]...)
	}
	block, err := des.NewTripleDESCipher(key)
	if err != nil {
		panic(err)
	}
	n := 8 - len(text)%8
	out := append([]byte("iviviviv"), text...)
	out = append(out, bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(block, out[:8]).CryptBlocks(out[8:], out[8:])
	return out
}

func cipherOf(word string, b []byte) string {
	return strings.Replace(cipherXML(b), aes128URI, "http://www.w3.org/2001/04/xmlenc#"+word, 1)
}

func macOf(key, b []byte) []byte {
	m := hmac.New(sha1.New, key)
	m.Write(b)
	return m.Sum(nil)
}

// valueOf is a value of that cipher, with a MAC if there is a key for it.
func valueOf(name, xml string, b, macKey []byte) string {
	mac := ""
	if macKey != nil {
		mac = "<ValueMAC>" + b64(macOf(macKey, b)) + "</ValueMAC>"
	}
	return "<" + name + "><EncryptedValue>" + xml + "</EncryptedValue>" + mac + "</" + name + ">"
}

// modeFile is a file and what it takes to read it.
type modeFile struct {
	name, file string
	opt        Options
	wrong      Options // the same with a wrong key
	unsigned   bool    // declares no MAC
}

// modeFiles are files of each way of encryption. The RSA files are made by
// testdata/make-rsa.py. Of the others python-pskc 1.2 reads the same secrets,
// save for the names of padded key wrap and EncryptedKey, which it does not know.
func modeFiles(t testing.TB) (files []modeFile) {
	t.Helper()
	key24 := append(bytes.Clone(testKey), "abcdefgh"...)
	wrong := append([]byte("x"), key24[1:]...)
	psk := func(name, file string, key []byte, unsigned bool) {
		opt := Options{PreSharedKey: key, AllowTripleDES: true}
		bad := opt
		bad.PreSharedKey = wrong[:len(key)]
		files = append(files, modeFile{name, file, opt, bad, unsigned})
	}
	method := func(macKey string) string {
		return `<MACMethod Algorithm="` + sha1URI + `">` + macKey + `</MACMethod>`
	}
	key := func(value string) string { return pkg("1", "1", hotpURI, data(value)) }
	one := func(head, value string) string { return container(pskHeader, head, key(value)) }
	for _, k := range [][]byte{testKey, key24} {
		b := sealDES(k, []byte(seed))
		v := valueOf("Secret", cipherOf("tripledes-cbc", b), b, testMACKey)
		mk := "<MACKey>" + cipherOf("tripledes-cbc", sealDES(k, testMACKey)) + "</MACKey>"
		psk(fmt.Sprint("3des ", len(k)*8), one(method(mk), v), k, false)
		psk(fmt.Sprint("3des no mac key ", len(k)*8),
			one(method(""), valueOf("Secret", cipherOf("tripledes-cbc", b), b, k)), k, false)
	}
	aesValue := seal(testKey, []byte(seed), 1)
	psk("no mac key", one(method(""), valueOf("Secret", cipherXML(aesValue), aesValue, testKey)), testKey, false)
	for _, padded := range []bool{true, false} {
		text, word := []byte(seed), "kw-aes128-pad"
		if !padded {
			text, word = []byte(seed+"1234"), "kw-aes128"
		}
		w := wrapKey(testKey, text, padded)
		psk(word, one("", valueOf("Secret", cipherOf(word, w), w, nil)), testKey, true)
		mk := wrapKey(testKey, append(bytes.Clone(testMACKey), "1234"...), false)
		psk(word+" mac", one(method("<MACKey>"+cipherOf("kw-aes128", mk)+"</MACKey>"),
			valueOf("Secret", cipherOf(word, w), w, append(bytes.Clone(testMACKey), "1234"...))), testKey, false)
	}
	mk := wrapKey(testKey, testMACKey, true)
	psk("mac key wrapped", one(method("<MACKey>"+cipherOf("kw-aes128-pad", mk)+"</MACKey>"),
		valueOf("Secret", cipherXML(aesValue), aesValue, testMACKey)), testKey, false)
	// A key of the file under the pre-shared key, and under one from a passphrase.
	inner := []byte("a key of 16 byte")
	v := seal(inner, []byte(seed), 2)
	under := func(kek []byte, more string) string {
		return container("<EncryptionKey>"+more+"<xenc:EncryptedKey>"+cipherOf("kw-aes128", wrapKey(kek, inner, false))+
			"</xenc:EncryptedKey></EncryptionKey>",
			method("<MACKey>"+cipherXML(seal(inner, testMACKey, 3))+"</MACKey>"),
			key(valueOf("Secret", cipherXML(v), v, testMACKey)))
	}
	psk("encrypted key", under(testKey, "<ds:KeyName>k</ds:KeyName>"), testKey, false)
	derived, err := pbkdf2.Key(sha1.New, "pass", []byte("saltsalt"), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	kdf := `<xenc11:DerivedKey><xenc11:KeyDerivationMethod Algorithm="http://www.w3.org/2009/xmlenc11#pbkdf2"><PBKDF2-params>` +
		"<Salt><Specified>" + b64([]byte("saltsalt")) +
		"</Specified></Salt><IterationCount>10</IterationCount></PBKDF2-params>" +
		"</xenc11:KeyDerivationMethod></xenc11:DerivedKey>"
	files = append(files, modeFile{"encrypted key, passphrase", under(derived, kdf),
		Options{Passphrase: Secret("pass")}, Options{Passphrase: Secret("Pass")}, false})

	other, err := rsa.GenerateKey(nil, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"key-rsa15", "key-rsa15-nomackey", "key-oaep-sha1", "key-oaep-sha1-nomackey", "key-oaep-sha256",
		"key-oaep-sha256-nomackey",
		"key-oaep-sha256-mgf1p", "key-oaep-sha256-mgf1p-nomackey", "value-oaep-mac", "value-rsa15-mac", "value-oaep",
		"value-rsa15",
	} {
		raw, err := os.ReadFile("testdata/rsa/" + name + ".pskc")
		if err != nil {
			t.Fatal(err)
		}
		opt := Options{PrivateKey: rsaKey(t)}
		opt.AllowUnauthenticated = name == "value-oaep" || strings.HasPrefix(name, "value-rsa15")
		bad := opt
		bad.PrivateKey = other
		files = append(files, modeFile{name, string(raw), opt, bad, name == "value-oaep" || name == "value-rsa15"})
	}
	return append(files, draftModes(t)...)
}

// Each way of encryption: the file is read; with one byte of it altered, with
// the wrong key, without its MACs or without any key it is not.
func TestModes(t *testing.T) {
	t.Parallel()
	for _, m := range modeFiles(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			res := readString(t, m.file, m.opt)
			if res.err != nil || len(res.refused) != 0 || len(res.keys) == 0 {
				t.Fatal(res.err, res.refused)
			}
			for _, k := range res.keys {
				if !strings.HasPrefix(string(k.Secret), seed) {
					t.Errorf("secret %q", []byte(k.Secret))
				}
			}
			keys := len(res.keys)
			for i := range 2 { // the same answer each time
				res := readString(t, m.file, m.wrong)
				if wantFatal(t, res, ErrWrongKey, ""); res.err.Error() != "pskc: "+ErrWrongKey.Error() {
					t.Errorf("%d: %v", i, res.err)
				}
			}
			none := m.opt
			none.PreSharedKey, none.Passphrase, none.PrivateKey = nil, nil, nil
			wantFatal(t, readString(t, m.file, none), ErrKeyNeeded, "")
			m.alter(t, keys)
			if !m.unsigned {
				m.strip(t)
			}
		})
	}
}

// alter changes bytes of every ciphertext and MAC, one at a time.
func (m modeFile) alter(t *testing.T, keys int) {
	for _, name := range []string{"CipherValue", "<Value", "ValueMAC", "ValueDigest"} {
		for _, span := range spans(m.file, name) {
			size := span[1] - span[0]
			for _, at := range []int{0, 1, size / 3, size / 2, size - 8} {
				i := span[0] + max(at, 0)
				if size == 0 || strings.ContainsRune(" \n=", rune(m.file[i])) {
					continue
				}
				c := byte('A')
				if m.file[i] == c {
					c = 'B'
				}
				res := readString(t, m.file[:i]+string(c)+m.file[i+1:], m.opt)
				if len(res.keys) >= keys {
					t.Errorf("%s at %d altered: %d keys", name, at, len(res.keys))
				}
				if res.err != nil && !errors.Is(res.err, ErrWrongKey) {
					t.Errorf("%s at %d altered: %v", name, at, res.err)
				}
			}
		}
	}
}

// strip takes the MACs away, and the declaration of them.
func (m modeFile) strip(t *testing.T) {
	without := func(s string, elements ...string) string {
		for _, e := range elements {
			for strings.Contains(s, "<"+e) {
				s = strings.Replace(s, between(s, "<"+e, "</"+e+">"), "", 1)
			}
		}
		return s
	}
	bare := without(m.file, "ValueMAC", "ValueDigest")
	undeclared := without(m.file, "MACMethod", "DigestMethod", "MACAlgorithm")
	neither := without(bare, "MACMethod", "DigestMethod", "MACAlgorithm")
	if m.file == bare || m.file == undeclared {
		t.Fatal("nothing to strip")
	}
	for what, file := range map[string]string{"values": bare, "method": undeclared, "all": neither} {
		opt := m.opt
		if what == "all" {
			if strings.HasPrefix(m.name, "kw-") {
				continue // key wrap needs no MAC
			}
			opt.AllowUnauthenticated = false
		}
		res := readString(t, file, opt)
		if len(res.keys) != 0 || res.err == nil && len(res.refused) == 0 {
			t.Errorf("%s stripped: %d keys, %v", what, len(res.keys), res.err)
		}
	}
}
