package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/tables"
)

// hotStatements are the statements of the batch, prepared on the raw driver
// connection: going through database/sql costs as much as running them.
type hotStatements struct {
	all []driver.Stmt

	begin, commit, rollback *statement
	accept, acceptOwned     *statement
	prove                   *statement
	shared                  sharedStatements
	applications            applicationStatements
	fail, condition         *statement
	user, failUser, clear   *statement
	appendEntry             *statement
	head, setHead           *statement
	quiet                   *statement
	decoyToken, decoyUser   *statement
	useTemporary, temporary *statement
	unusedTemporary         *statement
	taggedToken, tagToken   *statement
	schemaVersion, schema   *statement
}

// statement is a prepared statement with its argument slots.
type statement struct {
	stmt interface {
		driver.StmtExecContext
		driver.StmtQueryContext
	}
	args []driver.NamedValue
}

// The conditional write that accepts a code: every condition of acceptance
// stands here, and the row count is the verdict.
//
//	?1 counter that matched  ?2 drift    ?3 now    ?4 token  ?5 epoch
//	?6 most failures         ?7 new time of last use, or 0   ?8 user
//	?9 to ?14 what the row is expected to hold, so that what is recorded as
//	its state before is that
//	?15 the latest end of a delay of the token, ?16 of the user: none that is later holds
const (
	advance = `UPDATE condition
	SET next = ?1 + 1, drift = ?2, ` + renew

	renew = `failures = 0, retry_at = 0, last_used = max(last_used, ?7)`

	// What is demanded of a token whichever of its keys the code is of.
	acceptable = `
	WHERE token = ?4 AND epoch = ?5
	  AND failures <= ?6 AND (retry_at <= ?3 OR retry_at > ?15)
	  AND not_before <= ?3 AND (not_after = 0 OR not_after > ?3)
	  AND next = ?9 AND drift = ?10 AND failures = ?11 AND retry_at = ?12 AND last_used = ?13 AND coalesce(owner, 0) = ?14
	  AND EXISTS (SELECT 1 FROM import_run WHERE id = run AND published > 0)`

	unused = `
	  AND next <= ?1`

	acceptAny = advance + acceptable + unused + `
	  AND state = 0`

	// The first code of a PENDING token makes it VALID in the write that uses it
	// up, so that no other write finds it between.
	proveAny = advance + ", state = 0, epoch = epoch + 1" + acceptable + unused + `
	  AND state = 4`

	// The token has its secret to itself; else see shared.go.
	alone = `
	  AND twin IS NULL`

	acceptSQL      = acceptAny + alone
	acceptOwnedSQL = acceptAny + alone + ownedByUser
	proveSQL       = proveAny + alone

	ownedByUser = `
	  AND owner = ?8 AND EXISTS (SELECT 1 FROM user WHERE id = ?8 AND failures <= ?6
	    AND (retry_at <= ?3 OR retry_at > ?16))`

	failSQL = `UPDATE condition SET failures = failures + 1, retry_at = ?1
	WHERE token = ?2 AND epoch = ?3 AND next = ?4 AND failures = ?5 AND state = ?6`

	conditionSQL = `SELECT epoch, next, drift, failures, retry_at, state, not_before, not_after, coalesce(owner, 0), last_used, coalesce(twin, 0)
	FROM condition WHERE token = ?1 AND EXISTS (SELECT 1 FROM import_run WHERE id = run AND published > 0)`
)

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
	h.accept = prepare(acceptSQL, 16)
	h.acceptOwned = prepare(acceptOwnedSQL, 16)
	h.prove = prepare(proveSQL, 16)
	h.shared.prepare(prepare)
	h.applications.prepare(prepare)
	h.fail = prepare(failSQL, 6)
	h.condition = prepare(conditionSQL, 1)
	h.user = prepare("SELECT failures, retry_at, name FROM user WHERE id = ?1", 1)
	h.failUser = prepare("UPDATE user SET failures = failures + 1, retry_at = ?1 WHERE id = ?2 AND failures = ?3", 3)
	h.clear = prepare("UPDATE user SET failures = 0, retry_at = 0 WHERE id = ?1 AND (failures > 0 OR retry_at > 0)", 1)
	h.appendEntry = prepare("INSERT INTO audit_entry (seq, entry) VALUES (?1, ?2)", 2)
	h.head = prepare(auditlog.HeadSQL, 0)
	h.setHead = prepare(tables.SetHeadSQL, 3)
	h.quiet = prepare("INSERT INTO quiet_refusal (caller, n) VALUES (?1, 1) ON CONFLICT (caller) DO UPDATE "+
		"SET n = n + 1", 1)
	h.useTemporary = prepare(useTemporarySQL, 6)
	h.unusedTemporary = prepare(unusedTemporarySQL, 2)
	h.taggedToken = prepare(proof.TokenTable.RowSQL(), 1)
	h.tagToken = prepare(proof.TokenTable.WriteSQL(), 2)
	h.temporary = prepare(temporarySQL, 3)
	h.schemaVersion = prepare(schemaVersionSQL, 0)
	h.schema = prepare(schemaSQL, 0)
	h.decoyToken = prepare("UPDATE decoy_condition SET failures = failures % 1000 + 1, retry_at = ?1 WHERE token = 1", 1)
	h.decoyUser = prepare("UPDATE decoy_user SET failures = failures % 1000 + 1, retry_at = ?1 WHERE id = 1", 1)
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

// exec runs the statement and returns the number of rows it changed.
func (s *statement) exec(args ...driver.Value) (int64, error) {
	s.bind(args)
	res, err := s.stmt.ExecContext(context.Background(), s.args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row reads the first row into dest; it reports whether there was one.
func (s *statement) row(dest []driver.Value, args ...driver.Value) (ok bool, err error) {
	s.bind(args)
	rows, err := s.stmt.QueryContext(context.Background(), s.args)
	if err != nil {
		return false, err
	}
	err = rows.Next(dest)
	if cerr := rows.Close(); err == nil {
		err = cerr
	}
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}

func (s *statement) bind(args []driver.Value) {
	for i, a := range args {
		s.args[i].Value = a
	}
}

func (h *hotStatements) readHead() (row auditlog.Head, err error) {
	var dest [3]driver.Value
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
	var v [1]driver.Value
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
