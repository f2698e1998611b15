package authenticator

import (
	"errors"
	"strconv"
)

// The conditions a caller may branch on with errors.Is, besides those of package
// activation: what is wrong with a serial, an activation code, an activation
// password, an event counter code or a registration code is said by the errors
// there. Each asks something else of the user; the texts say what, and may be shown.
var (
	// ErrAccount: the vault has no account of that id.
	ErrAccount = errors.New("there is no such account: list the accounts, and choose one of them")
	// ErrDamaged: a record cannot be opened with the key of this device.
	ErrDamaged = errors.New("an account cannot be opened, because its file is damaged or was copied from another " +
		"device: activate it again")
	// ErrNewer: a record was written by a later version.
	ErrNewer = errors.New("the vault was written by a newer version of this app: update the app")
	// ErrDeviceKey: the platform does not give the key of the vault.
	ErrDeviceKey = errors.New("the device does not provide the key of the vault: unlock the device, and try again")

	// ErrName: a name cannot be shown.
	ErrName = errors.New("a name has 1 to 64 bytes of plain text: choose another")
	// ErrNameTaken: another account has the name.
	ErrNameTaken = errors.New("another account has this name: choose another")

	// ErrVectorMissing: an activation code was given, and no profile that it is for.
	ErrVectorMissing = errors.New("the static vector is missing: add the file or image that came with the app " +
		"or the letter")
	// ErrOtherProfile: the app is made for another profile.
	ErrOtherProfile = errors.New("this activation is for a profile that this app does not support: use the app for " +
		"that profile")
	// ErrNotAgain: the vault has the serial, and its profile forbids reactivations.
	ErrNotAgain = errors.New("this token is activated already, and may not be activated again: ask the issuer " +
		"for a new one")
	// ErrNoOther: the vault takes no further account.
	ErrNoOther = errors.New("this app cannot store another account: delete one first")

	// ErrPINEmpty: no PIN was given.
	ErrPINEmpty = errors.New("the PIN is missing: type it")
	// ErrPINCharacter: the PIN has something else than digits in it.
	ErrPINCharacter = errors.New("a PIN contains only digits: type it again")
	// ErrPINShort: the PIN has fewer digits than the profile asks for.
	ErrPINShort = errors.New("the PIN has too few digits: add some")
	// ErrPINLong: the PIN has more digits than the profile allows.
	ErrPINLong = errors.New("the PIN has too many digits: use fewer")
	// ErrPINWeak: the PIN is among those that everybody tries first.
	ErrPINWeak = errors.New("this PIN is easily guessed: choose another, without a pattern, a year or a repetition")
	// ErrPIN: the PIN is wrong; the error is a [PINError].
	ErrPIN = errors.New("the PIN is wrong: try again")
	// ErrErased: the tries were used up, and the secrets are gone.
	ErrErased = errors.New("the PIN was wrong too often, and the secrets were erased: activate the token again")
	// ErrPenalty: the tries were used up, and only codes can be had until the right
	// PIN has been given for one.
	ErrPenalty = errors.New("the PIN was wrong too often: generate a code with the right PIN first")

	// ErrMode: the application is there, and does something else.
	ErrMode = errors.New("this application has another purpose: choose another")
	// ErrChallengeEmpty: no challenge was given.
	ErrChallengeEmpty = errors.New("the challenge is missing: type it as the page shows it")
	// ErrChallengeShort: the challenge has fewer than 4 characters.
	ErrChallengeShort = errors.New("the challenge is too short: type all of it")
	// ErrChallengeLong: the challenge has more characters than the application takes.
	ErrChallengeLong = errors.New("the challenge is too long: check it, and the application")
	// ErrChallengeCharacter: the application does not take such a character.
	ErrChallengeCharacter = errors.New("the challenge contains a character that is not allowed: check it")
	// ErrFieldCount: there are not 1 to 8 fields.
	ErrFieldCount = errors.New("a signature has 1 to 8 fields: give all fields that the page asks for, and no others")
	// ErrFieldLabel: the labels are not 1, 2, 3 and so on.
	ErrFieldLabel = errors.New("fields are labelled 1, 2, 3 and so on: give them in the order of the page")
	// ErrFieldValue: a value is too long, or has a character or space that is not
	// allowed.
	ErrFieldValue = errors.New("a field has up to 40 ASCII letters, digits and symbols, without spaces " +
		"at its ends: check it")
	// ErrFieldSuite: a signature of this application would be the same each time.
	ErrFieldSuite = errors.New("this application does not sign typed fields: choose another")

	// ErrServerTime: a server's time is before 1970, or a century off.
	ErrServerTime = errors.New("this time is not possible: type the server's date and time")

	// ErrUnreachable: no answer came.
	ErrUnreachable = errors.New("the server cannot be reached: check the address and the connection, and try again")
	// ErrBusy: the server asks to come back later.
	ErrBusy = errors.New("the server is busy: try again in a minute")
	// ErrOffer: the server does not take the registration code.
	ErrOffer = errors.New("the server does not accept this registration code, because it is wrong, used, expired or " +
		"was replaced: ask for a new one")
	// ErrRefused: the server does not take the proof; the error is a [RefusedError].
	ErrRefused = errors.New("the server did not accept the activation: check the activation password, and " +
		"try again")
	// ErrUnconfirmed: the activation is stored, and whether the server has taken it
	// is not known. The error that it comes with says why.
	ErrUnconfirmed = errors.New("the activation is not confirmed yet: confirm the account, or type its code into " +
		"the server's page")
	// ErrUnsettled: the account was activated by an activation code, and the user has not
	// said whether the server took it. It stands in an [AccountError].
	ErrUnsettled = errors.New("it is not known whether the server accepted the last activation: keep its keys if " +
		"the server's page accepted the code, or undo it")
	// ErrSettled: there is no activation under way to confirm, keep or undo.
	ErrSettled = errors.New("the account has no open activation: nothing needs to be done")
)

// AccountError says which account an error is about, where nothing else is known of
// it. It can be deleted by its id.
type AccountError struct {
	ID  string
	Err error
}

// Error tells the id and the error.
func (e *AccountError) Error() string { return "account " + e.ID + ": " + e.Err.Error() }

// Unwrap gives the error.
func (e *AccountError) Unwrap() error { return e.Err }

// PINError says that a PIN is wrong, and how many tries are left. It is [ErrPIN].
type PINError struct {
	TriesLeft int // 1 or more
}

// Error tells the tries left.
func (e *PINError) Error() string { return ErrPIN.Error() + " (" + tries(e.TriesLeft) + " left)" }

// Is makes it ErrPIN.
func (e *PINError) Is(target error) bool { return target == ErrPIN }

// RefusedError says that a server refused the proof of an activation, and how many
// tries the offer has left. It is [ErrRefused].
type RefusedError struct {
	TriesLeft int // 0 when the offer has ended
}

// Error tells the tries left.
func (e *RefusedError) Error() string {
	if e.TriesLeft == 0 {
		return "the server did not accept the activation, and the offer has ended: ask for a new one"
	}
	return ErrRefused.Error() + " (" + tries(e.TriesLeft) + " left)"
}

// Is makes it ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return strconv.Itoa(n) + " tries"
}
