package wire

import "time"

// TokenOverview is how many tokens there are.
type TokenOverview struct {
	AsOf   time.Time  `json:"as_of" doc:"When the count began. Of many tokens it may be some minutes old."`
	Whole  bool       `json:"whole" doc:"False as long as the first count of many tokens is under way: ask again."`
	Tokens []TokenSum `json:"tokens" nullable:"false"`
	Locked int        `json:"locked"`
	Ends   TokenEnds  `json:"ends"`
	// OpenActivations is as far as lists are counted.
	OpenActivations Count       `json:"open_activations" doc:"Activations that were begun and not ended."`
	Use             []UseOfSome `json:"use" nullable:"false" doc:"The VALID tokens that are assigned, by the time of their last use and their drift."`
}

// TokenSum is how many tokens have a type and a state, with a user or without.
type TokenSum struct {
	Kind     string `json:"kind" enum:"hardware,software"`
	Type     string `json:"type"`
	State    string `json:"state" enum:"VALID,REVOKED_TOKEN_LOST,REVOKED_TOKEN_BROKEN,REVOKED_TOKEN_OTHER,PENDING,MOVING"`
	Assigned bool   `json:"assigned"`
	Number   int    `json:"number"`
}

// TokenEnds is how many tokens have expired, or will.
type TokenEnds struct {
	Expired  int `json:"expired"`
	Within30 int `json:"within_30_days" doc:"Those that expire within 30 days."`
	Within90 int `json:"within_90_days" doc:"Those that expire within 90 days, including those of within_30_days."`
}

// UseOfSome is how many tokens were last used, and have drifted, alike.
type UseOfSome struct {
	Never      bool  `json:"never,omitempty" doc:"They were never used."`
	UnusedDays int   `json:"unused_days" enum:"0,30,90,180,365" doc:"They were not used for at least so many days, and for less than the next number."`
	Drift      int64 `json:"drift" enum:"0,1,2,5,10" doc:"Their clocks are at least so many time steps away, and less than the next number."`
	Number     int   `json:"number"`
}

// CodeOverview is how many codes were accepted and refused.
type CodeOverview struct {
	Whole   bool        `json:"whole" doc:"False as long as old entries are being counted."`
	Periods []CodeTally `json:"periods" nullable:"false" doc:"Oldest first; those without a code are left out."`
}

// CodeTally is how many codes were accepted and refused in a period.
type CodeTally struct {
	Begin    time.Time        `json:"begin"`
	Accepted int64            `json:"accepted"`
	Refused  int64            `json:"refused"`
	Reasons  map[string]int64 `json:"reasons,omitempty" doc:"The refusals by their reasons; suppressed are those that the log only counts."`
}
