package seal

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"strings"
	"testing"
)

// testKEK wraps with a fixed nonce; only a test may.
type testKEK struct {
	id   string
	aead cipher.AEAD
}

func newTestKEK(id string, fill byte) testKEK {
	block, err := aes.NewCipher(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return testKEK{id, aead}
}

func (k testKEK) ID() string { return k.id }

func (k testKEK) Wrap(_ context.Context, aad []byte, key Secret) ([]byte, error) {
	return k.aead.Seal(nil, make([]byte, 12), key.Bytes(), aad), nil
}

func (k testKEK) Unwrap(_ context.Context, aad, wrapped []byte) (Secret, error) {
	plain, err := k.aead.Open(nil, make([]byte, 12), wrapped, aad)
	if err != nil {
		return Secret{}, ErrOpen
	}
	return NewSecret(plain), nil
}

var kek = newTestKEK("test:1", 1)

func keys(t *testing.T, ids ...uint32) []DataKey {
	t.Helper()
	var all []DataKey
	for _, id := range ids {
		k, err := NewDataKey(t.Context(), kek, id)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	return all
}

func keyring(t *testing.T, all []DataKey) *Keyring {
	t.Helper()
	k, err := OpenKeyring(t.Context(), kek, all)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var place = Binding{Table: "token", Column: "secret", Row: 7}

func sealed(t *testing.T, k *Keyring, text string) []byte {
	t.Helper()
	out, err := k.Seal(place, NewSecret([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	k := keyring(t, keys(t, 1))
	for _, n := range []int{0, 1, 20, 32, 64, 10_000} {
		text := strings.Repeat("s", n)
		box := sealed(t, k, text)
		got, err := k.Open(place, box)
		if err != nil || string(got.Bytes()) != text {
			t.Errorf("%d bytes: %v", n, err)
		}
		if want := 1 + 4 + 12 + n + 16; len(box) != want {
			t.Errorf("%d bytes are sealed in %d, want %d", n, len(box), want)
		}
		if n >= 20 && bytes.Contains(box, []byte(text[:8])) {
			t.Error("the plaintext is in the ciphertext")
		}
	}
}

// The form of a sealed secret is in databases; it cannot change unnoticed.
func TestHeader(t *testing.T) {
	t.Parallel()
	box := sealed(t, keyring(t, keys(t, 0x01020304)), "secret")
	if !bytes.Equal(box[:5], []byte{1, 1, 2, 3, 4}) {
		t.Errorf("header % x, want version 1 and the data key's id", box[:5])
	}
}

func TestNonceIsNew(t *testing.T) {
	t.Parallel()
	k := keyring(t, keys(t, 1))
	seen := map[string]bool{}
	for range 1000 {
		nonce := string(sealed(t, k, "secret")[5:17])
		if seen[nonce] {
			t.Fatal("a nonce was used twice")
		}
		seen[nonce] = true
	}
}

func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	k := keyring(t, keys(t, 1, 2, 3)) // so that a flipped id may name another key
	box := sealed(t, k, "secret")
	for i := range len(box) * 8 {
		bad := bytes.Clone(box)
		bad[i/8] ^= 1 << (i % 8)
		if s, err := k.Open(place, bad); !errors.Is(err, ErrOpen) && !errors.Is(err, ErrUnknownKey) || s.Len() != 0 {
			t.Errorf("bit %d flipped: opens as %q, %v", i, s.Bytes(), err)
		}
	}
	for n := range len(box) {
		if _, err := k.Open(place, box[:n]); !errors.Is(err, ErrOpen) {
			t.Errorf("cut to %d bytes: %v, want ErrOpen", n, err)
		}
	}
	if _, err := k.Open(place, append(bytes.Clone(box), 0)); !errors.Is(err, ErrOpen) {
		t.Errorf("with a byte more: %v, want ErrOpen", err)
	}
	if _, err := k.Open(place, nil); !errors.Is(err, ErrOpen) {
		t.Errorf("nothing: %v, want ErrOpen", err)
	}
}

func TestMovedElsewhere(t *testing.T) {
	t.Parallel()
	k := keyring(t, keys(t, 1))
	box := sealed(t, k, "secret")
	for name, b := range map[string]Binding{
		"another table":        {"tokem", "secret", 7},
		"another column":       {"token", "secreu", 7},
		"another row":          {"token", "secret", 8},
		"row 0":                {"token", "secret", 0},
		"row -7":               {"token", "secret", -7},
		"a shifted boundary":   {"tokens", "ecret", 7},
		"table and column in":  {"tokensecret", "", 7},
		"exchanged names":      {"secret", "token", 7},
		"no names":             {"", "", 7},
		"a longer column name": {"token", "secret\x00", 7},
	} {
		if _, err := k.Open(b, box); !errors.Is(err, ErrOpen) {
			t.Errorf("%s: %v, want ErrOpen", name, err)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	k := keyring(t, keys(t, 1))
	box := sealed(t, k, "secret")
	for _, v := range []byte{0, 2, 255} {
		box[0] = v
		if _, err := k.Open(place, box); !errors.Is(err, ErrOpen) {
			t.Errorf("version %d: %v, want ErrOpen", v, err)
		}
	}
}

func TestDataKeys(t *testing.T) {
	t.Parallel()
	all := keys(t, 1, 2)
	old, both, late := keyring(t, all[:1]), keyring(t, all), keyring(t, all[1:])
	before, after := sealed(t, old, "before"), sealed(t, both, "after")
	if after[4] != 2 {
		t.Errorf("sealed under data key %d, want the newest, 2", after[4])
	}
	if s, err := both.Open(place, before); err != nil || string(s.Bytes()) != "before" {
		t.Errorf("what an older key sealed: %v", err)
	}
	if _, err := old.Open(place, after); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("a data key that is not there: %v, want ErrUnknownKey", err)
	}
	// A ciphertext relabelled with another key's id does not open under it.
	relabelled := bytes.Clone(before)
	relabelled[4] = 2
	if _, err := late.Open(place, relabelled); !errors.Is(err, ErrOpen) {
		t.Errorf("relabelled: %v, want ErrOpen", err)
	}
	// Nor does it when the key behind both ids is the same: the id is bound.
	first := old.now.Load().keys[1]
	twin := ringOf(map[uint32]cipher.AEAD{1: first, 2: first})
	if _, err := twin.Open(place, relabelled); !errors.Is(err, ErrOpen) {
		t.Errorf("relabelled to a key of the same bytes: %v, want ErrOpen", err)
	}
	order := keyring(t, []DataKey{all[1], all[0]})
	if box := sealed(t, order, "x"); box[4] != 2 {
		t.Errorf("sealed under data key %d when listed in another order, want 2", box[4])
	}
}

// ringOf is a keyring of keys as they are, which seals under the first.
func ringOf(keys map[uint32]cipher.AEAD) *Keyring {
	k := &Keyring{}
	k.now.Store(&ring{keys, 1})
	return k
}

// A key that another node has added is there after Renew, and seals from then on; what cannot
// be opened leaves the keys as they were.
func TestRenew(t *testing.T) {
	t.Parallel()
	all := keys(t, 1, 2)
	here, there := keyring(t, all[:1]), keyring(t, all)
	before, theirs := sealed(t, here, "before"), sealed(t, there, "theirs")
	if _, err := here.Open(place, theirs); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("before Renew: %v, want ErrUnknownKey", err)
	}
	broken := DataKey{ID: 3, KEK: all[0].KEK, Wrapped: all[0].Wrapped}
	if err := here.Renew(t.Context(), append([]DataKey{broken}, all...)); !errors.Is(err, ErrOpen) {
		t.Errorf("a key that does not open: %v, want ErrOpen", err)
	}
	if box := sealed(t, here, "x"); box[4] != 1 {
		t.Errorf("sealed under data key %d, of a Renew that failed", box[4])
	}
	if err := here.Renew(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	for text, box := range map[string][]byte{"before": before, "theirs": theirs} {
		if s, err := here.Open(place, box); err != nil || string(s.Bytes()) != text {
			t.Errorf("after Renew %s: %v", text, err)
		}
	}
	if box := sealed(t, here, "x"); box[4] != 2 {
		t.Errorf("sealed under data key %d, want the newest, 2", box[4])
	}
}

func TestOpenKeyringRefuses(t *testing.T) {
	t.Parallel()
	good := keys(t, 1)[0]
	other := newTestKEK("test:2", 2)
	impostor := newTestKEK("test:1", 2) // same name, other key
	for _, tt := range []struct {
		name string
		kek  KEK
		keys []DataKey
		want error
		text string
	}{
		{name: "no data key", kek: kek, text: "no data key"},
		{name: "another KEK", kek: other, keys: []DataKey{good}, text: "test:2"},
		{name: "a KEK of the same name", kek: impostor, keys: []DataKey{good}, want: ErrOpen},
		{name: "a data key under another id", kek: kek, keys: []DataKey{{ID: 2, KEK: good.KEK, Wrapped: good.Wrapped}},
			want: ErrOpen},
		{name: "a damaged data key", kek: kek, keys: []DataKey{{ID: 1, KEK: good.KEK, Wrapped: good.Wrapped[1:]}},
			want: ErrOpen},
		{name: "one good, one bad", kek: kek, keys: []DataKey{good, {ID: 2, KEK: good.KEK, Wrapped: good.Wrapped}},
			want: ErrOpen},
	} {
		k, err := OpenKeyring(t.Context(), tt.kek, tt.keys)
		if err == nil || k != nil || tt.want != nil && !errors.Is(err, tt.want) ||
			!strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v, want %v with %q", tt.name, err, tt.want, tt.text)
		}
	}
}

func TestDataKeyIsNotInTheClear(t *testing.T) {
	t.Parallel()
	k := keys(t, 1)[0]
	raw, err := kek.Unwrap(t.Context(), wrapData(1), k.Wrapped)
	if err != nil || raw.Len() != 32 {
		t.Fatalf("unwrap: %d bytes, %v", raw.Len(), err)
	}
	if bytes.Contains(k.Wrapped, raw.Bytes()) {
		t.Error("the data key is stored in the clear")
	}
	if again := keys(t, 1)[0]; bytes.Equal(again.Wrapped, k.Wrapped) {
		t.Error("two data keys are the same")
	}
}

func FuzzOpen(f *testing.F) {
	k := ringOf(map[uint32]cipher.AEAD{1: kek.aead})
	// The same in every process: a fixed nonce, which only a test may use.
	head := append([]byte{1, 0, 0, 0, 1}, make([]byte, 12)...)
	box := kek.aead.Seal(head, head[5:], []byte("secret"), place.associatedData(1))
	if s, err := k.Open(place, box); err != nil || string(s.Bytes()) != "secret" {
		f.Fatal(err)
	}
	f.Add(box)
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := k.Open(place, b)
		if err == nil && !bytes.Equal(b, box) {
			t.Errorf("% x opens as %q", b, s.Bytes())
		}
	})
}
