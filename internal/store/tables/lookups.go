package tables

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// The lookups of the hot path: many at a time, all that name a serial by one statement, all
// that name a user by two. Each gives a row, also where what it asks for is not there: then
// a stand-in is read in its place, by the same search by number. The first columns tell of
// which lookup a row is, and whether it is what was asked for.
//
// l.value is a lookup (asked) as an array: its place, the number that draws the stand-in,
// what it is asked by, and what that is narrowed by. NULL does not narrow.
const (
	askedPlace = "CAST(l.value ->> 0 AS BIGINT)"
	askedDraw  = "CAST(l.value ->> 1 AS BIGINT)"
	askedBy    = "l.value ->> 2"

	// No EXISTS, of which PostgreSQL would make a join, and perhaps begin with a whole table.
	publishedRun = " AND (SELECT r.published > 0 FROM import_run r WHERE r.id = y.run)"

	lookedUpColumns = askedPlace + ", x.id IS NOT NULL, " + TokenColumns + ", t.secret, t.tag, " + HasApplications +
		floorless

	tokenBeside = " token t ON t.id = coalesce(x.id, (SELECT id FROM token WHERE id >= (SELECT max(id) FROM token) * " +
		askedDraw + " / 65536 ORDER BY id LIMIT 1))" + BesideToken
	userBeside = ` "user" n ON n.id = coalesce(x.id, (SELECT id FROM "user" WHERE id >= (SELECT max(id) FROM "user") * ` +
		askedDraw + " / 65536 ORDER BY id LIMIT 1))"

	// floorless tells that a token holds its secret with others, and that the row with their
	// floor is gone.
	floorless = ", c.twin IS NOT NULL AND s.mark IS NULL"
)

// narrowed is what holds of the rows of table token that a lookup names.
func narrowed(token string) string {
	return fmt.Sprintf(" AND (l.value ->> 3 IS NULL OR %[1]s.type = l.value ->> 3) AND (l.value ->> 4 IS NULL OR "+
		"%[1]s.manufacturer = l.value ->> 4) AND (l.value ->> 5 IS NULL OR %[1]s.key_id = l.value ->> 5)", token)
}

// Lookups find the tokens that codes are tried against.
type Lookups struct {
	guard *proof.Guard

	users, bySerial, byOwner, applications string
}

// NewLookups gives those of a database.
func NewLookups(g *proof.Guard, d *Dialect) Lookups {
	few := fmt.Sprintf(" ORDER BY 1 LIMIT %d", store.MaxCandidates)
	return Lookups{guard: g,
		users: d.PerRow(`"user"`, `SELECT u.id FROM "user" u WHERE u.name = `+askedBy+" AND "+PublishedUser,
			" "+d.Then+userBeside,
			askedPlace+", x.id IS NOT NULL, n.tag, n.id, n.name, n.created, n.failures, n.retry_at, 0"),
		bySerial: d.PerRow("token", "SELECT y.id FROM token y WHERE y.serial = "+askedBy+narrowed("y")+publishedRun+few,
			" "+d.Then+tokenBeside, lookedUpColumns),
		byOwner: d.PerRow("token", "SELECT y.token AS id FROM condition y WHERE y.owner = CAST("+askedBy+" AS BIGINT)"+
			" AND (SELECT true"+narrowed("n")+" FROM token n WHERE n.id = y.token)"+publishedRun+few,
			" "+d.Then+tokenBeside, lookedUpColumns),
		applications: d.PerRow("token", "SELECT y.id FROM token y WHERE y.id = CAST("+askedBy+" AS BIGINT)",
			" "+d.Then+" application a ON a.token = x.id",
			askedPlace+", a.tag, a."+strings.ReplaceAll(ApplicationColumns, ", ", ", a."))}
}

// Statements are those that lookups run.
func (q Lookups) Statements() []string {
	return []string{q.users, q.bySerial, q.byOwner, q.applications}
}

// asked is a lookup as the statements get it.
type asked [6]any

// ask gives a lookup. A text that no row can hold is asked for as NULL, which nothing is.
func (q Lookups) ask(place int, l store.Lookup) asked {
	name := cmp.Or(l.User, l.Serial)
	a := asked{place, q.guard.Draw(name), nil, nil, nil, nil}
	if !storable(name) || !storable(l.Type) || l.Manufacturer != nil && !storable(*l.Manufacturer) ||
		l.KeyID != nil && !storable(*l.KeyID) {
		return a
	}
	a[2], a[4], a[5] = name, l.Manufacturer, l.KeyID
	if l.Type != "" {
		a[3] = l.Type
	}
	return a
}

// storable tells whether JSON and all databases hold a text as it is.
func storable(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

// all runs a statement for what is asked.
func all[T any](ctx context.Context, c query.Conn, scan func(query.Scanner) (T, error), statement string,
	what []asked) ([]T, error) {
	if len(what) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	return query.All(ctx, c, scan, statement, string(text))
}

// Find runs lookups on c, which need be no transaction: what they find only proposes.
func (q Lookups) Find(ctx context.Context, c query.Conn, ls []store.Lookup) ([]store.Found, error) {
	fs := make([]store.Found, len(ls))
	var users, serials []asked
	for i, l := range ls {
		switch {
		case l.User != "":
			users = append(users, q.ask(i, l))
		case l.Serial != "":
			serials = append(serials, q.ask(i, l))
		} // one that names nothing finds nothing
	}
	if err := q.findUsers(ctx, c, ls, users, fs); err != nil {
		return nil, err
	}
	owned, err := all(ctx, c, scanLookedUp, q.byOwner, users)
	if err != nil {
		return nil, err
	}
	rows, err := all(ctx, c, scanLookedUp, q.bySerial, serials)
	if err != nil {
		return nil, err
	}
	rows = append(rows, owned...)
	if err := q.complete(ctx, c, rows); err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b lookedUp) int { return cmp.Compare(a.Token.ID, b.Token.ID) })
	for _, row := range rows {
		f := &fs[row.place]
		// Nobody's name has no tokens, also where a row that was forged has 0 for its owner.
		if !row.found || ls[row.place].User != "" && f.User == nil {
			standIn(f).Candidate = row.Candidate
			continue
		}
		misled := q.misled(&row.Token, ls[row.place], f.User)
		row.Forged = row.Forged || f.Forged || misled
		f.Candidates = append(f.Candidates, row.Candidate)
	}
	for i := range fs {
		if f := &fs[i]; len(f.Candidates) == 0 {
			standIn(f)
		}
	}
	return fs, nil
}

// standIn gives the stand-in of what was not found.
func standIn(f *store.Found) *store.StandIn {
	if f.StandIn == nil {
		f.StandIn = &store.StandIn{}
	}
	return f.StandIn
}

// misled reports whether an index led to another token than the one that was asked for.
// Somebody wrote to the index, then: the row itself has its tag, and would let its owner in
// in the place of another.
func (q Lookups) misled(t *token.Token, l store.Lookup, owner *store.User) bool {
	id := t.Identity
	right := (l.User != "" && t.Condition.Owner == owner.ID || l.User == "" && id.Serial == l.Serial) &&
		(l.Type == "" || id.Type == l.Type) &&
		(l.Manufacturer == nil || id.Manufacturer == *l.Manufacturer) && (l.KeyID == nil || id.KeyID == *l.KeyID)
	if right || !q.guard.Begun() {
		return false
	}
	_ = q.guard.Forged(proof.TokenIndex, fmt.Sprint(t.ID)) // the alarm; the code is refused
	return true
}

// findUsers finds the users, and has their tokens asked for by their numbers; by 0 if there
// is none.
func (q Lookups) findUsers(ctx context.Context, c query.Conn, ls []store.Lookup, users []asked,
	fs []store.Found) error {
	rows, err := all(ctx, c, scanLookedUpUser, q.users, users)
	if err != nil {
		return err
	}
	for i := range rows {
		f, row := &fs[rows[i].place], &rows[i]
		if row.found && row.Name != ls[row.place].User {
			row.found = false // somebody wrote to the index, which leads to somebody else
			if q.guard.Begun() {
				_ = q.guard.Forged(proof.UserIndex, fmt.Sprint(row.ID))
			}
		}
		if !row.found {
			standIn(f).User = row.ID
			continue
		}
		f.User = &row.User
		if !q.guard.Right(proof.UserTable.Name, row.tag, func() []byte { return proof.UserText(row.ID, row.Name) }) {
			f.Forged = true
			_ = q.guard.Forged(proof.UserTable.Name, fmt.Sprint(row.ID)) // the alarm; no code is accepted
		}
	}
	for i := range users {
		users[i][2] = 0
		if u := fs[users[i][0].(int)].User; u != nil {
			users[i][2] = u.ID
		}
	}
	return nil
}

type lookedUpUser struct {
	store.User
	place int
	found bool // it is no stand-in
	tag   []byte
}

func scanLookedUpUser(s query.Scanner) (u lookedUpUser, err error) {
	u.User, err = ScanUser(query.Behind{Scanner: s, First: []any{&u.place, &u.found, &u.tag}})
	return u, err
}

// lookedUp is a candidate of a lookup; more says that it has further applications.
type lookedUp struct {
	store.Candidate
	place     int
	found     bool // it is no stand-in
	tag       []byte
	more      bool
	floorless bool // its secret is shared, and has no floor
}

func scanLookedUp(s query.Scanner) (l lookedUp, err error) {
	var d TokenRow
	err = query.Behind{Scanner: s, First: []any{&l.place, &l.found}}.
		Scan(append(d.Dest(), &l.Sealed, &l.tag, &l.more, &l.floorless)...)
	l.Token = d.Token()
	return l, err
}

// complete checks the candidates, and reads the applications of those that have any.
func (q Lookups) complete(ctx context.Context, c query.Conn, rows []lookedUp) error {
	var more []asked
	for i := range rows {
		row := &rows[i]
		right := q.guard.Right(proof.TokenTable.Name, row.tag, func() []byte { return proof.TokenText(&row.Candidate) })
		floorless := row.floorless && q.guard.Begun()
		row.Forged = !right || floorless
		if !right && row.found {
			_ = q.guard.Forged(proof.TokenTable.Name, fmt.Sprint(row.Token.ID)) // the alarm; the code is refused
		}
		if floorless && row.found {
			_ = q.guard.Forged(proof.SecretTable, row.Token.Condition.Shared.Mark.String())
		}
		if row.more {
			more = append(more, asked{i, 0, int64(row.Token.ID)})
		}
	}
	apps, err := all(ctx, c, scanLookedUpApplication, q.applications, more)
	if err != nil {
		return err
	}
	slices.SortFunc(apps, func(a, b lookedUpApplication) int { return cmp.Compare(a.Index, b.Index) })
	for i := range apps {
		row, a := &rows[apps[i].place], &apps[i].Application
		text := func() []byte { return proof.ApplicationText(row.Token.ID, a) }
		if !q.guard.Right(proof.ApplicationTable.Name, apps[i].tag, text) {
			row.Forged = true
			if row.found {
				_ = q.guard.Forged(proof.ApplicationTable.Name, fmt.Sprintf("%d, index %d", row.Token.ID, a.Index))
			}
		}
		row.Applications = append(row.Applications, *a)
	}
	return nil
}

type lookedUpApplication struct {
	store.Application
	place int // of the token
	tag   []byte
}

func scanLookedUpApplication(s query.Scanner) (a lookedUpApplication, err error) {
	a.Application, err = ScanApplication(query.Behind{Scanner: s, First: []any{&a.place, &a.tag}})
	return a, err
}
