package codes

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/oath"
)

// look is how one code is compared.
type look struct {
	otp  string
	wide bool
	now  time.Time
	user *store.User // who presents it, if it came under a name
	// final says that a refusal may come of it; else it is only asked whether the code
	// can be accepted.
	final bool
	// proof asks for a token whose secret is not proven yet.
	proof bool
	// nobody has keys of nobody's compared in place of those that there are.
	nobody bool
}

// takes reports whether a token in this condition takes a code of the user now.
func (e *Engine) takes(c token.Condition, l look) bool {
	a := store.Attempt{Now: l.now, Lock: e.policy.Lock(), MaxDelay: e.lasts, Proof: l.proof}
	user := store.Standing{}
	if l.user != nil {
		user = store.Standing{Failures: l.user.Failures, RetryAt: l.user.RetryAt}
	}
	return a.UserRefusal(user) == token.NoReason && a.Refusal(c) == token.NoReason
}

// acceptable reports whether the code is right for a key that takes it, as far as is known.
func (e *Engine) acceptable(j judgement, l look) bool {
	return slices.ContainsFunc(j.proposals, func(p store.Proposal) bool {
		return p.Matched && e.takes(p.Seen, l)
	})
}

// judge compares the code with the keys of one candidate. Where it can be of none of them
// whatever it is, it is compared with a key of nobody's. A PENDING token is none of those
// that an ordinary code is for.
func (e *Engine) judge(j *judgement, c *store.Candidate, l look) error {
	own, compared := ownKey(c), false
	switch {
	case c.Forged:
		j.add(&own.proposal, token.RowForged)
	case c.Token.Condition.State == token.Pending:
		j.add(&own.proposal, token.NotProven)
	case own.spec.Algorithm == token.OCRA:
		j.add(&own.proposal, token.NeedsChallenge)
	default:
		var err error
		if compared, err = e.judgeKeys(j, c, l); err != nil {
			return err
		}
	}
	if !compared {
		own.forCodesOf(len(l.otp))
		l.nobody = true
		_, _ = e.compare(&own, l)
	}
	return nil
}

// judgeKeys compares the code with those keys of a candidate that it can be of, and reports
// whether there was one.
func (e *Engine) judgeKeys(j *judgement, c *store.Candidate, l look) (compared bool, err error) {
	for i := range keys(c) {
		k, ok := keyAt(c, i)
		if !ok {
			continue
		}
		if len(l.otp) != k.spec.Digits {
			if i == 0 { // the token itself is always among the proposals
				j.add(&k.proposal, token.Malformed)
			}
			continue
		}
		if k.stands.Fenced() {
			j.add(&k.proposal, token.NeedsTwo)
			continue
		}
		reason, err := e.compare(&k, l)
		if errors.Is(err, oath.ErrKeyLength) { // there is none before the activation
			reason, err = token.NotProven, nil
		}
		if err != nil {
			return compared, err
		}
		compared = true
		j.add(&k.proposal, reason)
		if k.ahead != 0 {
			j.ahead = k.ahead
		}
	}
	return compared, nil
}

// imitate compares the code as often as it would be compared if what was found were right,
// or what stands in for it, but with keys of nobody's. What comes of it is forgotten.
func (e *Engine) imitate(found store.Found, l look) {
	l.nobody = true
	cs := found.Candidates
	if len(cs) == 0 {
		cs = []store.Candidate{found.StandIn.Candidate}
	}
	var forgotten judgement
	for i := range cs {
		_ = e.judge(&forgotten, &cs[i], l)
	}
}

// compare compares the code with one key's window, and puts into the key's proposal what
// came of it. When the code is not accepted
// and this judgement may be final, the neighbourhood is searched as well, so
// that the log can tell a replayed code and one from beyond the window from a
// wrong one. Of the codes beyond as many more are computed as the window and what lies
// before it are short of: so a refusal takes as long whether a token counts events or
// time, wherever it stands, and takes no less when the code is right.
func (e *Engine) compare(k *key, l look) (token.Reason, error) {
	p := &k.proposal
	if l.nobody {
		k.binding, k.sealed = e.decoy.binding, e.decoy.sealed
	}
	scanner, err := e.scanner(k)
	if err != nil {
		return "", err
	}
	defer scanner.Wipe()
	w, err := e.window(&k.spec, &k.stands, l.now, l.wide)
	if err != nil {
		return "", err
	}
	p.Tested = true
	counter, matched := e.search(scanner, l.otp, w)
	if matched {
		p.Matched, p.Counter = true, counter
		p.Drift = w.drift(counter)
	}
	if matched && e.takes(p.Seen, l) {
		return token.NoReason, nil
	}
	beyond := e.policy.breadth(l.wide) - w.n
	if !l.final {
		e.search(scanner, l.otp, w.ahead(beyond))
		return token.Wrong, nil
	}
	before := w.before(e.policy.LookAhead)
	beyond += e.policy.LookAhead - before.n + e.policy.WideLookAhead
	at, passed := e.search(scanner, l.otp, before)
	then, later := e.search(scanner, l.otp, w.ahead(beyond))
	switch {
	case matched:
	case passed:
		k.ahead = w.distance(at, k.stands.Next)
	case later:
		k.ahead = w.distance(then, k.stands.Next)
	}
	switch {
	case matched:
		return token.NoReason, nil
	case passed && at < k.stands.Next:
		return token.Replayed, nil
	case passed:
		return token.TooOld, nil
	case later:
		return token.OutOfWindow, nil
	}
	return token.Wrong, nil
}

// search searches a window.
func (e *Engine) search(s *oath.Scanner, otp string, w window) (counter uint64, found bool) {
	e.compared.Add(int64(w.n))
	return s.Find(otp, w.from, w.n)
}

// window is a run of counters or time steps, all still acceptable.
type window struct {
	from uint64
	n    int
	// step is the time step of now for TOTP; timed tells that there is one.
	step  uint64
	timed bool
	// What may be learned of the token's clock now.
	least, most int64
}

// breadth is how many codes the longest window has.
func (p Policy) breadth(wide bool) int {
	if wide {
		return max(p.WideLookAhead, 2*p.WideSteps+1)
	}
	return max(p.LookAhead, 2*p.Steps+1)
}

func (e *Engine) window(spec *token.Spec, c *token.Condition, now time.Time, wide bool) (window, error) {
	if spec.Algorithm == token.HOTP {
		n := e.policy.LookAhead
		if wide {
			n = e.policy.WideLookAhead
		}
		return window{from: c.Next, n: n}.below(c.End(*spec)), nil
	}
	step, err := oath.Step(now.Unix(), spec.Period, spec.T0)
	if err != nil {
		return window{}, fmt.Errorf("time step: %w", err)
	}
	steps := e.policy.Steps
	if wide {
		steps = e.policy.WideSteps
	}
	return e.around(step, *c, shift(step, e.drift(*c)), steps), nil
}

// around is the window of so many steps either side of a centre, cut off below
// the first step not used yet, and where the token's clock would be further from ours
// than it may be.
func (e *Engine) around(now uint64, c token.Condition, centre uint64, steps int) window {
	most := int64(e.policy.MaxDrift)
	first, last := shift(centre, -int64(steps)), min(shift(centre, int64(steps)), shift(now, most))
	first = max(first, c.Next, shift(now, -most))
	w := window{from: first, step: now, timed: true}
	w.least, w.most = e.driftBetween(now, c)
	if last >= first {
		w.n = int(last-first) + 1
	}
	return w
}

// below is the part of the window below an end.
func (w window) below(end uint64) window {
	w.n = int(min(uint64(w.n), end-min(w.from, end)))
	return w
}

// shift adds a signed number of steps, stopping at 0.
func shift(step uint64, by int64) uint64 {
	if by < 0 && uint64(-by) > step {
		return 0
	}
	return step + uint64(by)
}

// drift is what a match at counter teaches about the token's clock.
func (w window) drift(counter uint64) int64 {
	if !w.timed {
		return 0
	}
	return min(max(int64(counter)-int64(w.step), w.least), w.most)
}

// distance is how far a counter or step is from its place; next is the lowest that is not
// used.
func (w window) distance(counter, next uint64) int64 {
	if w.timed {
		return int64(counter) - int64(w.step)
	}
	return int64(counter) - int64(next)
}

// drift is how far the token's clock is from ours, as far as that is believed.
func (e *Engine) drift(c token.Condition) int64 {
	most := int64(e.policy.MaxDrift)
	return min(max(c.Drift, -most), most)
}

// driftBetween bounds what may be learned of a token's clock at a step: no clock goes
// wrong within minutes, and whoever has codes of the future must not walk the token
// away with them. A token that was never used may stand anywhere.
func (e *Engine) driftBetween(now uint64, c token.Condition) (least, most int64) {
	bound := int64(e.policy.MaxDrift)
	own := c.Own()
	if own == 0 {
		return -bound, bound
	}
	known := e.drift(c)
	last := int64(own) - 1 - c.Drift // our step at its last code
	may := max(int64(now)-last, 0) / int64(e.policy.DriftEvery)
	return max(known-may, -bound), min(known+may, bound)
}

// before is the n counters below the window.
func (w window) before(n int) window {
	from := shift(w.from, -int64(n))
	return window{from: from, n: int(w.from - from)}
}

// ahead is the n counters above the window.
func (w window) ahead(n int) window {
	return window{from: w.from + uint64(w.n), n: n}
}

// decoy is a key of nobody's, sealed as all others are. Codes that can be of no key are
// compared with it, so that the answer takes as long as for one that can.
type decoy struct {
	binding seal.Binding
	sealed  []byte
}

func newDecoy(keys Keys) (d decoy, err error) {
	key := make([]byte, 20)
	if _, err := rand.Read(key); err != nil {
		return d, err
	}
	secret := seal.NewSecret(key)
	defer secret.Wipe()
	d.binding = store.SecretBinding(0)
	d.sealed, err = keys.Seal(d.binding, secret)
	return d, err
}
