package activation

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"

	"ostiary/internal/codec/cbor"
)

// version1 is the version of this protocol.
const version1 = 1

// readVersion reads key 0 of a message.
func readVersion(d *cbor.Decoder) {
	d.Key(0)
	switch v := d.Uint(); {
	case v > version1:
		d.Fail(ErrVersion)
	case v == 0:
		d.Fail(cbor.Error("version 0"))
	}
}

// small reads a number that is at most so great.
func small(d *cbor.Decoder, most uint64) int {
	v := d.Uint()
	if v > most {
		d.Fail(cbor.Error("number out of range"))
		return 0
	}
	return int(v)
}

// readInt reads a key and a number of which the caller checks the range.
func readInt(d *cbor.Decoder, key uint64) int {
	d.Key(key)
	return small(d, 1<<16)
}

// readChoice reads a key and one of a list of choices, which the caller checks.
func readChoice(d *cbor.Decoder, key uint64) byte {
	d.Key(key)
	return byte(small(d, 1<<8-1))
}

func readFlag(d *cbor.Decoder, key uint64) bool {
	d.Key(key)
	return d.Bool()
}

// refusal gives an error of the decoder the name of what was decoded. Other errors
// stay what they are.
func refusal(kind, err error) error {
	if e, ok := errors.AsType[cbor.Error](err); ok {
		return &detail{kind, string(e)}
	}
	return err
}

// pack writes [message, auth].
func pack(message, auth []byte) []byte {
	return cbor.AppendBytes(cbor.AppendBytes(cbor.AppendArray(nil, 2), message), auth)
}

// unpack reads [message, auth]. Nothing is proven yet.
func unpack(body []byte) (message, auth []byte, err error) {
	d := cbor.NewDecoder(body)
	d.Array()
	message = d.Bytes()
	auth = d.Fixed(sha256.Size)
	d.Close()
	if err := d.End(); err != nil {
		return nil, nil, refusal(ErrMessage, err)
	}
	return message, auth, nil
}

// authentic returns the message of a body whose MAC over context and message is
// right.
func authentic(body []byte, code RegistrationCode, label string, context []byte) ([]byte, error) {
	message, auth, err := unpack(body)
	if err != nil {
		return nil, err
	}
	if code.text == nil || !hmac.Equal(auth, code.MAC(label, context, message)) {
		return nil, ErrAuth
	}
	return message, nil
}
