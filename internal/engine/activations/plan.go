package activations

import (
	"fmt"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// plan finds out what an activation is to be, and whether there may be one.
func (s *Service) plan(rd store.Reader, r Request) (p plan, err error) {
	if p.token, err = s.subject(rd, r); err != nil {
		return p, err
	}
	t := p.token
	if err := s.mayActivate(t); err != nil {
		return p, err
	}
	read := profiles.ForNew
	if p.again = t.Condition.Proven(); p.again {
		read = profiles.In
	}
	if p.vector, err = read(rd, t.Profile); err != nil {
		return p, err
	}
	profile := p.vector.Profile()
	if p.again && !profile.Rules.Reactivation {
		return p, fault.New(fault.Conflict, "no_reactivation", fmt.Sprintf("Token %s is activated, and its profile "+
			"%s allows no reactivation.", t.Identity.Serial, t.Profile)).
			WithHint("Give the user another token: ostiary token replace.")
	}
	if p.limits, err = s.inForce(rd, t.Profile); err != nil {
		return p, err
	}
	if p.warnings, err = s.within(rd, p, r); err != nil {
		return p, err
	}
	if p.again && profile.KeepsOldDevice() && r.Reason != DeviceLost && t.Condition.State == token.Valid {
		p.warnings = append(p.warnings, "The old device keeps working after this: the profile has neither new keys "+
			"nor device binding.")
	}
	if r.ERC && len(p.vector.EventApplications()) == 0 {
		return p, fault.New(fault.Invalid, "no_events", fmt.Sprintf("Profile %s has no application that counts events, "+
			"so there is no event counter code.", t.Profile)).
			WithHint("Omit --erc.")
	}
	if p.again || r.ERC {
		if p.counters, err = s.counters(rd, t, p.vector); err != nil {
			return p, err
		}
	}
	if p.again {
		if err := s.sameSecret(rd, &p, r); err != nil {
			return p, err
		}
	}
	p.expires = s.stamp().Add(p.limits.Expiry)
	if r.Expiry != 0 {
		p.expires = s.stamp().Add(r.Expiry)
	}
	return p, nil
}

// subject finds the token. Whoever begins the activation gets to know its secret; users have
// proven themselves by another token.
func (s *Service) subject(rd store.Reader, r Request) (token.Token, error) {
	t, err := tokens.Find(rd, r.Token)
	if err == nil && r.Self && t.Condition.Owner != r.User {
		err = token.NotFoundError(r.Token.Serial)
	}
	if err == nil && !r.Self {
		err = users.MayArm(rd, t.OwnerName, r.Origin)
	}
	return t, err
}

// mayActivate says what keeps a token from being activated.
func (s *Service) mayActivate(t token.Token) error {
	serial, c := t.Identity.Serial, t.Condition
	switch {
	case t.Profile == "":
		return fault.New(fault.Conflict, "no_activation", fmt.Sprintf("Token %s is of type %s, which is not activated.",
			serial, t.Identity.Type)).
			WithHint("Software tokens of types with an activation are; see: ostiary type list.")
	case c.Ended(s.now()):
		return fault.New(fault.Conflict, "token_ended", fmt.Sprintf("The validity of token %s has ended.", serial)).
			WithHint("Set another end first: ostiary token dates " + serial + " --until DATE.")
	case c.State != token.Valid && c.State != token.Pending && c.State != token.RevokedLost:
		return fault.New(fault.Conflict, "token_refuses", fmt.Sprintf("Token %s is %s.", serial, c.State)).
			WithHint("Tokens that are VALID, PENDING or reported lost can be activated.")
	}
	return nil
}

// counters are where the applications that count events begin on the new device: one
// above what the server accepted last.
func (s *Service) counters(rd store.ApplicationReader, t token.Token, v *activation.Vector) ([]uint64, error) {
	applications, err := rd.Applications(t.ID)
	if err != nil {
		return nil, err
	}
	next := map[int]uint64{}
	for _, a := range applications {
		next[a.Index] = a.Next
	}
	if app, ok := v.Confirming(); ok {
		next[app.Index] = t.Condition.Next
	}
	var counters []uint64
	for _, app := range v.EventApplications() {
		counters = append(counters, next[app.Index])
	}
	return counters, nil
}

// sameSecret opens the live secret where it is to be sent again: where the profile
// says so, and nothing says that somebody else may have it.
func (s *Service) sameSecret(rd store.ActivationReader, p *plan, r Request) error {
	a, ok, err := live(rd, p.token.ID)
	if !ok || err != nil {
		return err // or it was unbound
	}
	p.live = a.ID
	if p.vector.Profile().Rules.NewKey || r.Reason == DeviceLost || p.token.Condition.State != token.Valid ||
		a.Profile != p.token.Profile {
		return nil
	}
	secret, err := s.opened(a.ID, store.ActivationSecret, a.Secret)
	p.same = seal.NewSecret([]byte(secret))
	return err
}

// mayPass tells whether a request may go beyond the limits: an administrator's own, for
// codes that he hands over himself. What a device or a server of others fetches is
// always bound, and so is what a user begins.
func (r Request) mayPass() bool {
	return !r.Self && (r.Route == Offline || r.Route == QR) && authz.Allows(r.By, authz.ActivationBeyond)
}

// within holds a token against the limits. They refuse, or warn whoever may pass.
func (s *Service) within(rd store.ActivationReader, p plan, r Request) (warnings []string, err error) {
	standing, err := s.standing(rd, p.token.ID, p.limits)
	if err != nil {
		return nil, err
	}
	serial := p.token.Identity.Serial
	for _, reached := range standing.reached(p.limits, p.again) {
		if !r.mayPass() {
			hint := "An administrator can reset the counts: ostiary activation reset " + serial + "."
			if r.Reason == DeviceLost && p.token.Condition.State == token.Valid {
				hint = "The token was not reported lost, and its device still works. Report it: ostiary token state " + serial +
					" REVOKED_TOKEN_LOST. " + hint
			}
			return nil, fault.New(fault.Conflict, "activation_limit", fmt.Sprintf("Token %s: %s.", serial, reached)).
				WithHint(hint)
		}
		warnings = append(warnings, "This activation is beyond a limit, as your role allows: "+reached+".")
	}
	return warnings, nil
}

// Standing is how a token stands against the limits.
type Standing struct {
	store.ActivationCounts
	// NextAt is when the interval after the last success ends; zero if it has.
	NextAt time.Time
}

// standing counts what happened within the window and since the last resets.
func (s *Service) standing(rd store.ActivationReader, id token.ID, limits token.ActivationLimits) (Standing, error) {
	since, err := rd.ActivationReset(id)
	if err != nil {
		return Standing{}, err
	}
	window := s.stamp().Add(-limits.Window)
	since.Successes, since.Failures = later(since.Successes, window), later(since.Failures, window)
	counts, err := rd.CountActivations(id, since)
	st := Standing{ActivationCounts: counts}
	if at := counts.LastSuccess.Add(limits.Interval); !counts.LastSuccess.IsZero() && s.now().Before(at) &&
		!counts.LastSuccess.After(s.now()) { // one of the future was written by a clock that was wrong
		st.NextAt = at
	}
	return st, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// reached words the limits that are reached.
func (st Standing) reached(l token.ActivationLimits, again bool) (reached []string) {
	window := fault.Span(l.Window)
	if again && st.Successes >= l.Successes {
		reached = append(reached, fmt.Sprintf("it was activated again %s within %s, the most allowed",
			fault.Plural(st.Successes, "time", "times"), window))
	}
	if st.Failures >= l.Failures {
		reached = append(reached, fmt.Sprintf("%s within %s, the most allowed",
			fault.Plural(st.Failures, "wrong confirmation", "wrong confirmations"), window))
	}
	if again && !st.NextAt.IsZero() {
		reached = append(reached, fmt.Sprintf("the last activation was less than %s ago", fault.Span(l.Interval)))
	}
	return reached
}
