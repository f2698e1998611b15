package proof

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

// Table is a table whose rows carry tags.
type Table struct {
	Name    string   // of the table
	Key     []string // what names a row; the first of them also orders
	Columns string   // what the tag is over, in this order, the keys among them
	From    string
	Some    string // which rows carry one; empty for all
	Former  string // the columns that it was over before FurtherTables
}

// Counters and failures are in no tag: they change with every code and must follow from
// the log.
const activationColumns = `t.id, t.token, t.profile, t.owner, t.route, t.reason, t.actor, t.self, t.opened, t.expires,
	t.status, t.ended, t.again, t.same_secret, t.counters, t.secret, t.device, t.device_mark, t.device_type, t.device_name,
	t.locator, t.registration, t.password, t.request, t.taken, t.confirm, t.result`

// The tables whose rows carry tags.
var (
	TokenTable = &Table{Name: "token", Key: []string{"t.id"},
		Columns: `t.id, t.kind, t.type, t.manufacturer, t.serial, t.key_id, t.algorithm, t.hash, t.digits, t.period,
	t.t0, t.suite, t.model, t.issuer, t.label, t.profile, t.run, t.created, t.secret,
	coalesce(c.owner, 0), c.state, c.epoch, c.not_before, c.not_after, coalesce(t.mark, 0), coalesce(c.twin, 0)`,
		From: "token t JOIN condition c ON c.token = t.id"}
	UserTable      = &Table{Name: "user", Key: []string{"t.id"}, Columns: "t.id, t.name", From: `"user" t`}
	EnrolmentTable = &Table{Name: "enrolment", Key: []string{"t.token"},
		Columns: "t.token, t.hash, t.expires, t.shown", From: "enrolment t"}
	ActivationTable = &Table{Name: "activation", Key: []string{"t.id"}, From: "activation t",
		Columns: activationColumns + ", t.tries, t.last_try, t.answer", Former: activationColumns}
	ApplicationTable = &Table{Name: "application", Key: []string{"t.token", "t.idx"},
		Columns: "t.token, t.idx, t.mode, t.algorithm, t.hash, t.digits, t.period, t.suite, t.secret",
		From:    "application t"}
	TemporaryTable = &Table{Name: "temporary_code", Key: []string{`t."user"`, "t.fingerprint"},
		Columns: `t."user", t.fingerprint, t.expires`, From: "temporary_code t", Some: "t.used = 0"}

	MoveTable = &Table{Name: "move_token", Key: []string{"t.token", "t.move"},
		Columns: "t.token, t.move, t.type, t.serial, t.before, t.ended", From: "move_token t"}
	ReplacementTable = &Table{Name: "import_replacement", Key: []string{"t.token"},
		Columns: `t.token, t.run, t.epoch, t.algorithm, t.hash, t.digits, t.period, t.suite, t.next, t.drift,
	t.not_before, t.not_after, t.secret, t.mark`, From: "import_replacement t"}

	// Tables are all.
	Tables = []*Table{TokenTable, UserTable, EnrolmentTable, ActivationTable, ApplicationTable, TemporaryTable,
		MoveTable, ReplacementTable}
	// FurtherTables carry tags since furtherTags; those of activations are over more.
	FurtherTables = []*Table{MoveTable, ReplacementTable}
)

// RowSQL reads the tag and the columns of one row.
func (g *Table) RowSQL() string {
	stmt := "SELECT t.tag, " + g.Columns + " FROM " + g.From + " WHERE " + strings.Join(g.Key, " = ? AND ") + " = ?"
	if g.Some != "" {
		stmt += " AND " + g.Some
	}
	return stmt
}

// WriteSQL writes the tag of one row, whose key stands behind it.
func (g *Table) WriteSQL() string {
	table, key := strings.Fields(g.From)[0], strings.Join(g.Key, " = ? AND ")+" = ?"
	return strings.ReplaceAll("UPDATE "+table+" SET tag = ? WHERE "+key, "t.", "")
}

// Width is the number of columns.
func (g *Table) Width() int {
	return strings.Count(g.Columns, ",") - strings.Count(g.Columns, "(") + 1
}

// The columns of a row as the tag is over them: each behind a byte for its kind and
// its length, so that no two rows are one text. What is NULL is an empty blob.
type Text []byte

func (b Text) Number(n int64) Text {
	b = append(b, 'i', 0, 0, 0, 8)
	return binary.BigEndian.AppendUint64(b, uint64(n))
}

func (b Text) Text(s string) Text {
	b = binary.BigEndian.AppendUint32(append(b, 't'), uint32(len(s)))
	return append(b, s...)
}

func (b Text) Blob(v []byte) Text {
	b = binary.BigEndian.AppendUint32(append(b, 'b'), uint32(len(v)))
	return append(b, v...)
}

func (b Text) value(v any) (Text, error) {
	switch v := v.(type) {
	case nil:
		return b.Blob(nil), nil
	case int64:
		return b.Number(v), nil
	case string:
		return b.Text(v), nil
	case []byte:
		return b.Blob(v), nil
	}
	return b, fmt.Errorf("a column holds a %T", v)
}

// TextOf writes the columns that were read.
func TextOf[V any](values []V) (text Text, err error) {
	text = make(Text, 0, 256)
	for _, v := range values {
		if text, err = text.value(v); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// TokenText is a token's row as it is written and read elsewhere than here.
func TokenText(c *store.Candidate) Text {
	k, d := &c.Token, &c.Token.Condition
	return make(Text, 0, 384).
		Number(int64(k.ID)).Text(string(k.Kind)).Text(k.Identity.Type).Text(k.Identity.Manufacturer).
		Text(k.Identity.Serial).Text(k.Identity.KeyID).Text(string(k.Spec.Algorithm)).Text(k.Spec.Hash).
		Number(int64(k.Spec.Digits)).Number(k.Spec.Period).Number(k.Spec.T0).Text(k.Spec.Suite).
		Text(k.Model).Text(k.Issuer).Text(k.Label).Text(k.Profile).Number(k.Run).Number(query.Millis(k.Created)).Blob(
		c.Sealed).
		Number(d.Owner).Number(int64(d.State)).Number(d.Epoch).Number(query.Millis(d.NotBefore)).
		Number(query.Millis(d.NotAfter)).Number(int64(k.Mark)).Number(int64(d.Shared.Mark))
}

// UserText is a user's row.
func UserText(id int64, name string) Text { return Text(nil).Number(id).Text(name) }

// ApplicationText is the row of an application.
func ApplicationText(id token.ID, a *store.Application) Text {
	return make(Text, 0, 128).Number(int64(id)).Number(int64(a.Index)).Number(int64(a.Mode)).
		Text(string(a.Spec.Algorithm)).Text(a.Spec.Hash).Number(int64(a.Spec.Digits)).Number(a.Spec.Period).
		Text(a.Spec.Suite).Blob(a.Sealed)
}

// TemporaryText is the row of a temporary code that is unused.
func TemporaryText(user int64, fingerprint []byte, expires int64) Text {
	return Text(nil).Number(user).Blob(fingerprint).Number(expires)
}

// Row names a row of a Table.
type Row struct {
	Table       *Table
	ID          int64
	Index       int    // of an application
	Fingerprint string // of a temporary code
	Move        string // of a token on its way
}

func (k Row) Args() []any {
	switch k.Table {
	case ApplicationTable:
		return []any{k.ID, int64(k.Index)}
	case TemporaryTable:
		return []any{k.ID, []byte(k.Fingerprint)}
	case MoveTable:
		return []any{k.ID, k.Move}
	}
	return []any{k.ID}
}

// String names the row in errors, without what is in it.
func (k Row) String() string {
	if k.Table == ApplicationTable {
		return fmt.Sprintf("%d, index %d", k.ID, k.Index)
	}
	return fmt.Sprint(k.ID)
}

// Read gives a row's tag and text; ErrNotFound if there is no such row, or it
// carries no tag by nature.
func (k Row) Read(ctx context.Context, q query.Conn) (tag []byte, text Text, err error) {
	rows, err := q.Query(ctx, k.Table.RowSQL(), k.Args()...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, nil, errors.Join(rows.Err(), store.ErrNotFound)
	}
	return ScanTagged(rows, k.Table.Width())
}

// ScanTagged reads a tag and, behind it, so many columns.
func ScanTagged(s query.Scanner, width int) (tag []byte, text Text, err error) {
	values := make([]any, width)
	dest := make([]any, width+1)
	dest[0] = &tag
	for i := range values {
		dest[i+1] = &values[i]
	}
	if err := s.Scan(dest...); err != nil {
		return nil, nil, err
	}
	text, err = TextOf(values)
	return tag, text, err
}

// TemporaryRow names the row of a temporary code.
func TemporaryRow(user int64, fingerprint []byte) Row {
	return Row{Table: TemporaryTable, ID: user, Fingerprint: string(fingerprint)}
}

// What names in alarms what is no row with a tag: the rows of secrets, and entries of
// indexes that lead to another row than what they say.
const (
	SecretTable     = "secret"
	TokenIndex      = "index of token"
	UserIndex       = "index of user"
	EnrolmentIndex  = "index of enrolment"
	ActivationIndex = "index of activation"
)
