package tables

import (
	"context"
	"errors"
	"math"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// Reader is a store.Reader on a transaction.
type Reader struct {
	auditlog.Reader
	ctx     context.Context
	q       query.Conn
	guard   *proof.Guard
	dialect *Dialect

	listed int // how many rows a sorted list looks at

	dirty         map[proof.Row]bool // rows that this transaction changes
	configChecked bool               // that the small tables are what the head's record says
}

func NewReader(ctx context.Context, q query.Conn, g *proof.Guard, d *Dialect, tail *auditlog.Tail, listed int) Reader {
	return Reader{Reader: auditlog.NewReader(ctx, q, tail), ctx: ctx, q: q, guard: g, dialect: d, listed: listed,
		dirty: map[proof.Row]bool{}}
}

// Conn is the transaction.
func (r *Reader) Conn() query.Conn { return r.q }

// TokenColumns are what TokenRow reads, of BesideToken and what stands before it.
const TokenColumns = `t.id, t.kind, t.type, t.manufacturer, t.serial, t.key_id, t.algorithm, t.hash, t.digits, t.period,
	t.t0, t.suite, t.model, t.issuer, t.label, t.profile, t.run, t.created, t.state_reason, coalesce(u.name, ''),
	c.epoch, c.next, c.drift, c.failures, c.retry_at, c.state, c.not_before, c.not_after, coalesce(c.owner, 0), c.last_used,
	coalesce(t.mark, 0), coalesce(c.twin, 0), coalesce(s.events, 0), coalesce(s.seconds, 0),
	coalesce(s."both", 0) <> 0`

// BesideToken joins what TokenColumns needs beside a token t. One without a twin joins NULL,
// which finds nothing without a search.
const (
	BesideToken = ` JOIN condition c ON c.token = t.id LEFT JOIN "user" u ON u.id = c.owner
	LEFT JOIN secret s ON s.mark = c.twin`
	tokenTables = " FROM token t" + BesideToken
)

const published = `EXISTS (SELECT 1 FROM import_run r WHERE r.id = t.run AND r.published > 0)`

// TokenRow is where the columns of TokenColumns go.
type TokenRow struct {
	t                                               token.Token
	next, created, retryAt, notBefore, notAfter, at int64
	state                                           int64
	twin                                            token.Mark
	floor                                           token.Floor
}

func (d *TokenRow) Dest() []any {
	t, c := &d.t, &d.t.Condition
	return []any{&t.ID, &t.Kind, &t.Identity.Type, &t.Identity.Manufacturer, &t.Identity.Serial, &t.Identity.KeyID,
		&t.Spec.Algorithm, &t.Spec.Hash, &t.Spec.Digits, &t.Spec.Period, &t.Spec.T0, &t.Spec.Suite,
		&t.Model, &t.Issuer, &t.Label, &t.Profile, &t.Run, &d.created, &t.StateReason, &t.OwnerName,
		&c.Epoch, &d.next, &c.Drift, &c.Failures, &d.retryAt, &d.state, &d.notBefore, &d.notAfter, &c.Owner, &d.at,
		&t.Mark, &d.twin, &d.floor.Events, &d.floor.Seconds, &d.floor.Both}
}

func (d *TokenRow) Token() token.Token {
	t := d.t
	t.Created = query.Time(d.created)
	t.Condition.Next = uint64(d.next)
	t.Condition.State = StateOf(d.state)
	t.Condition.RetryAt = query.Time(d.retryAt)
	t.Condition.NotBefore, t.Condition.NotAfter = query.Time(d.notBefore), query.Time(d.notAfter)
	t.Condition.LastUsed = query.Time(d.at)
	if d.twin != 0 {
		t.Condition.Share(t.Spec, d.twin, d.floor)
	}
	return t
}

// noState is what a row has whose state is none: no list ends at it, and its tag is wrong.
const noState = token.State(math.MaxUint8)

// StateOf is the state that a row has.
func StateOf(n int64) token.State {
	if n < 0 || n > math.MaxUint8 {
		return noState
	}
	return token.State(n)
}

func scanToken(s query.Scanner) (token.Token, error) {
	var d TokenRow
	err := s.Scan(d.Dest()...)
	return d.Token(), err
}

func scanCandidate(s query.Scanner) (store.Candidate, error) {
	var d TokenRow
	var sealed []byte
	err := s.Scan(append(d.Dest(), &sealed)...)
	return store.Candidate{Token: d.Token(), Sealed: sealed}, err
}

func (r *Reader) Holding(owner int64, typeName string) (int, error) {
	if typeName == "" {
		return query.One(r.ctx, r.q, query.Value[int], "SELECT count(*) FROM condition WHERE owner = ?", owner)
	}
	return query.One(r.ctx, r.q, query.Value[int], "SELECT count(*) FROM condition c JOIN token t ON t.id = c.token "+
		"WHERE c.owner = ? AND t.type = ?", owner, typeName)
}

// Identity reads the row itself behind its entry in the index, which somebody else may have
// written: the row says what it is.
func (r *Reader) Identity(id token.Identity, run int64) (store.Candidate, error) {
	c, err := query.One(r.ctx, r.q, scanCandidate, "SELECT "+TokenColumns+", t.secret FROM token x "+r.dialect.Then+
		" token t ON t.id = x.id"+BesideToken+" WHERE x.serial = ?1 AND x.type = ?2 AND t.serial = ?1 AND t.type = ?2 AND "+
		"(t.kind = 'software' OR t.manufacturer = ?3 AND t.key_id = ?4) AND (t.run = ?5 OR "+published+")",
		id.Serial, id.Type, id.Manufacturer, id.KeyID, run)
	if err == nil {
		err = r.doubt(&c)
	}
	return c, err
}

// doubt notes in a candidate that its row does not carry its tag.
func (r *Reader) doubt(c *store.Candidate) error {
	err := r.check(proof.Row{Table: proof.TokenTable, ID: int64(c.Token.ID)})
	if c.Forged = errors.Is(err, store.ErrForged); c.Forged {
		return nil
	}
	return err
}

func (t *Tx) NextTokenID(n int) (token.ID, error) {
	first, err := t.dialect.Reserve(t.ctx, t.q, "token", n)
	return token.ID(first), err
}

func (t *Tx) SetOwner(id token.ID, from, to int64) error {
	if err := errors.Join(t.alterToken(id), t.checkUser(to)); err != nil {
		return err
	}
	if err := t.touchOwners(id, from, to); err != nil {
		return err
	}
	return t.changeOne("UPDATE condition SET owner = nullif(?1, 0) WHERE token = ?2 AND coalesce(owner, 0) = ?3", to,
		int64(id), from)
}

// touchOwners forgets a token and what was found under its users' names.
func (t *Tx) touchOwners(id token.ID, owners ...int64) error {
	t.Effects.Touched.Tokens = append(t.Effects.Touched.Tokens, id)
	for _, owner := range owners {
		name, err := query.One(t.ctx, t.q, query.Value[string], "SELECT name FROM \"user\" WHERE id = ?", owner)
		if errors.Is(err, store.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		t.Effects.Touched.Names = append(t.Effects.Touched.Names, name)
	}
	return nil
}

func (t *Tx) SetState(id token.ID, from, to token.State, reason string) error {
	if err := t.alterToken(id); err != nil {
		return err
	}
	if err := t.changeOne("UPDATE condition SET state = ?1 WHERE token = ?2 AND state = ?3 AND (?1 <> 0 OR epoch > 0)",
		int64(to), int64(id), int64(from)); err != nil {
		return err
	}
	return t.changeOne("UPDATE token SET state_reason = ?1 WHERE id = ?2", reason, int64(id))
}

func (t *Tx) ResetFailures(id token.ID) error {
	t.Effects.Touched.Tokens = append(t.Effects.Touched.Tokens, id)
	return t.changeOne("UPDATE condition SET failures = 0, retry_at = 0 WHERE token = ?", int64(id))
}

func (t *Tx) DeleteToken(id token.ID) error {
	owner, err := query.One(t.ctx, t.q, query.Value[int64], "SELECT coalesce(owner, 0) FROM condition WHERE token = ?",
		int64(id))
	if err != nil {
		return err
	}
	if err := t.touchOwners(id, owner); err != nil {
		return err
	}
	if _, err := t.Change("UPDATE import_run SET tokens = tokens - 1 WHERE id > 0 AND "+
		"id = (SELECT run FROM token WHERE id = ?)", int64(id)); err != nil {
		return err
	}
	held, err := t.onItsWay(id)
	if err != nil {
		return err
	}
	return t.changeOne("DELETE FROM token WHERE id = ? AND ? = 0", int64(id), held)
}

// onItsWay tells whether a token moves by rows that are as they were written. A forged row
// holds no token: its deletion is how an administrator gets rid of it.
func (t *Tx) onItsWay(id token.ID) (bool, error) {
	move, err := query.One(t.ctx, t.q, query.Value[string], `SELECT move FROM move_token WHERE token = ?1 AND ended = 0
		AND EXISTS (SELECT 1 FROM condition WHERE token = ?1 AND state = ?2)`, int64(id), int64(token.Moving))
	if err == nil {
		err = errors.Join(t.check(proof.Row{Table: proof.TokenTable, ID: int64(id)}), t.check(moveKey(move, id)))
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrForged) {
		return false, nil
	}
	return err == nil, err
}
