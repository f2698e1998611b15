// Package auditlog reads the audit log from whichever database there is, and finds its
// entries by what they are about.
//
// The index is derived from the entries, beside the writer (Indexer): what was appended is
// taken from memory (Tail), or read where that does not hold it, and added in segments. It
// is no evidence: what is found through it is held against the entry, and to verify the log
// nobody asks it.
package auditlog

import (
	"context"
	"errors"
	"fmt"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// Reader reads the log in a transaction. It is a store.AuditReader but for what is counted
// beside the log.
type Reader struct {
	ctx     context.Context
	q       query.Conn
	tail    *Tail
	arrived *arrived // nil for one that sees only what has its place
}

// NewReader makes one. Without a tail the end of the log is read.
func NewReader(ctx context.Context, q query.Conn, tail *Tail) Reader {
	return Reader{ctx: ctx, q: q, tail: tail}
}

// Writer writes the index in a transaction.
type Writer struct{ Reader }

// NewWriter makes one.
func NewWriter(ctx context.Context, q query.Conn) Writer { return Writer{Reader{ctx: ctx, q: q}} }

func (w Writer) change(stmt string, args ...any) (int64, error) {
	return w.q.Exec(w.ctx, stmt, args...)
}

// Head is the row that says how the log ends: the right edge of its tree, and what the
// database proves itself by.
type Head struct{ Frontier, Record, MAC []byte }

// ErrNoHead says that the row is gone.
var ErrNoHead = fmt.Errorf("%w: the audit log has no head", store.ErrTampered)

// HeadSQL reads it.
const HeadSQL = "SELECT frontier, record, mac FROM audit_head"

// Head gives the row.
func (r Reader) Head() (Head, error) {
	row, err := query.One(r.ctx, r.q, func(s query.Scanner) (row Head, err error) {
		err = s.Scan(&row.Frontier, &row.Record, &row.MAC)
		return row, err
	}, HeadSQL)
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNoHead
	}
	return row, err
}

// AuditHead gives the right edge of the tree.
func (r Reader) AuditHead() (*audit.Frontier, error) {
	f, err := r.placed()
	if err != nil {
		return nil, err
	}
	rows, err := r.seen(0)
	for _, row := range rows {
		f.Append(row.Entry)
	}
	return f, err
}

// placed is the right edge of what has its place.
func (r Reader) placed() (*audit.Frontier, error) {
	row, err := r.Head()
	if err != nil {
		return nil, err
	}
	f := &audit.Frontier{}
	return f, f.UnmarshalBinary(row.Frontier)
}

// Begins is the place of the first entry that is kept.
func (r Reader) Begins() (int64, error) {
	return query.One(r.ctx, r.q, query.Value[int64], "SELECT coalesce(max(size), 0) FROM audit_seam")
}

// AuditEntries gives entries in their order.
func (r Reader) AuditEntries(from int64, limit int) ([]store.AuditRow, error) {
	first, err := r.Begins()
	if err != nil {
		return nil, err
	}
	rows, err := query.All(r.ctx, r.q, scanAuditRow, "SELECT seq, entry FROM audit_entry WHERE seq >= ? ORDER BY seq LIMIT ?",
		max(from, first), limit)
	if err != nil || len(rows) >= limit {
		return rows, err
	}
	more, err := r.seen(from)
	return append(rows, more[:min(len(more), limit-len(rows))]...), err
}

// Checkpoints gives all of them, the oldest first.
func (r Reader) Checkpoints() ([]audit.StoredNote, error) {
	return query.All(r.ctx, r.q, func(s query.Scanner) (n audit.StoredNote, err error) {
		err = s.Scan(&n.Text, &n.Proof)
		return n, err
	}, "SELECT note, proof FROM checkpoint ORDER BY id")
}

// CheckpointsOf gives those over so many entries.
func (r Reader) CheckpointsOf(size int64) ([]string, error) {
	return query.All(r.ctx, r.q, query.Value[string], "SELECT note FROM checkpoint WHERE size = ? ORDER BY id", size)
}

// LastCheckpoint gives the newest one.
func (r Reader) LastCheckpoint() (string, error) {
	return query.One(r.ctx, r.q, query.Value[string], "SELECT note FROM checkpoint ORDER BY id DESC LIMIT 1")
}

// CheckpointUpTo gives the one of the most entries among those of so many at most.
func (r Reader) CheckpointUpTo(size int64) (string, error) {
	return query.One(r.ctx, r.q, query.Value[string],
		"SELECT note FROM checkpoint WHERE size <= ? ORDER BY size DESC, id LIMIT 1", size)
}

// Seams gives the places where entries were archived, the oldest first.
func (r Reader) Seams() ([]audit.Seam, error) {
	return query.All(r.ctx, r.q, scanSeam, "SELECT size, frontier, note, lines, state, file FROM audit_seam ORDER BY size")
}

func scanSeam(s query.Scanner) (seam audit.Seam, err error) {
	var size int64
	var frontier, state, file []byte
	if err := s.Scan(&size, &frontier, &seam.Note, &seam.Lines, &state, &file); err != nil {
		return seam, err
	}
	if err := seam.Frontier.UnmarshalBinary(frontier); err != nil || seam.Frontier.Size() != size ||
		len(state) != len(seam.State) || len(file) != len(seam.File) {
		return seam, fmt.Errorf("%w: the seam of the audit log at entry %d cannot be read", store.ErrTampered, size)
	}
	copy(seam.State[:], state)
	copy(seam.File[:], file)
	return seam, nil
}

// SeamState gives lines of the state at a seam.
func (r Reader) SeamState(seam, from int64, limit int) ([][]byte, error) {
	return query.All(r.ctx, r.q, query.Value[[]byte],
		"SELECT line FROM seam_state WHERE seam = ? AND n >= ? ORDER BY n LIMIT ?", seam, from, limit)
}
