package sqlite

import (
	"context"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"ostiary/internal/store"
)

// errCommit marks the error of a commit: what was written before it may be there.
var errCommit = errors.New("commit")

// disk is where the database is, for what is to be said when it fails.
type disk struct{ dir string }

// worded gives an error of the database the conditions that callers branch on:
// whether anything of the change can be there, and what ails the disk. What is no
// error of the database, and a caller's own end, stays as it is.
func (d disk) worded(err error) error {
	trouble := d.trouble(err)
	switch {
	case err == nil, errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrUncertain):
		return err
	case trouble == nil && !errors.Is(err, errConnection):
		return err
	case errors.Is(err, errCommit) && !incomplete(err):
		return joined(store.ErrUncertain, trouble, err)
	}
	return joined(store.ErrUnavailable, trouble, err)
}

func joined(outcome, trouble, err error) error {
	if trouble == nil {
		return fmt.Errorf("%w: %w", outcome, err)
	}
	return fmt.Errorf("%w: %w: %w", outcome, trouble, err)
}

// unavailable words an error of reading, of whatever kind.
func (d disk) unavailable(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return joined(store.ErrUnavailable, d.trouble(err), err)
}

// trouble tells what an error says of the disk, or nil. A write that the system
// refused does not tell SQLite why, so the file system is asked.
func (d disk) trouble(err error) error {
	code, ok := codeOf(err)
	switch {
	case !ok:
		return nil
	case code == codes.SQLITE_READONLY_DBMOVED:
		return store.ErrDisk
	}
	switch code & 0xff {
	case codes.SQLITE_FULL:
		return store.ErrDiskFull
	case codes.SQLITE_READONLY:
		return store.ErrReadOnly
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_PROTOCOL:
		return store.ErrHeld
	case codes.SQLITE_IOERR, codes.SQLITE_CANTOPEN, codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB, codes.SQLITE_NOMEM:
		return d.ask()
	}
	return nil
}

// incomplete reports whether a commit failed before its last page was written
// whole, so that no start will find it: a page that could not be written fits no
// checksum. After that, when the sync fails, nobody knows.
func incomplete(err error) bool {
	code, ok := codeOf(err)
	if !ok {
		return false
	}
	switch code & 0xff {
	case codes.SQLITE_FULL, codes.SQLITE_READONLY, codes.SQLITE_BUSY:
		return true
	}
	return code == codes.SQLITE_IOERR_WRITE
}

func codeOf(err error) (code int, ok bool) {
	e, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return 0, false
	}
	return e.Code(), true
}
