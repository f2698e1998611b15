package tables

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

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
	streams, err := t.streams()
	if err != nil {
		return auditlog.Head{}, err
	}
	return t.guard.First(head, checkpoints, *t.says.Config, streams.digest())
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
	return t.checkConfig()
}

// checkConfig demands, once in a transaction, that the small tables are what the record says.
// Limits and types that somebody else wrote would be obeyed until the next start otherwise.
// The record itself was checked when a transaction that writes began.
func (r *Reader) checkConfig() error {
	if r.configChecked || r.guard == nil || !r.guard.Begun() {
		return nil
	}
	r.configChecked = true
	record, err := r.Record()
	if err != nil {
		return err
	}
	digest, err := r.dialect.ConfigDigest(r.ctx, r.q)
	if err == nil && digest != record.Config {
		err = r.guard.Stop(ErrConfig)
	}
	return err
}

// ErrConfig says that one of the small tables was changed by somebody else.
var ErrConfig = fmt.Errorf("%w: a setting, a key, an administrator, a token type or a profile is not as this "+
	"server wrote it",
	store.ErrTampered)

// configTables are the small tables that say what the server is and who may use it,
// with what orders their rows. columns are those that the digest has always been over; one
// that is added to a table later is not to be put in here (ConfigDigest).
var configTables = []struct{ name, order, columns string }{
	{"admin", "id", "id name role help_desk password must_change created disabled"},
	{"api_key", "id", "id name role help_desk hash created revoked expires"},
	{"audit_seam", "size", "size frontier note lines state file"},
	{"data_key", "id", "id kek wrapped"},
	{"key_wrapping", "purpose, key, kek", "purpose key kek wrapped created"},
	{"passkey", "id", "id admin name host public_key flags aaguid created"},
	{"profile", "name", "name vector issuer created retired limit_expiry limit_tries limit_window limit_successes " +
		"limit_failures limit_interval"},
	{"setting", "name", "name value"},
	{"token_type", "name", "name kind algorithm hash digits period suite prefix width start activation profile " +
		"manufacturer product max_per_user lifetime retired"},
}

// ConfigDigest is the SHA-256 over all rows of the small tables.
//
// A server of an older version may work on the same database, and must come to the same
// digest. So what a newer version has added to a row is in it only where it is not empty, by
// the name of the column: a migration that adds one leaves the digest as it is, and what is
// written there later counts for both, although the older one does not know what it means.
// Columns are named in the query, because PostgreSQL refuses a prepared one, once, that gives
// others than before.
func (d *Dialect) ConfigDigest(ctx context.Context, q query.Conn) (digest [32]byte, err error) {
	there, err := query.All(ctx, q, func(s query.Scanner) (c [2]string, err error) {
		err = s.Scan(&c[0], &c[1])
		return c, err
	}, d.Columns(configNames()))
	if err != nil {
		return digest, err
	}
	h := sha256.New()
	for _, table := range configTables {
		var always, later []string // in the order of the table
		for _, c := range there {
			switch {
			case c[0] != table.name:
			case slices.Contains(strings.Fields(table.columns), c[1]):
				always = append(always, c[1])
			default:
				later = append(later, c[1])
			}
		}
		if len(always) == 0 {
			continue // of an older schema
		}
		all, err := query.All(ctx, q, func(s query.Scanner) (proof.Text, error) {
			values, err := scanValues(s, len(always)+len(later))
			if err != nil {
				return nil, err
			}
			return configRow(values[:len(always)], later, values[len(always):])
		}, "SELECT "+quoted(always, later)+" FROM "+table.name+" ORDER BY "+table.order)
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

// configNames are the tables of the digest, as a list of SQL.
func configNames() string {
	var b strings.Builder
	for i, table := range configTables {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("'" + table.name + "'")
	}
	return b.String()
}

// quoted lists columns for a query. The names of those that came later are what the database
// says.
func quoted(columns ...[]string) string {
	var b strings.Builder
	for _, c := range slices.Concat(columns...) {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(`"` + strings.ReplaceAll(c, `"`, `""`) + `"`)
	}
	return b.String()
}

// configRow is a row as the digest is over it.
func configRow(values []any, later []string, further []any) (proof.Text, error) {
	row, err := proof.TextOf(values)
	for i, v := range further {
		if err != nil || empty(v) {
			continue
		}
		var value proof.Text
		value, err = proof.TextOf([]any{v})
		row = append(row.Text(later[i]), value...)
	}
	return row, err
}

// empty reports whether a value is what a new column has in all rows.
func empty(v any) bool {
	b, ok := v.([]byte)
	return v == nil || v == any(int64(0)) || v == any("") || ok && len(b) == 0
}
