package selfservice

import (
	"context"
	"errors"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
)

// fixAhead is how far two codes of a token that counts events are searched, less far than
// administrators search.
const fixAhead = 100

// Try checks a code of another token of the user, and uses it up. Why it was refused may be
// told: the user holds the token.
func (s *Service) Try(ctx context.Context, by Session, serial, otp, source, request string) (codes.Verdict, error) {
	t, err := s.Token(ctx, by, Try, serial)
	if err != nil {
		return codes.Verdict{}, err
	}
	return s.cfg.Codes.Explain(ctx, codes.Request{Lookup: lookup(t), OTP: otp, MayList: true,
		Origin: origin(source, request)})
}

// Fix resynchronizes another token of the user by two codes in a row, which are used up.
func (s *Service) Fix(ctx context.Context, by Session, serial, otp1, otp2, source, request string) (valid bool,
	err error) {
	t, err := s.Token(ctx, by, Fix, serial)
	if err != nil {
		return false, err
	}
	return s.cfg.Codes.Resync(ctx, codes.ResyncRequest{Lookup: lookup(t), OTP1: otp1, OTP2: otp2, Ahead: fixAhead,
		Origin: origin(source, request)})
}

// ReportLost ends a token at once, and its open activation before that: whoever has begun one
// must not make the token VALID again. Only others take that back.
func (s *Service) ReportLost(ctx context.Context, by Session, serial, source, request string) error {
	t, err := s.Token(ctx, by, Lose, serial)
	if err != nil {
		return err
	}
	from := origin(source, request)
	if _, err = s.cfg.Activations.Cancel(ctx, selector(t), from); err != nil && fault.Of(err).Kind != fault.Conflict {
		return err // a conflict says that none is open
	}
	_, err = s.cfg.Lifecycle.SetState(ctx, selector(t), token.RevokedLost, "reported by the user", from)
	return err
}

// Disown is for "this was not me": it ends all sessions of the user, this one too, and marks
// a token as lost if there is one.
func (s *Service) Disown(ctx context.Context, by Session, serial, source, request string) error {
	if err := by.may(Lose, ""); err != nil {
		return err
	}
	if err := s.cfg.DB.Update(ctx, func(tx store.Tx) error {
		return errors.Join(tx.EndSessions(by.row.Name), s.record(tx, audit.SelfSignedOut, by, origin(source, request)))
	}); err != nil || serial == "" {
		return err
	}
	t, err := s.Token(ctx, by, Lose, serial)
	if err != nil || t.Condition.State == token.RevokedLost {
		return err
	}
	return s.ReportLost(ctx, by, serial, source, request)
}

// appLabel marks the tokens that users create here. One of them that was never proven makes
// room for the next.
const appLabel = "self-service"

// NewApp creates a token for an authenticator app, and gives its key URI, this once. Tokens
// that were begun so before, and not proven, are deleted.
func (s *Service) NewApp(ctx context.Context, by Session, source, request string) (lifecycle.Created, error) {
	if err := by.may(App, by.Serial); err != nil {
		return lifecycle.Created{}, err
	}
	if s.cfg.Policy.AppType == "" {
		return lifecycle.Created{}, LinkRequest{For: ForApp}.check(s.cfg.Policy)
	}
	from := origin(source, request)
	if err := s.cfg.Lifecycle.DiscardUnproven(ctx, by.User, s.cfg.Policy.AppType, appLabel, from); err != nil {
		return lifecycle.Created{}, err
	}
	made, err := s.cfg.Lifecycle.Create(ctx, lifecycle.CreateRequest{Type: s.cfg.Policy.AppType, Count: 1,
		User: by.User.Name, Label: appLabel, Reveal: true, Origin: from})
	if err != nil {
		return lifecycle.Created{}, err
	}
	return made.Tokens[0], nil
}

// ProveApp makes such a token VALID by its first code.
func (s *Service) ProveApp(ctx context.Context, by Session, serial, otp, source, request string) (valid bool,
	err error) {
	if err := by.may(App, by.Serial); err != nil {
		return false, err
	}
	var t token.Token
	err = s.cfg.DB.View(ctx, func(r store.Reader) error {
		if t, err = own(r, by.User, serial); err == nil && t.Label != appLabel {
			err = token.NotFoundError(serial)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	return s.cfg.Codes.Confirm(ctx, codes.ConfirmRequest{Lookup: lookup(t), OTP: otp, Origin: origin(source, request)})
}
