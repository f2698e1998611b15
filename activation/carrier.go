package activation

import (
	"encoding/base64"
	"strings"

	"ostiary/internal/codec/cbor"
)

// Type says what a carried message is.
type Type uint8

// The types of messages that travel as code image, pasted text or link.
const (
	TypeVector          Type = iota + 1 // a static vector
	TypeOffer                           // an offer of an online activation
	TypeActivation1                     // activation message 1
	TypeActivation2                     // activation message 2
	TypeDeviceCode                      // a device code, direct
	TypeChannelEnvelope                 // a message of the Secure Channel
)

// Message is a message with what it is, as it is carried from a page to an app.
type Message struct {
	Type    Type
	Payload Secret
}

const (
	qrPrefix    = "OST1:"
	pastePrefix = "ost1."
	linkPath    = "/app#"

	// maxCarried is how many bytes the largest QR code holds in base45 behind the
	// prefix, at level L: 4296 characters of its alphanumeric mode.
	maxCarried = 2860
	// maxLevelM is up to how many bytes level M is taken.
	maxLevelM = 400
	// maxText bounds what is looked at: maxCarried in the longer of the two texts,
	// with a server and some space around it.
	maxText = 3*maxCarried/2 + 1024
)

// encode writes [type, payload].
func (m Message) encode() ([]byte, error) {
	if !m.Type.valid() {
		return nil, ErrCarrier
	}
	b := cbor.AppendBytes(cbor.AppendUint(cbor.AppendArray(nil, 2), uint64(m.Type)), m.Payload)
	if len(b) > maxCarried {
		return nil, ErrTooLong
	}
	return b, nil
}

func (t Type) valid() bool { return TypeVector <= t && t <= TypeChannelEnvelope }

// QR returns the text of the code image, for QR's alphanumeric mode, and the level
// of error correction it is made with, 'M' or 'L'. Longer than a QR code holds is
// [ErrTooLong].
func (m Message) QR() (text Secret, level byte, err error) {
	b, err := m.encode()
	if err != nil {
		return nil, 0, err
	}
	level = 'M'
	if len(b) > maxLevelM {
		level = 'L'
	}
	return appendBase45([]byte(qrPrefix), b), level, nil
}

// Paste returns the text that is copied and pasted. Longer than a QR code holds is
// [ErrTooLong] here, too.
func (m Message) Paste() (Secret, error) {
	b, err := m.encode()
	if err != nil {
		return nil, err
	}
	return base64.RawURLEncoding.AppendEncode([]byte(pastePrefix), b), nil
}

// Link returns the address that opens the app on a server, with the message in its
// fragment, which browsers keep to themselves. server is as in [Offer].
func (m Message) Link(server string) (Secret, error) {
	if !validServer(server) {
		return nil, ErrServer
	}
	text, err := m.Paste()
	if err != nil {
		return nil, err
	}
	return append([]byte(server+linkPath), text...), nil
}

// ReadMessage reads what a camera saw, what was pasted, a link, or the fragment of
// one with its #. Space and line breaks around it are ignored, but for spaces at
// the end of a code image's text, where they count. The error is [ErrCarrier]. The body of an
// activation code image is none of these, see
// [ReadQRBody].
func ReadMessage(text string) (Message, error) {
	if len(text) > maxText {
		return Message{}, ErrCarrier
	}
	b, ok := decodeCarrier(strings.TrimLeft(text, " \t\r\n"))
	if !ok || len(b) > maxCarried {
		return Message{}, ErrCarrier
	}
	d := cbor.NewDecoder(b)
	d.Array()
	m := Message{Type: Type(small(d, 1<<8-1)), Payload: d.Bytes()}
	d.Close()
	if d.End() != nil || !m.Type.valid() {
		return Message{}, ErrCarrier
	}
	return m, nil
}

func decodeCarrier(text string) (b []byte, ok bool) {
	if rest, is := strings.CutPrefix(text, qrPrefix); is {
		return decodeBase45(strings.TrimRight(rest, "\t\r\n"))
	}
	text = strings.TrimRight(text, " \t\r\n")
	if server, fragment, is := strings.Cut(text, linkPath); is && validServer(server) {
		text = fragment
	} else if fragment, is := strings.CutPrefix(text, "#"); is {
		text = fragment
	}
	rest, is := strings.CutPrefix(text, pastePrefix)
	if !is || strings.ContainsAny(rest, "\r\n") { // which package base64 passes over
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	return b, err == nil
}
