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

	ByState        TokenSort = "state" // by the numbers of the states
	ByType         TokenSort = "type"
	ByManufacturer TokenSort = "manufacturer"
	ByFailures     TokenSort = "failures"
	ByDrift        TokenSort = "drift" // as it is stored: those before their clocks, then those behind
)

// TokenSorts are all of them.
var TokenSorts = []TokenSort{ByUser, BySerial, ByArrival, ByLastUsed, ByEnd, ByState, ByType, ByManufacturer,
	ByFailures, ByDrift}

// TokenOrder says in which order tokens are listed, and from where on.
type TokenOrder struct {
	By    TokenSort
	Desc  bool
	After *TokenPlace // nil: from the beginning, or with Back from the end
	// Back asks for the page that ends before After. Its tokens come in the order, too, and
	// where to go on is towards the beginning.
	Back bool
}

// TokenPlace is a place in an order: what the order looks at, of a token that may have
// changed or gone since.
type TokenPlace struct {
	Last     bool // among those that come last in either direction
	Itself   bool // what is at the place is still to come
	ID       token.ID
	User     string
	Identity token.Identity
	At       time.Time
	Number   int64 // the state, the failures or the drift
}

// PlaceOf is where an order has a token.
func PlaceOf(t token.Token, by TokenSort) TokenPlace {
	c := t.Condition
	switch by {
	case ByUser:
		return TokenPlace{User: t.OwnerName, Identity: t.Identity, Last: c.Owner == 0}
	case BySerial:
		return TokenPlace{Identity: t.Identity}
	case ByEnd:
		return TokenPlace{ID: t.ID, At: c.NotAfter, Last: c.NotAfter.IsZero()}
	case ByLastUsed:
		return TokenPlace{ID: t.ID, At: c.LastUsed}
	case ByState:
		return TokenPlace{ID: t.ID, Number: int64(c.State)}
	case ByType:
		return TokenPlace{ID: t.ID, Identity: token.Identity{Type: t.Identity.Type}}
	case ByManufacturer:
		return TokenPlace{ID: t.ID, Identity: token.Identity{Manufacturer: t.Identity.Manufacturer}}
	case ByFailures:
		return TokenPlace{ID: t.ID, Number: int64(c.Failures)}
	case ByDrift:
		return TokenPlace{ID: t.ID, Number: c.Drift}
	}
	return TokenPlace{ID: t.ID}
}

// CountedTo is how far lists are counted: what is more is "more than that".
const CountedTo = 1000

// Count is how many rows a filter chooses, as far as they were counted: with More there may
// be others.
type Count struct {
	Number int
	More   bool
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
	// Before, unless it is empty, asks for the page that ends before a name, in the same
	// order; where to go on is towards the beginning.
	Before string
	Limit  int
}

// TallyBy says by what tokens are counted beside what they are: between which borders the
// time of their last use, their drift and their end lie, and which failures lock.
type TallyBy struct {
	Used     []time.Time // the latest first
	Drift    []int64     // without its sign; the smallest first
	Ends     []time.Time // the earliest first
	Failures int
	Delayed  Span
}

// TokenTally is how many tokens have all this in common.
type TokenTally struct {
	Kind  token.Kind
	Type  string
	State token.State
	Held  bool // by somebody
	// Used is 0 for those that were never used, 1 for those used since the first border, and so
	// on. Drift is the number of borders that it reaches. Ends is 0 for those without an end, 1
	// for those that end up to the first border, and so on.
	Used, Drift, Ends int
	Locked            bool
	N                 int
}
