package codes

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/oath"
)

// judge compares the code with the keys of one candidate, unless it could not be
// right whatever it is: a PENDING token is none of those that an ordinary code is
// for.
func (e *Engine) judge(j *judgement, c *store.Candidate, r Request, now time.Time, final bool) error {
	keys := keysOf(c)
	switch own := keys[0]; {
	case c.Forged:
		j.add(own.proposal, token.RowForged)
		return nil
	case c.Token.Condition.State == token.Pending:
		j.add(own.proposal, token.NotProven)
		return nil
	case own.spec.Algorithm == token.OCRA:
		j.add(own.proposal, token.NeedsChallenge)
		return nil
	}
	for i, k := range keys {
		if len(r.OTP) != k.spec.Digits {
			if i == 0 { // the token itself is always among the proposals
				j.add(k.proposal, token.Malformed)
			}
			continue
		}
		if k.stands.Fenced() {
			j.add(k.proposal, token.NeedsTwo)
			continue
		}
		p, reason, err := e.compare(k, r, now, final)
		if errors.Is(err, oath.ErrKeyLength) { // there is none before the activation
			p, reason, err = k.proposal, token.NotProven, nil
		}
		if err != nil {
			return err
		}
		j.add(p, reason)
	}
	return nil
}

// compare compares the code with one key's window. When it does not match
// and this judgement may be final, the neighbourhood is searched as well, so
// that the log can tell a replayed code and one from beyond the window from a
// wrong one.
func (e *Engine) compare(k key, r Request, now time.Time, final bool) (store.Proposal, token.Reason, error) {
	p := k.proposal
	scanner, err := e.scanner(k)
	if err != nil {
		return p, "", err
	}
	defer scanner.Wipe()
	w, err := e.window(k.spec, k.stands, now, r.Wide)
	if err != nil {
		return p, "", err
	}
	p.Tested = true
	if counter, ok := scanner.Find(r.OTP, w.from, w.n); ok {
		p.Matched, p.Counter = true, counter
		p.Drift = w.drift(counter)
		return p, token.NoReason, nil
	}
	if !final {
		return p, token.Wrong, nil
	}
	before := w.before(e.policy.LookAhead)
	ahead := w.ahead(e.policy.WideLookAhead)
	at, passed := scanner.Find(r.OTP, before.from, before.n)
	_, later := scanner.Find(r.OTP, ahead.from, ahead.n)
	switch {
	case passed && at < k.stands.Next:
		return p, token.Replayed, nil
	case passed:
		return p, token.TooOld, nil
	case later:
		return p, token.OutOfWindow, nil
	}
	return p, token.Wrong, nil
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

func (e *Engine) window(spec token.Spec, c token.Condition, now time.Time, wide bool) (window, error) {
	if spec.Algorithm == token.HOTP {
		n := e.policy.LookAhead
		if wide {
			n = e.policy.WideLookAhead
		}
		return window{from: c.Next, n: n}.below(c.End(spec)), nil
	}
	step, err := oath.Step(now.Unix(), spec.Period, spec.T0)
	if err != nil {
		return window{}, fmt.Errorf("time step: %w", err)
	}
	steps := e.policy.Steps
	if wide {
		steps = e.policy.WideSteps
	}
	return e.around(step, c, shift(step, e.drift(c)), steps), nil
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

// decoy is a key of nobody's. Codes for unknown serials and users are compared
// with it, so that the answer takes as long as for a token that exists.
type decoy struct {
	key      []byte
	searched atomic.Int64 // how often; tests look at it
}

func newDecoy() (*decoy, error) {
	d := &decoy{key: make([]byte, 20)}
	_, err := rand.Read(d.key)
	return d, err
}

func (d *decoy) search(otp string, p Policy, wide bool) {
	s, err := oath.NewScanner(d.key, oath.SHA1, len(otp))
	if err != nil {
		return
	}
	defer s.Wipe()
	n := p.LookAhead
	if wide {
		n = p.WideLookAhead
	}
	s.Find(otp, 0, n) // as on the cached row
	s.Find(otp, 0, n+p.LookAhead+p.WideLookAhead)
	d.searched.Add(1)
}
