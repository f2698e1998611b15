package tables

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// The lookups of the hot path. Each gives a row, also where what it is asked for is not
// there: then a stand-in is read in its place, by the same search by number. Of a lookup of
// tokens the first column tells which it is, of one of a user the name. A parameter that is
// NULL does not restrict.
const (
	narrowed      = "(CAST(?2 AS TEXT) IS NULL OR x.type = ?2) AND (CAST(?3 AS TEXT) IS NULL OR x.manufacturer = ?3) AND (CAST(?4 AS TEXT) IS NULL OR x.key_id = ?4)"
	narrowedOwned = "(CAST(?2 AS TEXT) IS NULL OR n.type = ?2) AND (CAST(?3 AS TEXT) IS NULL OR n.manufacturer = ?3) AND (CAST(?4 AS TEXT) IS NULL OR n.key_id = ?4)"
	publishedRun  = " AND EXISTS (SELECT 1 FROM import_run r WHERE r.id = x.run AND r.published > 0)"

	lookedUpColumns = TokenColumns + ", t.secret, t.tag, " + HasApplications + floorless

	// The row that stands in is drawn by a number below 65536, ?5 or ?2.
	tokenStandIn = "(SELECT id FROM token WHERE id >= (SELECT max(id) FROM token) * ?5 / 65536 ORDER BY id LIMIT 1)"
	userStandIn  = `(SELECT id FROM "user" WHERE id >= (SELECT max(id) FROM "user") * ?2 / 65536 ORDER BY id LIMIT 1)`

	lookedUpUserSQL = `SELECT n.tag, n.id, n.name, n.created, n.failures, n.retry_at, 0 FROM "user" n
		WHERE n.id = coalesce((SELECT u.id FROM "user" u WHERE u.name = ?1 AND ` + PublishedUser + "), " +
		userStandIn + ")"
)

// Lookups find the tokens that a code is tried against.
type Lookups struct {
	q     query.Conn
	guard *proof.Guard

	user, bySerial, byUser, applications string
}

// NewLookups gives those of a database; q need not be a transaction.
func NewLookups(q query.Conn, g *proof.Guard, d *Dialect) Lookups {
	// A literal limit, and the CAST: with a parameter there SQLite parses the statement anew
	// each time it runs, or whenever another owner is asked for than the last time.
	limit := fmt.Sprintf(" LIMIT %d", store.MaxCandidates)
	return Lookups{q: q, guard: g, user: lookedUpUserSQL, applications: taggedApplicationsSQL,
		bySerial: "SELECT x.id IS NOT NULL, " + lookedUpColumns + ` FROM (SELECT 1) one
			LEFT JOIN token x ON x.serial = ?1 AND ` + narrowed + publishedRun + `
			` + d.Then + ` token t ON t.id = coalesce(x.id, ` + tokenStandIn + ")" + BesideToken + " ORDER BY x.id" + limit,
		byUser: "SELECT x.token IS NOT NULL, " + lookedUpColumns + ` FROM (SELECT 1) one
			LEFT JOIN condition x ON x.owner = CAST(?1 AS BIGINT) AND EXISTS (SELECT 1 FROM token n WHERE n.id = x.token
				AND ` + narrowedOwned + ")" + publishedRun + `
			` + d.Then + ` token t ON t.id = coalesce(x.token, ` + tokenStandIn + ")" + BesideToken +
			" ORDER BY x.token" + limit}
}

// Statements are those that a lookup runs.
func (q Lookups) Statements() []string { return []string{q.user, q.bySerial, q.byUser, q.applications} }

// floorless tells that a token holds its secret with others, and that the row with their
// floor is gone.
const floorless = ", c.twin IS NOT NULL AND s.mark IS NULL"

const taggedApplicationsSQL = "SELECT tag, " + ApplicationColumns + " FROM application WHERE token = ?1 ORDER BY idx"

// Find runs a lookup. Its queries need no common snapshot: what they find only proposes.
func (q Lookups) Find(ctx context.Context, l store.Lookup) (f store.Found, err error) {
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
	rows, err := query.All(ctx, q.q, scanLookedUp, stmt, subject, typ, l.Manufacturer, l.KeyID, drawn)
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
func (q Lookups) findUser(ctx context.Context, name string, drawn int64, f *store.Found) (id int64, err error) {
	var tag []byte
	row := q.q.QueryRow(ctx, q.user, name, drawn)
	user, err := ScanUser(query.Behind{Scanner: row, First: []any{&tag}})
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

// lookedUp is a candidate of a lookup; more says that it has further applications.
type lookedUp struct {
	store.Candidate
	found     bool // it is no stand-in
	tag       []byte
	more      bool
	floorless bool // its secret is shared, and has no floor
}

func scanLookedUp(s query.Scanner) (l lookedUp, err error) {
	var d TokenRow
	err = query.Behind{Scanner: s, First: []any{&l.found}}.
		Scan(append(d.Dest(), &l.Sealed, &l.tag, &l.more, &l.floorless)...)
	l.Token = d.Token()
	return l, err
}

// complete reads the applications of the candidates that have any.
func (q Lookups) complete(ctx context.Context, rows []lookedUp) (cs []store.Candidate, err error) {
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
func (q Lookups) applicationsOf(ctx context.Context, c *store.Candidate, found bool) error {
	all, err := query.All(ctx, q.q, scanTaggedApplication, q.applications, int64(c.Token.ID))
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
	a.Application, err = ScanApplication(query.Behind{Scanner: s, First: []any{&a.tag}})
	return a, err
}
