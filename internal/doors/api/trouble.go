package api

import (
	"context"
	"errors"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// ailments are what a database can tell of its trouble, with words for those who
// may know and can do something.
var ailments = []struct {
	cause            error
	code, text, hint string
}{
	{store.ErrDiskFull, "disk_full", "The disk of the server is full.",
		"Free space on the file system of the data directory; the server then continues by itself within seconds."},
	{store.ErrReadOnly, "disk_read_only", "The disk of the server is read-only.",
		"Find the reason in the system's log and mount the file system of the data directory writable; " +
			"restart the server if it does not continue within seconds."},
	{store.ErrDisk, "disk_error", "The server cannot read or write its disk.",
		"Read the server's log and the system's log; after the repair the server continues by itself within seconds."},
	{store.ErrHeld, "database_held", "Another program has locked the database of the server.",
		"End that program, or wait for it: only the server may write to its database."},
}

// stored words the trouble of the database for a caller. An operation that says
// itself what it means for the caller keeps its words. What ails the disk is told
// to those who may read the audit log.
func stored(f *fault.Error, c caller) *fault.Error {
	uncertain := errors.Is(f, store.ErrUncertain)
	if !uncertain && !errors.Is(f, store.ErrUnavailable) {
		return f
	}
	told := *f
	if f.Kind == fault.Internal {
		told.Kind, told.Code = fault.Unavailable, "unavailable"
		told.Text, told.Hint = "This was not done: the database takes no changes at the moment.", "Try again later."
		if uncertain {
			told.Kind, told.Code = fault.Uncertain, "outcome_unknown"
			told.Text = "It is not known whether this was done: the database failed while it saved the change."
			told.Hint = "Check whether it was done before you try again."
		}
	}
	if !authz.Allows(c.principal, authz.AuditView) {
		return &told
	}
	for _, a := range ailments {
		if errors.Is(f, a.cause) {
			if !uncertain {
				told.Code = a.code
			}
			told.Text += " " + a.text
			told.Hint += " " + a.hint
			break
		}
	}
	return &told
}

// errGone marks what fails because the client does not listen any more.
var errGone = errors.New("the client has disconnected")

// statusGone is what the metrics count then; nobody reads the answer.
const statusGone = 499

// gone tells an error that only says that the client left.
func gone(ctx context.Context, err error) bool {
	return errors.Is(err, errGone) || ctx.Err() != nil && errors.Is(err, context.Canceled)
}
