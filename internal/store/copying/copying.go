// Package copying puts all rows of one database into another, whichever two they are. It
// neither knows nor changes what they mean: the tables of all databases are the same, column
// for column, and everything that proves the rows (tags, the record of the head and its MAC,
// the digests in it) is over values and not over how a database keeps them. So a copy under
// the same key-encryption key proves itself as its source does.
//
// The target is emptied, filled, read again and compared in one transaction. Whoever is
// interrupted leaves it as it was.
//
// All tables are copied, with four remarks:
//
//   - schema_migration stays: each database has its own steps.
//   - audit_arrival must be empty: what has no place in the log yet is of a server that works.
//   - node is copied, although the nodes of the source never work on the target: a number
//     must go on meaning one server, or an import that was interrupted would seem to be that
//     of a new one. For the same reason sessions and memos (who waits, who was unlocked) go on.
//   - the rows of decoy tables and quiet_refusal are copied: the first mean nothing, and a
//     table more or less would need a reason; the second are refusals that are still to be
//     told in the log.
//
// The highest number that each table ever gave out goes along, because none is used again.
//
// Which transactions there are, and that only one of the two databases lives, is for those
// above (package engine/integrity).
package copying

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// ErrOther says that the target holds what it did not hold before.
var ErrOther = errors.New("the target was changed meanwhile")

// ErrAtWork says that a server works on the source, or did until just now.
var ErrAtWork = errors.New("entries wait for their places in the log, so a server works on the old database; stop it, and " +
	"run the command again")

// Database is a database with its rows as they are.
type Database interface {
	Raw(ctx context.Context, write bool, fn func(tables.Raw) error) error
}

// Table is a table that was copied, and the SHA-256 over its rows.
type Table struct {
	Name string
	Rows int64
	Sum  [sha256.Size]byte
}

// Progress is how far a copy is: rows are counted once when they are written, and once when
// they are read again.
type Progress func(table string, done, all int64)

// Copy puts all rows of from into to, whose small tables must have this digest (nil: it has no
// record of its head): else somebody else has filled it since its caller looked.
func Copy(ctx context.Context, from, to Database, config *[32]byte, progress Progress) (copied []Table, err error) {
	c := &copier{ctx: ctx, progress: progress}
	err = to.Raw(ctx, true, func(t tables.Raw) error {
		copied = nil
		if err := c.same(t, config); err != nil {
			return err
		}
		if err := c.empty(t); err != nil {
			return err
		}
		if err := from.Raw(ctx, false, func(f tables.Raw) (err error) {
			copied, err = c.fill(f, t)
			return err
		}); err != nil {
			return err
		}
		return c.compare(t, copied)
	})
	return copied, err
}

type copier struct {
	ctx      context.Context
	progress Progress
	done     int64
	all      int64
}

// same demands that a target is still as its caller saw it.
func (c *copier) same(t tables.Raw, config *[32]byte) error {
	record, err := query.One(c.ctx, t, query.Value[[]byte], "SELECT record FROM audit_head")
	if err == nil && (record != nil) != (config != nil) {
		err = ErrOther
	}
	if err != nil || config == nil {
		return err
	}
	is, err := t.ConfigDigest(c.ctx, t.Conn)
	if err == nil && is != *config {
		err = ErrOther
	}
	return err
}

// known demands that a database has the tables that are copied, and no others.
func (c *copier) known(q tables.Raw) error {
	there, err := query.All(c.ctx, q, query.Value[string], q.Tables)
	if err != nil {
		return err
	}
	for _, name := range there {
		if !slices.Contains(own, name) && !slices.ContainsFunc(all, func(t table) bool { return t.name == name }) {
			return fmt.Errorf("%w: it has a table %q, which this program does not know", store.ErrTampered, name)
		}
	}
	return nil
}

// empty removes what is in a target, the rows of migrations among it.
func (c *copier) empty(t tables.Raw) error {
	if err := c.known(t); err != nil {
		return err
	}
	for _, of := range slices.Backward(all) {
		if _, err := t.Exec(c.ctx, "DELETE FROM "+of.quoted()); err != nil {
			return fmt.Errorf("empty table %s: %w", of.name, err)
		}
	}
	return nil
}

// fill copies all tables of one snapshot.
func (c *copier) fill(f, t tables.Raw) (copied []Table, err error) {
	if err := c.known(f); err != nil {
		return nil, err
	}
	waiting, err := query.One(c.ctx, f, query.Value[bool], "SELECT EXISTS (SELECT 1 FROM audit_arrival)")
	if err == nil && waiting {
		err = ErrAtWork
	}
	if err != nil {
		return nil, err
	}
	for _, of := range all {
		n, err := query.One(c.ctx, f, query.Value[int64], "SELECT count(*) FROM "+of.quoted())
		if err != nil {
			return nil, err
		}
		c.all += 2 * n // written, and read again
	}
	for _, of := range all {
		one, err := c.load(f, t, of)
		if err != nil {
			return nil, fmt.Errorf("copy table %s: %w", of.name, err)
		}
		copied = append(copied, one)
	}
	for _, name := range numbered {
		n, err := f.Highest(c.ctx, f.Conn, name)
		if err == nil {
			err = t.Raise(c.ctx, t.Conn, name, n)
		}
		if err != nil {
			return nil, fmt.Errorf("numbers of table %s: %w", name, err)
		}
	}
	return copied, nil
}

// load copies one table.
func (c *copier) load(f, t tables.Raw, of table) (one Table, err error) {
	rows, err := c.rows(f, of)
	if err != nil {
		return one, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	err = t.Load(c.ctx, t.Conn, of.name, rows.columns, rows.next)
	return rows.table(), err
}

// compare reads the target again.
func (c *copier) compare(t tables.Raw, copied []Table) error {
	for i, of := range all {
		is, err := c.read(t, of)
		if err != nil {
			return fmt.Errorf("read the copy of table %s: %w", of.name, err)
		}
		if is != copied[i] {
			return fmt.Errorf("the copy of table %s is not as it was written: %d rows of %d, or others", of.name, is.Rows,
				copied[i].Rows)
		}
	}
	return nil
}

// read reads one table.
func (c *copier) read(q tables.Raw, of table) (one Table, err error) {
	rows, err := c.rows(q, of)
	if err != nil {
		return one, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for row, err := rows.next(); row != nil || err != nil; row, err = rows.next() {
		if err != nil {
			return one, err
		}
	}
	return rows.table(), nil
}

// rows are those of a table in their order, and what is known of those that were read.
type rows struct {
	query.Rows
	of      table
	columns []string
	c       *copier
	n       int64
	sum     hash.Hash
}

func (c *copier) rows(q tables.Raw, of table) (*rows, error) {
	answer, err := q.Query(c.ctx, "SELECT * FROM "+of.quoted()+" ORDER BY "+of.order)
	if err != nil {
		return nil, err
	}
	columns, err := answer.Columns()
	if err != nil {
		return nil, errors.Join(err, answer.Close())
	}
	r := &rows{Rows: answer, of: of, columns: columns, c: c, sum: sha256.New()}
	r.sum.Write(proof.Text(nil).Text(strings.Join(columns, ",")))
	return r, nil
}

// next gives a row, or nil behind the last.
func (r *rows) next() ([]any, error) {
	if !r.Next() {
		return nil, r.Err()
	}
	row, dest := make([]any, len(r.columns)), make([]any, len(r.columns))
	for i := range row {
		dest[i] = &row[i]
	}
	if err := r.Scan(dest...); err != nil {
		return nil, err
	}
	nulls := int64(0)
	for i, v := range row {
		switch v := v.(type) {
		case nil:
			nulls |= 1 << i
		case []byte:
			if v == nil {
				row[i] = []byte{} // is not NULL
			}
		}
	}
	text, err := proof.TextOf(row)
	if err != nil {
		return nil, err
	}
	r.sum.Write(proof.Text(nil).Number(nulls).Blob(text))
	r.n++
	if r.c.done++; r.c.progress != nil {
		r.c.progress(r.of.name, r.c.done, r.c.all)
	}
	return row, nil
}

func (r *rows) table() Table { return Table{r.of.name, r.n, [32]byte(r.sum.Sum(nil))} }
