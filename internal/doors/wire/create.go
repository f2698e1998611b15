package wire

import "time"

// TokenRequest asks for new software tokens.
type TokenRequest struct {
	Type    string `json:"type" minLength:"1" maxLength:"32" doc:"Name of a software type."`
	Count   *int   `json:"count,omitempty" doc:"How many, 1 to 10000; 1 if absent."`
	User    string `json:"user,omitempty" maxLength:"128" doc:"Who gets them."`
	Label   string `json:"label,omitempty" maxLength:"128" doc:"Label of the tokens."`
	Profile string `json:"profile,omitempty" maxLength:"32" doc:"Name of the profile of tokens with an activation; that of the type if absent."`
	Reveal  bool   `json:"reveal,omitempty" doc:"Return the key URI, which contains the secret, once and instead of a link. For one token of a type with activation none."`
}

// NewToken is a token that was just created.
type NewToken struct {
	Token
	Enrolment *Enrolment `json:"enrolment,omitempty" doc:"Where its user enrols; absent for types with an activation."`
	URI       string     `json:"uri,omitempty" doc:"The key URI, if the request asked for it. It cannot be shown again."`
}

// NewTokens is what was created. Should the database fail in the middle, missing
// says how many tokens there are not, and problem why; those listed are there.
type NewTokens struct {
	Tokens  []NewToken `json:"tokens" nullable:"false"`
	Missing int        `json:"missing,omitempty"`
	Problem string     `json:"problem,omitempty"`
}

// Enrolment is a link that shows a token's secret to whoever opens it, once.
type Enrolment struct {
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

// ConfirmRequest is the first code of a PENDING token.
type ConfirmRequest struct {
	OTP string `json:"otp" minLength:"6" maxLength:"24" pattern:"^[0-9 ]+$" patternDescription:"the digits 0-9 and blanks between them"`
}

// EnrolmentRequest uses up an enrolment link.
type EnrolmentRequest struct {
	Token string `json:"token" minLength:"1" maxLength:"64" doc:"The part of the link after the #."`
}

// EnrolmentSecret is what an enrolment link shows, this once.
type EnrolmentSecret struct {
	Serial  string    `json:"serial"`
	Issuer  string    `json:"issuer"`
	Account string    `json:"account"`
	Digits  int       `json:"digits"`
	URI     string    `json:"uri" doc:"The key URI, for an authenticator app."`
	QR      string    `json:"qr" doc:"The same as a QR code, in SVG."`
	Ticket  string    `json:"ticket" doc:"Present the first code with this ticket."`
	Expires time.Time `json:"expires" doc:"Until when."`
}

// EnrolmentConfirm presents the first code with the ticket that came with the
// secret.
type EnrolmentConfirm struct {
	Ticket string `json:"ticket" minLength:"1" maxLength:"64"`
	OTP    string `json:"otp" minLength:"6" maxLength:"24" pattern:"^[0-9 ]+$" patternDescription:"the digits 0-9 and blanks between them"`
}
