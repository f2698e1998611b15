package activation

import (
	"bytes"
	"crypto/hpke"
	"crypto/sha256"
	"io"

	"ostiary/internal/codec/cbor"
	"ostiary/internal/core/printable"
)

// The labels under which R authenticates the messages of the online exchange.
const (
	labelRequest  = "on/req"
	labelResponse = "on/resp"
	labelConfirm  = "on/conf"
	labelDone     = "on/done"
)

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

func (d Device) valid() bool { return d.Type <= DedicatedHardware && printable.Check(d.Name, 64) == "" }

// Exchange is the device's side of an online activation.
type Exchange struct {
	code    RegistrationCode
	private func() hpke.PrivateKey // a closure, so that it does not print
	message []byte                 // the request without its MAC
}

// newExchange wraps a private key.
func newExchange(code RegistrationCode, private hpke.PrivateKey, message []byte) *Exchange {
	return &Exchange{code, func() hpke.PrivateKey { return private }, message}
}

const nonceSize = 16

// NewExchange draws a key pair and makes the request. The error is [ErrDevice], or
// [ErrRegistrationEmpty] for the zero code.
func NewExchange(code RegistrationCode, device Device, random io.Reader) (*Exchange, error) {
	if code.text == nil {
		return nil, ErrRegistrationEmpty
	}
	if !device.valid() {
		return nil, ErrDevice
	}
	drawn, err := draw(random, hpkeSeedSize+nonceSize)
	if err != nil {
		return nil, err
	}
	defer clear(drawn)
	private, err := hpkeKEM().NewPrivateKey(drawn[:hpkeSeedSize])
	if err != nil {
		return nil, err
	}
	b := cbor.AppendMap(nil, 6)
	b = cbor.AppendUint(cbor.AppendUint(b, 0), version1)
	b = cbor.AppendText(cbor.AppendUint(b, 1), code.Locator())
	b = cbor.AppendBytes(cbor.AppendUint(b, 2), private.PublicKey().Bytes())
	b = cbor.AppendUint(cbor.AppendUint(b, 3), uint64(device.Type))
	b = cbor.AppendText(cbor.AppendUint(b, 4), device.Name)
	b = cbor.AppendBytes(cbor.AppendUint(b, 5), drawn[hpkeSeedSize:])
	return newExchange(code, private, b), nil
}

// State returns the exchange for keeping while it is under way, and so the device's
// private key: keep it encrypted, and delete it when the activation has ended.
func (e *Exchange) State() (Secret, error) {
	seed, err := e.private().Bytes()
	if err != nil {
		return nil, err
	}
	// The seed is not a copy: it is the private key's own, and not to be wiped here.
	b := cbor.AppendMap(nil, 4)
	b = cbor.AppendUint(cbor.AppendUint(b, 0), version1)
	b = cbor.AppendText(cbor.AppendUint(b, 1), string(e.code.Text()))
	b = cbor.AppendBytes(cbor.AppendUint(b, 2), seed)
	return cbor.AppendBytes(cbor.AppendUint(b, 3), e.message), nil
}

// ResumeExchange takes up an exchange again. The error is [ErrMessage].
func ResumeExchange(state Secret) (*Exchange, error) {
	d := cbor.NewDecoder(state)
	d.Map()
	readVersion(d)
	d.Key(1)
	text := d.Text()
	d.Key(2)
	seed := d.Fixed(hpkeSeedSize)
	defer clear(seed)
	d.Key(3)
	message := d.Bytes()
	d.Close()
	if err := d.End(); err != nil {
		return nil, refusal(ErrMessage, err)
	}
	request, err := parseRequest(message)
	if err != nil {
		return nil, err
	}
	code, err := ParseRegistrationCode(text)
	if err != nil || code.Locator() != request.locator {
		return nil, &detail{ErrMessage, "registration code"}
	}
	private, err := hpkeKEM().NewPrivateKey(seed)
	if err != nil || !bytes.Equal(private.PublicKey().Bytes(), request.public) {
		return nil, &detail{ErrMessage, "private key"}
	}
	return newExchange(code, private, message), nil
}

func (e *Exchange) hash() [32]byte { return sha256.Sum256(e.message) }

// Request returns the body of POST /api/v1/activate. It is always the same, so that
// it can be sent again.
func (e *Exchange) Request() []byte { return pack(e.message, e.code.MAC(labelRequest, e.message)) }

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
// [ErrAuth], [ErrSealed], [ErrCounter], [ErrERCUnexpected], or what [ParseFAD] says.
// The caller compares the vector with the one that the app was configured with.
func (e *Exchange) Open(answer []byte) (*Delivery, error) {
	request := e.hash()
	message, err := authentic(answer, e.code, labelResponse, request[:])
	if err != nil {
		return nil, err
	}
	sealed, now, err := parseAnswer(message)
	if err != nil {
		return nil, err
	}
	fad, counters, err := sealed.open(e.private(), request)
	if err != nil {
		return nil, err
	}
	return &Delivery{fad, counters, now}, nil
}

// Confirm makes the body of POST /api/v1/activate/confirm. Keep it until the answer
// is there: only the identical one is answered again. The error is [ErrOTP],
// [ErrDerivationCharacter] or [ErrDerivationLength].
func (e *Exchange) Confirm(c Confirmation) ([]byte, error) {
	message, err := c.encode(e.code.Locator())
	if err != nil {
		return nil, err
	}
	request := e.hash()
	return pack(message, e.code.MAC(labelConfirm, request[:], message)), nil
}

// Result reads the body of the answer to a confirmation, which is given as it was
// sent. The error is [ErrMessage], [ErrVersion] or [ErrAuth].
func (e *Exchange) Result(confirm, answer []byte) (Result, error) {
	sent, _, err := unpack(confirm)
	if err != nil {
		return Result{}, err
	}
	hash := sha256.Sum256(sent)
	message, err := authentic(answer, e.code, labelDone, hash[:])
	if err != nil {
		return Result{}, err
	}
	return parseResult(message)
}
