package tokens

import "testing"

// A serial names its token, so no two may be shown alike.
func TestSerialIsSeenWhole(t *testing.T) {
	t.Parallel()
	for serial, good := range map[string]bool{"A": true, "A B": true, "GALT-1": true, "Å1": true, "": true,
		"A ": false, " A": false, "A\u00a0": false, "A\ufe0f": false, "A\u3164": false, "A\u200b": false, "A\n": false} {
		if err := CheckSerial(serial); (err == nil) != good {
			t.Errorf("%q: %v", serial, err)
		}
	}
}
