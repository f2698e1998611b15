package tables

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// vouched checks what a record says of the rest of the database.
func (r *Reader) vouched(record audit.Record, config [32]byte) error {
	if config != record.Config {
		return ErrConfig
	}
	streams, err := r.streams()
	if err == nil {
		err = streams.vouched(record)
	}
	if err != nil {
		return err
	}
	n, err := query.One(r.ctx, r.q, query.Value[int64], countCheckpoints)
	if err != nil {
		return err
	}
	if n != record.Checkpoints {
		return fmt.Errorf("%w: there are %d checkpoints, where %d were made", store.ErrTampered, n, record.Checkpoints)
	}
	first, err := r.Begins()
	if err != nil {
		return err
	}
	if first != record.First {
		return fmt.Errorf("%w: the audit log begins with entry %d, where it began with %d", store.ErrTampered, first,
			record.First)
	}
	begins, err := query.One(r.ctx, r.q, query.Value[bool], "SELECT EXISTS (SELECT 1 FROM audit_entry WHERE seq = ?)",
		record.First)
	if err != nil {
		return err
	}
	if !begins && record.First < record.Frontier.Size() {
		return fmt.Errorf("%w: the first entry of the audit log, %d, is gone", store.ErrTampered, record.First)
	}
	end, err := query.One(r.ctx, r.q, query.Value[int64], "SELECT coalesce(max(seq) + 1, 0) FROM audit_entry")
	if err == nil && end != record.Frontier.Size() {
		err = fmt.Errorf("%w: the audit log ends with entry %d, where it had %d", store.ErrTampered, end,
			record.Frontier.Size())
	}
	return err
}

const integrityPurpose = "integrity"

func (r *Reader) IntegrityKeys() ([]seal.WrappedIntegrity, error) {
	return query.All(r.ctx, r.q, func(s query.Scanner) (k seal.WrappedIntegrity, err error) {
		err = s.Scan(&k.ID, &k.KEK, &k.Wrapped)
		return k, err
	}, "SELECT key, kek, wrapped FROM key_wrapping WHERE purpose = ? ORDER BY key", integrityPurpose)
}

func (t *Tx) AddIntegrityKey(k seal.WrappedIntegrity, at time.Time) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.insertOne("INSERT INTO key_wrapping (purpose, key, kek, wrapped, created) VALUES (?, ?, ?, ?, ?)",
		integrityPurpose, int64(k.ID), k.KEK, k.Wrapped, query.Millis(at))
}

// usedTables are those of which a new database has no row.
var usedTables = []string{"audit_entry", "checkpoint", "setting", "data_key", "key_wrapping", `"user"`, "api_key",
	"token",
	"profile", "retired", "admin"}

func (r *Reader) Used() (bool, error) {
	return query.One(r.ctx, r.q, query.Value[bool], "SELECT EXISTS (SELECT 1 FROM "+
		strings.Join(usedTables, ") OR EXISTS (SELECT 1 FROM ")+") OR EXISTS (SELECT 1 FROM audit_head WHERE "+
		"record IS NOT NULL OR frontier <> ?) OR NOT EXISTS (SELECT 1 FROM audit_head)", make([]byte, 8))
}

func (r *Reader) CheckIntegrity() (c store.Checked, err error) {
	keys := r.guard.Keys()
	if keys == nil {
		return c, store.ErrNotFound
	}
	row, err := r.Head()
	if err != nil {
		return c, err
	}
	record, err := keys.Open(row)
	if err == nil {
		err = r.dialect.CheckSchema(r.ctx, r.q)
	}
	if err == nil {
		var digest [32]byte
		if digest, err = r.dialect.ConfigDigest(r.ctx, r.q); err == nil {
			err = r.vouched(record, digest)
		}
	}
	if err == nil {
		err = r.checkArrivals()
	}
	if errors.Is(err, store.ErrTampered) {
		c.Problems = append(c.Problems, err.Error())
	} else if err != nil {
		return c, err
	}
	for _, table := range proof.Tables {
		if err := r.wrongTags(keys, table, &c); err != nil {
			return c, err
		}
	}
	gone, err := query.All(r.ctx, r.q, query.Value[token.Mark], `SELECT DISTINCT twin FROM condition
		WHERE twin IS NOT NULL AND NOT EXISTS (SELECT 1 FROM secret WHERE mark = twin)`)
	for _, mark := range gone {
		r.name(&c, len(c.Forged), store.ForgedRow{Table: proof.SecretTable, Row: mark.String()})
	}
	return c, err
}

// maxNamed bounds how many rows of a table are named one by one.
const maxNamed = 20

// name takes note of a forged row; first is how many there were before its table.
func (r *Reader) name(c *store.Checked, first int, row store.ForgedRow) {
	if len(c.Forged)-first >= maxNamed {
		c.More++
		return
	}
	c.Forged = append(c.Forged, row)
}

func (r *Reader) wrongTags(keys *proof.Keys, table *proof.Table, c *store.Checked) error {
	stmt := "SELECT t.tag, " + table.Columns + " FROM " + table.From
	if table.Some != "" {
		stmt += " WHERE " + table.Some
	}
	rows, err := r.q.Query(r.ctx, stmt)
	if err != nil {
		return err
	}
	defer rows.Close()
	first := len(c.Forged)
	for rows.Next() {
		var id any // the first column is the first part of the key
		tag, text, err := proof.ScanTagged(noting{rows, &id}, table.Width())
		if err != nil {
			return err
		}
		if string(tag) != string(keys.Tag(table.Name, text)) {
			r.name(c, first, store.ForgedRow{Table: table.Name, Row: fmt.Sprint(id)})
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for i := range c.Forged[first:] {
		if err := r.belongs(table, &c.Forged[first+i]); err != nil {
			return err
		}
	}
	return nil
}

// belongs says whose a forged row is, as far as the rest of the database tells.
func (r *Reader) belongs(table *proof.Table, row *store.ForgedRow) (err error) {
	key := "CAST(? AS BIGINT)"
	switch table {
	case proof.UserTable, proof.TemporaryTable:
		row.Of, err = query.One(r.ctx, r.q, query.Value[string], "SELECT 'user ' || coalesce(name, '') FROM \"user\" WHERE id = "+
			key, row.Row)
	case proof.ActivationTable:
		key = "(SELECT token FROM activation WHERE id = " + key + ")"
		fallthrough
	default:
		var id token.Identity
		id, err = query.One(r.ctx, r.q, func(s query.Scanner) (id token.Identity, err error) {
			err = s.Scan(&id.Type, &id.Manufacturer, &id.Serial, &id.KeyID)
			return id, err
		}, "SELECT coalesce(type, ''), coalesce(manufacturer, ''), coalesce(serial, ''), coalesce(key_id, '') FROM token "+
			"WHERE id = "+key, row.Row)
		if err == nil {
			row.Of = "token " + id.String()
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return err
}

// noting keeps the value of the second column.
type noting struct {
	query.Scanner
	value *any
}

func (n noting) Scan(dest ...any) error {
	err := n.Scanner.Scan(dest...)
	*n.value = *dest[1].(*any)
	return err
}

// scanValues reads so many columns.
func scanValues(s query.Scanner, width int) ([]any, error) {
	values, dest := make([]any, width), make([]any, width)
	for i := range values {
		dest[i] = &values[i]
	}
	return values, s.Scan(dest...)
}

func (t *Tx) TagRows(limit int) (n int, err error) {
	if t.guard.Keys() == nil || t.guard.Begun() {
		return 0, store.ErrConflict
	}
	// The fingerprints of temporary codes were made under a key that is no more.
	if _, err := t.Change("DELETE FROM temporary_code WHERE tag IS NULL"); err != nil {
		return 0, err
	}
	return t.tagUntagged(slices.DeleteFunc(slices.Clone(proof.Tables),
		func(g *proof.Table) bool { return g == proof.TemporaryTable }), limit)
}

// tagUntagged has up to limit rows tagged that carry no tag, and gives their number.
func (t *Tx) tagUntagged(tables []*proof.Table, limit int) (n int, err error) {
	for _, table := range tables {
		found, err := t.untagged(table, limit-n)
		if err != nil {
			return n, err
		}
		for _, k := range found {
			if table == proof.EnrolmentTable {
				if err := t.keyEnrolment(t.guard.Keys(), k.ID); err != nil {
					return n, err
				}
			}
			t.added(k)
		}
		if n += len(found); n == limit {
			break
		}
	}
	return n, nil
}

func (t *Tx) untagged(table *proof.Table, limit int) ([]proof.Row, error) {
	index, move := "0", "''"
	switch table {
	case proof.ApplicationTable:
		index = "t.idx"
	case proof.MoveTable:
		move = "t.move"
	}
	return query.All(t.ctx, t.q, func(s query.Scanner) (proof.Row, error) {
		k := proof.Row{Table: table}
		return k, s.Scan(&k.ID, &k.Index, &k.Move)
	}, "SELECT "+table.Key[0]+", "+index+", "+move+" FROM "+table.From+" WHERE t.tag IS NULL LIMIT ?", limit)
}

// keyEnrolment puts the keyed hash in the place of that of a link or a ticket.
func (t *Tx) keyEnrolment(keys *proof.Keys, id int64) error {
	hash, err := query.One(t.ctx, t.q, query.Value[[]byte], "SELECT hash FROM enrolment WHERE token = ?", id)
	if err != nil || hash == nil {
		return err
	}
	keyed := keys.Link(hash)
	return t.changeOne("UPDATE enrolment SET hash = ? WHERE token = ?", keyed[:], id)
}

// retagFormer has the rows tagged anew that carry the tag over the former columns. A
// forged one stays so.
func (t *Tx) retagFormer(table *proof.Table) error {
	rows, err := t.q.Query(t.ctx, "SELECT t.tag, "+table.Former+" FROM "+table.From)
	if err != nil {
		return err
	}
	defer rows.Close()
	keys := t.guard.Keys()
	for rows.Next() {
		var id any
		tag, text, err := proof.ScanTagged(noting{rows, &id}, strings.Count(table.Former, ",")+1)
		if err != nil {
			return err
		}
		if n, ok := id.(int64); ok && string(tag) == string(keys.Tag(table.Name, text)) {
			t.added(proof.Row{Table: table, ID: n})
		}
	}
	return rows.Err()
}

func (t *Tx) SetAPIKeyHash(id string, before, after []byte) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.changeOne("UPDATE api_key SET hash = ? WHERE id = ? AND revoked = 0 AND hash = ?", after, id, before)
}

func (t *Tx) DeleteSetting(name string) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.changeOne("DELETE FROM setting WHERE name = ?", name)
}

// The steps that a code may lie beyond now, and the drift that was learned, are used
// up as well. A negative drift is left aside: it may be less by now.
const beyondNow = `greatest(?1 - %[1]s, 0) / %[2]s + greatest(%[3]s, 0) + 2`

func (t *Tx) Fence(now time.Time) (f store.Fenced, err error) {
	t.Effects.Touched.All = true
	seconds := now.Unix()
	count := func(to *int, stmt string, args ...any) {
		if err != nil {
			return
		}
		var n int64
		n, err = t.Change(stmt, args...)
		*to += int(n)
	}
	applications := 0
	count(&f.Time, "UPDATE condition AS c SET next = greatest(c.next, "+fmt.Sprintf(beyondNow, "t.t0", "t.period",
		"c.drift")+
		") FROM token t WHERE t.id = c.token AND t.algorithm = ?2", seconds, string(token.TOTP))
	floors := 0
	count(&floors, "UPDATE secret SET fenced = 1, seconds = greatest(seconds, coalesce((SELECT max(t.t0 + c.next * t.period) "+
		"FROM token t "+
		"JOIN condition c ON c.token = t.id WHERE t.mark = secret.mark AND t.algorithm = ?2), ?1))", seconds,
		string(token.TOTP))
	count(&f.Events, "UPDATE condition AS c SET drift = ?1 FROM token t WHERE t.id = c.token AND t.algorithm = ?2",
		int64(token.TwoCodes), string(token.HOTP))
	if err == nil {
		var without int // they have no code before an activation, and no list has them
		without, err = query.One(t.ctx, t.q, query.Value[int], "SELECT count(*) FROM condition c JOIN token t ON t.id = c.token "+
			"WHERE t.algorithm = ? AND "+noSecretYet, string(token.HOTP), int64(token.Pending))
		f.Events -= without
	}
	count(&applications, "UPDATE application SET next = greatest(next, "+fmt.Sprintf(beyondNow, "0", "period", "drift")+
		") WHERE algorithm = ?2 AND period > 0", seconds, string(token.TOTP))
	count(&applications, "UPDATE application SET drift = ?1 WHERE algorithm = ?2", int64(token.TwoCodes),
		string(token.HOTP))
	count(&f.Codes, "DELETE FROM temporary_code WHERE used = 0")
	if err == nil {
		f.Links, err = t.revokeLinks()
	}
	if err == nil {
		f.Activations, err = t.cancelActivations(now)
	}
	return f, err
}

// revokeLinks takes away all enrolment links and tickets: one may have been opened since.
func (t *Tx) revokeLinks() (n int, err error) {
	return t.each("SELECT token FROM enrolment WHERE hash IS NOT NULL", func(id int64) error {
		if err := t.alter(proof.Row{Table: proof.EnrolmentTable, ID: id}); err != nil {
			return err
		}
		return t.changeOne("UPDATE enrolment SET hash = NULL, expires = 0 WHERE token = ?", id)
	})
}

func (t *Tx) cancelActivations(now time.Time) (n int, err error) {
	return t.each("SELECT id FROM activation WHERE status = 0", func(id int64) error {
		return t.EndActivation(id, store.ActivationCancelled, now)
	})
}

// each does something to all rows of a query, and counts them. A forged one opens nothing as it
// is, and is left.
func (t *Tx) each(stmt string, do func(id int64) error) (n int, err error) {
	ids, err := query.All(t.ctx, t.q, query.Value[int64], stmt)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		switch err := do(id); {
		case err == nil:
			n++
		case !errors.Is(err, store.ErrForged):
			return n, err
		}
	}
	return n, nil
}
