// Package imports brings tokens in by a seed file: it opens the file, stages its keys
// in a run and publishes them together, accounts for every key in the run's report,
// and is the receiving half of a move from another server.
//
// A run's keys are staged in short transactions, so that logins go on, and become
// visible by one conditional write. Until then nothing of it is seen, and whatever
// ends it before leaves nothing but its report and its story in the log. What
// happens to a token that is here is the matter of package lifecycle; the two do
// not know each other.
package imports

import (
	"cmp"
	"context"
	"errors"
	"time"

	"golang.org/x/sync/semaphore"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/secrets"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

const (
	defaultWait = 5 * time.Minute
)

// Config holds what a Service needs. DB, Keys and Marks are required.
type Config struct {
	DB    store.DB
	Keys  tokens.Keys
	Marks *secrets.Marker
	// Node is the number of this server among those that work on the database; 0 if it has
	// none.
	Node int64
	// MaxDrift is the largest clock drift, in steps, that an import takes
	// over; zero means token.MaxDrift.
	MaxDrift int64
	// Wait is how long a file that is read whole waits for its turn; zero means five
	// minutes.
	Wait time.Duration
	// Now is time.Now unless a test replaces it.
	Now func() time.Time
}

// Service imports seed files.
type Service struct {
	db       store.DB
	keys     tokens.Keys
	marks    *secrets.Marker
	maxDrift int64
	now      func() time.Time

	under underway
	whole *semaphore.Weighted // for files that are read whole
	wait  time.Duration
}

// New makes a Service.
func New(cfg Config) (*Service, error) {
	if cfg.DB == nil || cfg.Keys == nil || cfg.Marks == nil {
		return nil, errors.New("imports: DB, Keys and Marks are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxDrift == 0 {
		cfg.MaxDrift = token.MaxDrift
	}
	return &Service{db: cfg.DB, keys: cfg.Keys, marks: cfg.Marks, maxDrift: cfg.MaxDrift, now: cfg.Now,
		under: newUnderway(cfg.Node), whole: semaphore.NewWeighted(wholeUnits), wait: cmp.Or(cfg.Wait, defaultWait)}, nil
}

// types lists the token types.
func (s *Service) types(ctx context.Context) (types []token.Type, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		types, err = r.Types()
		return err
	})
	return types, err
}
