package tables

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

const runColumns = `id, label, batch, note, supplier, format, actor, dry_run, node, opened, published, closed,
	imported, duplicate, conflict, difference, twin, replaced, refused, held_back, renumbered, assigned, users_made, remarks, series, failure, rows_removed`

func scanRun(s query.Scanner) (r store.Run, err error) {
	var opened, published, closed, removed int64
	var remarks, series string
	c := &r.Counts
	err = s.Scan(&r.ID, &r.Label, &r.Batch, &r.Note, &r.Supplier, &r.Format, &r.Actor, &r.DryRun, &r.Node,
		&opened, &published, &closed,
		&c.Imported, &c.Duplicate, &c.Conflict, &c.Difference, &c.Twin, &c.Replaced, &c.Refused, &c.HeldBack, &c.Renumbered,
		&c.Assigned,
		&c.Users, &remarks, &series, &r.Failure, &removed)
	r.Removed = query.Time(removed)
	r.Opened, r.Published, r.Closed = query.Time(opened), query.Time(published), query.Time(closed)
	if remarks != "" {
		r.Remarks = strings.Split(remarks, "\n")
	}
	if err == nil && series != "" {
		err = json.Unmarshal([]byte(series), &r.Series)
	}
	return r, err
}

func (r *Reader) Run(id int64) (store.Run, error) {
	return query.One(r.ctx, r.q, scanRun, "SELECT "+runColumns+" FROM import_run WHERE id = ? AND id > 0", id)
}

func (r *Reader) Runs(before int64, limit int) ([]store.Run, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	return query.All(r.ctx, r.q, scanRun, "SELECT "+runColumns+" FROM import_run WHERE id > 0 AND id < ? "+
		"ORDER BY id DESC LIMIT ?", before, limit)
}

func (r *Reader) RunRows(run int64, after, limit int) ([]store.RunRow, error) {
	return query.All(r.ctx, r.q, func(s query.Scanner) (w store.RunRow, err error) {
		err = s.Scan(&w.N, &w.Line, &w.Type, &w.Manufacturer, &w.Serial, &w.KeyID, &w.Outcome, &w.Reason)
		return w, err
	}, `SELECT n, line, type, manufacturer, serial, key_id, outcome, reason FROM import_row
		WHERE run = ? AND n > ? ORDER BY n LIMIT ?`, run, after, limit)
}

func (r *Reader) Batches(after string, limit int) ([]store.Batch, error) {
	return query.All(r.ctx, r.q, scanBatch, fmt.Sprintf(batchSQL, "batch > ?", " ORDER BY batch LIMIT ?"), after, limit)
}

func (r *Reader) Batch(name string) (store.Batch, error) {
	return query.One(r.ctx, r.q, scanBatch, fmt.Sprintf(batchSQL, "batch = ?", ""), name)
}

// batchSQL sums up the imports of those that a condition chooses.
const batchSQL = `SELECT b.batch, b.runs, b.tokens, r.id, r.published, r.supplier, r.note
	FROM (SELECT batch, count(*) AS runs, CAST(sum(tokens) AS BIGINT) AS tokens, max(id) AS last FROM import_run
		WHERE batch <> '' AND published > 0 AND %s GROUP BY batch%s) b
	JOIN import_run r ON r.id = b.last ORDER BY b.batch`

func scanBatch(s query.Scanner) (b store.Batch, err error) {
	var newest, last int64
	err = s.Scan(&b.Name, &b.Runs, &b.Tokens, &last, &newest, &b.Supplier, &b.Note)
	b.Newest = query.Time(newest)
	return b, err
}

func (r *Reader) OpenRuns() ([]store.OpenRun, error) {
	return query.All(r.ctx, r.q, func(s query.Scanner) (o store.OpenRun, err error) {
		var seen int64
		err = s.Scan(&o.ID, &o.Node, &seen)
		o.Seen = query.Time(seen)
		return o, err
	}, `SELECT r.id, r.node, coalesce(n.seen, 0) FROM import_run r LEFT JOIN node n ON n.id = r.node
		WHERE r.published = 0 AND r.closed = 0 ORDER BY r.id`)
}

// runEnded is the time at which a run ended; 0 for one that is open.
const runEnded = "greatest(published, closed)"

func (r *Reader) RunsWithRows(before time.Time, limit int) ([]int64, error) {
	return query.All(r.ctx, r.q, query.Value[int64], "SELECT id FROM import_run r WHERE rows_removed = 0 AND "+runEnded+
		" > 0 AND "+runEnded+" < ? AND EXISTS (SELECT 1 FROM import_row WHERE run = r.id) ORDER BY id LIMIT ?",
		query.Millis(before), limit)
}

func (t *Tx) RemoveRows(run int64, at time.Time, limit int) (int, error) {
	n, err := t.Change("DELETE FROM import_row WHERE run = ?1 AND n IN (SELECT n FROM import_row WHERE run = ?1 "+
		"ORDER BY n LIMIT ?2) AND EXISTS (SELECT 1 FROM import_run WHERE id = ?1 AND "+runEnded+" > 0)", run, limit)
	if err == nil && n > 0 {
		_, err = t.Change("UPDATE import_run SET rows_removed = ?2 WHERE id = ?1 AND "+
			"NOT EXISTS (SELECT 1 FROM import_row WHERE run = ?1)", run, query.Millis(at))
	}
	return int(n), err
}

func (t *Tx) BeginRun(r store.Run) (int64, error) {
	id, err := query.One(t.ctx, t.q, query.Value[int64], `INSERT INTO import_run (label, batch, note, supplier, format, actor,
		dry_run, node, opened) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id`, r.Label, r.Batch,
		r.Note, r.Supplier, r.Format, r.Actor, r.DryRun, r.Node, query.Millis(r.Opened))
	if errors.Is(err, store.ErrNotFound) {
		err = store.ErrBusy
	}
	return id, err
}

func (t *Tx) RecordRun(id int64, p store.RunProgress, rows []store.RunRow) error {
	c, series := p.Counts, []byte{}
	if len(p.Series) > 0 {
		series, _ = json.Marshal(p.Series) // strings and numbers always can
	}
	err := t.changeOne(`UPDATE import_run SET imported = ?, duplicate = ?, conflict = ?, difference = ?, twin = ?, replaced = ?, refused = ?, held_back = ?, renumbered = ?,
		assigned = ?, users_made = ?, remarks = ?, series = ? WHERE id = ? AND `+stillOpen,
		c.Imported, c.Duplicate, c.Conflict, c.Difference, c.Twin, c.Replaced, c.Refused, c.HeldBack, c.Renumbered,
		c.Assigned, c.Users,
		strings.Join(p.Remarks, "\n"), string(series), id)
	for _, r := range rows {
		if err != nil {
			return err
		}
		_, err = t.Change("INSERT INTO import_row (run, n, line, type, manufacturer, serial, key_id, outcome, "+
			"reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			id, r.N, r.Line, r.Type, r.Manufacturer, r.Serial, r.KeyID, r.Outcome, r.Reason)
	}
	return err
}

// stillOpen is true of a run that may be written to, runIsOpen of the one that parameter ?1 names.
const (
	stillOpen = "published = 0 AND closed = 0 AND swept = 0"
	runIsOpen = "EXISTS (SELECT 1 FROM import_run WHERE id = ?1 AND " + stillOpen + ")"
)

func (t *Tx) StagePolicy(run int64, id token.ID, p store.Policy) error {
	return t.changeOne(`INSERT INTO token_policy (token, policy, pin) SELECT id, ?3, ?4 FROM token WHERE id = ?2 AND run = ?1 AND `+runIsOpen+`
		ON CONFLICT (token) DO UPDATE SET policy = excluded.policy, pin = excluded.pin`, run, int64(id), p.Text, p.Sealed)
}

func (t *Tx) StageReplacement(run int64, n store.Candidate) error {
	k, c := &n.Token, &n.Token.Condition
	err := t.changeOne(`INSERT INTO import_replacement (token, run, epoch, algorithm, hash, digits, period, suite, next, drift, not_before, not_after, secret, mark)
		SELECT ?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, nullif(?14, 0) WHERE `+runIsOpen+" ON CONFLICT (token) DO NOTHING",
		run, int64(k.ID), c.Epoch, string(k.Spec.Algorithm), k.Spec.Hash, k.Spec.Digits, k.Spec.Period, k.Spec.Suite,
		int64(c.Next), c.Drift, query.Millis(c.NotBefore), query.Millis(c.NotAfter), n.Sealed, int64(k.Mark))
	if err == nil {
		t.added(replacementKey(int64(k.ID)))
	}
	return err
}

func replacementKey(id int64) proof.Row { return proof.Row{Table: proof.ReplacementTable, ID: id} }

func (t *Tx) StageUser(run int64, name string, at time.Time) (id int64, made bool, err error) {
	n, err := t.Change("INSERT INTO \"user\" (name, created, run) SELECT ?2, ?3, ?1 WHERE "+runIsOpen+
		" ON CONFLICT (name) DO NOTHING", run, name, query.Millis(at))
	if err != nil {
		return 0, false, err
	}
	id, err = query.One(t.ctx, t.q, query.Value[int64], "SELECT id FROM \"user\" WHERE name = ? AND run = ?", name, run)
	if n == 1 {
		t.added(proof.Row{Table: proof.UserTable, ID: id})
	}
	if errors.Is(err, store.ErrNotFound) {
		err = store.ErrConflict
	}
	return id, n == 1, err
}

// PublishRun replaces secrets before it publishes: what the conditions below
// find changed since undoes the transaction.
func (t *Tx) PublishRun(run int64, at time.Time) error {
	t.Effects.Touched.All = true
	// As many as were recorded: one whose token was deleted is gone with it.
	n, err := query.One(t.ctx, t.q, query.Value[int64], `SELECT replaced FROM import_run
		WHERE id = ?1 AND replaced = (SELECT count(*) FROM import_replacement WHERE run = ?1)`, run)
	if errors.Is(err, store.ErrNotFound) {
		return store.ErrConflict
	}
	if err == nil && n > 0 {
		err = t.replaceSecrets(run, n)
	}
	if err != nil {
		return err
	}
	return t.changeOne("UPDATE import_run SET published = ? WHERE id = ? AND "+stillOpen, query.Millis(at), run)
}

func (t *Tx) replaceSecrets(run, n int64) error {
	ids, err := query.All(t.ctx, t.q, query.Value[int64], "SELECT token FROM import_replacement WHERE run = ?", run)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := errors.Join(t.check(replacementKey(id)), t.alter(proof.Row{Table: proof.TokenTable, ID: id})); err != nil {
			return err
		}
	}
	for _, stmt := range []string{
		`UPDATE condition AS c SET epoch = c.epoch + 1, next = r.next, drift = r.drift, failures = 0, retry_at = 0, not_before = r.not_before, not_after = r.not_after, twin = NULL
			FROM import_replacement r WHERE r.run = ? AND r.token = c.token AND r.epoch = c.epoch`,
		`UPDATE token AS t SET algorithm = r.algorithm, hash = r.hash, digits = r.digits, period = r.period, suite = r.suite, secret = r.secret, mark = r.mark
			FROM import_replacement r WHERE r.run = ? AND r.token = t.id`,
		"DELETE FROM import_replacement WHERE run = ?",
	} {
		if changed, err := t.Change(stmt, run); err != nil {
			return err
		} else if changed != n {
			return store.ErrConflict
		}
	}
	return nil
}

func (t *Tx) SweepRun(run int64, at time.Time, failure string, limit int) (bool, error) {
	// First of all, so that nobody publishes what is left of it between two transactions.
	_, err := t.Change("UPDATE import_run SET swept = 1, failure = ? WHERE id = ? AND "+stillOpen, failure, run)
	if err != nil {
		return false, err
	}
	const staged = " AND EXISTS (SELECT 1 FROM import_run WHERE id = ?1 AND published = 0) LIMIT ?2)"
	for _, stmt := range []string{
		"DELETE FROM token WHERE id IN (SELECT id FROM token WHERE run = ?1" + staged,
		"DELETE FROM import_replacement WHERE token IN (SELECT token FROM import_replacement WHERE run = ?1" + staged,
		"DELETE FROM \"user\" WHERE id IN (SELECT id FROM \"user\" WHERE run = ?1 AND run > 0" + staged,
	} {
		if n, err := t.Change(stmt, run, limit); err != nil || n == int64(limit) {
			return false, err
		}
	}
	_, err = t.Change("UPDATE import_run SET closed = ? WHERE id = ? AND published = 0 AND closed = 0",
		query.Millis(at), run)
	return true, err
}

func (r *Reader) Policy(id token.ID) (store.Policy, error) {
	return query.One(r.ctx, r.q, func(s query.Scanner) (p store.Policy, err error) {
		err = s.Scan(&p.Text, &p.Sealed)
		return p, err
	}, "SELECT policy, pin FROM token_policy WHERE token = ?", int64(id))
}
