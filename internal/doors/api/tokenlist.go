package api

import (
	"cmp"
	"context"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
)

// TokenChoice is the filters of tokens (exported for the framework, as Selector is).
type TokenChoice struct {
	Kind   string `query:"kind" enum:"hardware,software,all" default:"all"`
	State  string `query:"state" enum:"VALID,REVOKED_TOKEN_LOST,REVOKED_TOKEN_BROKEN,REVOKED_TOKEN_OTHER,PENDING,MOVING"`
	User   string `query:"user" maxLength:"128"`
	Serial string `query:"serial" maxLength:"128"`

	Manufacturer string `query:"manufacturer" maxLength:"128"`
	Type         string `query:"type" maxLength:"64"`
	Batch        string `query:"batch" maxLength:"500" doc:"Name of the delivery that brought it."`
	Import       int64  `query:"import" minimum:"1" doc:"Number of the import that brought it."`

	Twins    bool `query:"twins" doc:"Only tokens that share a secret with others: each code counts once for all of them."`
	Fenced   bool `query:"fenced" doc:"Only tokens that need two consecutive codes, since a backup of the database was restored."`
	Expiring int  `query:"expiring" minimum:"1" maximum:"36500" doc:"Only tokens that expire within so many days, but have not expired yet."`
	Free     bool `query:"free" doc:"Only tokens without a user."`
	Assigned bool `query:"assigned" doc:"Only tokens with a user."`
	Locked   bool `query:"locked" doc:"Only tokens that wrong codes have locked."`

	UnusedSince time.Time `query:"unused_since" doc:"Only tokens that were not used since this time, or never (RFC 3339)."`
	NeverUsed   bool      `query:"never_used" doc:"Only tokens that were never used."`

	SerialPrefix   string `query:"serial_prefix" maxLength:"128" doc:"Only tokens whose serial begins with this text."`
	SerialContains string `query:"serial_contains" maxLength:"128" doc:"Only tokens with this text in the serial, ignoring case. Slower than serial_prefix."`
	UserPrefix     string `query:"user_prefix" maxLength:"128" doc:"Only tokens of users whose name begins with this text, ignoring case."`
	UserContains   string `query:"user_contains" maxLength:"128" doc:"Only tokens of users with this text in the name, ignoring case. Slower than user_prefix."`
	Label          string `query:"label" maxLength:"128" doc:"Only tokens with this text in the label, ignoring case."`
	Search         string `query:"search" maxLength:"128" doc:"Only tokens with this text in the serial, the label or the user's name, ignoring case."`
}

type listTokensInput struct {
	TokenChoice
	Sort string `query:"sort" enum:"user,serial,arrival,last-used,expires,state,type,manufacturer,failures,drift" doc:"Default: by the user assigned and then the serial, free tokens last; by expiry with expiring. last-used, failures and drift are for short lists only."`
	Desc bool   `query:"desc" doc:"Reverse the order. Tokens without a user, or without an expiry, remain last."`
	Counting
	Page
}

type listTokensOutput struct{ Body wire.TokenList }

// Page is what every list takes.
type Page struct {
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	After string `query:"after" maxLength:"4096" doc:"Cursor: next of the page before, or previous of the page behind where a list has that. A page may be short, or empty, and still have a next one; next is null on the last page."`
}

// Counting asks for a count beside a list.
type Counting struct {
	Count bool `query:"count" doc:"Also count the entries that match, up to 1000."`
}

// filter is the choice as the engine understands it.
func (a *API) filter(c TokenChoice) (f lifecycle.Filter, err error) {
	f = lifecycle.Filter{User: c.User, Serial: c.Serial, Type: c.Type, Batch: c.Batch, Run: c.Import,
		Twins: c.Twins, Fenced: c.Fenced, Expiring: time.Duration(c.Expiring) * 24 * time.Hour, Free: c.Free,
		Held: c.Assigned, UnusedSince: c.UnusedSince, NeverUsed: c.NeverUsed, SerialPrefix: c.SerialPrefix,
		SerialPart: c.SerialContains, UserPrefix: c.UserPrefix, UserPart: c.UserContains, LabelPart: c.Label,
		Contains: c.Search}
	f.Kind, _ = token.ParseKind(c.Kind)
	if c.State != "" {
		state, err := token.ParseState(c.State)
		if err != nil {
			return f, fault.New(fault.Invalid, "state", err.Error())
		}
		f.State = &state
	}
	if c.Manufacturer != "" {
		f.Manufacturer = &c.Manufacturer
	}
	if c.Locked {
		f.Failures, f.Delayed = a.cfg.Verifier.Holds()
	}
	if c.Free && (c.User != "" || c.Assigned || c.UserPrefix != "" || c.UserContains != "") {
		err = fault.New(fault.Invalid, "free_and_user", "Free tokens have no user: free excludes user, user_prefix, "+
			"user_contains and assigned.")
	}
	return f, err
}

func (a *API) listTokens(ctx context.Context, _ caller, in *listTokensInput) (*listTokensOutput, error) {
	f, err := a.filter(in.TokenChoice)
	if err != nil {
		return nil, err
	}
	f.Limit = in.Limit
	o := store.TokenOrder{By: store.TokenSort(in.Sort), Desc: in.Desc}
	if o.By == "" && in.Expiring > 0 {
		o.By = store.ByEnd
	}
	o.By = cmp.Or(o.By, store.ByUser)
	if o, err = lifecycle.Continue(in.After, o); err != nil {
		return nil, err
	}
	tokens, on, err := a.cfg.Lifecycle.List(ctx, f, o)
	if err != nil {
		return nil, err
	}
	out := &listTokensOutput{}
	out.Body.Next, out.Body.Previous = lifecycle.Around(tokens, on, o)
	out.Body.Tokens = make([]wire.Token, len(tokens))
	for i, t := range tokens {
		out.Body.Tokens[i] = a.wireToken(t)
	}
	if in.Count {
		count, err := a.cfg.Lifecycle.Count(ctx, f)
		if err != nil {
			return nil, err
		}
		out.Body.Count = wireCount(count)
	}
	return out, nil
}

func wireCount(c store.Count) *wire.Count { return &wire.Count{Number: c.Number, More: c.More} }
