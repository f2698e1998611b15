package activations

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/printable"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/events"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Route is how the activation reaches the device.
type Route string

// The routes.
const (
	Offline Route = "offline" // a code that is typed
	QR      Route = "qr"      // the same as a code image
	Online  Route = "online"  // a registration code, with which the device fetches the rest
	Pushed  Route = "pushed"  // sealed to a device's key, sent by somebody else's server
)

// Reason is why a token is activated. Of a first activation there is none.
type Reason string

// The reasons for a reactivation.
const (
	PINForgotten   Reason = "pin-forgotten"
	DeviceReplaced Reason = "device-replaced"
	DeviceLost     Reason = "device-lost" // its codes are refused from now on
)

// Request asks for an activation of a token.
type Request struct {
	Token  tokens.Selector
	Route  Route
	Reason Reason // may be empty
	// Password is the activation password, where the profile has one; empty lets one
	// be drawn.
	Password string
	Expiry   time.Duration // zero means that of the policy
	// ERC asks for the event counters at a first activation, too. Those after it have
	// them in any case.
	ERC bool
	// Self says that the user began it. Then the token must be User's.
	Self bool
	User int64
	// To is a Pushed one's device.
	To Device
	// By is who asks, and decides whether limits warn or refuse.
	By     authz.Principal
	Origin audit.Origin
}

// Device is a device's HPKE public key, and the message that it came in.
type Device struct{ Key, Request []byte }

// Started is an activation that was begun. What it holds is shown once.
type Started struct {
	Token   token.Token
	Profile activation.Profile
	Expires time.Time
	// Code, ERC and QRBody are for typing and scanning; Code and ERC without
	// separators.
	Code   activation.Secret
	ERC    string
	QRBody activation.Secret
	// Pair says that two codes in a row belong to the confirmation.
	Pair bool
	// Password is the activation password, if one was drawn. PasswordSent says that it is on
	// its way to the user, and not here.
	Password     activation.Secret
	PasswordSent bool
	// Registration is that of an Online one.
	Registration activation.RegistrationCode
	// Sealed is what a Pushed one's device is to get.
	Sealed   *activation.Sealed
	Warnings []string
}

// Offer is the text of the code image of an Online activation, for a server that apps reach
// at an address. It is empty for an address that apps do not take: code and address can be
// typed.
func (s Started) Offer(server string) (activation.Secret, error) {
	payload, err := activation.Offer{Server: server, Code: s.Registration}.Encode()
	if err != nil {
		return nil, nil //nolint:nilerr // no reason to refuse
	}
	text, _, err := activation.Message{Type: activation.TypeOffer, Payload: payload}.QR()
	return text, err
}

// maxExpiry bounds how long an activation may be open.
const maxExpiry = 365 * 24 * time.Hour

func (r Request) check() error {
	switch {
	case r.Route != Offline && r.Route != QR && r.Route != Online && r.Route != Pushed:
		return fault.New(fault.Invalid, "route", fmt.Sprintf("%q is not a route: the routes are offline, qr, "+
			"online and pushed.", string(r.Route)))
	case r.Reason != "" && r.Reason != PINForgotten && r.Reason != DeviceReplaced && r.Reason != DeviceLost:
		return fault.New(fault.Invalid, "reason", fmt.Sprintf("%q is not a reason: the reasons are %s, %s and %s.",
			string(r.Reason), PINForgotten, DeviceReplaced, DeviceLost))
	case r.Expiry < 0 || r.Expiry > maxExpiry:
		return fault.New(fault.Invalid, "expiry", "An activation is open for at most 365 days.")
	case r.Route == Pushed && len(r.To.Request) == 0:
		return fault.New(fault.Invalid, "device_request", "The message in which the device sent its key is missing: the answer "+
			"is bound to it.")
	}
	return nil
}

// Start begins an activation: it ends the open one of the token, if there is one.
// The error is a fault: NotFound, Invalid for what the profile does not allow,
// Conflict for a token whose state, profile or limits forbid it.
func (s *Service) Start(ctx context.Context, r Request) (Started, error) {
	if err := r.check(); err != nil {
		return Started{}, err
	}
	for range maxRounds {
		var p plan
		if err := s.db.View(ctx, func(rd store.Reader) (err error) {
			p, err = s.plan(rd, r)
			return err
		}); err != nil {
			return Started{}, err
		}
		drawn, err := s.draw(ctx, p, r)
		if err != nil {
			return Started{}, worded(err)
		}
		err = s.db.Update(ctx, func(tx store.Tx) error { return s.begin(tx, p, drawn, r) })
		drawn.secret.Wipe()
		if errors.Is(err, errChanged) {
			continue
		} else if err != nil {
			return Started{}, err
		}
		if s.sends(drawn, r) {
			clear(drawn.Password)
			drawn.Password, drawn.PasswordSent = nil, true
		}
		return drawn.Started, nil
	}
	return Started{}, fault.New(fault.Unavailable, "unavailable", "The activation was not begun: the token changed "+
		"during every attempt.").WithHint("Try again.")
}

// maxRounds bounds how often an activation is begun anew because the token changed
// meanwhile, or the locator that was drawn is that of another offer.
const maxRounds = 5

var errChanged = errors.New("the token changed meanwhile")

// plan is what an activation is to be, as the token stands.
type plan struct {
	token    token.Token
	vector   *activation.Vector
	again    bool // not the first
	counters []uint64
	same     seal.Secret // the live epoch's secret, if it is to be sent again
	live     int64       // the activation that it is of
	limits   token.ActivationLimits
	expires  time.Time
	warnings []string
}

// draw makes the secrets and codes. It may wait for memory.
func (s *Service) draw(ctx context.Context, p plan, r Request) (d draft, err error) {
	app, _ := p.vector.Confirming()
	d.Started = Started{Token: p.token, Profile: p.vector.Profile(), Expires: p.expires,
		Pair: pair(app, p.same.Len() > 0), Warnings: p.warnings}
	if d.secret = p.same; d.secret.Len() == 0 {
		secret, err := activation.NewSecret(rand.Reader)
		if err != nil {
			return d, err
		}
		d.secret = seal.NewSecret([]byte(secret))
	}
	password, err := choosePassword(d.Profile.Rules, r.Password)
	if err != nil {
		return d, err
	}
	d.password = seal.NewSecret([]byte(password))
	if r.Password == "" {
		d.Password = password
	}
	if r.Route == Online {
		d.Registration, err = s.newCode()
		return d, err
	}
	serial := p.token.DeviceSerial()
	if d.Code, err = s.makeCode(ctx, p.vector, activation.Secret(d.secret.Bytes()),
		activation.CodeInput{Serial: serial, Password: password, Counters: p.counters}); err != nil {
		return d, err
	}
	if r.Route == Pushed {
		d.Sealed, err = activation.Seal(r.To.Key, sha256.Sum256(r.To.Request), fad(p.token, p.vector, d.Code),
			p.counters)
		d.Code = nil
		return d, err
	}
	if p.counters != nil {
		if d.ERC, err = p.vector.MakeERC(serial, p.counters); err != nil {
			return d, err
		}
	}
	d.QRBody, err = activation.QRBody{Serial: serial, Code: d.Code, ERC: d.ERC}.Encode()
	return d, err
}

// draft is an activation before it is written.
type draft struct {
	Started
	secret   seal.Secret
	password seal.Secret
}

// choosePassword takes the one that somebody insists on, or draws one; nil where the
// profile has none.
func choosePassword(rules activation.Rules, given string) (activation.Secret, error) {
	switch {
	case !rules.Password && given != "":
		return nil, activation.ErrPasswordUnexpected
	case !rules.Password:
		return nil, nil
	case given == "":
		return activation.NewPassword(rand.Reader)
	}
	return activation.Secret(given), activation.CheckPassword(given)
}

// fad is the activation data of a token, labelled with its user where the name fits.
func fad(t token.Token, v *activation.Vector, code activation.Secret) *activation.FAD {
	f := &activation.FAD{Vector: v, Serial: t.DeviceSerial(), Code: code}
	if printable.Check(t.OwnerName, 40) == "" {
		f.Label = t.OwnerName
	}
	return f
}

// begin writes a new activation, if the token still is as it was planned for.
func (s *Service) begin(tx store.Tx, p plan, d draft, r Request) error {
	now, err := s.plan(tx, r)
	if err != nil {
		return err
	}
	defer now.same.Wipe()
	if !now.like(p) {
		return errChanged
	}
	if r.Route == Online {
		_, err := tx.OfferedActivation(d.Registration.Locator())
		if err == nil || errors.Is(err, store.ErrForged) {
			return errChanged // another offer has this locator: draw again
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if err := s.endOpen(tx, p.token, store.ActivationSuperseded, r.Origin); err != nil {
		return err
	}
	if err := s.reportLost(tx, &now.token, r); err != nil {
		return err
	}
	a, err := s.row(tx, now, d, r)
	if err != nil {
		return err
	}
	if err := tx.AddActivation(a); err != nil {
		return fmt.Errorf("add activation of token %d: %w", p.token.ID, err)
	}
	if s.sends(d, r) {
		if err := s.sendPassword(tx, p.token, d, a, r); err != nil {
			return err
		}
	}
	return s.record(tx, audit.ActivationStarted, audit.Done, "", r.Origin, p.token,
		number(a.ID), audit.Field{Name: "again", Value: a.Again},
		audit.Field{Name: "epoch", Value: p.token.Condition.Epoch},
		audit.Field{Name: "expires", Value: audit.Stamp(a.Expires)},
		audit.Field{Name: "new_secret", Value: !a.SameSecret},
		audit.Field{Name: "profile", Value: a.Profile}, audit.Field{Name: "reason", Value: a.Reason},
		audit.Field{Name: "route", Value: a.Route}, audit.Field{Name: "self_service", Value: a.Self})
}

// sends tells whether the password goes to the user by another way than the answer.
func (s *Service) sends(d draft, r Request) bool {
	return r.Self && s.posts.Tells() && len(d.Password) > 0
}

// sendPassword has the password sent, if the activation is begun.
func (s *Service) sendPassword(tx store.Tx, t token.Token, d draft, a store.Activation, r Request) error {
	password := seal.NewSecret(slices.Clone([]byte(d.Password)))
	defer password.Wipe()
	err := s.posts.PostPassword(tx, events.Event{Time: a.Opened, User: t.OwnerName, Type: t.Identity.Type,
		Serial: t.Identity.Serial, Source: events.Source{Actor: r.Origin.Actor, Address: r.Origin.Source},
		Reason: string(r.Reason)}, password, a.Expires)
	if errors.Is(err, events.ErrFull) {
		err = fault.New(fault.Unavailable, "events_full", "The activation was not begun: its password could not be sent, "+
			"because too many events wait.").WithHint("Ask an administrator. Ostiary lists them: ostiary events list").
			Because(err)
	}
	return err
}

// like reports whether codes made for one plan are good for another. Counters may
// have moved: the confirmation minds that.
func (p plan) like(o plan) bool {
	a, b := p.token, o.token
	return a.ID == b.ID && a.Profile == b.Profile && a.Condition.Epoch == b.Condition.Epoch &&
		a.Condition.Owner == b.Condition.Owner &&
		a.Condition.State == b.Condition.State && p.again == o.again && p.live == o.live && p.limits == o.limits &&
		(p.same.Len() == 0) == (o.same.Len() == 0)
}

// row is the activation as it is stored.
func (s *Service) row(tx store.Tx, p plan, d draft, r Request) (a store.Activation, err error) {
	a = store.Activation{Token: p.token.ID, Profile: p.token.Profile, Owner: p.token.Condition.Owner,
		Route: string(r.Route), Reason: string(r.Reason),
		Actor: r.Origin.Actor, Self: r.Self, Opened: s.stamp(), Expires: p.expires, Again: p.again,
		SameSecret: p.same.Len() > 0, Counters: p.counters}
	if a.ID, err = tx.NextActivationID(); err != nil {
		return a, err
	}
	if a.Secret, err = s.sealed(a.ID, store.ActivationSecret, activation.Secret(d.secret.Bytes())); err != nil {
		return a, err
	}
	if r.Route != Online {
		return a, nil
	}
	if a.Again {
		a.Counters = nil // those of the moment when the device comes
	}
	a.Offer.Locator = d.Registration.Locator()
	if a.Offer.Registration, err = s.sealed(a.ID, store.ActivationRegistration, d.Registration.Text()); err != nil {
		return a, err
	}
	a.Offer.Password, err = s.sealed(a.ID, store.ActivationPassword, activation.Secret(d.password.Bytes()))
	return a, err
}

// reportLost marks a token as lost whose device is.
func (s *Service) reportLost(tx store.Tx, t *token.Token, r Request) error {
	if r.Reason != DeviceLost || t.Condition.State != token.Valid {
		return nil
	}
	if err := tx.SetState(t.ID, token.Valid, token.RevokedLost, string(DeviceLost)); err != nil {
		return err
	}
	return tx.AppendAudit(audit.Entry{Time: s.now(), Action: audit.TokenStateChanged, Outcome: audit.Done,
		Reason: string(DeviceLost), Origin: r.Origin,
		Subject: audit.SubjectOf(*t), Before: []audit.Field{{Name: "state", Value: token.Valid.String()}},
		After: []audit.Field{{Name: "state", Value: token.RevokedLost.String()}}}.Canonical())
}

// endOpen ends the open activation of a token, if there is one.
func (s *Service) endOpen(tx store.Tx, t token.Token, status store.ActivationStatus, origin audit.Origin) error {
	open, err := tx.OpenActivation(t.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	now := s.stamp()
	if !now.Before(open.Expires) {
		status = store.ActivationExpired
	}
	if err := tx.EndActivation(open.ID, status, now); err != nil {
		return err
	}
	return s.record(tx, audit.ActivationEnded, audit.Done, StatusWord(status), origin, t, number(open.ID))
}

// number tells in an entry which activation it is about.
func number(id int64) audit.Field { return audit.Field{Name: "activation", Value: id} }

// record appends what happened to an activation of a token.
func (s *Service) record(tx store.AuditWriter, action audit.Action, outcome audit.Outcome, reason string,
	origin audit.Origin, t token.Token, after ...audit.Field) error {
	return tx.AppendAudit(audit.Entry{Time: s.now(), Action: action, Outcome: outcome, Reason: reason, Origin: origin,
		Subject: audit.SubjectOf(t), After: after}.Canonical())
}
