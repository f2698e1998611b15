package selfservice

import (
	"context"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/users"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// StartActivation begins an activation by a code of another token, which is used up.
func (s *Service) StartActivation(ctx context.Context, by Session, serial string, reason activations.Reason, code,
	source, request string) error {
	if err := by.may(Begin, serial); err != nil {
		return err
	}
	_, err := s.cfg.Activations.StartOwn(ctx, activations.OwnRequest{User: by.User.Name, Serial: serial, Reason: reason,
		Code: code, Origin: origin(source, request)})
	return err
}

// Offer gives the newest activation of a token, for the user to take up. One that a user has
// begun is taken up in a session of those days alone that may begin one, too.
func (s *Service) Offer(ctx context.Context, by Session, serial string) (o activations.OwnOffer, err error) {
	if err := by.may(TakeUp, serial); err != nil {
		return o, err
	}
	if o, err = s.cfg.Activations.OfferOf(ctx, by.User, serial); err != nil {
		return o, err
	}
	if o.Self && (!by.May(Begin) || o.Opened.Before(by.Started)) && o.Open {
		return activations.OwnOffer{Token: o.Token}, nil // as if there were none
	}
	if by.By == ByCode && o.Open {
		// A help desk issues temporary codes, and must not come to an administrator's second factor.
		err := s.cfg.DB.View(ctx, func(r store.Reader) error { return users.MayArm(r, by.User.Name, audit.Origin{}) })
		if err != nil && fault.Of(err).Kind != fault.Forbidden {
			return activations.OwnOffer{}, err
		} else if err != nil {
			return activations.OwnOffer{Token: o.Token}, nil
		}
	}
	return o, nil
}

// Password shows the password of an activation that the user has begun in this session.
func (s *Service) Password(ctx context.Context, by Session, serial, source, request string) (password seal.Secret,
	err error) {
	o, err := s.Offer(ctx, by, serial)
	if err != nil {
		return password, err
	}
	if !s.cfg.Policy.ShowPassword || o.PasswordSent || by.By != ByToken || !o.Open || !o.Self {
		return password, fault.New(fault.Forbidden, "self_forbidden", "The sign-in does not allow this.").
			WithHint("Ask the help desk for the password.")
	}
	return s.cfg.Activations.ShowPassword(ctx, o, origin(source, request))
}
