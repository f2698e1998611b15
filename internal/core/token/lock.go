package token

import "time"

// Lock says when wrong codes in a row lock a token or a user. It is the same for both.
type Lock struct {
	Limit int // wrong codes that lock
	// Ends says that a lock is over with the delay that the last wrong code began. Else
	// it holds until somebody undoes it.
	Ends bool
}

// Holds reports whether so many wrong codes lock at now, retryAt being the end of the
// delay that the last of them began.
func (l Lock) Holds(failures int, retryAt, now time.Time) bool {
	return failures >= l.Limit && (!l.Ends || now.Before(retryAt))
}
