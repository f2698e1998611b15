package store

import "errors"

// What ails a database, where it can tell. Such an error stands behind
// ErrUnavailable or ErrUncertain.
var (
	// ErrDiskFull: there is no room for what was to be written.
	ErrDiskFull = errors.New("the disk is full")
	// ErrReadOnly: the file system or the file takes no writes.
	ErrReadOnly = errors.New("the disk is read-only")
	// ErrDisk: the system could not read or write the files.
	ErrDisk = errors.New("the disk could not be read or written")
	// ErrOvertaken: a newer program has brought the database further than this one may use it.
	ErrOvertaken = errors.New("a newer version of Ostiary has upgraded the database")
	// ErrHeld: another program holds the database.
	ErrHeld = errors.New("another program holds the database")
)
