package store

import (
	"errors"
	"time"

	"ostiary/internal/core/token"
)

// TokenSort is an order of tokens.
type TokenSort string

// The orders. Where two tokens have the same, the serial or the arrival decides; no two
// are equal.
const (
	ByArrival  TokenSort = "arrival"
	ByUser     TokenSort = "user" // by the owner's name; nobody's come last, either way round
	BySerial   TokenSort = "serial"
	ByLastUsed TokenSort = "last-used" // those that were never used count as used before all others
	ByEnd      TokenSort = "expires"   // those without an end come last, either way round
)

// TokenSorts are all of them.
var TokenSorts = []TokenSort{ByUser, BySerial, ByArrival, ByLastUsed, ByEnd}

// TokenOrder says in which order tokens are listed, and from where on.
type TokenOrder struct {
	By    TokenSort
	Desc  bool
	After *TokenPlace // nil: from the beginning
}

// TokenPlace is a place in an order: what the order looks at, of a token that may have
// changed or gone since.
type TokenPlace struct {
	Last     bool // among those that come last in either direction
	ID       token.ID
	User     string
	Identity token.Identity
	At       time.Time
}

// ErrTooMany: the tokens are too many for an order that has no index.
var ErrTooMany = errors.New("too many tokens to be sorted")

// Span is what is after one time and not after another; zero for any time.
type Span struct{ After, Until time.Time }

// UserFilter chooses users. Zero fields do not restrict.
type UserFilter struct {
	Contains     string // in the name, in either case
	Failures     int    // at least so many
	Delayed      Span   // whose delay ends within it
	WithoutToken bool
	After        string // the name to go on behind
	Limit        int
}
