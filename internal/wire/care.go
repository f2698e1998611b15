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
