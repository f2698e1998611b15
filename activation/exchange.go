package activation

import "io"

// DeviceType says what a device is.
type DeviceType uint8

// The device types.
const (
	OtherDevice DeviceType = iota
	Android
	IOS
	Desktop
	Web
	DedicatedHardware
)

// Device describes a device to people, who decide by it whether it is theirs.
type Device struct {
	Type DeviceType
	Name string // 1 to 64 bytes, shown
}

// Exchange is the device's side of an online activation.
type Exchange struct{}

// NewExchange draws a key pair and makes the request. The error is [ErrDevice].
func NewExchange(code RegistrationCode, device Device, random io.Reader) (*Exchange, error) {
	panic("not built yet")
}

// State returns the exchange for keeping while it is under way, and so the device's
// private key: keep it encrypted, and delete it when the activation has ended.
func (e *Exchange) State() (Secret, error) { panic("not built yet") }

// ResumeExchange takes up an exchange again. The error is [ErrMessage].
func ResumeExchange(state Secret) (*Exchange, error) { panic("not built yet") }

// Request returns the body of POST /api/v1/activate. It is always the same, so that
// it can be sent again.
func (e *Exchange) Request() []byte { panic("not built yet") }

// Delivery is what a server answers to a request.
type Delivery struct {
	FAD *FAD
	// Counters are the event counters, nil without; they go into [CodeInput].
	Counters []uint64
	// Time is the server's, in unix seconds. Less the device's clock when the
	// answer arrived it is the shift that the device applies from then on.
	Time int64
}

// Open reads the body of the answer. The error is [ErrMessage], [ErrVersion],
// [ErrAuth], [ErrSealed], or what [ParseFAD] says. The caller compares the vector
// with the one that the app was configured with.
func (e *Exchange) Open(answer []byte) (*Delivery, error) { panic("not built yet") }

// Confirmation proves that the device has the secret.
type Confirmation struct {
	OTP Secret // 6 to 10 digits of the confirming application
	// Next is the one-time password after OTP: exactly where S was sent again and
	// the confirming application counts events.
	Next Secret
	// Derivation is the derivation code, exactly with device binding.
	Derivation Secret
}

// Confirm makes the body of POST /api/v1/activate/confirm. Keep it until the answer
// is there: only the identical one is answered again. The error is [ErrOTP], or
// what [OpenDerivationCode] says of the form of a derivation code.
func (e *Exchange) Confirm(c Confirmation) ([]byte, error) { panic("not built yet") }

// Result is the server's word on a confirmation.
type Result struct {
	Accepted  bool
	TriesLeft int // 0 to 99; 0 if accepted, or if the offer has ended
}

// Result reads the body of the answer to a confirmation as it was sent. The error
// is [ErrMessage], [ErrVersion] or [ErrAuth].
func (e *Exchange) Result(confirm, answer []byte) (Result, error) { panic("not built yet") }
