package wire

// ExportRequest chooses tokens and says under which passphrase they leave.
// Fields that are absent do not restrict, and none may be given empty; All says that
// none is meant to.
type ExportRequest struct {
	Passphrase string   `json:"passphrase" maxLength:"1024" doc:"The file is encrypted under it; at least 12 characters. Send it to the receiver separately from the file."`
	Move       bool     `json:"move,omitempty" doc:"Move the tokens to another server: they become MOVING and their codes are refused here. The header X-Ostiary-Move of the answer has the number of the move, and X-Ostiary-Activations-Ended how many open activations were ended by it."`
	All        bool     `json:"all,omitempty" doc:"Every token. Required if no other filter is given."`
	Serials    []string `json:"serials,omitempty" minItems:"1" maxItems:"10000" doc:"Tokens of these serials."`
	Kind       string   `json:"kind,omitempty" enum:"hardware,software"`
	State      string   `json:"state,omitempty" minLength:"1" maxLength:"64"`
	Type       string   `json:"type,omitempty" minLength:"1" maxLength:"64"`
	User       string   `json:"user,omitempty" minLength:"1" maxLength:"128"`
	Batch      string   `json:"batch,omitempty" minLength:"1" maxLength:"500"`
	Import     int64    `json:"import,omitempty" minimum:"1"`
}
