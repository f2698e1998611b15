package activation

// QRBody is the content of an activation code image. It is not encrypted, and only
// Serial, Code and ERC are protected by the check symbols of the code: UserID and
// Challenge are shown to the user, who is asked about them.
type QRBody struct {
	Serial    string // as issued
	Code      Secret // the activation code
	ERC       string // digits; empty without
	UserID    string // user label, at most 40 bytes; empty without
	Challenge string // 1 to 64 letters and digits; empty without
}

// Encode writes the body, at most 1024 bytes. The error is [ErrSerial], one of
// [ErrCodeEmpty], [ErrCodeCharacter], [ErrCodeLength], [ErrERCCharacter],
// [ErrERCLength], [ErrUserID], [ErrChallenge].
func (b QRBody) Encode() (Secret, error) { panic("not built yet") }

// ReadQRBody reads the body: elements in any order, each once, SN and AC present.
// Anything that Encode would not write, but for order and white space between the
// elements, is [ErrQRBody] with the reason, or one of the errors of Encode.
func ReadQRBody(text string) (QRBody, error) { panic("not built yet") }
