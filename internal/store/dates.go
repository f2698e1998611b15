package store

import (
	"time"

	"ostiary/internal/core/token"
)

// Dates bound a token's validity; zero means unbounded.
type Dates struct {
	NotBefore, NotAfter time.Time
}

// DateWriter changes when tokens are valid, and revokes those that ended. What an
// operation demands stands in its write; ErrConflict says that it is not so.
type DateWriter interface {
	// SetDates changes the dates if they are still as before.
	SetDates(id token.ID, before, after Dates) error
	// Expire makes a VALID token REVOKED_TOKEN_OTHER, if its end is not after now.
	Expire(id token.ID, now time.Time, reason string) error
}
