package tables

import (
	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/proof"
)

// Tx is a store.Tx.
type Tx struct {
	Reader
	awaited func() bool
	Effects Effects
	// What the record of the head is to say: the first one, with begin.
	says          proof.HeadChange
	configAltered bool
	begin         bool
	values        []any // of a statement of many rows
}

// NewTx gives what writes in a transaction. awaited reports whether others wait for it to
// end.
func NewTx(r Reader, awaited func() bool) *Tx { return &Tx{Reader: r, awaited: awaited} }

var _ store.Tx = (*Tx)(nil)

// Index is where the index of the log is written.
func (t *Tx) Index() auditlog.Writer { return auditlog.NewWriter(t.ctx, t.q) }

func (t *Tx) Awaited() bool { return t.awaited() }

// Change runs a statement and returns the number of rows it changed.
func (t *Tx) Change(stmt string, args ...any) (int64, error) {
	return t.q.Exec(t.ctx, stmt, args...)
}

// changeOne runs a conditional write on one row; ErrConflict if it is not so.
func (t *Tx) changeOne(stmt string, args ...any) error {
	n, err := t.Change(stmt, args...)
	if err == nil && n != 1 {
		err = store.ErrConflict
	}
	return err
}

// insertOne inserts a row; ErrConflict if there is one of its key, and the transaction
// can go on.
func (t *Tx) insertOne(stmt string, args ...any) error {
	return t.changeOne(stmt+" ON CONFLICT DO NOTHING", args...)
}
