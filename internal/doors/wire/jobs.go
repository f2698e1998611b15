package wire

import "time"

// JobChange is a change of many tokens, which are named by a filter, one by one, or by a list.
type JobChange struct {
	Kind   string        `json:"kind" enum:"state,label,unassign,delete,assign" doc:"What is done to each token. assign takes a list."`
	State  string        `json:"state,omitempty" doc:"State that the tokens get, for kind state." enum:"VALID,REVOKED_TOKEN_LOST,REVOKED_TOKEN_BROKEN,REVOKED_TOKEN_OTHER"`
	Reason string        `json:"reason,omitempty" maxLength:"500" doc:"Reason for the audit log, for kind state."`
	Label  string        `json:"label,omitempty" maxLength:"128" doc:"Label that the tokens get, for kind label; empty for none."`
	Filter *TokenFilter  `json:"filter,omitempty" doc:"All tokens that match."`
	Tokens []JobToken    `json:"tokens,omitempty" maxItems:"10000" nullable:"false" doc:"These tokens."`
	List   []JobListLine `json:"list,omitempty" maxItems:"10000" nullable:"false" doc:"These tokens, each for a user; for kind assign."`
}

// JobStart begins a job, if the tokens are still those of the preview.
type JobStart struct {
	JobChange
	Number int    `json:"number" minimum:"1" doc:"number of the preview."`
	Digest string `json:"digest" maxLength:"64" doc:"digest of the preview."`
}

// JobToken names a token, as the list of tokens does.
type JobToken struct {
	Serial       string  `json:"serial" minLength:"1" maxLength:"128"`
	Type         string  `json:"type,omitempty" maxLength:"64" doc:"Token type, if several tokens have the serial."`
	Manufacturer *string `json:"manufacturer,omitempty" maxLength:"128"`
	KeyID        *string `json:"key_id,omitempty" maxLength:"128"`
}

// JobListLine says who gets a token.
type JobListLine struct {
	Line   int    `json:"line,omitempty" minimum:"0" doc:"Its line in the file, for the report."`
	Serial string `json:"serial" maxLength:"128"`
	Type   string `json:"type,omitempty" maxLength:"64"`
	User   string `json:"user" maxLength:"128"`
}

// TokenFilter chooses tokens, as the parameters of their list do. Its fields are those of
// api.TokenChoice, in the same order.
type TokenFilter struct {
	Kind           string    `json:"kind,omitempty" enum:"hardware,software,all"`
	State          string    `json:"state,omitempty" enum:"VALID,REVOKED_TOKEN_LOST,REVOKED_TOKEN_BROKEN,REVOKED_TOKEN_OTHER,PENDING,MOVING"`
	User           string    `json:"user,omitempty" maxLength:"128"`
	Serial         string    `json:"serial,omitempty" maxLength:"128"`
	Manufacturer   string    `json:"manufacturer,omitempty" maxLength:"128"`
	Type           string    `json:"type,omitempty" maxLength:"64"`
	Batch          string    `json:"batch,omitempty" maxLength:"500"`
	Import         int64     `json:"import,omitempty" minimum:"1"`
	Twins          bool      `json:"twins,omitempty"`
	Fenced         bool      `json:"fenced,omitempty"`
	Expiring       int       `json:"expiring,omitempty" minimum:"1" maximum:"36500"`
	Free           bool      `json:"free,omitempty"`
	Assigned       bool      `json:"assigned,omitempty"`
	Locked         bool      `json:"locked,omitempty"`
	UnusedSince    time.Time `json:"unused_since,omitzero"`
	NeverUsed      bool      `json:"never_used,omitempty"`
	SerialPrefix   string    `json:"serial_prefix,omitempty" maxLength:"128"`
	SerialContains string    `json:"serial_contains,omitempty" maxLength:"128"`
	UserPrefix     string    `json:"user_prefix,omitempty" maxLength:"128"`
	UserContains   string    `json:"user_contains,omitempty" maxLength:"128"`
	Label          string    `json:"label,omitempty" maxLength:"128"`
	Search         string    `json:"search,omitempty" maxLength:"128"`
}

// JobPreview says what a change means now.
type JobPreview struct {
	Number  int             `json:"number" doc:"How many tokens would be changed. To be given back at the start."`
	Digest  string          `json:"digest" doc:"Of these tokens, their states and their users. To be given back at the start, too: if they are others by then, nothing is done."`
	States  []JobStateCount `json:"states" nullable:"false" doc:"How many of them have each state."`
	First   []JobTarget     `json:"first" nullable:"false" doc:"The first 20 of them."`
	Refused int             `json:"refused" doc:"Tokens and lines with which nothing can be done."`
	Rows    []JobRow        `json:"refused_rows" nullable:"false" doc:"The first 20 of those."`
}

// JobStateCount is how many tokens have a state.
type JobStateCount struct {
	State  string `json:"state"`
	Tokens int    `json:"tokens"`
}

// JobTarget is a token that would be changed.
type JobTarget struct {
	Token
	Gets string `json:"gets,omitempty" doc:"User who would get it."`
}

// Job is a change of many tokens that has begun.
type Job struct {
	ID        int64      `json:"id"`
	Kind      string     `json:"kind" enum:"state,label,unassign,delete,assign"`
	State     string     `json:"state,omitempty" doc:"State that the tokens get, for kind state."`
	Reason    string     `json:"reason,omitempty"`
	Label     string     `json:"label,omitempty"`
	Status    string     `json:"status" enum:"running,done,stopped" doc:"stopped: it ended before its last token."`
	Stopped   string     `json:"stopped,omitempty" doc:"Why."`
	Total     int        `json:"total" doc:"Rows of its report."`
	Changed   int        `json:"changed"`
	Unchanged int        `json:"unchanged" doc:"Tokens that were so already."`
	Refused   int        `json:"refused"`
	Actor     string     `json:"actor" doc:"Who began it."`
	Started   time.Time  `json:"started"`
	Ended     *time.Time `json:"ended,omitempty"`
}

// JobRow is a token of a job, and what became of it.
type JobRow struct {
	N       int    `json:"n" doc:"Its place in the job, from 1."`
	Line    int    `json:"line,omitempty" doc:"Line of the list."`
	Serial  string `json:"serial"`
	Type    string `json:"type,omitempty"`
	User    string `json:"user,omitempty" doc:"Who gets it."`
	Outcome string `json:"outcome,omitempty" enum:"changed,unchanged,refused" doc:"Absent for one that is still to be done."`
	Reason  string `json:"reason,omitempty"`
}

// JobList is a page of jobs, the newest first.
type JobList struct {
	Jobs []Job   `json:"jobs" nullable:"false"`
	Next *string `json:"next"`
}

// JobRows is a page of the rows of a job.
type JobRows struct {
	Rows []JobRow `json:"rows" nullable:"false"`
	Next *string  `json:"next"`
}
