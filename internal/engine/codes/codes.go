// Package codes decides codes: is this the next code of that token?
//
// The way of one code: the text is taken as it stands or refused (no trimming,
// ASCII digits only), the candidate tokens are looked up, their codes are
// compared over the window in constant time, and the judgement goes to the
// store as an Attempt, whose conditional write decides it and records it.
//
// Every refusal takes the same road, whatever its reason: as many secrets are opened and
// as many codes computed, as many rows read and written, in one commit. Where there is
// nothing to compare with, a key of nobody's is compared; where there is no row, another
// one stands in (store.StandIn).
//
// What the caller learns is valid or not. Why not is in the audit log.
package codes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/throttle"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Store is what the engine asks of the database; see package store.
type Store interface {
	Candidates(ctx context.Context, l store.Lookup, fresh bool) (store.Found, error)
	Attempt(ctx context.Context, a store.Attempt) (store.Outcome, error)
}

// Keys seals secrets and opens them.
type Keys interface {
	Seal(b seal.Binding, s seal.Secret) ([]byte, error)
	Open(b seal.Binding, sealed []byte) (seal.Secret, error)
}

// Temporary knows how temporary codes are stored; *temporary.Codes does.
type Temporary interface {
	// Fingerprint gives that of a code for a user, 0 being nobody, or nil for a
	// text that is no temporary code.
	Fingerprint(user int64, code string) []byte
}

// Config holds what an Engine needs. Store and Keys are required.
type Config struct {
	Store  Store
	Keys   Keys
	Policy Policy
	// Temporary lets users present temporary codes; nil means that there are none.
	Temporary Temporary
	// Shared says that other nodes decide codes on the same database; see Exchange.
	Shared bool
	// Now is time.Now unless a test replaces it.
	Now func() time.Time
}

// Engine decides codes. It is safe for concurrent use.
type Engine struct {
	store     Store
	keys      Keys
	policy    Policy
	delay     func(failures int) time.Duration // those of policy, made once
	lasts     func(failures int) time.Duration
	temporary Temporary
	now       func() time.Time
	// quiet limits, per caller, how many refusals that change nothing are recorded
	// in full. It lives in memory because it protects the log, not the tokens.
	quiet  *throttle.Throttle
	shares *shares
	decoy  decoy
	// compared is with how many codes others were compared; tests look at it.
	compared atomic.Int64
}

// New makes an Engine.
func New(cfg Config) (*Engine, error) {
	if cfg.Store == nil || cfg.Keys == nil {
		return nil, errors.New("auth: Store and Keys are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := cfg.Policy.withDefaults()
	d, err := newDecoy(cfg.Keys)
	if err != nil {
		return nil, err
	}
	e := &Engine{store: cfg.Store, keys: cfg.Keys, policy: p, delay: p.delay, lasts: p.lasts,
		temporary: cfg.Temporary, now: cfg.Now,
		quiet:  throttle.New(p.QuietAfter, p.QuietPerMinute),
		shares: newShares(p, sharedNames, sharedClients), decoy: d}
	if cfg.Shared {
		e.shares.untold = map[counted]count{}
	}
	return e, nil
}

// Holds says which failures lock now: so many, and where locks end, with a delay that
// ends within the span given.
func (e *Engine) Holds() (failures int, delay store.Span) {
	lock := e.policy.Lock()
	if lock.Ends {
		delay.After = e.now()
		delay.Until = delay.After.Add(e.policy.longest())
	}
	return lock.Limit, delay
}

// Locked reports whether so many wrong codes lock a token or a user now. retryAt is the
// end of the delay that the last of them began; where locks end, that of the lock, too.
func (e *Engine) Locked(failures int, retryAt time.Time) bool {
	c := token.Condition{Failures: failures, RetryAt: retryAt}
	now := e.now()
	e.rightDelay(&c, now)
	return e.policy.Lock().Holds(failures, c.RetryAt, now)
}

// Policy gives the policy with its defaults filled in.
func (e *Engine) Policy() Policy { return e.policy }

// Request is one presented code.
type Request struct {
	// Lookup names the token by serial, or the user who presents the code.
	Lookup store.Lookup
	OTP    string
	// Except, when set, leaves a token of the user aside, and the user's temporary
	// codes with it: what remains are the codes of another token.
	Except token.ID
	// Wide searches the wide window (resynchronise on verify).
	Wide bool
	// TokensOnly leaves the user's temporary codes aside.
	TokensOnly bool
	// Took, when set, is told whose code was accepted.
	Took *token.ID
	// Authentication makes an acceptance count as use. A check by an
	// administrator burns the code without being one.
	Authentication bool
	// MayList says that the caller may see tokens, so that it is told why a
	// request cannot be decided: an ambiguous serial, a wrong number of digits.
	MayList bool
	// Client is who presents the code at the caller's door, as peer.Client spells it;
	// empty where the caller does not say. A client may use up a share of the failures of
	// one name only (Policy.ClientShare).
	Client string
	Origin audit.Origin
}

// maxRounds bounds how often a judgement is made anew because the rows changed
// under it. Each round lost means that another code of the same token was
// decided meanwhile.
const maxRounds = 100

// Verify decides one code. valid is true only after the acceptance is durable.
// The error is a fault.Error: Invalid for a text that can be no code (nothing is
// changed), Conflict for an ambiguous serial where the caller may list tokens,
// store.ErrUnavailable when nothing was decided, store.ErrUncertain when the code
// may be used up.
func (e *Engine) Verify(ctx context.Context, r Request) (valid bool, err error) {
	v, err := e.Explain(ctx, r)
	return v.Valid, err
}

// Verdict is what became of a code. All but Valid is for callers who may see tokens.
type Verdict struct {
	Valid bool
	// Reason is why it was refused, as the log has it.
	Reason token.Reason
	// Ahead is how far from its place a code is that was recognised, but is out of reach or
	// gone by: in codes from the next one of a token that counts events, in steps from now of
	// one that counts time. It is negative for one that is behind, and 0 where the code may be
	// one of several tokens.
	Ahead int64
}

// Explain is Verify that says why. It takes the same way whoever asks.
func (e *Engine) Explain(ctx context.Context, r Request) (Verdict, error) {
	if r.OTP = Typed(r.OTP); !isCode(r.OTP) {
		return Verdict{}, errNotACode()
	}
	if (r.Lookup.Serial == "") == (r.Lookup.User == "") {
		return Verdict{}, fault.New(fault.Invalid, "serial_or_user", "Give either a serial or a user.")
	}
	first := true
	return e.decide(ctx, r, func(now time.Time, found store.Found) (judgement, error) {
		j := judgement{authentication: r.Authentication, action: audit.CodeVerified, wide: r.Wide}
		l := look{otp: r.OTP, wide: r.Wide, now: now, user: found.User, final: found.Fresh}
		for i := range found.Candidates {
			if err := e.judge(&j, &found.Candidates[i], l); err != nil {
				return j, err
			}
		}
		if len(found.Candidates) == 0 {
			e.imitate(found, l)
		}
		if found.Fresh && first && !e.acceptable(j, l) {
			l.final = false
			e.imitate(found, l) // what is in the cache is compared once more
		}
		first = false
		j.temporary = e.asTemporary(r, found)
		return j, e.refuseOpenly(r, found, j)
	})
}

// asTemporary gives the fingerprint of a code that may be a temporary one: under
// a user's name alone, and whether or not the user has any.
func (e *Engine) asTemporary(r Request, found store.Found) []byte {
	if e.temporary == nil || found.Forged || r.TokensOnly || r.Except != 0 || r.Lookup.User == "" ||
		r.Lookup != (store.Lookup{User: r.Lookup.User}) {
		return nil
	}
	var user int64
	if found.User != nil {
		user = found.User.ID
	}
	return e.temporary.Fingerprint(user, r.OTP)
}

// judgement is what a code looks like against what was found.
type judgement struct {
	proposals      []store.Proposal
	reasons        []token.Reason
	action         audit.Action
	authentication bool
	wide           bool
	proof          bool
	temporary      []byte // the code's fingerprint, if it may be a temporary one
	ahead          int64  // of the last key that recognised the code
}

// add puts in what one key of a candidate has to say.
func (j *judgement) add(p *store.Proposal, reason token.Reason) {
	j.proposals = append(j.proposals, *p)
	j.reasons = append(j.reasons, reason)
}

// telling lists what the keys of a token may say of one code, the least telling
// first.
var telling = []token.Reason{token.Malformed, token.NeedsTwo, token.NotProven, token.Wrong, token.OutOfWindow,
	token.TooOld,
	token.Replayed}

// reason says why the token was refused whose proposal stands at i: the most
// telling of what its keys say.
func (j *judgement) reason(i int) token.Reason {
	most := j.reasons[i]
	for k, reason := range j.reasons {
		if j.proposals[k].ID == j.proposals[i].ID && slices.Index(telling, reason) > slices.Index(telling, most) {
			most = reason
		}
	}
	return most
}

// decide runs rounds of judging and writing until a verdict is final.
//
// A cache may propose an acceptance but never a refusal: what does not match, and what
// takes no code, is judged again on rows read from the database. So a refusal costs one
// lookup, as that of an unknown serial does, which no cache knows.
func (e *Engine) decide(ctx context.Context, r Request, judge func(time.Time, store.Found) (judgement, error)) (
	v Verdict, err error) {
	var t turn
	defer t.end()
	for round := range maxRounds {
		found, err := e.find(ctx, r, round > 0)
		if err != nil {
			return v, unavailable(err)
		}
		if round == 0 {
			t = e.shares.begin(r, found, e.now())
		}
		found = t.may(found)
		reason, err := missing(r.Lookup, found, r.MayList)
		if err != nil {
			return v, err
		}
		reason = t.reason(reason)
		if reason == token.Ambiguous {
			found.StandIn, found.Candidates = &store.StandIn{Candidate: found.Candidates[0]}, nil
		}
		now := e.now()
		j, err := judge(now, found)
		if err != nil {
			return v, err
		}
		if !found.Fresh && !e.acceptable(j, look{user: found.User, now: now, proof: j.proof}) {
			continue
		}
		d := &decision{r: r, found: found, j: j, missing: reason, now: now}
		a := e.attempt(d)
		o, err := e.store.Attempt(ctx, a)
		if err != nil {
			return v, unavailable(err)
		}
		if o.Verdict == store.Stale {
			continue
		}
		t.decided(o, reason, now)
		if o.Verdict == store.Accepted {
			if r.Took != nil && o.Index >= 0 {
				*r.Took = j.proposals[o.Index].ID
			}
			return Verdict{Valid: true}, nil
		}
		e.quiet.Spend(spender(r.Origin, o, a.QuietFor), now)
		v.Reason = token.Reason(d.refusal(&o))
		if len(found.Candidates) == 1 {
			v.Ahead = j.ahead
		}
		return v, sayRecorded(r, found, j, v.Reason)
	}
	return v, unavailable(errors.New("the token changed during every attempt"))
}

// spender is who spends a refusal that was recorded and changed nothing. What else was
// refused is spent by nobody, so that it takes as long.
func spender(r audit.Origin, o store.Outcome, quietFor string) string {
	caller := callerOf(r)
	if o.Counted || quietFor != "" {
		return ""
	}
	return caller
}

// find gives the tokens that a request is about.
func (e *Engine) find(ctx context.Context, r Request, fresh bool) (store.Found, error) {
	found, err := e.store.Candidates(ctx, r.Lookup, fresh)
	if r.Except != 0 && len(found.Candidates) > 0 {
		found.StandIn = &store.StandIn{Candidate: found.Candidates[0]} // should no other one be left
		found.Candidates = slices.DeleteFunc(found.Candidates,
			func(c store.Candidate) bool { return c.Token.ID == r.Except })
	}
	return found, err
}

func (e *Engine) attempt(d *decision) store.Attempt {
	a := store.Attempt{
		Now: d.now, Lock: e.policy.Lock(), Delay: e.delay, MaxDelay: e.lasts,
		Proposals: d.j.proposals, Kept: d.found.Kept, Authentication: d.j.authentication, Proof: d.j.proof,
		Temporary: d.j.temporary, StandIn: d.found.StandIn, UserName: d.r.Lookup.User, Record: d.entry,
	}
	if u := d.found.User; u != nil {
		a.UserID, a.UserName = u.ID, u.Name
	}
	if caller := callerOf(d.r.Origin); e.quiet.Exhausted(caller, d.now) {
		a.QuietFor = caller
	}
	return a
}

// missing says why there is nothing to test, or that there is too much.
func missing(l store.Lookup, found store.Found, mayList bool) (token.Reason, error) {
	switch {
	case found.Forged:
		return token.RowForged, nil
	case l.User != "" && found.User == nil, l.User == "" && len(found.Candidates) == 0:
		return token.Unknown, nil
	case len(found.Candidates) == 0:
		return token.Unassigned, nil
	case l.User == "" && len(found.Candidates) > 1:
		if mayList {
			return "", ambiguous(l.Serial, found.Candidates)
		}
		return token.Ambiguous, nil
	}
	return token.NoReason, nil
}

func ambiguous(serial string, candidates []store.Candidate) error {
	ids := make([]token.Identity, len(candidates))
	for i, c := range candidates {
		ids[i] = c.Token.Identity
	}
	return token.AmbiguousError(serial, ids)
}

func unavailable(err error) error {
	if errors.Is(err, store.ErrUncertain) {
		return fault.New(fault.Uncertain, "outcome_unknown",
			"It is not known whether the code was recorded: the database failed while it saved the code.").
			WithHint("Use the next code; this one may be used up.").Because(err)
	}
	return fault.New(fault.Unavailable, "unavailable",
		"The code could not be checked: the database is unavailable.").
		WithHint("Try again: the code was not checked, and it is not used.").Because(err)
}

// openly reports whether the caller is told more than valid or not: it may see tokens,
// and the code can be meant for one of them only.
func openly(r Request, found store.Found, j judgement) bool {
	return r.MayList && len(found.Candidates) == 1 && j.temporary == nil
}

// refuseOpenly tells a caller who may see tokens what was mistaken in a request, before
// anything is written.
func (e *Engine) refuseOpenly(r Request, found store.Found, j judgement) error {
	if !openly(r, found, j) {
		return nil
	}
	switch j.reason(0) {
	case token.Malformed:
		return fault.New(fault.Invalid, "otp_length",
			fmt.Sprintf("The token shows codes of %s digits; this one has %d.",
				lengths(&found.Candidates[0]), len(r.OTP)))
	case token.NeedsChallenge:
		return fault.New(fault.Invalid, "needs_challenge", "This is an OCRA token: it answers challenges and has no "+
			"code to verify.")
	}
	return nil
}

// sayRecorded tells such a caller why a code was refused that is nobody's mistake, once
// the log has it.
func sayRecorded(r Request, found store.Found, j judgement, reason token.Reason) error {
	if !openly(r, found, j) {
		return nil
	}
	switch reason {
	case token.NeedsTwo:
		serial := found.Candidates[0].Token.Identity.Serial
		fenced := fault.New(fault.Conflict, "two_codes", "Since the database was restored from a backup, the server "+
			"does not know which codes of token "+serial+" were used.")
		if j.proof {
			return fenced.WithHint("Delete it and create another: ostiary token delete " + serial + " --yes.")
		}
		return fenced.WithHint("Give two codes in a row: ostiary token resync " + serial + " CODE CODE.")
	case token.RowForged:
		return forged(found.Candidates[0].Token)
	}
	return nil
}

// forged says openly that a token's row was changed by somebody else.
func forged(t token.Token) error {
	return fault.New(fault.Conflict, "row_forged",
		fmt.Sprintf("The database row of token %s is not as this server wrote it.", t.Identity.Serial)).
		WithHint("Somebody changed it in the file. Find out who; then delete the token and import it again.")
}

// Typed is a code as people type it, without the blanks between its digits, with which
// many apps show them in groups. Every door reads a code so; any other character stays,
// and refuses it.
func Typed(code string) string {
	if strings.IndexByte(code, ' ') < 0 || strings.TrimSpace(code) != code {
		return code
	}
	return strings.ReplaceAll(code, " ", "")
}

// isCode reports whether s can be the code of any token: 6 to 10 ASCII digits.
func isCode(s string) bool {
	if len(s) < 6 || len(s) > 10 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func errNotACode() error {
	return fault.New(fault.Invalid, "otp_format", "A code has 6 to 10 digits; spaces between them are ignored.").
		WithHint("Nothing was checked and no failure was counted.")
}
