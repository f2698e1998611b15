package activations

import (
	"context"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

// OwnRequest is a user's own request, which a portal makes that has signed the user
// in.
type OwnRequest struct {
	User   string
	Serial string // of the token to be activated, which is the user's
	Reason Reason // empty for "activate my phone"
	// Code is one of another token of the user. Who signed in with a password alone
	// would otherwise make a second factor out of the first.
	Code   string
	Origin audit.Origin
}

// StartOwn begins an Online activation that a user asks for. The error is that of
// Start, and Forbidden for a code that is not right.
func (s *Service) StartOwn(ctx context.Context, r OwnRequest) (Started, error) {
	user, t, err := s.own(ctx, r.User, r.Serial)
	if err != nil {
		return Started{}, err
	}
	request := Request{Token: selector(t), Route: Online, Reason: r.Reason, Self: true, User: user.ID, Origin: r.Origin}
	if err := s.mayStart(ctx, request); err != nil { // before the code is used up
		return Started{}, err
	}
	valid, err := s.codes.Verify(ctx, codes.Request{Lookup: store.Lookup{User: user.Name}, OTP: r.Code, Except: t.ID,
		Authentication: true, Origin: r.Origin})
	if err != nil {
		return Started{}, err
	}
	if !valid {
		return Started{}, fault.New(fault.Forbidden, "code_refused", "The code was not accepted.").
			WithHint("Use a code of another of your tokens. If you have no other token, ask an administrator or " +
				"the help desk for an activation.")
	}
	return s.Start(ctx, request)
}

// mayStart says what keeps an activation from being begun, as things stand.
func (s *Service) mayStart(ctx context.Context, r Request) error {
	if err := r.check(); err != nil {
		return err
	}
	return s.db.View(ctx, func(rd store.Reader) error {
		p, err := s.plan(rd, r)
		p.same.Wipe()
		return err
	})
}

// ConfirmOwn confirms the open activation of a user's token. It was begun by an
// administrator, or by the user with a code.
func (s *Service) ConfirmOwn(ctx context.Context, userName string, c Typed) (Result, error) {
	user, t, err := s.own(ctx, userName, c.Token.Serial)
	if err != nil {
		return Result{}, err
	}
	c.Token, c.Self, c.User = selector(t), true, user.ID
	return s.Confirm(ctx, c)
}

// own finds a token of a user. One of somebody else is as good as none.
func (s *Service) own(ctx context.Context, userName, serial string) (user store.User, t token.Token, err error) {
	name, err := users.Canonical(userName)
	if err != nil {
		return user, t, err
	}
	err = s.db.View(ctx, func(rd store.Reader) error {
		if user, err = users.In(rd, name); err != nil {
			return err
		}
		found, err := rd.Tokens(store.TokenFilter{Owner: user.ID, Serial: serial})
		if err == nil && (serial == "" || len(found) != 1) {
			return token.NotFoundError(serial)
		}
		if err == nil {
			t = found[0]
		}
		return err
	})
	return user, t, err
}

func selector(t token.Token) tokens.Selector {
	id := t.Identity
	return tokens.Selector{Serial: id.Serial, Type: id.Type, Manufacturer: &id.Manufacturer, KeyID: &id.KeyID}
}
