package activation

import "io"

// CodeInput is what an activation code is bound to, besides the profile.
type CodeInput struct {
	Serial string // as issued: prefix and number
	// Password is the activation password, exactly where the profile has one.
	Password Secret
	// Counters are those that go with the code, as ERC or XERC; nil without.
	Counters []uint64
}

// NewPassword draws an activation password: 10 characters, 50 bits. Print it with
// [Group].
func NewPassword(random io.Reader) (Secret, error) { panic("not built yet") }

// CheckPassword checks a password that somebody chose: 10 to 64 characters of
// printable ASCII, or [ErrPassword].
func CheckPassword(password string) error { panic("not built yet") }

// MakeCode makes the activation code for a secret of [SecretSize] bytes: 30
// characters or 45 digits without separators; print it with [Group]. With a
// password it runs Argon2id.
//
// The error is [ErrTwoStep], [ErrKeySize], or what [Vector.OpenCode] says of the
// input.
func (v *Vector) MakeCode(secret Secret, in CodeInput) (Secret, error) { panic("not built yet") }

// OpenCode reads an activation code as it was typed and returns S. Case, spaces,
// hyphens and O, I, L for 0 and 1 do not matter. With a password it runs Argon2id.
//
// Without CheckPassword a wrong password gives a wrong S, which nothing but the
// confirmation tells.
//
// The error is [ErrTwoStep]; [ErrCodeEmpty], [ErrCodeCharacter], [ErrCodeLength];
// [ErrCodeInvalid], or [ErrCodeOrPassword] with CheckPassword; [ErrPasswordEmpty],
// [ErrPassword], [ErrPasswordUnexpected]; [ErrSerialEmpty], [ErrSerial], [ErrPrefix];
// [ErrERCUnexpected], [ErrCounter].
func (v *Vector) OpenCode(typed string, in CodeInput) (Secret, error) { panic("not built yet") }

// AppKey derives the key of an application for [ostiary/oath] from the secret S of
// an epoch. bind is the device secret D with device binding, otherwise nil.
func (v *Vector) AppKey(secret Secret, serial string, index int, bind Secret) (Secret, error) {
	panic("not built yet")
}

// Group prints a code for people: groups of five joined by hyphens.
func Group(code string) string { panic("not built yet") }
