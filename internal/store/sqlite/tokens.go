package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/query"
)

// reader is a store.Reader on a transaction.
type reader struct {
	auditlog.Reader
	ctx   context.Context
	q     query.Conn
	guard *guard

	listed int // how many rows a sorted list looks at

	dirty map[rowKey]bool // rows that this transaction changes
}

func newReader(ctx context.Context, q query.Conn, g *guard, tail *auditlog.Tail, listed int) reader {
	return reader{Reader: auditlog.NewReader(ctx, q, tail), ctx: ctx, q: q, guard: g, listed: listed,
		dirty: map[rowKey]bool{}}
}

const tokenColumns = `t.id, t.kind, t.type, t.manufacturer, t.serial, t.key_id, t.algorithm, t.hash, t.digits, t.period,
	t.t0, t.suite, t.model, t.issuer, t.label, t.profile, t.run, t.created, t.state_reason, coalesce(u.name, ''),
	c.epoch, c.next, c.drift, c.failures, c.retry_at, c.state, c.not_before, c.not_after, coalesce(c.owner, 0), c.last_used,
	coalesce(t.mark, 0), coalesce(c.twin, 0), coalesce(s.events, 0), coalesce(s.seconds, 0),
	coalesce(s.both, 0) <> 0`

// A token without a twin joins NULL, which finds nothing without a search.
const (
	besideToken = ` JOIN condition c ON c.token = t.id LEFT JOIN user u ON u.id = c.owner
	LEFT JOIN secret s ON s.mark = c.twin`
	tokenTables = " FROM token t" + besideToken
)

// floorless tells that a token holds its secret with others, and that the row with their
// floor is gone.
const floorless = ", c.twin IS NOT NULL AND s.mark IS NULL"

const published = `EXISTS (SELECT 1 FROM import_run r WHERE r.id = t.run AND r.published > 0)`

// tokenDest is where the columns of tokenColumns go.
type tokenDest struct {
	t                                               token.Token
	next, created, retryAt, notBefore, notAfter, at int64
	state                                           int64
	twin                                            token.Mark
	floor                                           token.Floor
}

func (d *tokenDest) dest() []any {
	t, c := &d.t, &d.t.Condition
	return []any{&t.ID, &t.Kind, &t.Identity.Type, &t.Identity.Manufacturer, &t.Identity.Serial, &t.Identity.KeyID,
		&t.Spec.Algorithm, &t.Spec.Hash, &t.Spec.Digits, &t.Spec.Period, &t.Spec.T0, &t.Spec.Suite,
		&t.Model, &t.Issuer, &t.Label, &t.Profile, &t.Run, &d.created, &t.StateReason, &t.OwnerName,
		&c.Epoch, &d.next, &c.Drift, &c.Failures, &d.retryAt, &d.state, &d.notBefore, &d.notAfter, &c.Owner, &d.at,
		&t.Mark, &d.twin, &d.floor.Events, &d.floor.Seconds, &d.floor.Both}
}

func (d *tokenDest) token() token.Token {
	t := d.t
	t.Created = query.Time(d.created)
	t.Condition.Next = uint64(d.next)
	t.Condition.State = stateOf(d.state)
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

func stateOf(n int64) token.State {
	if n < 0 || n > math.MaxUint8 {
		return noState
	}
	return token.State(n)
}

func scanToken(s query.Scanner) (token.Token, error) {
	var d tokenDest
	err := s.Scan(d.dest()...)
	return d.token(), err
}

func scanCandidate(s query.Scanner) (store.Candidate, error) {
	var d tokenDest
	var sealed []byte
	err := s.Scan(append(d.dest(), &sealed)...)
	return store.Candidate{Token: d.token(), Sealed: sealed}, err
}

func (r *reader) Holding(owner int64, typeName string) (int, error) {
	if typeName == "" {
		return query.One(r.ctx, r.q, query.Value[int], "SELECT count(*) FROM condition WHERE owner = ?", owner)
	}
	return query.One(r.ctx, r.q, query.Value[int], "SELECT count(*) FROM condition c JOIN token t ON t.id = c.token "+
		"WHERE c.owner = ? AND t.type = ?", owner, typeName)
}

func (r *reader) Identity(id token.Identity, run int64) (store.Candidate, error) {
	return query.One(r.ctx, r.q, scanCandidate, "SELECT "+tokenColumns+", t.secret"+tokenTables+
		" WHERE t.serial = ? AND t.type = ? AND (t.kind = 'software' OR t.manufacturer = ? AND t.key_id = ?) AND "+
		"(t.run = ? OR "+published+")",
		id.Serial, id.Type, id.Manufacturer, id.KeyID, run)
}

// The lookups of the hot path, prepared once per connection. Each gives a row, also where
// what it is asked for is not there: then a stand-in is read in its place, by the same
// search by number. Of a lookup of tokens the first column tells which it is, of one of a
// user the name. A parameter that is NULL does not restrict.
// Without the CAST, SQLite parses the statement anew whenever another owner is asked for
// than the last time.
const (
	bySerialSQL = "SELECT x.id IS NOT NULL, " + lookedUpColumns + ` FROM (SELECT 1) one
		LEFT JOIN token x ON x.serial = ?1 AND ` + narrowed + publishedRun + `
		CROSS JOIN token t ON t.id = coalesce(x.id, ` + tokenStandIn + ")" + besideToken + " ORDER BY x.id"
	byUserSQL = "SELECT x.token IS NOT NULL, " + lookedUpColumns + ` FROM (SELECT 1) one
		LEFT JOIN condition x ON x.owner = CAST(?1 AS INTEGER) AND EXISTS (SELECT 1 FROM token n WHERE n.id = x.token
			AND ` + narrowedOwned + ")" + publishedRun + `
		CROSS JOIN token t ON t.id = coalesce(x.token, ` + tokenStandIn + ")" + besideToken + " ORDER BY x.token"
	lookedUpColumns = tokenColumns + ", t.secret, t.tag, " + hasApplications + floorless

	narrowed      = "(?2 IS NULL OR x.type = ?2) AND (?3 IS NULL OR x.manufacturer = ?3) AND (?4 IS NULL OR x.key_id = ?4)"
	narrowedOwned = "(?2 IS NULL OR n.type = ?2) AND (?3 IS NULL OR n.manufacturer = ?3) AND (?4 IS NULL OR n.key_id = ?4)"
	publishedRun  = " AND EXISTS (SELECT 1 FROM import_run r WHERE r.id = x.run AND r.published > 0)"

	// The row that stands in is drawn by a number below 65536, ?5 or ?2.
	tokenStandIn = "(SELECT id FROM token WHERE id >= (SELECT max(id) FROM token) * ?5 / 65536 ORDER BY id LIMIT 1)"
	userStandIn  = "(SELECT id FROM user WHERE id >= (SELECT max(id) FROM user) * ?2 / 65536 ORDER BY id LIMIT 1)"

	lookedUpUserSQL = `SELECT n.tag, n.id, n.name, n.created, n.failures, n.retry_at, 0 FROM user n
		WHERE n.id = coalesce((SELECT u.id FROM user u WHERE u.name = ?1 AND ` + publishedUser + "), " + userStandIn + ")"
)

// lookups are the prepared statements of Candidates.
type lookups struct {
	user, bySerial, byUser, applications *sql.Stmt

	guard *guard
}

func prepareLookups(ctx context.Context, db *sql.DB) (l lookups, err error) {
	if l.user, err = db.PrepareContext(ctx, lookedUpUserSQL); err != nil {
		return l, err
	}
	// A literal limit: with a parameter there SQLite parses the statement anew
	// each time it runs.
	limit := fmt.Sprintf(" LIMIT %d", store.MaxCandidates)
	if l.bySerial, err = db.PrepareContext(ctx, bySerialSQL+limit); err != nil {
		return l, err
	}
	if l.byUser, err = db.PrepareContext(ctx, byUserSQL+limit); err != nil {
		return l, err
	}
	l.applications, err = db.PrepareContext(ctx, taggedApplicationsSQL)
	return l, err
}

// Candidates finds tokens in the cache, else in the file. The queries need no
// common snapshot: what they find only proposes.
func (db *DB) Candidates(ctx context.Context, l store.Lookup, fresh bool) (store.Found, error) {
	key := keyOf(l)
	f, generation, ok := db.cache.get(key)
	if ok && !fresh {
		return f, nil
	}
	f, err := db.lookups.find(ctx, l)
	if err != nil {
		return store.Found{}, db.disk.unavailable(err)
	}
	if trusted(f) {
		db.cache.put(key, f, generation)
	}
	f.Fresh = true
	return f, nil
}

func (q lookups) find(ctx context.Context, l store.Lookup) (f store.Found, err error) {
	drawn := q.guard.draw(cmp.Or(l.User, l.Serial))
	stmt, subject := q.bySerial, any(l.Serial)
	switch {
	case l.User != "":
		var owner int64
		if owner, err = q.findUser(ctx, l.User, drawn, &f); err != nil {
			return f, err
		}
		stmt, subject = q.byUser, owner
	case l.Serial == "":
		return f, nil // a lookup that names nothing matches nothing
	}
	var typ any
	if l.Type != "" {
		typ = l.Type
	}
	rows, err := readAll(ctx, stmt, scanLookedUp, subject, typ, l.Manufacturer, l.KeyID, drawn)
	if err != nil {
		return f, err
	}
	cs, err := q.complete(ctx, rows)
	if err != nil || len(cs) == 0 {
		return f, err
	}
	// Nobody's name has no tokens, also where a row that was forged has 0 for its owner.
	if !rows[0].found || l.User != "" && f.User == nil {
		f.StandIn.Candidate = cs[0]
		return f, nil
	}
	for i := range cs {
		cs[i].Forged = cs[i].Forged || f.Forged
	}
	f.Candidates = cs
	return f, nil
}

// findUser gives the number of a user, 0 if there is none.
func (q lookups) findUser(ctx context.Context, name string, drawn int64, f *store.Found) (id int64, err error) {
	var tag []byte
	user, err := scanUser(query.Behind{Scanner: oneRow{q.user.QueryRowContext(ctx, name, drawn)}, First: []any{&tag}})
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	right := q.guard.right(userTable.name, tag, func() []byte { return userText(user.ID, user.Name) })
	if user.Name != name {
		f.StandIn.User = user.ID
		return 0, nil
	}
	f.User = &user
	if !right {
		f.Forged = true
		_ = q.guard.forged(userTable.name, fmt.Sprint(user.ID)) // the alarm; no code is accepted
	}
	return user.ID, nil
}

// trusted reports whether all rows of what was found are as this program wrote them.
func trusted(f store.Found) bool {
	return !f.Forged && !slices.ContainsFunc(f.Candidates, func(c store.Candidate) bool { return c.Forged })
}

func (t *tx) NextTokenID(n int) (token.ID, error) {
	first, err := t.reserve("token", n)
	return token.ID(first), err
}

// reserve takes n row numbers of a table, by AUTOINCREMENT's own memory of the
// highest that was ever used, and gives the first.
func (t *tx) reserve(table string, n int) (first int64, err error) {
	last, err := query.One(t.ctx, t.q, query.Value[int64], "SELECT seq FROM sqlite_sequence WHERE name = ?", table)
	switch {
	case errors.Is(err, store.ErrNotFound):
		_, err = t.change("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", table, n)
	case err == nil:
		err = t.changeOne("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?", n, table)
	}
	return last + 1, err
}

func (t *tx) SetOwner(id token.ID, from, to int64) error {
	if err := t.alterToken(id); err != nil {
		return err
	}
	if err := t.touchOwners(id, from, to); err != nil {
		return err
	}
	return t.changeOne("UPDATE condition SET owner = nullif(?1, 0) WHERE token = ?2 AND coalesce(owner, 0) = ?3", to,
		int64(id), from)
}

// touchOwners forgets a token and what was found under its users' names.
func (t *tx) touchOwners(id token.ID, owners ...int64) error {
	t.touched.tokens = append(t.touched.tokens, id)
	for _, owner := range owners {
		name, err := query.One(t.ctx, t.q, query.Value[string], "SELECT name FROM user WHERE id = ?", owner)
		if errors.Is(err, store.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		t.touched.names = append(t.touched.names, name)
	}
	return nil
}

func (t *tx) SetState(id token.ID, from, to token.State, reason string) error {
	if err := t.alterToken(id); err != nil {
		return err
	}
	if err := t.changeOne("UPDATE condition SET state = ?1 WHERE token = ?2 AND state = ?3 AND (?1 <> 0 OR epoch > 0)",
		int64(to), int64(id), int64(from)); err != nil {
		return err
	}
	return t.changeOne("UPDATE token SET state_reason = ?1 WHERE id = ?2", reason, int64(id))
}

func (t *tx) ResetFailures(id token.ID) error {
	t.touched.tokens = append(t.touched.tokens, id)
	return t.changeOne("UPDATE condition SET failures = 0, retry_at = 0 WHERE token = ?", int64(id))
}

func (t *tx) DeleteToken(id token.ID) error {
	owner, err := query.One(t.ctx, t.q, query.Value[int64], "SELECT coalesce(owner, 0) FROM condition WHERE token = ?",
		int64(id))
	if err != nil {
		return err
	}
	if err := t.touchOwners(id, owner); err != nil {
		return err
	}
	if _, err := t.change("UPDATE import_run SET tokens = tokens - 1 WHERE id > 0 AND "+
		"id = (SELECT run FROM token WHERE id = ?)", int64(id)); err != nil {
		return err
	}
	held, err := t.onItsWay(id)
	if err != nil {
		return err
	}
	return t.changeOne("DELETE FROM token WHERE id = ? AND NOT ?", int64(id), held)
}

// onItsWay tells whether a token moves by rows that are as they were written. A forged row
// holds no token: its deletion is how an administrator gets rid of it.
func (t *tx) onItsWay(id token.ID) (bool, error) {
	move, err := query.One(t.ctx, t.q, query.Value[string], `SELECT move FROM move_token WHERE token = ?1 AND ended = 0
		AND EXISTS (SELECT 1 FROM condition WHERE token = ?1 AND state = ?2)`, int64(id), int64(token.Moving))
	if err == nil {
		err = errors.Join(t.check(rowKey{table: tokenTable, id: int64(id)}), t.check(moveKey(move, id)))
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrForged) {
		return false, nil
	}
	return err == nil, err
}
