package activation

// Locator reads which offer a request or a confirmation names, to look up its
// registration code. Nothing is proven by it: [OpenRequest] and [OpenConfirm] do
// that. The error is [ErrMessage] or [ErrVersion].
func Locator(body []byte) (string, error) { panic("not built yet") }

// Request is a device's request, proven to come from somebody who has the
// registration code.
type Request struct {
	Device Device // shown to people before and after the confirmation
}

// OpenRequest reads the body of POST /api/v1/activate. The error is [ErrMessage],
// [ErrVersion] or [ErrAuth].
func OpenRequest(body []byte, code RegistrationCode) (*Request, error) { panic("not built yet") }

// Hash tells one request from another; it is needed for the confirmation.
func (r *Request) Hash() [32]byte { panic("not built yet") }

// Sealed is activation data that only the device of one request opens. It may be
// kept to answer the identical request again.
type Sealed struct {
	Enc  []byte // the encapsulated key, 1120 bytes
	XFAD []byte
	XERC []byte // nil without counters
}

// Seal encrypts activation data, and counters if there are any, to the device. The
// counters are those that the activation code was made with. The encapsulation
// draws randomness of its own. The error is one of [FAD.Encode], or [ErrCounter],
// [ErrERCUnexpected].
func (r *Request) Seal(fad *FAD, counters []uint64) (*Sealed, error) { panic("not built yet") }

// Answer makes the body of the answer; time is now in unix seconds, or [ErrTime].
func (r *Request) Answer(sealed *Sealed, time int64) ([]byte, error) { panic("not built yet") }

// Confirm is a device's confirmation, proven to come from somebody who has the
// registration code. Whether the one-time password is right is for the caller to
// find out; so is the derivation code, with [OpenDerivationCode].
type Confirm struct {
	Confirmation
}

// OpenConfirm reads the body of POST /api/v1/activate/confirm. request is the hash
// of the request that took the offer. The error is [ErrMessage], [ErrVersion] or
// [ErrAuth].
func OpenConfirm(body []byte, code RegistrationCode, request [32]byte) (*Confirm, error) {
	panic("not built yet")
}

// Hash tells one confirmation from another.
func (c *Confirm) Hash() [32]byte { panic("not built yet") }

// Answer makes the body of the answer.
func (c *Confirm) Answer(result Result) ([]byte, error) { panic("not built yet") }
