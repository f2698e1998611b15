package oath

import (
	"bytes"
	"testing"
)

// Nothing of the message, which holds the PIN's hash, nor of the responses is left.
func TestComputationIsWiped(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"OCRA-1:HOTP-SHA1-6:QN08-PSHA1", "OCRA-1:HOTP-SHA512-0:QN08-PSHA256"} {
		in := Input{Question: "1", PIN: NewSecret([]byte("1234"))}
		c, err := mustSuite(t, text).newComputation([]byte(rfcKey), &in)
		if err != nil {
			t.Fatal(err)
		}
		response, msg := c.response(0, 0), c.msg
		if c.sum == [maxSize]byte{} || bytes.Count(response, []byte{0}) != 0 {
			t.Fatal("nothing was computed")
		}
		c.wipe()
		if !bytes.Equal(msg, make([]byte, len(msg))) || c.sum != [maxSize]byte{} || c.text != [2 * maxSize]byte{} ||
			c.mac.md != nil {
			t.Errorf("%s: left behind: %x %x %x", text, msg, c.sum, c.text)
		}
	}
}
