package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// The lookups of the hot path, prepared once per connection. Each gives a row, also where
// what it is asked for is not there: then a stand-in is read in its place, by the same
// search by number. Of a lookup of tokens the first column tells which it is, of one of a
// user the name. A parameter that is NULL does not restrict.
// Without the CAST, SQLite parses the statement anew whenever another owner is asked for
// than the last time.
const (
	bySerialSQL = "SELECT x.id IS NOT NULL, " + lookedUpColumns + ` FROM (SELECT 1) one
		LEFT JOIN token x ON x.serial = ?1 AND ` + narrowed + publishedRun + `
		CROSS JOIN token t ON t.id = coalesce(x.id, ` + tokenStandIn + ")" + tables.BesideToken + " ORDER BY x.id"
	byUserSQL = "SELECT x.token IS NOT NULL, " + lookedUpColumns + ` FROM (SELECT 1) one
		LEFT JOIN condition x ON x.owner = CAST(?1 AS INTEGER) AND EXISTS (SELECT 1 FROM token n WHERE n.id = x.token
			AND ` + narrowedOwned + ")" + publishedRun + `
		CROSS JOIN token t ON t.id = coalesce(x.token, ` + tokenStandIn + ")" + tables.BesideToken + " ORDER BY x.token"
	lookedUpColumns = tables.TokenColumns + ", t.secret, t.tag, " + tables.HasApplications + floorless

	narrowed      = "(?2 IS NULL OR x.type = ?2) AND (?3 IS NULL OR x.manufacturer = ?3) AND (?4 IS NULL OR x.key_id = ?4)"
	narrowedOwned = "(?2 IS NULL OR n.type = ?2) AND (?3 IS NULL OR n.manufacturer = ?3) AND (?4 IS NULL OR n.key_id = ?4)"
	publishedRun  = " AND EXISTS (SELECT 1 FROM import_run r WHERE r.id = x.run AND r.published > 0)"

	// The row that stands in is drawn by a number below 65536, ?5 or ?2.
	tokenStandIn = "(SELECT id FROM token WHERE id >= (SELECT max(id) FROM token) * ?5 / 65536 ORDER BY id LIMIT 1)"
	userStandIn  = "(SELECT id FROM user WHERE id >= (SELECT max(id) FROM user) * ?2 / 65536 ORDER BY id LIMIT 1)"

	lookedUpUserSQL = `SELECT n.tag, n.id, n.name, n.created, n.failures, n.retry_at, 0 FROM user n
		WHERE n.id = coalesce((SELECT u.id FROM user u WHERE u.name = ?1 AND ` + tables.PublishedUser + "), " + userStandIn + ")"
)

// floorless tells that a token holds its secret with others, and that the row with their
// floor is gone.
const floorless = ", c.twin IS NOT NULL AND s.mark IS NULL"

const taggedApplicationsSQL = "SELECT tag, " + tables.ApplicationColumns + " FROM application WHERE token = ?1 ORDER BY idx"

// lookups are the prepared statements of Candidates.
type lookups struct {
	user, bySerial, byUser, applications *sql.Stmt

	guard *proof.Guard
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
	drawn := q.guard.Draw(cmp.Or(l.User, l.Serial))
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
	row := oneRow{q.user.QueryRowContext(ctx, name, drawn)}
	user, err := tables.ScanUser(query.Behind{Scanner: row, First: []any{&tag}})
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	right := q.guard.Right(proof.UserTable.Name, tag, func() []byte { return proof.UserText(user.ID, user.Name) })
	if user.Name != name {
		f.StandIn.User = user.ID
		return 0, nil
	}
	f.User = &user
	if !right {
		f.Forged = true
		_ = q.guard.Forged(proof.UserTable.Name, fmt.Sprint(user.ID)) // the alarm; no code is accepted
	}
	return user.ID, nil
}

// trusted reports whether all rows of what was found are as this program wrote them.
func trusted(f store.Found) bool {
	return !f.Forged && !slices.ContainsFunc(f.Candidates, func(c store.Candidate) bool { return c.Forged })
}

// lookedUp is a candidate of a lookup; more says that it has further applications.
type lookedUp struct {
	store.Candidate
	found     bool // it is no stand-in
	tag       []byte
	more      bool
	floorless bool // its secret is shared, and has no floor
}

func scanLookedUp(s query.Scanner) (l lookedUp, err error) {
	var d tables.TokenRow
	err = query.Behind{Scanner: s, First: []any{&l.found}}.
		Scan(append(d.Dest(), &l.Sealed, &l.tag, &l.more, &l.floorless)...)
	l.Token = d.Token()
	return l, err
}

// complete reads the applications of the candidates that have any.
func (q lookups) complete(ctx context.Context, rows []lookedUp) (cs []store.Candidate, err error) {
	cs = make([]store.Candidate, len(rows))
	for i := range rows {
		c := &cs[i]
		*c = rows[i].Candidate
		right := q.guard.Right(proof.TokenTable.Name, rows[i].tag, func() []byte { return proof.TokenText(c) })
		floorless := rows[i].floorless && q.guard.Begun()
		c.Forged = !right || floorless
		if !right && rows[i].found {
			_ = q.guard.Forged(proof.TokenTable.Name, fmt.Sprint(c.Token.ID)) // the alarm; the code is refused
		}
		if floorless && rows[i].found {
			_ = q.guard.Forged(proof.SecretTable, c.Token.Condition.Shared.Mark.String())
		}
		if !rows[i].more {
			continue
		}
		if err := q.applicationsOf(ctx, c, rows[i].found); err != nil {
			return nil, err
		}
	}
	return cs, nil
}

// applicationsOf reads those of a token that was found, or stands in.
func (q lookups) applicationsOf(ctx context.Context, c *store.Candidate, found bool) error {
	all, err := readAll(ctx, q.applications, scanTaggedApplication, int64(c.Token.ID))
	for i := range all {
		a := &all[i].Application
		text := func() []byte { return proof.ApplicationText(c.Token.ID, a) }
		if !q.guard.Right(proof.ApplicationTable.Name, all[i].tag, text) {
			c.Forged = true
			if found {
				_ = q.guard.Forged(proof.ApplicationTable.Name, fmt.Sprintf("%d, index %d", c.Token.ID, a.Index))
			}
		}
		c.Applications = append(c.Applications, *a)
	}
	return err
}

type taggedApplication struct {
	store.Application
	tag []byte
}

func scanTaggedApplication(s query.Scanner) (a taggedApplication, err error) {
	a.Application, err = tables.ScanApplication(query.Behind{Scanner: s, First: []any{&a.tag}})
	return a, err
}
