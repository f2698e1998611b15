package pskc

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What stands in for a key that did not decrypt is known to this process alone: in
// another one, the same ciphertext gives another key. Within one it is always the
// same, and each ciphertext has its own, of any length.
func TestRejectedKeyIsUnpredictable(t *testing.T) {
	const child = "PSKC_TEST_REJECT"
	ciphertext := bytes.Repeat([]byte{5}, 256)
	if os.Getenv(child) != "" {
		_, _ = os.Stdout.WriteString("key " + hex.EncodeToString(reject(ciphertext, 16)) + "\n")
		return
	}
	elsewhere := func() string {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRejectedKeyIsUnpredictable$")
		cmd.Env = append(os.Environ(), child+"=1")
		out, err := cmd.CombinedOutput()
		line, _, _ := strings.Cut(string(out), "\n")
		key, ok := strings.CutPrefix(line, "key ")
		if err != nil || !ok || len(key) != 32 {
			t.Fatalf("%v: %s", err, out)
		}
		return key
	}
	here := hex.EncodeToString(reject(ciphertext, 16))
	if one, other := elsewhere(), elsewhere(); one == other || one == here || other == here {
		t.Errorf("three processes give the keys %s, %s and %s", here, one, other)
	}
	if here != hex.EncodeToString(reject(ciphertext, 16)) {
		t.Error("one ciphertext gives two keys")
	}
	seen := map[string]int{}
	for i := range ciphertext {
		other := bytes.Clone(ciphertext)
		other[i] ^= 1
		seen[string(reject(other, 16))]++
	}
	if len(seen) != len(ciphertext) || seen[string(reject(ciphertext, 16))] != 0 {
		t.Errorf("%d ciphertexts give %d keys", len(ciphertext), len(seen))
	}
	long := reject(ciphertext, 100)
	for i := range 3 {
		if n := bytes.Count(long, long[32*i:32*i+4]); n != 1 {
			t.Errorf("a part of a long key is there %d times", n)
		}
	}
}

// Both doors give that key: with a key in memory and with one in hardware.
func TestRejectedKeyStandsInForAKey(t *testing.T) {
	t.Parallel()
	key := rsaKey(t)
	bad := append([]byte{0}, bytes.Repeat([]byte{5}, key.Size()-1)...)
	if got := unwrapRSA15(key, bad, 16); !bytes.Equal(got, reject(bad, 16)) {
		t.Error("a key in memory gives another one")
	}
	if got := unwrapRSA15(hardware{key}, bad, 16); !bytes.Equal(got, reject(bad, 16)) {
		t.Error("a key in hardware gives another one")
	}
	if got := unwrapRSA15MAC(key, bad); !bytes.Equal(got, reject(bad, macKeyLength)) {
		t.Error("a MAC key is another one")
	}
}
