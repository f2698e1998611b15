package credentials

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
)

// The length of a password that somebody chooses, in characters.
const (
	MinPassword = 12
	MaxPassword = 256
)

// leastKinds is how many different characters a chosen password has.
const leastKinds = 5

// commonWords are what passwords are often made of: one of them, with digits and signs
// around it perhaps, is none.
var commonWords = []string{
	"abcdefghijkl", "abc", "admin", "administrator", "baseball", "changeit", "changeme", "default",
	"dragon", "football", "iloveyou", "letmein", "letmeinplease", "login", "master", "monkey",
	"onetimepassword", "ostiary", "p@ssw0rd", "pa$$w0rd", "pass", "passphrase", "passw0rd",
	"password", "passwordpassword", "princess", "qazwsxedcrfv", "qwerty", "qwertyuiop",
	"qwertyuiopasdfghjkl", "qwertz", "qwertzuiop", "root", "rootpassword", "secret", "security",
	"server", "sunshine", "superman", "superuser", "supersecret", "temporary", "test", "testpassword",
	"toor", "trustno", "welcome", "welcometo", "correcthorsebatterystaple", "adminadmin",
	"mypassword", "thepassword",
}

// checkChosen refuses a password of an account that is easily guessed. It says what is wrong,
// and nothing of the password; hint says how to come by a better one.
func checkChosen(account, password, hint string) error {
	weak := func(why string) error {
		return fault.New(fault.Invalid, "weak_password", "The password "+why+".").WithHint(hint)
	}
	plain := strings.ToLower(password)
	word := strings.TrimFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) })
	inner := strings.TrimFunc(plain, func(r rune) bool { return unicode.IsDigit(r) || unicode.IsSpace(r) })
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl):
		return weak("contains a character that cannot be typed")
	case n < MinPassword:
		return weak(fmt.Sprintf("has fewer than %d characters", MinPassword))
	case n > MaxPassword:
		return weak(fmt.Sprintf("has more than %d characters", MaxPassword))
	case strings.Trim(strings.ReplaceAll(plain, strings.ToLower(account), ""), " 0123456789!._-") == "":
		return weak("consists of the name, or only of digits")
	case kinds(plain) < leastKinds:
		return weak("repeats a few characters")
	case inRow(plain):
		return weak("is a sequence of consecutive characters")
	case slices.Contains(commonWords, word), slices.Contains(commonWords, inner):
		return weak("is a common password")
	}
	return nil
}

func kinds(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// inRow reports whether each character follows the one before, upwards or downwards.
func inRow(s string) bool {
	runes := []rune(s)
	step := func(by rune) bool {
		for i := 1; i < len(runes); i++ {
			if runes[i]-runes[i-1] != by {
				return false
			}
		}
		return true
	}
	return step(1) || step(-1)
}

// asTyped is a password as it is hashed: composed (NFC), as keyboards differ in that.
func asTyped(password string) string { return norm.NFC.String(password) }

// ChoosePassword gives ROOT a password of one's own choice, and ends its sessions. The
// error is a fault, Invalid, for one that is easily guessed.
func (r *Root) ChoosePassword(ctx context.Context, password string, origin audit.Origin) error {
	return r.choosePassword(ctx, password, origin, always)
}

func (r *Root) choosePassword(ctx context.Context, password string, origin audit.Origin, onlyFirst bool) error {
	if err := checkChosen(RootName, asTyped(password), "Use several unrelated words, or let the server generate one: "+
		"ostiary root reset-password."); err != nil {
		return err
	}
	return r.setPassword(ctx, password, origin, onlyFirst, audit.Field{Name: "chosen", Value: true})
}
