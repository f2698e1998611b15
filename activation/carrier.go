package activation

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

// QR returns the text of the code image, for QR's alphanumeric mode, and the level
// of error correction it is made with, 'M' or 'L'. Longer than a QR code holds is
// [ErrTooLong].
func (m Message) QR() (text Secret, level byte, err error) { panic("not built yet") }

// Paste returns the text that is copied and pasted.
func (m Message) Paste() (Secret, error) { panic("not built yet") }

// Link returns the address that opens the app on a server, with the message in its
// fragment, which browsers keep to themselves. server is as in [Offer].
func (m Message) Link(server string) (Secret, error) { panic("not built yet") }

// ReadMessage reads what a camera saw, what was pasted, a link, or the fragment of
// one. Space and line breaks around it are ignored. The error is [ErrCarrier]. The
// body of an activation code image is none of these, see [ReadQRBody].
func ReadMessage(text string) (Message, error) { panic("not built yet") }

// Offer is the offer of an online activation. Whoever has it can take it: it is
// shown in an authenticated session, or sent over a second channel.
type Offer struct {
	// Server is https://host or https://host:port in lower case, at most 200 bytes;
	// http for 127.0.0.1, [::1] and localhost only.
	Server string
	Code   RegistrationCode
}

// Encode returns the payload of a [Message] of [TypeOffer]. The error is [ErrServer].
func (o Offer) Encode() (Secret, error) { panic("not built yet") }

// ParseOffer reads the payload. The error is [ErrMessage], [ErrVersion],
// [ErrServer], or one of [ParseRegistrationCode].
func ParseOffer(payload []byte) (Offer, error) { panic("not built yet") }
