package activation

import (
	"crypto/hpke"
	"crypto/sha256"

	"ostiary/internal/codec/cbor"
	"ostiary/internal/codec/typedcode"
)

// maxTime is the latest moment, 2^53-1 seconds after 1970.
const maxTime = 1<<53 - 1

// Locator reads which offer a request or a confirmation names, to look up its
// registration code. Nothing is proven by it: [OpenRequest] and [OpenConfirm] do
// that. The error is [ErrMessage] or [ErrVersion].
func Locator(body []byte) (string, error) {
	message, _, err := unpack(body)
	if err != nil {
		return "", err
	}
	d := cbor.NewDecoder(message)
	d.Map()
	readVersion(d)
	locator := readLocator(d)
	return locator, refusal(ErrMessage, d.Err())
}

// readLocator reads key 1 of a request or confirmation.
func readLocator(d *cbor.Decoder) string {
	d.Key(1)
	locator := d.Text()
	if code, err := typedcode.CanonicalBase32(locator); err != nil || code != locator || len(code) != locatorSize {
		d.Fail(&detail{ErrMessage, "locator"})
		return ""
	}
	return locator
}

// Request is a device's request, proven to come from somebody who has the
// registration code.
type Request struct {
	Device Device // shown to people before and after the confirmation

	code   RegistrationCode
	public hpke.PublicKey
	hash   [32]byte
}

// request is the content of a request's message.
type request struct {
	locator string
	public  []byte
	device  Device
}

func parseRequest(message []byte) (r request, err error) {
	d := cbor.NewDecoder(message)
	d.Map()
	readVersion(d)
	r.locator = readLocator(d)
	d.Key(2)
	r.public = d.Fixed(hpkePublicSize)
	r.device.Type = DeviceType(readChoice(d, 3))
	d.Key(4)
	r.device.Name = d.Text()
	d.Key(5)
	d.Fixed(nonceSize)
	d.Close()
	if err := d.End(); err != nil {
		return request{}, refusal(ErrMessage, err)
	}
	if !r.device.valid() {
		return request{}, &detail{ErrMessage, "device"}
	}
	return r, nil
}

// OpenRequest reads the body of POST /api/v1/activate. The error is [ErrMessage],
// [ErrVersion] or [ErrAuth].
func OpenRequest(body []byte, code RegistrationCode) (*Request, error) {
	message, err := authentic(body, code, labelRequest, nil)
	if err != nil {
		return nil, err
	}
	r, err := parseRequest(message)
	if err != nil {
		return nil, err
	}
	if r.locator != code.Locator() {
		return nil, ErrAuth
	}
	public, err := hpkeKEM().NewPublicKey(r.public)
	if err != nil {
		return nil, &detail{ErrMessage, "public key"}
	}
	return &Request{Device: r.device, code: code, public: public, hash: sha256.Sum256(message)}, nil
}

// Hash tells one request from another; it is needed for the confirmation.
func (r *Request) Hash() [32]byte { return r.hash }

// Seal encrypts activation data, and counters if there are any, to the device. The
// counters are those that the activation code was made with. The encapsulation
// draws randomness of its own. The error is one of [FAD.Encode], or [ErrCounter],
// [ErrERCUnexpected], or [ErrMessage] for a public key with which nothing can be sealed.
func (r *Request) Seal(fad *FAD, counters []uint64) (*Sealed, error) {
	return seal(r.public, r.hash, fad, counters)
}

// Answer makes the body of the answer; time is now in unix seconds, or [ErrTime].
func (r *Request) Answer(sealed *Sealed, time int64) ([]byte, error) {
	if time < 1 || maxTime < time {
		return nil, ErrTime
	}
	message := sealed.encode(time)
	return pack(message, r.code.MAC(labelResponse, r.hash[:], message)), nil
}

// Confirm is a device's confirmation, proven to come from somebody who has the
// registration code. Whether the one-time password is right is for the caller to
// find out; so is the derivation code, with [OpenDerivationCode].
type Confirm struct {
	Confirmation

	code RegistrationCode
	hash [32]byte
}

// OpenConfirm reads the body of POST /api/v1/activate/confirm. request is the hash
// of the request that took the offer. The error is [ErrMessage], [ErrVersion] or
// [ErrAuth].
func OpenConfirm(body []byte, code RegistrationCode, request [32]byte) (*Confirm, error) {
	message, err := authentic(body, code, labelConfirm, request[:])
	if err != nil {
		return nil, err
	}
	c, locator, err := parseConfirmation(message)
	if err != nil {
		return nil, err
	}
	if locator != code.Locator() {
		return nil, ErrAuth
	}
	return &Confirm{Confirmation: c, code: code, hash: sha256.Sum256(message)}, nil
}

// Hash tells one confirmation from another.
func (c *Confirm) Hash() [32]byte { return c.hash }

// Answer makes the body of the answer. Tries left that are not 0 to 99 are
// [ErrMessage].
func (c *Confirm) Answer(result Result) ([]byte, error) {
	message, err := result.encode()
	if err != nil {
		return nil, err
	}
	return pack(message, c.code.MAC(labelDone, c.hash[:], message)), nil
}
