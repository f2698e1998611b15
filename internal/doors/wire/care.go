package wire

import "time"

// TemporaryCodeRequest asks for codes that a user may present once each in place
// of a token's.
type TemporaryCodeRequest struct {
	Count *int `json:"count,omitempty" doc:"How many, 1 to 10; 1 if absent."`
	Hours *int `json:"hours,omitempty" doc:"How long they are good for, 1 to 168; 24 if absent."`
}

// TemporaryCodes is new temporary codes, shown this once.
type TemporaryCodes struct {
	User    string    `json:"user"`
	Codes   []string  `json:"codes" nullable:"false" doc:"8 digits each, good once. They cannot be shown again."`
	Expires time.Time `json:"expires"`
}

// RevokedCodes says how many unused temporary codes a user had.
type RevokedCodes struct {
	User    string `json:"user"`
	Revoked int    `json:"revoked"`
}

// ReplaceRequest replaces a token that a user holds.
type ReplaceRequest struct {
	By     string `json:"by,omitempty" maxLength:"128" doc:"Serial of a free hardware token that takes its place. If absent, a software token is created."`
	Type   string `json:"new_type,omitempty" maxLength:"64" doc:"Type of the new token; if absent, that of the old one. Beside by it is needed only where the serial stands under several types."`
	State  string `json:"state,omitempty" enum:"REVOKED_TOKEN_LOST,REVOKED_TOKEN_BROKEN,REVOKED_TOKEN_OTHER" doc:"What the old token becomes; if absent it stays as it is if it is revoked, and else is REVOKED_TOKEN_OTHER."`
	Reason string `json:"reason,omitempty" maxLength:"500"`
}

// LabelRequest changes the label of a token.
type LabelRequest struct {
	Label string `json:"label" maxLength:"128" doc:"What administrators call it; empty for none."`
}

// DatesRequest changes when a token is valid.
type DatesRequest struct {
	ValidFrom  *string `json:"valid_from,omitempty" maxLength:"64" doc:"Begin, in RFC 3339, or none; as it is if absent."`
	ValidUntil *string `json:"valid_until,omitempty" maxLength:"64" doc:"End, in RFC 3339, or none; as it is if absent. At that moment it is valid no more."`
}
