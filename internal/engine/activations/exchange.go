package activations

import (
	"bytes"
	"context"
	"errors"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/peer"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// Take answers the body of POST /api/v1/activate: it gives an offer to the first
// device that has the registration code, and that device the same again for ten
// minutes. The error is a fault: Invalid for what is no such message, Forbidden for a
// registration code that is not right or not known (one answer for both), Conflict
// for an offer that is taken or has ended, Throttled.
func (s *Service) Take(ctx context.Context, body []byte, origin audit.Origin) (answer []byte, err error) {
	for range maxRounds {
		var o offered
		if o, err = s.offered(ctx, body); err != nil {
			return nil, err
		}
		request, err := activation.OpenRequest(body, o.code)
		if err != nil {
			return nil, s.unauthentic(err, origin)
		}
		hash := request.Hash()
		if err := s.mayTake(o, hash[:]); err != nil {
			return nil, err
		}
		if o.a.Offer.Request != nil {
			sealed, err := activation.ParseSealed(o.a.Offer.Answer)
			if err != nil {
				return nil, err
			}
			return request.Answer(sealed, s.now().Unix())
		}
		sealed, err := s.take(ctx, o, request, origin)
		if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			continue // somebody was faster, perhaps the same device, or the token is gone
		} else if errors.Is(err, activation.ErrMessage) {
			return nil, notAMessage(err)
		} else if err != nil {
			return nil, err
		}
		return request.Answer(sealed, s.now().Unix())
	}
	return nil, offerEnded()
}

// offered is an offer as it was found.
type offered struct {
	a      store.Activation
	token  token.Token
	vector *activation.Vector
	tries  int // wrong confirmations that end it
	code   activation.RegistrationCode
}

// offered finds the offer that a message names. Nothing is proven by that. For one
// that is not known it gives a registration code that nobody has, so that the MAC is
// refused as that of a wrong code is.
func (s *Service) offered(ctx context.Context, body []byte) (o offered, err error) {
	locator, err := activation.Locator(body)
	if err != nil {
		return o, notAMessage(err)
	}
	err = s.db.View(ctx, func(rd store.Reader) error {
		if o.a, err = rd.OfferedActivation(locator); err != nil {
			return err
		}
		if o.token, err = tokens.ByID(rd, o.a.Token); err != nil {
			return err
		}
		if o.vector, err = profiles.In(rd, o.a.Profile); err != nil {
			return err
		}
		limits, err := s.inForce(rd, o.a.Profile)
		o.tries = limits.Tries
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && o.a.Offer.Registration == nil {
		o.code = s.nobody // whose MAC is not right either
		return o, nil
	} else if err != nil {
		return o, err
	}
	text, err := s.opened(o.a.ID, store.ActivationRegistration, o.a.Offer.Registration)
	if err != nil {
		return o, err
	}
	defer clear(text)
	o.code, err = activation.ParseRegistrationCode(string(text))
	return o, err
}

// unauthentic words an error of a message whose sender has proven nothing. Wrong
// messages alone are throttled: whoever has the registration code is answered, whatever
// others send from the same source.
func (s *Service) unauthentic(err error, origin audit.Origin) error {
	if !errors.Is(err, activation.ErrAuth) {
		return notAMessage(err)
	}
	if s.wrong.Exhausted(peer.Name(origin.Source), s.now()) {
		return fault.New(fault.Throttled, "too_many_wrong", "Too many messages with a wrong registration code "+
			"came from your address.").WithHint("Wait a minute and try again.")
	}
	s.wrong.Spend(peer.Name(origin.Source), s.now())
	return fault.New(fault.Forbidden, "registration_code", "The registration code is wrong, unknown, or "+
		"no longer valid.").
		WithHint("Check it, or ask for a new one.").Because(err)
}

func notAMessage(err error) error {
	return fault.New(fault.Invalid, "activation_message", "This is not a message of an activation: "+
		fault.Sentence(err.Error())).Because(err)
}

func offerEnded() error {
	return fault.New(fault.Conflict, "offer_ended", "This offer is not open: another device took it, it was "+
		"cancelled, or it has expired.").WithHint("Ask for a new registration code.")
}

// mayTake says what keeps a device from an offer.
func (s *Service) mayTake(o offered, request []byte) error {
	now := s.now()
	switch {
	case o.a.Status != store.ActivationOpen || !now.Before(o.a.Expires) || o.a.Tries >= o.tries:
		return offerEnded()
	case o.a.Offer.Request != nil &&
		(!bytes.Equal(o.a.Offer.Request, request) || !now.Before(o.a.Offer.Taken.Add(answerAgain))):
		return offerEnded()
	}
	return s.mayConfirm(o.a, o.token)
}

// take makes the activation data for a device and gives it the offer.
func (s *Service) take(ctx context.Context, o offered, request *activation.Request, origin audit.Origin) (
	*activation.Sealed, error) {
	var counters []uint64
	if o.a.Again || o.a.Counters != nil { // with an ERC on request
		if err := s.db.View(ctx, func(rd store.Reader) (err error) {
			counters, err = s.counters(rd, o.token, o.vector)
			return err
		}); err != nil {
			return nil, err
		}
	}
	code, err := s.codeFor(ctx, o, counters)
	if err != nil {
		return nil, err
	}
	sealed, err := request.Seal(fad(o.token, o.vector, code), counters)
	clear(code)
	if err != nil {
		return nil, err
	}
	hash := request.Hash()
	taking := store.Taking{Request: hash[:], At: s.stamp(), DeviceType: int(request.Device.Type),
		DeviceName: request.Device.Name,
		Counters:   counters, Answer: sealed.Encode()}
	err = s.db.Update(ctx, func(tx store.Tx) error {
		t, err := tokens.ByID(tx, o.token.ID)
		if err != nil {
			return err
		}
		if err := s.mayConfirm(o.a, t); err != nil {
			return err
		}
		limits, err := s.inForce(tx, o.a.Profile)
		if err != nil {
			return err
		}
		taking.Tries = limits.Tries
		if err := tx.TakeActivation(o.a.ID, taking); err != nil {
			return err
		}
		return s.record(tx, audit.ActivationTaken, audit.Done, "", origin, t, number(o.a.ID),
			audit.Field{Name: "device_name", Value: taking.DeviceName},
			audit.Field{Name: "device_type", Value: DeviceType(request.Device.Type)})
	})
	return sealed, err
}

// codeFor makes the activation code of an offer.
func (s *Service) codeFor(ctx context.Context, o offered, counters []uint64) (activation.Secret, error) {
	secret, err := s.opened(o.a.ID, store.ActivationSecret, o.a.Secret)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	password, err := s.opened(o.a.ID, store.ActivationPassword, o.a.Offer.Password)
	if err != nil {
		return nil, err
	}
	defer clear(password)
	return s.makeCode(ctx, o.vector, secret, activation.CodeInput{Serial: o.token.DeviceSerial(), Password: password,
		Counters: counters})
}

// ConfirmOnline answers the body of POST /api/v1/activate/confirm. The identical
// message gets the same answer, as long as the epoch lives that it confirmed; a device
// whose activation was confirmed by a typed code is told so. The error is that of Take.
func (s *Service) ConfirmOnline(ctx context.Context, body []byte, origin audit.Origin) (answer []byte, err error) {
	o, err := s.offered(ctx, body)
	if err != nil {
		return nil, err
	}
	var request [32]byte
	if copy(request[:], o.a.Offer.Request) == 0 {
		o.code = s.nobody // nothing was taken that could be confirmed, whoever has the code
	}
	c, err := activation.OpenConfirm(body, o.code, request)
	if err != nil {
		return nil, s.unauthentic(err, origin)
	}
	hash := c.Hash()
	var result activation.Result
	var settled Result
	var a store.Activation
	err = s.db.Update(ctx, func(tx store.Tx) error {
		settled = Result{}
		if a, err = tx.OfferedActivation(o.a.Offer.Locator); err != nil {
			return err
		}
		if bytes.Equal(a.Offer.Confirm, hash[:]) {
			result = activation.Result{Accepted: a.Status == store.ActivationConfirmed}
			if !result.Accepted {
				result.TriesLeft = a.Offer.TriesLeft
			}
			return nil
		}
		if a.Status == store.ActivationConfirmed && a.Offer.Confirm == nil {
			// It was confirmed by a code that was typed elsewhere. The device learns it if
			// its own code is one of that epoch.
			if result.Accepted, err = s.holdsEpoch(tx, a, c.Confirmation); err != nil || result.Accepted {
				return err
			}
		}
		if a.Status != store.ActivationOpen || !s.now().Before(a.Expires) {
			return offerEnded()
		}
		settled, err = s.settle(tx, a, c.Confirmation, hash[:], origin)
		result = activation.Result{Accepted: settled.Accepted, TriesLeft: settled.TriesLeft}
		return err
	})
	if errors.Is(err, store.ErrNotFound) { // deleted meanwhile, with its token
		return nil, offerEnded()
	} else if err != nil {
		return nil, err
	}
	return c.Answer(result)
}
