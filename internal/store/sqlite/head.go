package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/query"
)

// Whoever has no key changes no record.
const setHeadSQL = "UPDATE audit_head SET frontier = ?1, record = coalesce(?2, record), mac = coalesce(?3, mac)"

func (r *reader) Record() (record audit.Record, err error) {
	row, err := r.Head()
	if err == nil && row.Record == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return record, err
	}
	return record, record.UnmarshalBinary(row.Record)
}

// enter checks the schema and the head of the log when a transaction begins.
func (t *tx) enter() error {
	version, err := query.One(t.ctx, t.q, query.Value[int64], schemaVersionSQL)
	if err != nil {
		return err
	}
	if err := t.guard.schemaIs(version, func() (string, error) { return schemaOf(t.ctx, t.q) }); err != nil {
		return err
	}
	row, err := t.Head()
	if err != nil {
		return err
	}
	return t.guard.enter(row)
}

// leave writes tags and the head before the commit.
func (t *tx) leave() error {
	if err := t.retag(); err != nil {
		return err
	}
	head, err := t.AuditHead()
	if err != nil {
		return err
	}
	if t.configAltered || t.begin {
		digest, err := configDigest(t.ctx, t.q)
		if err != nil {
			return err
		}
		t.says.config = &digest
	}
	row, err := t.ending(head)
	if err != nil {
		return err
	}
	return t.changeOne(setHeadSQL, row.Frontier, row.Record, row.MAC)
}

func (t *tx) ending(head *audit.Frontier) (auditlog.Head, error) {
	if !t.begin {
		return t.guard.leave(head, t.says)
	}
	checkpoints, err := query.One(t.ctx, t.q, query.Value[int64], countCheckpoints)
	if err != nil {
		return auditlog.Head{}, err
	}
	return t.guard.first(head, checkpoints, *t.says.config)
}

const countCheckpoints = "SELECT count(*) FROM checkpoint"

func (t *tx) BeginIntegrity() error {
	if t.guard.keys.Load() == nil || t.guard.begun.Load() {
		return store.ErrConflict
	}
	t.begin = true
	return t.SetSetting(furtherTags, []byte(allTagged))
}

// alterConfig is called before one of the small tables is changed: they must be what
// the record says, or a change would vouch for what somebody else wrote.
func (t *tx) alterConfig() error {
	if t.configAltered {
		return nil
	}
	t.configAltered = true
	if !t.guard.begun.Load() {
		return nil
	}
	record, err := t.Record()
	if err != nil {
		return err
	}
	digest, err := configDigest(t.ctx, t.q)
	if err == nil && digest != record.Config {
		err = t.guard.stop(errConfig)
	}
	return err
}

var errConfig = fmt.Errorf("%w: a setting, a key, a token type or a profile is not as this server wrote it",
	store.ErrTampered)

// configTables are the small tables that say what the server is and who may use it,
// with what orders their rows.
var configTables = []struct{ name, order string }{
	{"api_key", "id"}, {"audit_seam", "size"},
	{"data_key", "id"}, {"key_wrapping", "purpose, key, kek"}, {"profile", "name"},
	{"setting", "name"}, {"token_type", "name"},
}

// configDigest is the SHA-256 over all rows of the small tables.
func configDigest(ctx context.Context, q query.Conn) (digest [32]byte, err error) {
	there, err := query.All(ctx, q, query.Value[string], "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		return digest, err
	}
	h := sha256.New()
	for _, table := range configTables {
		if !slices.Contains(there, table.name) {
			continue // of an older schema
		}
		rows, err := q.Query(ctx, "SELECT * FROM "+table.name+" ORDER BY "+table.order)
		if err != nil {
			return digest, err
		}
		columns, err := rows.Columns()
		if err != nil {
			return digest, errors.Join(err, rows.Close()) //nolint:sqlclosecheck // scanAll closes them otherwise
		}
		all, err := query.AllOf(rows, func(s query.Scanner) (rowText, error) { return scanRow(s, len(columns)) })
		if err != nil {
			return digest, err
		}
		h.Write(rowText(nil).text(table.name).number(int64(len(all))))
		for _, row := range all {
			h.Write(rowText(nil).blob(row))
		}
	}
	return [32]byte(h.Sum(nil)), nil
}

// readTagged reads the tag of a token and what it is over.
func (d *decision) readTagged(id token.ID) (tag []byte, text rowText, err error) {
	values := make([]driver.Value, 1+tokenTable.width())
	ok, err := d.hot.taggedToken.row(values, int64(id))
	if err == nil && !ok {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, nil, fmt.Errorf("token %d: %w", id, err)
	}
	tag, _ = values[0].([]byte)
	text, err = rowTextOf(values[1:])
	return tag, text, err
}

// rightToken reports whether a token carries its tag.
func (d *decision) rightToken(id token.ID) (bool, error) {
	if !d.guard.begun.Load() {
		return true, nil
	}
	tag, text, err := d.readTagged(id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	right := err != nil || d.guard.right(tokenTable.name, tag, func() []byte { return text })
	if !right {
		_ = d.guard.forged(tokenTable.name, fmt.Sprint(id)) // the alarm; the code is judged anew, and refused
	}
	return right, err
}

// retag writes the tag of a token that its first code has proven.
func (d *decision) retag(id token.ID) error {
	keys := d.guard.keys.Load()
	if keys == nil {
		return nil
	}
	_, text, err := d.readTagged(id)
	if err != nil {
		return err
	}
	_, err = d.hot.tagToken.exec(keys.tag(tokenTable.name, text), int64(id))
	return err
}
