package activations

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/oath"
)

// Typed is a confirmation that was typed into an authenticated session.
type Typed struct {
	Token      tokens.Selector
	OTP        string
	NextOTP    string // the code after OTP, where the secret was sent again and events are counted
	Derivation string // with device binding
	// Self says that the user typed it. Then the token must be User's.
	Self   bool
	User   int64
	Origin audit.Origin
}

// Result is what became of a confirmation. TriesLeft counts if it was not accepted;
// with 0 the activation has ended.
type Result struct {
	Token     token.Token
	Accepted  bool
	TriesLeft int
}

// Confirm compares a device's first code with the open activation of a token. The
// error is a fault: NotFound, Conflict if nothing is open or the token's state
// forbids it, Invalid for what cannot be a confirmation. Then no try is spent.
func (s *Service) Confirm(ctx context.Context, c Typed) (result Result, err error) {
	c.OTP, c.NextOTP = codes.Typed(c.OTP), codes.Typed(c.NextOTP)
	proof := activation.Confirmation{OTP: activation.Secret(c.OTP), Derivation: activation.Secret(c.Derivation)}
	if c.NextOTP != "" {
		proof.Next = activation.Secret(c.NextOTP)
	}
	err = s.db.Update(ctx, func(tx store.Tx) error {
		t, err := s.subject(tx, Request{Token: c.Token, Self: c.Self, User: c.User})
		if err != nil {
			return err
		}
		open, err := s.open(tx, t)
		if err != nil {
			return err
		}
		result, err = s.settle(tx, open, proof, nil, c.Origin)
		return err
	})
	return result, err
}

// open finds the open activation of a token.
func (s *Service) open(rd store.ActivationReader, t token.Token) (store.Activation, error) {
	open, err := rd.OpenActivation(t.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return open,
			fault.New(fault.Conflict, "no_open_activation",
				fmt.Sprintf("Token %s has no open activation.", t.Identity.Serial)).
				WithHint("It may have ended after too many wrong codes, or a newer one replaced it. See: ostiary activation show " +
					t.Identity.Serial + ".")
	case err == nil && !s.now().Before(open.Expires):
		return open, fault.New(fault.Conflict, "activation_expired", fmt.Sprintf("The activation of token %s "+
			"has expired.", t.Identity.Serial)).
			WithHint("Begin another one.")
	}
	return open, err
}

// settle compares a confirmation with the epoch that an activation is to begin, and
// with nothing else. confirm is the hash of a message, nil for what was typed.
func (s *Service) settle(tx store.Tx, a store.Activation, proof activation.Confirmation, confirm []byte,
	origin audit.Origin) (Result, error) {
	t, err := tokens.ByID(tx, a.Token)
	if err != nil {
		return Result{}, err
	}
	if err := s.mayConfirm(a, t); err != nil {
		return Result{}, err
	}
	limits, err := s.inForce(tx, a.Profile)
	if err != nil {
		return Result{}, err
	}
	if a.Tries >= limits.Tries { // the limit was set lower since: a right code is refused as a wrong one is
		return s.refuse(tx, a, t, confirm, triesUsed, a.Tries+1, origin)
	}
	p, err := s.pending(tx, a, t)
	if err != nil {
		return Result{}, err
	}
	defer p.wipe()
	if err := p.fits(proof); err != nil {
		return Result{}, err
	}
	m, reason, err := s.match(tx, p, proof)
	if err != nil {
		return Result{}, err
	}
	if reason != "" {
		return s.refuse(tx, a, t, confirm, reason, limits.Tries, origin)
	}
	epoch, err := s.epoch(p, m, confirm, limits.Tries)
	if err != nil {
		return Result{}, err
	}
	if err := tx.ConfirmActivation(epoch); err != nil {
		return Result{}, fmt.Errorf("confirm activation %d: %w", a.ID, err)
	}
	if err := s.recordEpoch(tx, a, t, epoch, origin); err != nil {
		return Result{}, err
	}
	t, err = tokens.ByID(tx, t.ID)
	return Result{Token: t, Accepted: true}, err
}

// refuse spends a try of an activation, which so many end.
func (s *Service) refuse(tx store.Tx, a store.Activation, t token.Token, confirm []byte, reason token.Reason,
	tries int, origin audit.Origin) (Result, error) {
	left, err := tx.FailActivation(a.ID, confirm, s.stamp(), tries)
	if err != nil {
		return Result{}, err
	}
	return Result{Token: t, TriesLeft: left}, s.record(tx, audit.ActivationConfirmed, audit.Refused, string(reason),
		origin, t, number(a.ID), audit.Field{Name: "tries_left", Value: int64(left)})
}

// mayConfirm says what keeps an activation from counting, whatever the code is.
func (s *Service) mayConfirm(a store.Activation, t token.Token) error {
	if err := s.mayActivate(t); err != nil {
		return err
	}
	switch {
	case a.Owner != 0 && a.Owner != t.Condition.Owner:
		return fault.New(fault.Conflict, "other_owner", fmt.Sprintf("Token %s is no longer assigned to the user for whom the "+
			"activation was begun.", t.Identity.Serial)).
			WithHint("Begin another one.")
	case a.SameSecret && t.Condition.State != token.Valid:
		return fault.New(fault.Conflict, "secret_lost", fmt.Sprintf("Token %s was reported lost or unbound after "+
			"the activation was begun, which has the old secret.", t.Identity.Serial)).
			WithHint("Begin another one.")
	}
	return nil
}

// pending is the epoch that an activation is to begin.
type pending struct {
	a         store.Activation
	token     token.Token
	vector    *activation.Vector
	app       activation.Application // the confirming one
	secret    activation.Secret
	live      activation.Secret // the device secret of the live epoch, if it is bound
	liveNext  map[int]uint64    // of further applications
	beginning map[int]uint64    // of those that count events, on the device
}

func (p *pending) wipe() {
	clear(p.secret)
	clear(p.live)
}

func (s *Service) pending(rd store.Reader, a store.Activation, t token.Token) (p *pending, err error) {
	p = &pending{a: a, token: t, liveNext: map[int]uint64{}, beginning: map[int]uint64{}}
	if p.vector, err = profiles.In(rd, a.Profile); err != nil {
		return p, err
	}
	var ok bool
	if p.app, ok = p.vector.Confirming(); !ok {
		return p, activation.ErrTwoStep
	}
	if p.secret, err = s.opened(a.ID, store.ActivationSecret, a.Secret); err != nil {
		return p, err
	}
	before, ok, err := live(rd, t.ID)
	if err == nil && ok {
		p.live, err = s.opened(before.ID, store.ActivationDevice, before.Device)
	}
	if err != nil {
		return p, err
	}
	applications, err := rd.Applications(t.ID)
	for _, app := range applications {
		p.liveNext[app.Index] = app.Next
	}
	for i, app := range p.vector.EventApplications() {
		if i < len(a.Counters) {
			p.beginning[app.Index] = a.Counters[i]
		}
	}
	return p, err
}

// pair tells whether two codes are needed: where the secret was sent again, one code
// in so wide a window would be too easily guessed.
func pair(app activation.Application, sameSecret bool) bool {
	return sameSecret && app.Suite.Kind == activation.HOTP
}

// fits says what is missing or too much in a confirmation.
func (p *pending) fits(c activation.Confirmation) error {
	switch {
	case !digits(string(c.OTP), p.app.Suite.Digits) || c.Next != nil && !digits(string(c.Next), p.app.Suite.Digits):
		return fault.New(fault.Invalid, "otp_format", fmt.Sprintf("A one-time password of this token has %d digits.",
			p.app.Suite.Digits)).
			WithHint("Nothing was checked and no try was used.")
	case pair(p.app, p.a.SameSecret) && c.Next == nil:
		return fault.New(fault.Invalid, "next_otp_missing", "This activation needs two one-time passwords, one "+
			"after the other.").
			WithHint("Type the second with --next-otp OTP (next_otp in the REST API): the app shows both. Nothing was checked " +
				"and no try was used.")
	case p.vector.Profile().Rules.DeviceBinding && len(c.Derivation) == 0:
		return fault.New(fault.Invalid, "derivation_code_missing", "This activation needs the derivation code that "+
			"the app shows.").
			WithHint("Type it with --derivation-code CODE (derivation_code in the REST API): the app shows it below the " +
				"one-time password. Nothing was checked and no try was used.")
	case !p.vector.Profile().Rules.DeviceBinding && len(c.Derivation) != 0:
		return fault.New(fault.Invalid, "derivation_code_unexpected", "This profile does not bind devices: omit the "+
			"derivation code.")
	}
	return nil
}

func digits(s string, n int) bool {
	return len(s) == n && !slices.ContainsFunc([]byte(s), func(c byte) bool { return c < '0' || c > '9' })
}

// matched is what a right confirmation says.
type matched struct {
	next        uint64 // one above the last counter or step that it uses up
	drift       int64
	device      activation.Secret // nil without binding
	fingerprint []byte
}

// Why a confirmation is refused.
const (
	wrongDerivation token.Reason = "derivation_code"
	unboundDevice   token.Reason = "unbound_device"
	otherDevice     token.Reason = "other_device"
	triesUsed       token.Reason = "tries_used"
)

// match finds what a confirmation proves, or says why it is refused.
func (s *Service) match(rd store.ActivationReader, p *pending, c activation.Confirmation) (
	m matched, refused token.Reason, err error) {
	if m, refused, err = bind(rd, p, c); refused != "" || err != nil {
		return m, refused, err
	}
	key, err := p.vector.AppKey(p.secret, p.token.DeviceSerial(), p.app.Index, m.device)
	if err != nil {
		return m, "", err
	}
	defer clear(key)
	scanner, err := oath.NewScanner(key, p.app.Suite.Hash, p.app.Suite.Digits)
	if err != nil {
		return m, "", err
	}
	defer scanner.Wipe()
	first := p.beginning[p.app.Index]
	if p.a.SameSecret {
		first = p.token.Condition.Next
	}
	if p.app.Suite.Kind == activation.TOTP {
		return s.matchStep(m, scanner, p, first, string(c.OTP))
	}
	var counter uint64
	var found bool
	switch n := map[bool]int{true: sameEvents, false: firstEvents}[p.a.SameSecret]; {
	case c.Next != nil: // the device cannot know that the secret is new, and shows two
		counter, found = scanner.FindPair(string(c.OTP), string(c.Next), first, n)
		counter++
	default:
		counter, found = scanner.Find(string(c.OTP), first, n)
	}
	if !found || counter >= token.MaxCounter {
		return m, token.Wrong, nil
	}
	// The old device may have gone on meanwhile: a counter never falls.
	m.next = max(counter+1, p.token.Condition.Next)
	return m, "", nil
}

func (s *Service) matchStep(m matched, scanner *oath.Scanner, p *pending, first uint64, otp string) (
	matched, token.Reason, error) {
	now, err := oath.Step(s.now().Unix(), p.app.Suite.Period, 0)
	if err != nil {
		return m, "", err
	}
	from := max(first, now-min(now, steps))
	if from > now+steps {
		return m, token.Wrong, nil
	}
	step, found := scanner.Find(otp, from, int(now+steps-from)+1)
	if !found {
		return m, token.Wrong, nil
	}
	m.next, m.drift = step+1, int64(step)-int64(now)
	return m, "", nil
}

// bind reads the device secret from the derivation code.
func bind(rd store.ActivationReader, p *pending, c activation.Confirmation) (m matched, refused token.Reason,
	err error) {
	if !p.vector.Profile().Rules.DeviceBinding {
		return m, "", nil
	}
	if m.device, err = activation.OpenDerivationCode(string(c.Derivation), p.secret,
		p.token.DeviceSerial()); err != nil {
		return m, wrongDerivation, nil //nolint:nilerr // a refusal, which is recorded as one
	}
	m.fingerprint = fingerprint(m.device)
	unbound, err := rd.Unbound(p.token.ID, m.fingerprint)
	switch {
	case err != nil:
		return m, "", err
	case unbound:
		return m, unboundDevice, nil
	case p.a.SameSecret && !seal.NewSecret([]byte(m.device)).Equal(seal.NewSecret([]byte(p.live))):
		return m, otherDevice, nil
	}
	return m, "", nil
}

// holdsEpoch reports whether a confirmation is of the epoch that an activation made, if
// that still counts: whether its code is one of the epoch, used or not, and its device
// the bound one. It uses nothing up and gives no right.
func (s *Service) holdsEpoch(rd store.Reader, a store.Activation, c activation.Confirmation) (bool, error) {
	if a.Secret == nil {
		return false, nil
	}
	t, err := tokens.ByID(rd, a.Token)
	if err != nil {
		return false, err
	}
	p, err := s.pending(rd, a, t)
	if err != nil {
		return false, err
	}
	defer p.wipe()
	if p.fits(c) != nil {
		return false, nil
	}
	var device activation.Secret
	if p.vector.Profile().Rules.DeviceBinding {
		device, err = activation.OpenDerivationCode(string(c.Derivation), p.secret, t.DeviceSerial())
		if err != nil || !seal.NewSecret([]byte(device)).Equal(seal.NewSecret([]byte(p.live))) {
			return false, nil // it is of another device
		}
		defer clear(device)
	}
	key, err := p.vector.AppKey(p.secret, t.DeviceSerial(), p.app.Index, device)
	if err != nil {
		return false, err
	}
	defer clear(key)
	scanner, err := oath.NewScanner(key, p.app.Suite.Hash, p.app.Suite.Digits)
	if err != nil {
		return false, err
	}
	defer scanner.Wipe()
	from, to := p.beginning[p.app.Index], t.Condition.Next+firstEvents
	if p.app.Suite.Kind == activation.TOTP {
		period := uint64(p.app.Suite.Period)
		from, to = uint64(a.Offer.Taken.Unix())/period, uint64(s.now().Unix())/period+steps
		from -= min(from, steps)
	}
	from = max(from, to-min(to, maxHeld))
	if c.Next != nil {
		_, found := scanner.FindPair(string(c.OTP), string(c.Next), from, int(to-from))
		return found, nil
	}
	_, found := scanner.Find(string(c.OTP), from, int(to-from)+1)
	return found, nil
}

// maxHeld bounds how many codes holdsEpoch looks at: a week of the usual time steps.
const maxHeld = 20_000

// fingerprint tells devices apart without their secrets.
func fingerprint(device activation.Secret) []byte {
	sum := sha256.Sum256(append([]byte("ostiary/1 device"), device...))
	return sum[:]
}
