package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/tables"
)

// hotStatements are the statements of the batch, prepared on the raw driver
// connection: going through database/sql costs as much as running them.
type hotStatements struct {
	all []driver.Stmt

	begin, commit, rollback *statement
	attempts                []*statement // decide.Statements
	appendEntry, takeAway   *statement
	head, setHead           *statement
	schemaVersion, schema   *statement
}

// statement is a prepared statement with its argument slots.
type statement struct {
	stmt interface {
		driver.StmtExecContext
		driver.StmtQueryContext
	}
	args   []driver.NamedValue
	values []driver.Value // of the row that was read last
}

func prepareHot(c driver.Conn) (h *hotStatements, err error) {
	h = &hotStatements{}
	prepare := func(text string, args int) *statement {
		if err != nil {
			return nil
		}
		stmt, perr := c.Prepare(text)
		if perr != nil {
			err = fmt.Errorf("prepare %q: %w", text, perr)
			return nil
		}
		h.all = append(h.all, stmt)
		s := &statement{args: make([]driver.NamedValue, args)}
		for i := range s.args {
			s.args[i].Ordinal = i + 1
		}
		var ok bool
		if s.stmt, ok = stmt.(interface {
			driver.StmtExecContext
			driver.StmtQueryContext
		}); !ok {
			err = errors.New("the SQLite driver's statements take no context")
		}
		return s
	}
	h.begin = prepare("BEGIN IMMEDIATE", 0)
	h.commit = prepare("COMMIT", 0)
	h.rollback = prepare("ROLLBACK", 0)
	for _, st := range decide.Statements {
		h.attempts = append(h.attempts, prepare(own(st.SQL), st.Args))
	}
	h.appendEntry = prepare("INSERT INTO audit_entry (seq, entry) VALUES (?1, ?2)", 2)
	h.takeAway = prepare("DELETE FROM audit_entry WHERE seq >= ?1", 1)
	h.head = prepare(auditlog.HeadSQL, 0)
	h.setHead = prepare(tables.SetHeadSQL, 3)
	h.schemaVersion = prepare(schemaVersionSQL, 0)
	h.schema = prepare(schemaSQL, 0)
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *hotStatements) close() {
	if h == nil {
		return
	}
	for _, s := range h.all {
		_ = s.Close()
	}
}

// own puts SQLite's own function in the place of one that is taught to it, which costs more
// than what it computes.
func own(sql string) string { return strings.ReplaceAll(sql, "greatest(", "max(") }

// exec runs the statement and returns the number of rows it changed.
func (s *statement) exec(args ...any) (int64, error) {
	s.bind(args)
	res, err := s.stmt.ExecContext(context.Background(), s.args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row reads the first row into dest; it reports whether there was one.
func (s *statement) row(dest []any, args ...any) (ok bool, err error) {
	s.bind(args)
	s.values = slices.Grow(s.values[:0], len(dest))[:len(dest)]
	rows, err := s.stmt.QueryContext(context.Background(), s.args)
	if err != nil {
		return false, err
	}
	if err = rows.Next(s.values); err == nil {
		for i, v := range s.values {
			dest[i] = v
		}
	}
	if cerr := rows.Close(); err == nil {
		err = cerr
	}
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}

func (s *statement) bind(args []any) {
	for i, a := range args {
		s.args[i].Value = a
	}
}

func (h *hotStatements) readHead() (row auditlog.Head, err error) {
	var dest [3]any
	ok, err := h.head.row(dest[:])
	if err != nil {
		return row, err
	}
	if !ok {
		return row, auditlog.ErrNoHead
	}
	row.Frontier, _ = dest[0].([]byte)
	row.Record, _ = dest[1].([]byte)
	row.MAC, _ = dest[2].([]byte)
	return row, nil
}

// enter checks the schema and the head when a transaction begins, and gives the head.
func (h *hotStatements) enter(g *proof.Guard) (found auditlog.Head, err error) {
	var v [1]any
	if _, err := h.schemaVersion.row(v[:]); err != nil {
		return found, err
	}
	version, _ := v[0].(int64)
	if err := g.SchemaIs(version, func() error {
		if _, err := h.schema.row(v[:]); err != nil {
			return err
		}
		schema, _ := v[0].(string)
		return sameAsOwn(schema)
	}); err != nil {
		return found, err
	}
	if found, err = h.readHead(); err == nil {
		err = g.Enter(found)
	}
	return found, err
}
