package pskc

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// answer is all that whoever sent a file may see of what became of it: class,
// condition, place and text.
func answer(res result) string {
	s := fmt.Sprintf("%d keys, %T %v", len(res.keys), res.err, res.err)
	for _, e := range res.refused {
		s += fmt.Sprintf(", %T %v %+v", e, e, *e)
	}
	return s
}

// Nobody learns from the answer which it was: the key, the MAC, the padding, or
// the size. Not as long as nothing has verified, and not after.
func TestNoOracle(t *testing.T) {
	t.Parallel()
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 1
		return b
	}
	iv := bytes.Repeat([]byte{9}, 16)
	wrong := flip(testKey, 0)
	derived, err := (&derivation{salt: []byte("saltsalt"), iterations: 3}).derive(hmacs["hmac-sha256"], []byte("right"),
		16)
	if err != nil {
		t.Fatal(err)
	}
	kdf := `<EncryptionKey><xenc11:DerivedKey><xenc11:KeyDerivationMethod Algorithm="http://www.w3.org/2009/xmlenc11#pbkdf2"><xenc11:PBKDF2-params>` +
		"<Salt><Specified>" + b64([]byte("saltsalt")) + "</Specified></Salt><IterationCount>3</IterationCount>" +
		`<PRF Algorithm="hmac-sha256"/></xenc11:PBKDF2-params></xenc11:KeyDerivationMethod></xenc11:DerivedKey></EncryptionKey>`
	key := func(i int, value string) string { return pkg("1", fmt.Sprint(i), hotpURI, data(value)) }
	draft := func(head string, values ...string) string {
		s := `<KeyContainer xmlns="` + draftSpaces[2] + `">` + head
		for i, v := range values {
			s += fmt.Sprintf("\n"+`<Device><Key KeyId="%d" KeyAlgorithm="HOTP">%s</Key></Device>`, i, v)
		}
		return s + "</KeyContainer>"
	}
	psk, bad := Options{PreSharedKey: testKey}, Options{PreSharedKey: wrong}
	for name, style := range map[string]struct {
		file       func(values ...[]byte) string // values and, after each, its MAC
		value, mac []byte
		opt, wrong Options
		paddingToo bool // no MAC: only padding can be wrong
	}{
		"MAC over the ciphertext": {func(v ...[]byte) string {
			parts := []string{pskHeader, macXML()}
			for i := 0; i < len(v); i += 2 {
				parts = append(
					parts,
					key(
						i,
						strings.Replace(macOnly("Secret", v[i]),
							between(macOnly("Secret", v[i]), "<ValueMAC>", "</ValueMAC>"), "<ValueMAC>"+b64(v[i+1])+
								"</ValueMAC>", 1)))
			}
			return container(parts...)
		}, seal(testKey, []byte(seed), 1), macOf(testMACKey, seal(testKey, []byte(seed), 1)), psk, bad, false},
		"under a passphrase, no MAC key": {func(v ...[]byte) string {
			parts := []string{kdf, `<MACMethod Algorithm="` + sha1URI + `"/>`}
			for i := 0; i < len(v); i += 2 {
				parts = append(parts, key(i, "<Secret><EncryptedValue>"+cipherXML(v[i])+"</EncryptedValue><ValueMAC>"+
					b64(v[i+1])+"</ValueMAC></Secret>"))
			}
			return container(parts...)
		}, seal(derived, []byte(seed), 1), macOf(derived, seal(derived, []byte(seed), 1)),
			Options{Passphrase: Secret("right")}, Options{Passphrase: Secret("wrong")}, false},
		"MAC over the plain text": {func(v ...[]byte) string {
			var values []string
			for i := 0; i < len(v); i += 2 {
				values = append(values, named("SECRET", v[i], v[i+1]))
			}
			return draft(ivXML(iv)+draftMACXML, values...)
		}, seal(testKey, []byte(seed), 9)[16:], macOf(testKey, []byte(seed)), psk, bad, false},
		"no MAC": {func(v ...[]byte) string {
			parts := []string{pskHeader}
			for i := 0; i < len(v); i += 2 {
				parts = append(parts, key(i, "<Secret><EncryptedValue>"+cipherXML(v[i])+"</EncryptedValue></Secret>"))
			}
			return container(parts...)
		}, seal(testKey, []byte(seed), 1), nil, Options{PreSharedKey: testKey, AllowUnauthenticated: true},
			Options{PreSharedKey: wrong, AllowUnauthenticated: true}, true},
	} {
		v, mac := style.value, style.mac
		if res := readString(t, style.file(v, mac, v, mac), style.opt); res.err != nil || len(res.keys) != 2 {
			t.Fatalf("%s: %v %v", name, res.err, res.refused)
		}
		broken := map[string][2][]byte{
			"padding": {flip(v, -17), mac}, "padding inside": {flip(v, -19), mac}, "last block": {flip(v, -1), mac},
			"a byte short": {v[:len(v)-1], mac}, "a block": {v[:16], mac},
		}
		if !style.paddingToo {
			for what, pair := range map[string][2][]byte{
				"MAC": {v, flip(mac, 0)}, "end of the MAC": {v, flip(mac, -1)}, "short MAC": {v, mac[:10]},
				"empty MAC": {v, []byte{}}, "first byte": {flip(v, 0), mac}, "another's MAC": {v, macOf(testKey, iv)},
			} {
				broken[what] = pair
			}
		}
		want := answer(readString(t, style.file(v, mac), style.wrong))
		if !strings.Contains(want, ErrWrongKey.Error()) {
			t.Fatalf("%s: %s", name, want)
		}
		after := map[string][]string{}
		for what, b := range broken {
			if got := answer(readString(t, style.file(b[0], b[1]), style.opt)); got != want {
				t.Errorf("%s, %s:\n%s\na wrong key:\n%s", name, what, got, want)
			}
			got := answer(readString(t, style.file(v, mac, b[0], b[1], v, mac), style.opt))
			after[got] = append(after[got], what)
		}
		if len(after) != 1 {
			t.Errorf("%s: after a value that verified the answers differ: %q", name, after)
		}
	}
}

// Nor does anybody learn whether the padding of the MAC key held, by whatever file
// around it: with values that have no MAC or another key, without any, or with a
// MAC over the whole file.
func TestNoMACKeyOracle(t *testing.T) {
	t.Parallel()
	good := seal(testKey, testMACKey, 1)
	last := func(x byte) []byte { // what the last byte of the padding becomes
		b := bytes.Clone(good)
		b[len(b)-17] ^= 12 ^ x // 20 bytes of key, 12 of padding
		return b
	}
	v := sealed("Secret", []byte(seed), 1)
	noMAC := strings.Replace(v, between(v, "<ValueMAC>", "</ValueMAC>"), "", 1)
	named := strings.Replace(v, "<EncryptedValue>",
		"<EncryptedValue><ds:KeyInfo><ds:KeyName>x</ds:KeyName></ds:KeyInfo>", 1)
	larger := strings.Replace(v, "aes128-cbc", "aes256-cbc", 1)
	const own = `<Extensions><os:FileMAC xmlns:os="` + ownSpace + `">AAAA</os:FileMAC></Extensions>`
	record := plainSecret(seed) + `</Data><Extensions><os:Record xmlns:os="` + ownSpace + `">` + between(v, "<EncryptedValue>", "</ValueMAC>") + "</os:Record></Extensions><Data Name='COUNTER'><Value>1</Value>"
	for name, body := range map[string]string{
		"good value": pkg("1", "1", hotpURI, data(v)), "no MAC": pkg("1", "1", hotpURI, data(noMAC)),
		"another key":    pkg("1", "1", hotpURI, data(named)),
		"another cipher": pkg("1", "1", hotpURI, data(larger)), "no value": "<KeyPackage/>",
		"FileMAC": "<KeyPackage/>" + own, "no MAC, FileMAC": pkg("1", "1", hotpURI, data(noMAC)) + own,
		"record": pkg("1", "1", hotpURI, data(record)),
	} {
		for _, opt := range []Options{{PreSharedKey: testKey}, {PreSharedKey: testKey, AllowUnauthenticated: true},
			{PreSharedKey: testKey, AllowPlaintextMAC: true}} {
			answers := map[string][]byte{}
			// Padding of 1 to 16 bytes holds and leaves another key than ours; none
			// and too much does not.
			for _, x := range []byte{1, 2, 11, 13, 16, 0, 17, 255} {
				file := container(pskHeader, strings.Replace(macXML(), b64(good), b64(last(x)), 1), body)
				got := answer(readString(t, file, opt))
				answers[got] = append(answers[got], x)
			}
			if len(answers) != 1 {
				t.Errorf("%s, %+v: %q", name, opt, answers)
			}
		}
	}
}
