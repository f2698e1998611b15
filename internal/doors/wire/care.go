package wire

import "time"

// TemporaryCodeRequest asks for codes that a user may present once each in place
// of a token's.
type TemporaryCodeRequest struct {
	Count *int `json:"count,omitempty" doc:"How many, 1 to 10; 1 if absent."`
	Hours *int `json:"hours,omitempty" doc:"How long they are valid, 1 to 168; 24 if absent."`
}

// TemporaryCodes is new temporary codes, shown this once.
type TemporaryCodes struct {
	User    string    `json:"user"`
	Codes   []string  `json:"codes" nullable:"false" doc:"8 digits each, valid once. They cannot be shown again."`
	Expires time.Time `json:"expires"`
}

// RevokedCodes says how many unused temporary codes a user had.
type RevokedCodes struct {
	User    string `json:"user"`
	Revoked int    `json:"revoked"`
}

// UserLinkRequest asks for a link that lets a user do one thing in self-service.
type UserLinkRequest struct {
	For    string `json:"for" enum:"activate,app" doc:"activate: activate a token on a phone. app: create a token for an authenticator app."`
	Serial string `json:"serial,omitempty" maxLength:"64" doc:"The token to activate. Only with activate."`
	Reason string `json:"reason,omitempty" doc:"Why it is activated again: pin-forgotten, device-replaced or device-lost. Only with activate."`
}

// UserLink is such a link, shown this once.
type UserLink struct {
	User     string    `json:"user"`
	For      string    `json:"for"`
	Serial   string    `json:"serial,omitempty"`
	Link     string    `json:"link" doc:"Works once. It cannot be shown again."`
	Password string    `json:"password,omitempty" doc:"The activation password. Tell it to the user another way than the link."`
	Expires  time.Time `json:"expires"`
}

// ReplaceRequest replaces a token that a user holds.
type ReplaceRequest struct {
	By     string `json:"by,omitempty" maxLength:"128" doc:"Serial of a free hardware token that replaces it. If absent, a software token is created."`
	Type   string `json:"new_type,omitempty" maxLength:"64" doc:"Type of the new token; if absent, that of the old one. Together with by it is needed only if the serial exists under several types."`
	State  string `json:"state,omitempty" enum:"REVOKED_TOKEN_LOST,REVOKED_TOKEN_BROKEN,REVOKED_TOKEN_OTHER" doc:"New state of the old token; if absent, REVOKED_TOKEN_OTHER, or unchanged if it is already revoked."`
	Reason string `json:"reason,omitempty" maxLength:"500"`
}

// LabelRequest changes the label of a token.
type LabelRequest struct {
	Label string `json:"label" maxLength:"128" doc:"Label for administrators; empty for none."`
}

// DatesRequest changes when a token is valid.
type DatesRequest struct {
	ValidFrom  *string `json:"valid_from,omitempty" maxLength:"64" doc:"Start, in RFC 3339, or none; unchanged if absent."`
	ValidUntil *string `json:"valid_until,omitempty" maxLength:"64" doc:"End, in RFC 3339, or none; unchanged if absent. From that moment on the token is not valid."`
}
