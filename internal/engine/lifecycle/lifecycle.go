// Package lifecycle holds what happens to a token between stock and scrap:
// creation and enrolment, assignment, change of state, unlocking, replacement,
// export, deletion; and it keeps the types of tokens and their series. Each is one
// transaction with its audit entry in it. How tokens come in by a file is the matter
// of package imports.
package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/nodes"
	"ostiary/internal/engine/secrets"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/oath"
)

// Config holds what a Service needs. DB, Keys, Marks and Links are required.
type Config struct {
	DB    store.DB
	Keys  tokens.Keys
	Marks *secrets.Marker
	// Links makes keyed hashes of seal.Link, for enrolment links and tickets.
	Links *seal.Hasher
	// Issuer names the organisation in authenticator apps; empty means "Ostiary".
	Issuer string
	// Unlocked is told of each token that was unlocked, and of its owner by number, 0 for
	// none. nil means that nobody wants to know.
	Unlocked func(owner int64, id token.ID)
	// Now is time.Now unless a test replaces it.
	Now func() time.Time
}

const defaultIssuer = "Ostiary"

// Service carries out what administrators ask for.
type Service struct {
	db       store.DB
	keys     tokens.Keys
	links    *seal.Hasher
	marks    *secrets.Marker
	issuer   string
	unlocked func(owner int64, id token.ID)
	now      func() time.Time
}

// New makes a Service.
func New(cfg Config) (*Service, error) {
	if cfg.DB == nil || cfg.Keys == nil || cfg.Links == nil || cfg.Marks == nil {
		return nil, errors.New("lifecycle: DB, Keys, Marks and Links are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Issuer = cmp.Or(cfg.Issuer, defaultIssuer)
	trial := oath.URI{Type: oath.TypeHOTP, Issuer: cfg.Issuer, Account: "a", Secret: oath.NewSecret([]byte{0}),
		Hash: oath.SHA1, Digits: 6}
	if _, err := trial.Encode(); err != nil {
		return nil, fmt.Errorf("the issuer %q does not fit authenticator apps: %w", cfg.Issuer, err)
	}
	if cfg.Unlocked == nil {
		cfg.Unlocked = func(int64, token.ID) {}
	}
	return &Service{db: cfg.DB, keys: cfg.Keys, links: cfg.Links, marks: cfg.Marks, issuer: cfg.Issuer,
		unlocked: cfg.Unlocked, now: cfg.Now}, nil
}

// Issuer is the name of the organisation in authenticator apps.
func (s *Service) Issuer() string { return s.issuer }

// stamp is now as it is stored.
func (s *Service) stamp() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// Show gives the token a selector names.
func (s *Service) Show(ctx context.Context, sel tokens.Selector) (t token.Token, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		t, err = tokens.Find(r, sel)
		return err
	})
	return t, err
}

// Filter chooses tokens for List. Empty fields do not restrict.
type Filter struct {
	Kind   token.Kind
	State  *token.State
	User   string
	Serial string
	Type   string
	Run    int64
	Batch  string
	// Expiring chooses tokens that end within so much time from now, but have not
	// ended yet; zero does not restrict.
	Expiring     time.Duration
	Manufacturer *string
	// Twins chooses tokens whose secret others hold, too.
	Twins bool
	// Fenced chooses tokens that wait for two codes in a row (token.TwoCodes).
	Fenced bool
	// Free chooses tokens of nobody, Held those of somebody.
	Free, Held bool
	// Failures chooses tokens with so many failures at least.
	Failures int
	// Delayed chooses tokens whose delay ends within it.
	Delayed store.Span
	// Contains chooses tokens with this text in the serial, the label or the user's name,
	// in either case.
	Contains string
	// What the serial begins with, and the user's name in either case.
	SerialPrefix, UserPrefix string
	// What the serial, the user's name and the label contain, in either case.
	SerialPart, UserPart, LabelPart string
	// UnusedSince chooses tokens that were not used since, or never.
	UnusedSince time.Time
	NeverUsed   bool
	Limit       int
}

// List gives up to Limit tokens in an order. next is where to go on, nil at the end: a page
// may be short before, when much was looked at in vain. With Back it goes on towards the
// beginning.
func (s *Service) List(ctx context.Context, f Filter, o store.TokenOrder) (found []token.Token, next *store.TokenPlace,
	err error) {
	q, err := s.filter(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	err = s.db.Browse(ctx, func(r store.Reader) error {
		found, next, err = r.SortedTokens(q, o)
		return err
	})
	if errors.Is(err, store.ErrTooMany) {
		err = fault.New(fault.Invalid, "sort_too_large", fmt.Sprintf("There are too many tokens to sort by %s.", o.By)).
			WithHint("Choose fewer, by user, serial, state, type, batch or import; or sort by user, serial, arrival, " +
				"expires, state, type or manufacturer.").Because(err)
	}
	return found, next, err
}

// Count counts the tokens that a filter chooses, as far as lists are counted.
func (s *Service) Count(ctx context.Context, f Filter) (n store.Count, err error) {
	q, err := s.filter(ctx, f)
	if err != nil {
		return n, err
	}
	err = s.db.Browse(ctx, func(r store.Reader) error {
		n, err = r.CountTokens(q)
		return err
	})
	return n, err
}

// filter is f as the store understands it.
func (s *Service) filter(ctx context.Context, f Filter) (q store.TokenFilter, err error) {
	q = store.TokenFilter{Kind: f.Kind, State: f.State, Serial: f.Serial, Type: f.Type, Run: f.Run, Batch: f.Batch,
		Twins: f.Twins, Fenced: f.Fenced, Manufacturer: f.Manufacturer, Free: f.Free, Failures: f.Failures,
		Delayed: f.Delayed, Contains: users.Part(f.Contains), SerialPrefix: f.SerialPrefix,
		OwnerPrefix: users.Prefix(f.UserPrefix), SerialPart: users.Part(f.SerialPart), OwnerPart: users.Part(f.UserPart),
		LabelPart: users.Part(f.LabelPart), Held: f.Held, UnusedSince: f.UnusedSince, NeverUsed: f.NeverUsed,
		Limit: f.Limit}
	if f.Expiring > 0 {
		q.EndsAfter = s.now()
		q.EndsBy = q.EndsAfter.Add(f.Expiring)
	}
	if f.User == "" {
		return q, nil
	}
	name, err := users.Canonical(f.User)
	if err != nil {
		return q, err
	}
	err = s.db.View(ctx, func(r store.Reader) error {
		user, err := users.In(r, name)
		q.Owner = user.ID
		return err
	})
	return q, err
}

// Assign gives a free token to a user.
func (s *Service) Assign(ctx context.Context, sel tokens.Selector, userName string, origin audit.Origin) (token.Token,
	error) {
	name, err := users.Canonical(userName)
	if err != nil {
		return token.Token{}, err
	}
	return s.change(ctx, sel, origin, assigning(name, origin))
}

// deed is a change of a token in a transaction. It gives the entry that tells it. If it refuses
// with a fault, it has written nothing, unless it deletes.
type deed func(store.Tx, *token.Token) (audit.Entry, error)

// assigning gives a free token to the user of a canonical name.
func assigning(name string, origin audit.Origin) deed {
	return func(tx store.Tx, t *token.Token) (audit.Entry, error) {
		user, err := users.In(tx, name)
		if err != nil {
			return audit.Entry{}, err
		}
		if err := errors.Join(users.MayArm(tx, name, origin), notMoving(*t)); err != nil {
			return audit.Entry{}, err
		}
		taken := func() error {
			return fault.New(fault.Conflict, "token_taken",
				fmt.Sprintf("Token %s is assigned to %s.", t.Identity.Serial, t.OwnerName)).
				WithHint("Unassign it first: ostiary token unassign " + t.Identity.Serial)
		}
		if t.Condition.Owner != 0 {
			return audit.Entry{}, taken()
		}
		if err := mayHold(tx, user, t.Identity.Type, 1); err != nil {
			return audit.Entry{}, err
		}
		if err := deviceOf(tx, *t, user); err != nil {
			return audit.Entry{}, err
		}
		if err := tx.SetOwner(t.ID, 0, user.ID); errors.Is(err, store.ErrConflict) {
			return audit.Entry{}, taken()
		} else if err != nil {
			return audit.Entry{}, err
		}
		e := audit.Entry{Action: audit.TokenAssigned, Subject: audit.SubjectOf(*t),
			Before: []audit.Field{{Name: "owner", Value: ""}}, After: []audit.Field{{Name: "owner", Value: name}}}
		e.Subject.User = name
		return e, nil
	}
}

// deviceOf refuses a token that is activated on the device of another user, who could
// log in as the new one.
func deviceOf(r store.ActivationReader, t token.Token, user store.User) error {
	live, err := r.LiveActivation(t.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && (live.Owner == 0 || live.Owner == user.ID) {
		return nil
	} else if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "device_of_another", fmt.Sprintf("Token %s is activated on the device of "+
		"another user.", t.Identity.Serial)).
		WithHint("End that first: ostiary activation unbind " + t.Identity.Serial + ".")
}

// Unassign takes a token back into stock.
func (s *Service) Unassign(ctx context.Context, sel tokens.Selector, origin audit.Origin) (token.Token, error) {
	return s.change(ctx, sel, origin, unassigning(origin))
}

// unassigning takes a token from its user.
func unassigning(origin audit.Origin) deed {
	return func(tx store.Tx, t *token.Token) (audit.Entry, error) {
		if t.Condition.Owner == 0 {
			return audit.Entry{},
				fault.New(fault.Conflict, "token_free", fmt.Sprintf("Token %s is not assigned to anyone.",
					t.Identity.Serial))
		}
		if err := errors.Join(users.MayArm(tx, t.OwnerName, origin), notMoving(*t)); err != nil {
			return audit.Entry{}, err
		}
		e := audit.Entry{Action: audit.TokenUnassigned, Subject: audit.SubjectOf(*t),
			Before: []audit.Field{{Name: "owner", Value: t.OwnerName}},
			After:  []audit.Field{{Name: "owner", Value: ""}}}
		return e, tx.SetOwner(t.ID, t.Condition.Owner, 0)
	}
}

// SetState changes a token's state. Counters, failures and the owner stay.
func (s *Service) SetState(ctx context.Context, sel tokens.Selector, to token.State, reason string,
	origin audit.Origin) (
	token.Token, error) {
	if err := tokens.CheckText("reason", reason, tokens.MaxReason); err != nil {
		return token.Token{}, fault.New(fault.Invalid, "reason", err.Error())
	}
	return s.change(ctx, sel, origin, s.becoming(to, reason, origin))
}

// becoming changes the state.
func (s *Service) becoming(to token.State, reason string, origin audit.Origin) deed {
	return func(tx store.Tx, t *token.Token) (audit.Entry, error) {
		if err := s.mayBecome(tx, *t, to); err != nil {
			return audit.Entry{}, err
		}
		if to != token.RevokedLost { // also to VALID: somebody may have found it
			if err := users.MayArm(tx, t.OwnerName, origin); err != nil {
				return audit.Entry{}, err
			}
		}
		return setState(tx, t, to, reason)
	}
}

// mayBecome refuses a change of state that a command cannot bring about.
func (s *Service) mayBecome(r store.TokenReader, t token.Token, to token.State) error {
	from := t.Condition.State
	switch {
	case to == token.Pending || to == token.Moving:
		return fault.New(fault.Conflict, "state_"+strings.ToLower(to.String()),
			fmt.Sprintf("No command can make a token %s: it is PENDING from its creation to its first code, and MOVING "+
				"from its export to a receipt.", to))
	case from == token.Moving:
		return notMoving(t)
	case to == token.Valid && !t.Condition.Proven():
		return fault.New(fault.Conflict, "not_proven",
			fmt.Sprintf("Token %s was never confirmed: only its first correct code makes it VALID.", t.Identity.Serial)).
			WithHint("While it is PENDING: ostiary token confirm. Once revoked, delete it and create another.")
	case to == token.Valid && from != token.Valid && t.Condition.Ended(s.now()):
		return endedFault(t)
	case !from.CanBecome(to):
		return fault.New(fault.Conflict, "state_unchanged", fmt.Sprintf("Token %s is already %s.", t.Identity.Serial,
			from))
	case to == token.Valid && t.Profile != "":
		return s.hasSecret(r, t)
	}
	return nil
}

// notMoving refuses a token that is on its way: the file has it as it left, so a change
// here would not arrive.
func notMoving(t token.Token) error {
	if t.Condition.State != token.Moving {
		return nil
	}
	return tokens.OnItsWay(t)
}

// hasSecret refuses a token whose secret was discarded, as its device was unbound.
func (s *Service) hasSecret(r store.TokenReader, t token.Token) error {
	c, err := tokens.WithSecret(r, t.ID)
	if err != nil {
		return err
	}
	secret, err := tokens.OpenSecret(s.keys, c)
	if err != nil {
		return err
	}
	defer secret.Wipe()
	if secret.Len() == 0 {
		return fault.New(fault.Conflict, "awaits_activation", fmt.Sprintf("Token %s has no secret: its device "+
			"was unbound.", t.Identity.Serial)).
			WithHint("Activate it again: ostiary activation offline " + t.Identity.Serial + ".")
	}
	return nil
}

func setState(tx store.Tx, t *token.Token, to token.State, reason string) (audit.Entry, error) {
	from := t.Condition.State
	return audit.Entry{Action: audit.TokenStateChanged, Subject: audit.SubjectOf(*t), Reason: reason,
		Before: []audit.Field{{Name: "state", Value: from.String()}},
		After:  []audit.Field{{Name: "state", Value: to.String()}}}, tx.SetState(t.ID, from, to, reason)
}

// stateEntry tells of a state that was changed along with something else.
func stateEntry(t token.Token, from, to token.State, reason string, at time.Time, origin audit.Origin) []byte {
	return audit.Entry{Time: at, Action: audit.TokenStateChanged, Outcome: audit.Done, Reason: reason, Origin: origin,
		Subject: audit.SubjectOf(t), Before: []audit.Field{{Name: "state", Value: from.String()}},
		After: []audit.Field{{Name: "state", Value: to.String()}}}.Canonical()
}

// Unlock forgets a token's failures, and with them its lock and delay.
func (s *Service) Unlock(ctx context.Context, sel tokens.Selector, origin audit.Origin) (token.Token, error) {
	t, err := s.change(ctx, sel, origin, func(tx store.Tx, t *token.Token) (audit.Entry, error) {
		return audit.TokenUnlock(*t), errors.Join(tx.ResetFailures(t.ID),
			nodes.TellUnlocked(tx, t.Condition.Owner, t.ID, s.now()))
	})
	if err == nil {
		s.unlocked(t.Condition.Owner, t.ID)
	}
	return t, err
}

// Delete removes a token and its secret for good. Where it stood is remembered,
// should its seed file be imported again. Conflict for one that is on its way: once its move
// is cancelled, nothing would bring it back here, its file least of all.
func (s *Service) Delete(ctx context.Context, sel tokens.Selector, origin audit.Origin) (token.Token, error) {
	var deleted token.Token
	err := s.update(ctx, sel, origin, func(tx store.Tx, t *token.Token) (audit.Entry, error) {
		deleted = *t
		return s.removing(origin)(tx, t)
	})
	return deleted, err
}

// removing deletes a token of somebody whose tokens one may take away.
func (s *Service) removing(origin audit.Origin) deed {
	return func(tx store.Tx, t *token.Token) (audit.Entry, error) {
		if err := users.MayArm(tx, t.OwnerName, origin); err != nil {
			return audit.Entry{}, err
		}
		return s.remove(tx, t)
	}
}

// remove deletes a token, and gives the entry that tells of it.
func (s *Service) remove(tx store.Tx, t *token.Token) (audit.Entry, error) {
	e := audit.Entry{Action: audit.TokenDeleted, Subject: audit.SubjectOf(*t),
		Before: append(audit.ConditionFields(t.Condition, ""), audit.Field{Name: "owner", Value: t.OwnerName})}
	left, err := s.marks.Retire(tx, s.keys, *t, s.now())
	if err != nil {
		return e, err
	}
	e.After = left
	if err = tx.DeleteToken(t.ID); errors.Is(err, store.ErrConflict) {
		err = tokens.OnItsWay(*t).WithHint("If the other server has it, hand in its receipt: ostiary move confirm " +
			"RECEIPT. If no server has it, take it back, and delete it then: ostiary move cancel MOVE --yes. " +
			"ostiary move list shows the moves.").Because(err)
	}
	return e, err
}

// DiscardUnproven deletes the tokens of a user, of a type and with a label, that no code has
// proven. The change of state decides: a token that a code proves meanwhile stays.
func (s *Service) DiscardUnproven(ctx context.Context, of store.User, typeName, label string,
	origin audit.Origin) error {
	return s.db.Update(ctx, func(tx store.Tx) error {
		pending := token.Pending
		held, err := tx.Tokens(store.TokenFilter{Owner: of.ID, Type: typeName, State: &pending})
		if err != nil {
			return err
		}
		for _, t := range held {
			if t.Label != label {
				continue
			}
			err := tx.SetState(t.ID, token.Pending, token.RevokedOther, "")
			if errors.Is(err, store.ErrConflict) {
				continue
			} else if err != nil {
				return err
			}
			if err := tx.AppendAudit(stateEntry(t, token.Pending, token.RevokedOther, "", s.now(), origin)); err != nil {
				return err
			}
			if t, err = tokens.ByID(tx, t.ID); err != nil {
				return err
			}
			e, err := s.remove(tx, &t)
			e.Time, e.Outcome, e.Origin = s.now(), audit.Done, origin
			if err := errors.Join(err, tx.AppendAudit(e.Canonical())); err != nil {
				return err
			}
		}
		return nil
	})
}

// change is update for operations that leave the token in place: it returns the
// token as it is afterwards.
func (s *Service) change(ctx context.Context, sel tokens.Selector, origin audit.Origin, do deed) (after token.Token,
	err error) {
	err = s.update(ctx, sel, origin, func(tx store.Tx, t *token.Token) (audit.Entry, error) {
		e, err := do(tx, t)
		if err != nil {
			return e, err
		}
		now, err := tx.Tokens(store.TokenFilter{ID: t.ID})
		if err == nil {
			after = now[0]
		}
		return e, err
	})
	return after, err
}

func (s *Service) update(ctx context.Context, sel tokens.Selector, origin audit.Origin, do deed) error {
	return s.db.Update(ctx, func(tx store.Tx) error {
		t, err := tokens.Find(tx, sel)
		if err != nil {
			return err
		}
		return s.in(tx, t, origin, do)
	})
}

// in makes a change of a token, with its entry.
func (s *Service) in(tx store.Tx, t token.Token, origin audit.Origin, do deed) error {
	e, err := do(tx, &t)
	if err != nil {
		return err
	}
	e.Time, e.Outcome, e.Origin = s.now(), audit.Done, origin
	return tx.AppendAudit(e.Canonical())
}
