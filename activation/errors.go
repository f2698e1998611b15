package activation

import "errors"

// The conditions a caller may branch on with [errors.Is]. Each asks something else
// of the user; the texts say what, and may be shown. None holds a code, a password,
// a key or a part of one.
var (
	// ErrVersion: the message or vector is of a later version of the protocol.
	ErrVersion = errors.New("made by a newer version: update the app or the server")
	// ErrMessage: what was received is not such a message, or is damaged.
	ErrMessage = errors.New("the message is damaged or of another kind: fetch or scan it again")
	// ErrAuth: the MAC of an online message does not fit the registration code.
	ErrAuth = errors.New("the message does not match the registration code: check the code, or ask for a new one")
	// ErrSealed: the activation data cannot be opened with this device's key.
	ErrSealed = errors.New("the activation data does not belong to this request: begin the activation again")

	// ErrProfile: a profile breaks a rule; the reason names it.
	ErrProfile = errors.New("the profile is not valid")
	// ErrVector: the bytes are not a static vector, or break a rule of profiles.
	ErrVector = errors.New("the static vector is damaged or not valid: get it again from the issuer")
	// ErrSuite: a text is not the suite of an application.
	ErrSuite = errors.New("unknown suite: it is HOTP-SHA1-6, TOTP-SHA1-6/30 or an OCRA suite without P and S")
	// ErrTwoStep: the profile is one for two-step activation.
	ErrTwoStep = errors.New("this profile is activated in two steps: scan its activation message instead")
	// ErrApplication: the profile has no application of that index.
	ErrApplication = errors.New("the profile has no such application")

	// ErrSerialEmpty: no serial was given.
	ErrSerialEmpty = errors.New("the serial number is missing: type it as the letter shows it")
	// ErrSerial: the text is not a serial: prefix and 1 to 15 digits.
	ErrSerial = errors.New("this is not a serial number: type the letters in front and then the 1 to 15 digits")
	// ErrPrefix: the serial belongs to another type of token.
	ErrPrefix = errors.New("the serial number does not belong to this profile: check the letters in front, or use the " +
		"app for that profile")

	// ErrCodeEmpty: no activation code was given.
	ErrCodeEmpty = errors.New("the activation code is missing: type it as the letter shows it")
	// ErrCodeCharacter: the activation code holds a character that none holds.
	ErrCodeCharacter = errors.New("the activation code contains a character that is not allowed: check it")
	// ErrCodeLength: the activation code is too short or too long.
	ErrCodeLength = errors.New("the activation code has too few or too many characters: check it")
	// ErrCodeInvalid: the check symbols do not fit: something is mistyped, or the
	// code is for another serial, another profile or another ERC.
	ErrCodeInvalid = errors.New("the activation code is not right: check the code, the serial number and the event " +
		"counter code, if there is one")
	// ErrCodeOrPassword: as ErrCodeInvalid where the password is checked, too.
	ErrCodeOrPassword = errors.New("the activation code or the activation password is not right: check both, and " +
		"the serial number")

	// ErrPasswordEmpty: the profile demands an activation password.
	ErrPasswordEmpty = errors.New("the activation password is missing: type the one that was sent separately")
	// ErrPassword: a text is not an activation password.
	ErrPassword = errors.New("an activation password has 10 to 64 ASCII letters, digits and symbols: check it")
	// ErrPasswordUnexpected: the profile has no activation passwords.
	ErrPasswordUnexpected = errors.New("this profile has no activation password: leave it empty")

	// ErrERCEmpty: a reactivation needs the event counters.
	ErrERCEmpty = errors.New("the event counter code is missing: type it as the letter shows it")
	// ErrERCCharacter: the ERC holds something that is not a digit.
	ErrERCCharacter = errors.New("the event counter code has digits only: check it")
	// ErrERCLength: the ERC is too short or too long for this profile.
	ErrERCLength = errors.New("the event counter code has too few or too many digits: check it")
	// ErrERCInvalid: the check digits do not fit: something is mistyped, or the ERC
	// is for another serial.
	ErrERCInvalid = errors.New("the event counter code is not right: check it and the serial number")
	// ErrERCUnexpected: the profile has no applications that count events.
	ErrERCUnexpected = errors.New("this profile counts no events: leave the event counter code empty")
	// ErrCounter: a counter has more than ten digits, or there are more or fewer
	// counters than applications that count events.
	ErrCounter = errors.New("the event counters do not match the profile")
	// ErrCounterJump: a counter is more than 1,000,000 above the device's own.
	ErrCounterJump = errors.New("the event counter is too far above that of this device: ask for a new activation")

	// ErrRegistrationEmpty: no registration code was given.
	ErrRegistrationEmpty = errors.New("the registration code is missing: type it as the page shows it")
	// ErrRegistrationCharacter: it holds a character that none holds.
	ErrRegistrationCharacter = errors.New(
		"the registration code contains a character that is not allowed: check it")
	// ErrRegistrationLength: it has not 25 characters.
	ErrRegistrationLength = errors.New("the registration code has 25 characters: check it")
	// ErrRegistrationInvalid: its check characters do not fit.
	ErrRegistrationInvalid = errors.New("the registration code is mistyped: check it")

	// ErrDerivationEmpty: no derivation code was given.
	ErrDerivationEmpty = errors.New("the derivation code is missing: type it as the app shows it")
	// ErrDerivationCharacter: it holds a character that none holds.
	ErrDerivationCharacter = errors.New("the derivation code contains a character that is not allowed: check it")
	// ErrDerivationLength: it has not 20 characters.
	ErrDerivationLength = errors.New("the derivation code has 20 characters: check it")
	// ErrDerivationInvalid: it is mistyped, or from another activation.
	ErrDerivationInvalid = errors.New("the derivation code is not right: check it, or activate again")

	// ErrQRBody: the text is not the body of an activation QR code.
	ErrQRBody = errors.New("this is not an activation code image: scan the one from the letter or the page")
	// ErrCarrier: the text is neither a code image, nor a pasted text, nor a link of
	// this protocol.
	ErrCarrier = errors.New("this text is not for the app: copy or scan all of it")
	// ErrServer: an address is not https://host or https://host:port.
	ErrServer = errors.New("the server's address must be https://host or https://host:port in lower case")
	// ErrTooLong: a message is too long for a QR code.
	ErrTooLong = errors.New("the message is too long for a QR code: send it as a file")
	// ErrUserID: a user label has not 1 to 40 bytes of text that can be shown.
	ErrUserID = errors.New("a user label has 1 to 40 bytes of plain text")
	// ErrChallenge: a challenge has not 1 to 64 letters and digits.
	ErrChallenge = errors.New("a challenge has 1 to 64 ASCII letters and digits")
	// ErrDevice: the device type is unknown, or its name cannot be shown.
	ErrDevice = errors.New("a device has a known type, and a name of 1 to 64 bytes of plain text")
	// ErrOTP: a text is not a one-time password of 6 to 10 digits.
	ErrOTP = errors.New("a one-time password has 6 to 10 digits: check it")

	// ErrKeySize: key material has the wrong length. It is a mistake in the program.
	ErrKeySize = errors.New("key material has the wrong length")
	// ErrTime: a time is not between 1 and 2^53-1 seconds after 1970.
	ErrTime = errors.New("the time is out of range: set the clock")
)

// detail is one of the sentinels above with the reason added. The reason is a text
// of this package, never a piece of the input.
type detail struct {
	kind   error
	reason string
}

func (d *detail) Error() string { return d.kind.Error() + " (" + d.reason + ")" }
func (d *detail) Unwrap() error { return d.kind }
