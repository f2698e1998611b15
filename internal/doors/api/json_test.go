package api

import (
	"errors"
	"testing"
)

func TestCheckMembers(t *testing.T) {
	t.Parallel()
	for body, twice := range map[string]bool{
		`{}`:                                 false,
		`{"a":1,"b":{"a":2},"c":["a","a"]}`:  false,
		`{"a":"a","b":"a"}`:                  false,
		`[{"a":1},{"a":1}]`:                  false,
		`{"a":{"x":1},"b":{"x":1},"x":[]}`:   false,
		`{"otp":"111111","otp":"222222"}`:    true,
		`{"a":[{"b":1,"b":2}]}`:              true,
		`{"a":{"c":1},"a":2}`:                true,
		`{"\u006ftp":"111111","otp":"2"}`:    true,
		`{"a":1,"b":{"c":{"d":1}},"b":null}`: true,
		`{"a":1,`:                            false, // the decoder's to refuse
		``:                                   false,
	} {
		if err := checkMembers([]byte(body)); errors.Is(err, errDuplicateMember) != twice {
			t.Errorf("%s: %v, want a duplicate: %v", body, err, twice)
		}
	}
}
