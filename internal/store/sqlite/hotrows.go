package sqlite

import (
	"ostiary/internal/core/audit"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/proof"
)

// hotRows run the statements of a batch's transaction.
type hotRows struct {
	hot     *hotStatements
	head    *audit.Frontier
	guard   *proof.Guard
	entries [][]byte // that were appended
}

var (
	_ decide.Executor = (*hotRows)(nil)
	_ decide.Log      = (*hotRows)(nil)
)

// Exec runs a statement of an attempt.
func (r *hotRows) Exec(s *decide.Statement, args ...any) (int64, error) {
	return r.hot.attempts[s.Place()].exec(args...)
}

// Row reads a row of an attempt.
func (r *hotRows) Row(s *decide.Statement, dest []any, args ...any) (bool, error) {
	return r.hot.attempts[s.Place()].row(dest, args...)
}

func (r *hotRows) saveHead() error {
	row, err := r.guard.Leave(r.head, proof.HeadChange{})
	if err != nil {
		return err
	}
	_, err = r.hot.setHead.exec(row.Frontier, row.Record, row.MAC)
	return err
}

// Append appends an entry, and its hash to the head.
func (r *hotRows) Append(entry []byte) error {
	if _, err := r.hot.appendEntry.exec(r.head.Size(), entry); err != nil {
		return err
	}
	r.head.Append(entry)
	r.entries = append(r.entries, entry)
	return nil
}

// AppendQuietly writes an entry where Append does, and takes away what does not stay there.
func (r *hotRows) AppendQuietly(caller string, entry []byte, stays bool) error {
	n := int64(1)
	if stays {
		n = 0
		if err := r.Append(entry); err != nil {
			return err
		}
	} else {
		if _, err := r.hot.appendEntry.exec(r.head.Size(), entry); err != nil {
			return err
		}
		r.head.Clone().Append(entry)
	}
	if _, err := r.hot.takeAway.exec(r.head.Size()); err != nil {
		return err
	}
	_, err := r.Exec(decide.CountQuietly, caller, entry, n)
	return err
}
