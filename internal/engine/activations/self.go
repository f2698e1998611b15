package activations

import (
	"context"
	"errors"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/seal"
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

// OwnOffer is the newest activation of a user's token, as far as the user may see it.
type OwnOffer struct {
	Token   token.Token
	Profile activation.Profile
	// Open says that a device may take it up, or has taken it up and not confirmed it yet.
	Open    bool
	Self    bool // the user began it
	Opened  time.Time
	Expires time.Time
	Taken   time.Time // zero as long as no device has it
	Device  string    // what that called itself
	Done    time.Time // when it was confirmed; zero if it is not
	// Registration is that of an Online one which no device has taken.
	Registration activation.RegistrationCode
	Password     bool // the device will ask for the activation password
	PasswordSent bool // which goes to the user by another way

	id int64
}

// OfferOf gives the newest activation of a user's token, if it is an Online one; otherwise
// only the token.
func (s *Service) OfferOf(ctx context.Context, user store.User, serial string) (o OwnOffer, err error) {
	_, t, err := s.own(ctx, user.Name, serial)
	if err != nil {
		return o, err
	}
	o.Token = t
	if t.Condition.Owner != user.ID || t.Profile == "" {
		return o, nil
	}
	var a store.Activation
	err = s.db.View(ctx, func(rd store.Reader) error {
		all, err := rd.Activations(t.ID, 1)
		if err != nil || len(all) == 0 {
			return err
		}
		v, err := profiles.In(rd, all[0].Profile)
		if err == nil {
			a, o.Profile = all[0], v.Profile()
		}
		return err
	})
	if err != nil || a.Route != string(Online) || a.Owner != user.ID {
		return o, err
	}
	o.id, o.Self, o.Opened, o.Expires, o.Taken, o.Device = a.ID, a.Self, a.Opened, a.Expires, a.Offer.Taken, a.DeviceName
	o.Password = o.Profile.Rules.Password
	o.PasswordSent = o.Password && a.Self && s.posts.Tells()
	if a.Status == store.ActivationConfirmed {
		o.Done = a.Ended
	}
	o.Open = a.Status == store.ActivationOpen && s.now().Before(a.Expires)
	if !o.Open || a.Offer.Registration == nil || !a.Offer.Taken.IsZero() {
		return o, nil
	}
	text, err := s.opened(a.ID, store.ActivationRegistration, a.Offer.Registration)
	if err != nil {
		return o, err
	}
	defer clear(text)
	o.Registration, err = activation.ParseRegistrationCode(string(text))
	return o, err
}

// ShowPassword gives the activation password of an offer, as long as no device has taken it.
// It gives it once the log has that it was shown.
func (s *Service) ShowPassword(ctx context.Context, o OwnOffer, origin audit.Origin) (password seal.Secret, err error) {
	err = s.db.Update(ctx, func(tx store.Tx) error {
		a, err := tx.OpenActivation(o.Token.ID)
		if err == nil && (a.ID != o.id || a.Offer.Password == nil || !s.now().Before(a.Expires)) {
			err = store.ErrNotFound
		}
		if errors.Is(err, store.ErrNotFound) {
			return offerEnded()
		} else if err != nil {
			return err
		}
		text, err := s.opened(a.ID, store.ActivationPassword, a.Offer.Password)
		if err != nil {
			return err
		}
		password = seal.NewSecret([]byte(text))
		return s.record(tx, audit.PasswordShown, audit.Done, "", origin, o.Token, number(a.ID))
	})
	if err != nil {
		return seal.Secret{}, err
	}
	return password, nil
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
