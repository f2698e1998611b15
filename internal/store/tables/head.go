package tables

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// SetHeadSQL writes the head; whoever has no key changes no record.
const SetHeadSQL = "UPDATE audit_head SET frontier = ?1, record = coalesce(?2, record), mac = coalesce(?3, mac)"

func (r *Reader) Record() (record audit.Record, err error) {
	row, err := r.Head()
	if err == nil && row.Record == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return record, err
	}
	return record, record.UnmarshalBinary(row.Record)
}

// Enter checks the schema and the head of the log when a transaction begins.
func (t *Tx) Enter() error {
	if err := t.dialect.Schema(t.ctx, t.q, t.guard); err != nil {
		return err
	}
	row, err := t.Head()
	if err != nil {
		return err
	}
	return t.guard.Enter(row)
}

// Leave writes tags and the head before the commit.
func (t *Tx) Leave() error {
	if err := t.retag(); err != nil {
		return err
	}
	head, err := t.AuditHead()
	if err != nil {
		return err
	}
	if t.configAltered || t.begin {
		digest, err := t.dialect.ConfigDigest(t.ctx, t.q)
		if err != nil {
			return err
		}
		t.says.Config = &digest
	}
	row, err := t.ending(head)
	if err != nil {
		return err
	}
	return t.changeOne(SetHeadSQL, row.Frontier, row.Record, row.MAC)
}

func (t *Tx) ending(head *audit.Frontier) (auditlog.Head, error) {
	if !t.begin {
		return t.guard.Leave(head, t.says)
	}
	checkpoints, err := query.One(t.ctx, t.q, query.Value[int64], countCheckpoints)
	if err != nil {
		return auditlog.Head{}, err
	}
	return t.guard.First(head, checkpoints, *t.says.Config)
}

const countCheckpoints = "SELECT count(*) FROM checkpoint"

func (t *Tx) BeginIntegrity() error {
	if t.guard.Keys() == nil || t.guard.Begun() {
		return store.ErrConflict
	}
	t.begin = true
	return t.SetSetting(furtherTags, []byte(allTagged))
}

// alterConfig is called before one of the small tables is changed: they must be what
// the record says, or a change would vouch for what somebody else wrote.
func (t *Tx) alterConfig() error {
	if t.configAltered {
		return nil
	}
	t.configAltered = true
	if !t.guard.Begun() {
		return nil
	}
	record, err := t.Record()
	if err != nil {
		return err
	}
	digest, err := t.dialect.ConfigDigest(t.ctx, t.q)
	if err == nil && digest != record.Config {
		err = t.guard.Stop(ErrConfig)
	}
	return err
}

// ErrConfig says that one of the small tables was changed by somebody else.
var ErrConfig = fmt.Errorf("%w: a setting, a key, a token type or a profile is not as this server wrote it",
	store.ErrTampered)

// configTables are the small tables that say what the server is and who may use it,
// with what orders their rows.
var configTables = []struct{ name, order string }{
	{"api_key", "id"}, {"audit_seam", "size"},
	{"data_key", "id"}, {"key_wrapping", "purpose, key, kek"}, {"profile", "name"},
	{"setting", "name"}, {"token_type", "name"},
}

// ConfigDigest is the SHA-256 over all rows of the small tables.
func (d *Dialect) ConfigDigest(ctx context.Context, q query.Conn) (digest [32]byte, err error) {
	there, err := query.All(ctx, q, query.Value[string], d.Tables)
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
		all, err := query.AllOf(rows, func(s query.Scanner) (proof.Text, error) { return scanRow(s, len(columns)) })
		if err != nil {
			return digest, err
		}
		h.Write(proof.Text(nil).Text(table.name).Number(int64(len(all))))
		for _, row := range all {
			h.Write(proof.Text(nil).Blob(row))
		}
	}
	return [32]byte(h.Sum(nil)), nil
}
