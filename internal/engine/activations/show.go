package activations

import (
	"context"
	"errors"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// maxHistory bounds how many activations of a token are shown.
const maxHistory = 50

// Past is an activation as people see it: without its secrets.
type Past struct {
	Route      Route
	Reason     Reason
	Actor      string
	Self       bool
	Opened     time.Time
	Expires    time.Time
	Status     store.ActivationStatus
	Ended      time.Time
	WrongTries int
	TriesLeft  int // of an open one
	Again      bool
	NewSecret  bool
	Live       bool
	// Taken is when a device took an Online one; DeviceType and DeviceName are what it
	// said of itself then.
	Taken      time.Time
	DeviceType activation.DeviceType
	DeviceName string
	DeviceMark string // tells bound devices apart
}

// Overview is how the activations of a token stand.
type Overview struct {
	Token    token.Token
	Profile  activation.Profile
	Standing Standing
	Limits   token.ActivationLimits // that count
	// Activations are the last ones, the newest first. An open one is at the front.
	Activations []Past
}

// Show tells how the activations of a token stand. An activation whose time is over
// is shown as expired.
func (s *Service) Show(ctx context.Context, sel tokens.Selector) (o Overview, err error) {
	err = s.db.View(ctx, func(rd store.Reader) error {
		if o.Token, err = tokens.Find(rd, sel); err != nil {
			return err
		}
		if o.Token.Profile == "" {
			return s.mayActivate(o.Token)
		}
		v, err := profiles.In(rd, o.Token.Profile)
		if err != nil {
			return err
		}
		o.Profile = v.Profile()
		if o.Limits, err = s.inForce(rd, o.Token.Profile); err != nil {
			return err
		}
		if o.Standing, err = s.standing(rd, o.Token.ID, o.Limits); err != nil {
			return err
		}
		all, err := rd.Activations(o.Token.ID, maxHistory)
		for _, a := range all {
			o.Activations = append(o.Activations, s.past(a, o.Limits.Tries))
		}
		return err
	})
	return o, err
}

// past is an activation as people see it. One that has used up its tries is shown as
// ended, though only its next confirmation would be told so: the limit was set lower.
func (s *Service) past(a store.Activation, tries int) Past {
	p := Past{Route: Route(a.Route), Reason: Reason(a.Reason), Actor: a.Actor, Self: a.Self, Opened: a.Opened,
		Expires: a.Expires, Status: a.Status,
		Ended: a.Ended, WrongTries: a.Tries, Again: a.Again, NewSecret: !a.SameSecret,
		Live:  a.Status == store.ActivationConfirmed && a.Secret != nil,
		Taken: a.Offer.Taken, DeviceType: activation.DeviceType(a.DeviceType), DeviceName: a.DeviceName,
		DeviceMark: a.DeviceMark}
	if p.Status != store.ActivationOpen {
		return p
	}
	switch p.TriesLeft = max(0, tries-a.Tries); {
	case !s.now().Before(a.Expires):
		p.Status, p.Ended, p.TriesLeft = store.ActivationExpired, a.Expires, 0
	case p.TriesLeft == 0:
		p.Status = store.ActivationTriesUsed
	}
	return p
}

// live finds the activation that counts; ok is false if there is none.
func live(rd store.ActivationReader, id token.ID) (a store.Activation, ok bool, err error) {
	a, err = rd.LiveActivation(id)
	if errors.Is(err, store.ErrNotFound) {
		return a, false, nil
	}
	return a, err == nil, err
}
