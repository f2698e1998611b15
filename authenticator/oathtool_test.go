//go:build !js

package authenticator_test

import (
	"strconv"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/test/testkit"
)

// The codes are those of oathtool.
func TestCodesOfOathtool(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"HOTP-SHA1-6", "HOTP-SHA1-7", "HOTP-SHA1-8", "TOTP-SHA1-6/30", "TOTP-SHA1-8/60",
		"TOTP-SHA256-7/30", "TOTP-SHA512-8/15"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, func(p *activation.Profile) { p.Applications[0].Suite = suite(text) })
			id := activate(t, s, d).Account.ID
			key, u := s.Key(t, serial, 1), suite(text)
			for range 5 {
				later(s, d, 47*time.Second)
				args := []string{"--hotp", "--counter", strconv.FormatUint(d.only(t).Counters[1], 10)}
				if u.Kind == activation.TOTP {
					args = []string{"--totp=" + u.Hash.String(), "--time-step-size", strconv.FormatInt(u.Period, 10) +
						"s", "--now", "@" + strconv.FormatInt(d.now.Unix(), 10)}
				}
				want := testkit.Oathtool(t, key, append(args, "--digits", strconv.Itoa(u.Digits))...)[0]
				if got := d.code(t, id, pin, 1); string(got) != want {
					t.Errorf("%s, and oathtool says %s", string(got), want)
				}
			}
		})
	}
}
