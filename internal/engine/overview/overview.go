// Package overview counts for those who look after the server: how many tokens there are of
// each state and type, which are in stock, locked, expiring or at risk, and how many codes
// were accepted and refused in each hour.
//
// Tokens are not counted where they change: a counter would be one more row for each first
// code and each import, and the one row for which all of them wait. They are counted when
// somebody asks, by the numbers of their rows, some thousand rows in each transaction and
// so many rows at most for one request. Of a database that is larger, the last whole count is
// shown, with its time, while further requests bring the next one to its end.
//
// What else a dashboard shows (Recent) is counted once a minute at most, for all who look.
package overview

import (
	"context"
	"errors"
	"sync"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

const (
	sliceRows    = 5_000   // rows that one transaction counts
	requestRows  = 100_000 // rows that are counted for one request
	freshSmall   = 10 * time.Second
	freshLarge   = 5 * time.Minute
	longestRange = 367 * 24 * time.Hour // of counts of codes
)

const day = 24 * time.Hour

// Used are the borders of the time of the last use, as ages; Drift those of the drift in time
// steps; Ends those of the time that is left.
var (
	Used  = []time.Duration{30 * day, 90 * day, 180 * day, 365 * day}
	Drift = []int64{2, 5, 10}
	Ends  = []time.Duration{0, 30 * day, 90 * day}
)

// Config holds what a Service needs. All are required.
type Config struct {
	DB store.DB
	// Holds says which failures lock now; see codes.Engine.Holds.
	Holds func() (failures int, delay store.Span)
	Now   func() time.Time
}

// Service counts. It is safe for concurrent use.
type Service struct {
	cfg                    Config
	sliceRows, requestRows int // tests make them small

	mu   sync.Mutex // held by the request that counts
	last Tokens     // the last whole count
	next count      // the one that is being made

	recent recent
}

// New makes a Service.
func New(cfg Config) (*Service, error) {
	if cfg.DB == nil || cfg.Holds == nil || cfg.Now == nil {
		return nil, errors.New("overview: DB, Holds and Now are required")
	}
	return &Service{cfg: cfg, sliceRows: sliceRows, requestRows: requestRows}, nil
}

// Tokens is what was counted of tokens.
type Tokens struct {
	AsOf    time.Time // when the count began
	Whole   bool      // false for one that has not come to its end yet
	Tallies []store.TokenTally
}

// count is one that is being made.
type count struct {
	by    store.TallyBy
	begun time.Time // zero for none
	after token.ID
	large bool // it takes several requests
	sums  map[store.TokenTally]int
}

// Tokens gives the last whole count if it is fresh, and counts on otherwise.
func (s *Service) Tokens(ctx context.Context) (Tokens, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := freshSmall
	if s.next.large {
		fresh = freshLarge
	}
	if now := s.cfg.Now(); s.last.Whole && now.Sub(s.last.AsOf) < fresh && !now.Before(s.last.AsOf) {
		return s.last, nil
	}
	if s.next.begun.IsZero() {
		s.begin()
	}
	for rows := 0; rows < s.requestRows; rows += s.sliceRows {
		whole, err := s.slice(ctx)
		if err != nil {
			return Tokens{}, err
		}
		if whole {
			s.last = s.next.tokens(true)
			s.next = count{large: s.next.large}
			return s.last, nil
		}
	}
	s.next.large = true
	if s.last.Whole {
		return s.last, nil
	}
	return s.next.tokens(false), nil
}

func (s *Service) begin() {
	now := s.cfg.Now()
	by := store.TallyBy{Drift: Drift}
	by.Failures, by.Delayed = s.cfg.Holds()
	for _, ago := range Used {
		by.Used = append(by.Used, now.Add(-ago))
	}
	for _, left := range Ends {
		by.Ends = append(by.Ends, now.Add(left))
	}
	s.next = count{by: by, begun: now, large: s.next.large, sums: map[store.TokenTally]int{}}
}

// slice counts some more tokens, and reports whether they were the last.
func (s *Service) slice(ctx context.Context) (whole bool, err error) {
	var tallies []store.TokenTally
	var next token.ID
	if err := s.cfg.DB.Browse(ctx, func(r store.Reader) (err error) {
		tallies, next, err = r.TallyTokens(s.next.by, s.next.after, s.sliceRows)
		return err
	}); err != nil {
		return false, err
	}
	for _, t := range tallies {
		n := t.N
		t.N = 0
		s.next.sums[t] += n
	}
	s.next.after = next
	return next == 0, nil
}

func (c *count) tokens(whole bool) Tokens {
	t := Tokens{AsOf: c.begun, Whole: whole}
	for tally, n := range c.sums {
		tally.N = n
		t.Tallies = append(t.Tallies, tally)
	}
	return t
}

// Codes gives how many codes were accepted and refused from the hour of one time to before
// another, by the hour. whole is false as long as old entries are still being counted.
func (s *Service) Codes(ctx context.Context, from, to time.Time) (counts []store.CodeCount, whole bool, err error) {
	if !from.Before(to) || to.Sub(from) > longestRange {
		return nil, false, fault.New(fault.Invalid, "range", "from must be before to, by at most 366 days.")
	}
	// The hour of to is counted, too, unless it begins with it.
	to = to.Add(time.Hour - time.Millisecond)
	err = s.cfg.DB.Browse(ctx, func(r store.Reader) error {
		counts, whole, err = r.CodeCounts(from, to)
		return err
	})
	return counts, whole, err
}
