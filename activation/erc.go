package activation

import (
	"strconv"

	"ostiary/internal/codec/typedcode"
)

// MaxCounter is the greatest counter an ERC holds: ten digits.
const MaxCounter = 9_999_999_999

const (
	counterDigits = 10
	maxJump       = 1_000_000
)

// MakeERC writes the counters of the applications that count events, in the order
// of [Vector.EventApplications]: for each the next one that the server accepts. It
// returns digits without separators; print them with [Group]. They are formatted,
// not encrypted; the activation code is bound to them.
//
// The error is [ErrERCUnexpected], [ErrCounter], or one of [Vector.Serial].
func (v *Vector) MakeERC(serial string, counters []uint64) (string, error) {
	serial, err := v.Serial(serial)
	if err != nil {
		return "", err
	}
	if err := v.checkCounters(counters); err != nil {
		return "", err
	}
	var b []byte
	for _, c := range counters {
		text := strconv.FormatUint(c, 10)
		b = append(b, "0000000000"[len(text):]...)
		b = append(b, text...)
	}
	// ISO 7064 MOD 97-10: with its check digits the whole is 1 modulo 97.
	check := 98 - mod97(mod97(0, serial), string(b)+"00")
	return string(append(b, byte('0'+check/10), byte('0'+check%10))), nil
}

// ReadERC reads an ERC as it was typed. The error is [ErrERCEmpty],
// [ErrERCCharacter], [ErrERCLength], [ErrERCInvalid], [ErrERCUnexpected], or one of
// [Vector.Serial].
func (v *Vector) ReadERC(serial, typed string) ([]uint64, error) {
	serial, err := v.Serial(serial)
	if err != nil {
		return nil, err
	}
	code, err := typedcode.CanonicalDecimal(typed)
	apps := len(v.EventApplications())
	switch {
	case err != nil:
		return nil, ErrERCCharacter
	case code == "":
		return nil, ErrERCEmpty
	case apps == 0:
		return nil, ErrERCUnexpected
	case len(code) != counterDigits*apps+2:
		return nil, ErrERCLength
	}
	// 00, 01 and 99 are congruent to check digits that are written.
	check := code[len(code)-2:]
	if mod97(mod97(0, serial), code) != 1 || check < "02" || "98" < check {
		return nil, ErrERCInvalid
	}
	counters := make([]uint64, apps)
	for i := range counters {
		counters[i], _ = strconv.ParseUint(code[counterDigits*i:counterDigits*(i+1)], 10, 64) // ten digits
	}
	return counters, nil
}

// checkCounters reports whether the counters are those of the profile's
// applications.
func (v *Vector) checkCounters(counters []uint64) error {
	apps := len(v.EventApplications())
	switch {
	case apps == 0:
		return ErrERCUnexpected
	case len(counters) != apps:
		return ErrCounter
	}
	for _, c := range counters {
		if c > MaxCounter {
			return ErrCounter
		}
	}
	return nil
}

// mod97 goes on with a remainder modulo 97 by the digits and capital letters of a
// text; letters are 10 to 35.
func mod97(rest int, text string) int {
	for i := range len(text) {
		if c := text[i]; c <= '9' {
			rest = (10*rest + int(c-'0')) % 97
		} else {
			rest = (100*rest + int(c-'A') + 10) % 97
		}
	}
	return rest
}

// StartCounter returns the counter at which a device goes on after an activation.
// sent is the one that came with the activation; own is the one that the device
// has from an earlier activation of this serial, and known says whether it has one.
// With new keys it is what was sent; where S is sent again it is the higher, and
// one more than 1,000,000 above the device's own is [ErrCounterJump].
func (v *Vector) StartCounter(sent, own uint64, known bool) (uint64, error) {
	switch {
	case v.profile.Rules.NewKey || !known:
		return sent, nil
	case sent <= own:
		return own, nil
	case sent-own > maxJump:
		return 0, ErrCounterJump
	}
	return sent, nil
}
