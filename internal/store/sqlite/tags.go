package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// tagged is a table whose rows carry tags.
type tagged struct {
	name    string   // of the table
	keys    []string // what names a row; the first of them also orders
	columns string   // what the tag is over, in this order, the keys among them
	from    string
	some    string // which rows carry one; empty for all
	former  string // the columns that it was over before furtherTags
}

// Counters and failures are in no tag: they change with every code and must follow from
// the log.
const activationColumns = `t.id, t.token, t.profile, t.owner, t.route, t.reason, t.actor, t.self, t.opened, t.expires,
	t.status, t.ended, t.again, t.same_secret, t.counters, t.secret, t.device, t.device_mark, t.device_type, t.device_name,
	t.locator, t.registration, t.password, t.request, t.taken, t.confirm, t.result`

var (
	tokenTable = &tagged{name: "token", keys: []string{"t.id"},
		columns: `t.id, t.kind, t.type, t.manufacturer, t.serial, t.key_id, t.algorithm, t.hash, t.digits, t.period,
	t.t0, t.suite, t.model, t.issuer, t.label, t.profile, t.run, t.created, t.secret,
	coalesce(c.owner, 0), c.state, c.epoch, c.not_before, c.not_after, coalesce(t.mark, 0), coalesce(c.twin, 0)`,
		from: "token t JOIN condition c ON c.token = t.id"}
	userTable      = &tagged{name: "user", keys: []string{"t.id"}, columns: "t.id, t.name", from: "user t"}
	enrolmentTable = &tagged{name: "enrolment", keys: []string{"t.token"},
		columns: "t.token, t.hash, t.expires, t.shown", from: "enrolment t"}
	activationTable = &tagged{name: "activation", keys: []string{"t.id"}, from: "activation t",
		columns: activationColumns + ", t.tries, t.last_try, t.answer", former: activationColumns}
	applicationTable = &tagged{name: "application", keys: []string{"t.token", "t.idx"},
		columns: "t.token, t.idx, t.mode, t.algorithm, t.hash, t.digits, t.period, t.suite, t.secret",
		from:    "application t"}
	temporaryTable = &tagged{name: "temporary_code", keys: []string{"t.user", "t.fingerprint"},
		columns: "t.user, t.fingerprint, t.expires", from: "temporary_code t", some: "t.used = 0"}

	moveTable = &tagged{name: "move_token", keys: []string{"t.token", "t.move"},
		columns: "t.token, t.move, t.type, t.serial, t.before, t.ended", from: "move_token t"}
	replacementTable = &tagged{name: "import_replacement", keys: []string{"t.token"},
		columns: `t.token, t.run, t.epoch, t.algorithm, t.hash, t.digits, t.period, t.suite, t.next, t.drift,
	t.not_before, t.not_after, t.secret, t.mark`, from: "import_replacement t"}

	taggedTables = []*tagged{tokenTable, userTable, enrolmentTable, activationTable, applicationTable, temporaryTable,
		moveTable, replacementTable}
	// furtherTables carry tags since furtherTags; those of activations are over more.
	furtherTables = []*tagged{moveTable, replacementTable}
)

// rowSQL reads the tag and the columns of one row.
func (g *tagged) rowSQL() string {
	stmt := "SELECT t.tag, " + g.columns + " FROM " + g.from + " WHERE " + strings.Join(g.keys, " = ? AND ") + " = ?"
	if g.some != "" {
		stmt += " AND " + g.some
	}
	return stmt
}

// writeSQL writes the tag of one row, whose key stands behind it.
func (g *tagged) writeSQL() string {
	return strings.ReplaceAll("UPDATE "+g.name+" SET tag = ? WHERE "+strings.Join(g.keys, " = ? AND ")+" = ?", "t.", "")
}

// width is the number of columns.
func (g *tagged) width() int {
	return strings.Count(g.columns, ",") - strings.Count(g.columns, "(") + 1
}

// The columns of a row as the tag is over them: each behind a byte for its kind and
// its length, so that no two rows are one text. What is NULL is an empty blob.
type rowText []byte

func (b rowText) number(n int64) rowText {
	b = append(b, 'i', 0, 0, 0, 8)
	return binary.BigEndian.AppendUint64(b, uint64(n))
}

func (b rowText) text(s string) rowText {
	b = binary.BigEndian.AppendUint32(append(b, 't'), uint32(len(s)))
	return append(b, s...)
}

func (b rowText) blob(v []byte) rowText {
	b = binary.BigEndian.AppendUint32(append(b, 'b'), uint32(len(v)))
	return append(b, v...)
}

func (b rowText) value(v any) (rowText, error) {
	switch v := v.(type) {
	case nil:
		return b.blob(nil), nil
	case int64:
		return b.number(v), nil
	case string:
		return b.text(v), nil
	case []byte:
		return b.blob(v), nil
	}
	return b, fmt.Errorf("a column holds a %T", v)
}

// rowTextOf writes the columns that were read.
func rowTextOf[V any](values []V) (text rowText, err error) {
	text = make(rowText, 0, 256)
	for _, v := range values {
		if text, err = text.value(v); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// tokenText is a token's row as it is written and read elsewhere than here.
func tokenText(c *store.Candidate) rowText {
	k, d := &c.Token, &c.Token.Condition
	return make(rowText, 0, 384).
		number(int64(k.ID)).text(string(k.Kind)).text(k.Identity.Type).text(k.Identity.Manufacturer).
		text(k.Identity.Serial).text(k.Identity.KeyID).text(string(k.Spec.Algorithm)).text(k.Spec.Hash).
		number(int64(k.Spec.Digits)).number(k.Spec.Period).number(k.Spec.T0).text(k.Spec.Suite).
		text(k.Model).text(k.Issuer).text(k.Label).text(k.Profile).number(k.Run).number(query.Millis(k.Created)).blob(
		c.Sealed).
		number(d.Owner).number(int64(d.State)).number(d.Epoch).number(query.Millis(d.NotBefore)).
		number(query.Millis(d.NotAfter)).number(int64(k.Mark)).number(int64(d.Shared.Mark))
}

// userText is a user's row.
func userText(id int64, name string) rowText { return rowText(nil).number(id).text(name) }

// applicationText is the row of an application.
func applicationText(id token.ID, a *store.Application) rowText {
	return make(rowText, 0, 128).number(int64(id)).number(int64(a.Index)).number(int64(a.Mode)).
		text(string(a.Spec.Algorithm)).text(a.Spec.Hash).number(int64(a.Spec.Digits)).number(a.Spec.Period).
		text(a.Spec.Suite).blob(a.Sealed)
}

// temporaryText is the row of a temporary code that is unused.
func temporaryText(user int64, fingerprint []byte, expires int64) rowText {
	return rowText(nil).number(user).blob(fingerprint).number(expires)
}

// rowKey names a row of a tagged table.
type rowKey struct {
	table       *tagged
	id          int64
	index       int    // of an application
	fingerprint string // of a temporary code
	move        string // of a token on its way
}

func (k rowKey) args() []any {
	switch k.table {
	case applicationTable:
		return []any{k.id, int64(k.index)}
	case temporaryTable:
		return []any{k.id, []byte(k.fingerprint)}
	case moveTable:
		return []any{k.id, k.move}
	}
	return []any{k.id}
}

// String names the row in errors, without what is in it.
func (k rowKey) String() string {
	if k.table == applicationTable {
		return fmt.Sprintf("%d, index %d", k.id, k.index)
	}
	return fmt.Sprint(k.id)
}

// read gives a row's tag and text; ErrNotFound if there is no such row, or it
// carries no tag by nature.
func (k rowKey) read(ctx context.Context, q query.Conn) (tag []byte, text rowText, err error) {
	rows, err := q.Query(ctx, k.table.rowSQL(), k.args()...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, nil, errors.Join(rows.Err(), store.ErrNotFound)
	}
	return scanTagged(rows, k.table.width())
}

// scanTagged reads a tag and, behind it, so many columns.
func scanTagged(s query.Scanner, width int) (tag []byte, text rowText, err error) {
	values := make([]any, width)
	dest := make([]any, width+1)
	dest[0] = &tag
	for i := range values {
		dest[i+1] = &values[i]
	}
	if err := s.Scan(dest...); err != nil {
		return nil, nil, err
	}
	text, err = rowTextOf(values)
	return tag, text, err
}

// check demands that a row carries its tag. What this transaction has changed was
// checked before that.
func (r *reader) check(k rowKey) error {
	if r.guard == nil || !r.guard.begun.Load() || r.dirty[k] {
		return nil
	}
	tag, text, err := k.read(r.ctx, r.q)
	if err == nil && !r.guard.right(k.table.name, tag, func() []byte { return text }) {
		err = r.guard.forged(k.table.name, k.String())
	}
	return err
}

// alter is called before a row that carries a tag is changed: it demands that the
// row is right, and has it tagged anew before the commit. A row that is not there
// is left to the write.
func (t *tx) alter(k rowKey) error {
	if t.guard.keys.Load() == nil {
		return nil
	}
	if err := t.check(k); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	t.dirty[k] = true
	return nil
}

// alterToken is alter for a token, which is forgotten by the cache as well.
func (t *tx) alterToken(id token.ID) error {
	t.touched.tokens = append(t.touched.tokens, id)
	return t.alter(rowKey{table: tokenTable, id: int64(id)})
}

// added has a new row tagged before the commit.
func (t *tx) added(k rowKey) {
	if t.guard.keys.Load() != nil {
		t.dirty[k] = true
	}
}

// retag writes the tags of the rows that the transaction has changed or added.
func (t *tx) retag() error {
	keys := t.guard.keys.Load()
	for k := range t.dirty {
		_, text, err := k.read(t.ctx, t.q)
		if errors.Is(err, store.ErrNotFound) {
			continue // deleted since
		} else if err != nil {
			return fmt.Errorf("tag %s %s: %w", k.table.name, k, err)
		}
		args := append([]any{keys.tag(k.table.name, text)}, k.args()...)
		if err := t.changeOne(k.table.writeSQL(), args...); err != nil {
			return fmt.Errorf("tag %s %s: %w", k.table.name, k, err)
		}
	}
	return nil
}
