package activation

import (
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"testing"

	"ostiary/internal/codec/cbor"
)

// stream gives the same bytes for the same name: tests are to fail every time or
// never.
func stream(name string) *rand.ChaCha8 { return rand.NewChaCha8(sha256.Sum256([]byte(name))) }

func pick(name string) *rand.Rand { return rand.New(stream(name)) }

func bytesOf(name string, n int) []byte {
	b := make([]byte, n)
	_, _ = stream(name).Read(b)
	return b
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// sheet is a profile of one time application, as cheap as rules allow, and changed
// as the test wants it.
func sheet(change ...func(*Profile)) *Profile {
	p := must(NewProfile(stream("profile")))
	p.Prefix, p.Name, p.Issuer = "FDM", "Mobile", "Bank of Examples"
	copy(p.IssuerKey[:], bytesOf("issuer", 32))
	p.Applications = []Application{{1, "Login", ResponseOnly, must(ParseSuite("TOTP-SHA1-6/30"))}}
	p.Rules.Argon2id = Argon2id{1, 16, 2}
	for _, c := range change {
		c(p)
	}
	return p
}

func vector(change ...func(*Profile)) *Vector { return must(sheet(change...).Vector()) }

func noPassword(p *Profile) { p.Rules.Password = false }

func checkedPassword(p *Profile) { p.Rules.CheckPassword = true }

func decimal(p *Profile) { p.Rules.Format = Decimal }

func bound(p *Profile) { p.Rules.DeviceBinding = true }

func sameKey(p *Profile) { p.Rules.NewKey = false }

func twoStep(p *Profile) { p.TwoStep = true }

// events gives a profile with three applications of which two count.
func events(p *Profile) {
	p.Applications = []Application{
		{1, "Login", ResponseOnly, must(ParseSuite("HOTP-SHA1-6"))},
		{2, "Door", ResponseOnly, must(ParseSuite("TOTP-SHA256-8/60"))},
		{5, "Pay", Signature, must(ParseSuite("OCRA-1:HOTP-SHA512-8:C-QH64"))},
	}
}

const (
	testSerial   = "FDM10000001"
	testPassword = "ABCDE12345"
)

var testSecret = Secret(bytesOf("secret", SecretSize))

// input is what a code for the test serial is bound to.
func input(v *Vector, counters ...uint64) CodeInput {
	in := CodeInput{Serial: testSerial, Counters: counters}
	if v.profile.Rules.Password {
		in.Password = Secret(testPassword)
	}
	return in
}

// profiles are the kinds of profiles under names.
func profiles() map[string]*Vector {
	return map[string]*Vector{
		"base32":                   vector(noPassword),
		"base32 password":          vector(),
		"base32 checked password":  vector(checkedPassword),
		"decimal":                  vector(decimal, noPassword),
		"decimal password":         vector(decimal),
		"decimal checked password": vector(decimal, checkedPassword),
		"events":                   vector(events, noPassword),
		"events same key":          vector(events, sameKey),
		"bound":                    vector(bound),
		"two-step":                 vector(twoStep),
	}
}

// flips calls f with every bit of b flipped, one at a time.
func flips(b []byte, f func(bit int, flipped []byte)) {
	for bit := range 8 * len(b) {
		c := slices.Clone(b)
		c[bit/8] ^= 1 << (bit % 8)
		f(bit, c)
	}
}

func testExchange(t testing.TB, code RegistrationCode) *Exchange {
	t.Helper()
	e, err := NewExchange(code, Device{Android, "Pixel of Ann"}, stream("exchange"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func testCode() RegistrationCode { return must(NewRegistrationCode(stream("registration"))) }

// cborMap is a map with unsigned keys whose values are kept encoded, to make
// messages that no encoder here would.
type cborMap struct {
	keys   []uint64
	values map[uint64][]byte
}

// mapOf takes a message apart.
func mapOf(t testing.TB, b []byte) *cborMap {
	t.Helper()
	m := &cborMap{values: map[uint64][]byte{}}
	if len(b) == 0 || b[0] < 0xa0 || 0xb7 < b[0] {
		t.Fatalf("not a map: %x", b)
	}
	rest := b[1:]
	for range b[0] - 0xa0 {
		m.set(uint64(rest[0]), nil)
		n := itemSize(t, rest[1:])
		m.set(uint64(rest[0]), rest[1:1+n])
		rest = rest[1+n:]
	}
	if len(rest) != 0 {
		t.Fatalf("%d bytes behind the map", len(rest))
	}
	return m
}

// itemSize returns the length of the first item.
func itemSize(t testing.TB, b []byte) int {
	t.Helper()
	n, size := uint64(b[0]&0x1f), 1
	if n >= 24 {
		width := 1 << (n - 24)
		n = 0
		for _, c := range b[1 : 1+width] {
			n = n<<8 | uint64(c)
		}
		size += width
	}
	items := 0
	switch b[0] >> 5 {
	case 2, 3:
		size += int(n)
	case 4:
		items = int(n)
	case 5:
		items = 2 * int(n)
	}
	for range items {
		size += itemSize(t, b[size:])
	}
	return size
}

func (m *cborMap) set(key uint64, value []byte) {
	if _, has := m.values[key]; !has {
		m.keys = append(m.keys, key)
		slices.Sort(m.keys)
	}
	m.values[key] = value
}

func (m *cborMap) drop(key uint64) {
	m.keys = slices.DeleteFunc(m.keys, func(k uint64) bool { return k == key })
	delete(m.values, key)
}

func (m *cborMap) encode() []byte {
	b := cbor.AppendMap(nil, len(m.keys))
	for _, k := range m.keys {
		b = append(cbor.AppendUint(b, k), m.values[k]...)
	}
	return b
}
