// Package selfservice is what users do for themselves: with the tokens that they hold, and
// nobody else's.
//
// A user has no password here. Whoever signs in brings a code of one of the user's tokens, or
// a temporary code of the help desk, or a link that the help desk made. What a session may do
// depends on that alone (mayDo): a code of a live token opens most; a temporary code ends
// things, and takes up what the help desk has begun; a link does the one thing for which it
// was made. So a second factor comes from another one, or from people, and never from a
// session alone.
//
// Codes take the road of every login (codes.Engine.Verify): they are used up, they count, and
// all refusals are alike. The sessions are rows beside those of administrators, of kinds of
// their own, so that all nodes know them. A row proves itself under a keyed hash, and counts
// only as long as the user exists under that name and is not locked, and the token that opened
// it is valid and the user's. It ends after ten minutes without use, and after fifteen in any
// case.
//
// A link is a row, too. Its use takes the row away and begins a session in one transaction, so
// that one click of all is the one that counts.
package selfservice

import (
	"context"
	"errors"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/throttle"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Codes decides codes; *codes.Engine is one.
type Codes interface {
	Explain(ctx context.Context, r codes.Request) (codes.Verdict, error)
	Resync(ctx context.Context, r codes.ResyncRequest) (valid bool, err error)
	Confirm(ctx context.Context, r codes.ConfirmRequest) (valid bool, err error)
	Locked(failures int, retryAt time.Time) bool
}

// Policy is what administrators let users do.
type Policy struct {
	// Off has no pages: links are refused.
	Off bool
	// AppType is the type of the tokens that users create for themselves; empty for none.
	AppType string
	// ShowPassword lets a page show the activation password.
	ShowPassword bool
}

// Config is what a Service needs. All fields but Policy are required.
type Config struct {
	DB          store.DB
	Hasher      *seal.Hasher // of seal.Session
	Codes       Codes
	Lifecycle   *lifecycle.Service
	Activations *activations.Service
	Ledger      *ledger.Ledger
	Policy      Policy
	Now         func() time.Time
}

// Service does what users ask. It is safe for concurrent use.
type Service struct {
	cfg    Config
	hasher hasher
	wrong  *throttle.Throttle
}

// What one source may spend on sign-ins and links that are refused.
const (
	wrongAtOnce    = 20
	wrongPerMinute = 10
)

// New makes a Service.
func New(cfg Config) (*Service, error) {
	if cfg.DB == nil || cfg.Hasher == nil || cfg.Codes == nil || cfg.Lifecycle == nil || cfg.Activations == nil ||
		cfg.Ledger == nil || cfg.Now == nil {
		return nil, errors.New("selfservice: a required part is missing")
	}
	return &Service{cfg: cfg, hasher: hasher{cfg.Hasher}, wrong: throttle.New(wrongAtOnce, wrongPerMinute)}, nil
}

// Policy is what users may do here.
func (s *Service) Policy() Policy { return s.cfg.Policy }

func (s *Service) stamp() time.Time { return s.cfg.Now().UTC().Truncate(time.Millisecond) }

// actor is who does in the log what a user does here; whose it is stands in the subject.
const actor = "self-service"

func origin(source, request string) audit.Origin {
	return audit.Origin{Actor: actor, Source: source, Request: request}
}

// Deed is something that a user may do.
type Deed string

// The deeds.
const (
	See    Deed = "see"     // one's tokens
	Past   Deed = "past"    // what happened
	Try    Deed = "try"     // a code of another token than the one that opened the session
	Fix    Deed = "fix"     // such a token, by two codes
	Lose   Deed = "lose"    // report a token as lost
	Begin  Deed = "begin"   // an activation, by a code of another token
	TakeUp Deed = "take-up" // an activation that is open
	App    Deed = "app"     // a new token for an app
)

// mayDo is what a session may do, by what opened it. A link has its own purpose besides.
var mayDo = map[By][]Deed{
	ByToken: {See, Past, Try, Fix, Lose, Begin, TakeUp, App},
	ByCode:  {See, Past, Lose, TakeUp},
	ByLink:  {},
}

// May reports whether a session may do something.
func (s Session) May(d Deed) bool {
	for _, may := range mayDo[s.By] {
		if may == d {
			return true
		}
	}
	return s.By == ByLink && d == map[Purpose]Deed{ForActivation: TakeUp, ForApp: App}[s.For]
}

// may returns the error, a fault, of a session that may not do something with a token; the
// serial is empty for what is not about one.
func (s Session) may(d Deed, serial string) error {
	if !s.May(d) || s.By == ByLink && s.Serial != serial {
		return fault.New(fault.Forbidden, "self_forbidden", "The sign-in does not allow this.").
			WithHint("Sign in with a code of a token that works, or ask the help desk.")
	}
	return nil
}

// own finds a token of a user. One of somebody else is as good as none.
func own(r store.Reader, user store.User, serial string) (t token.Token, err error) {
	if serial == "" {
		return t, token.NotFoundError(serial)
	}
	found, err := r.Tokens(store.TokenFilter{Owner: user.ID, Serial: serial, Limit: 2})
	if err == nil && len(found) != 1 {
		err = token.NotFoundError(serial)
	}
	if err != nil {
		return t, err
	}
	return found[0], nil
}

// Token finds a token of the user for a deed.
func (s *Service) Token(ctx context.Context, by Session, d Deed, serial string) (t token.Token, err error) {
	if err := by.may(d, serial); err != nil {
		return t, err
	}
	err = s.cfg.DB.View(ctx, func(r store.Reader) error {
		t, err = own(r, by.User, serial)
		return err
	})
	if err == nil && (d == Try || d == Fix) && t.ID == by.Token {
		err = fault.New(fault.Conflict, "self_same_token", "A code of this token opened the session.").
			WithHint("Use another token.")
	}
	return t, err
}

// Tokens lists the user's tokens, in the order in which they came.
func (s *Service) Tokens(ctx context.Context, by Session) (all []token.Token, err error) {
	if err := by.may(See, ""); err != nil {
		return nil, err
	}
	err = s.cfg.DB.View(ctx, func(r store.Reader) error {
		all, err = r.Tokens(store.TokenFilter{Owner: by.User.ID, Limit: store.MaxCandidates})
		return err
	})
	return all, err
}

// Locked reports whether wrong codes have locked a token.
func (s *Service) Locked(t token.Token) bool {
	return s.cfg.Codes.Locked(t.Condition.Failures, t.Condition.RetryAt)
}

func selector(t token.Token) tokens.Selector {
	id := t.Identity
	return tokens.Selector{Serial: id.Serial, Type: id.Type, Manufacturer: &id.Manufacturer, KeyID: &id.KeyID}
}

func lookup(t token.Token) store.Lookup {
	id := t.Identity
	return store.Lookup{Serial: id.Serial, Type: id.Type, Manufacturer: &id.Manufacturer, KeyID: &id.KeyID}
}
