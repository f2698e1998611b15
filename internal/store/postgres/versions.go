package postgres

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// versionEvery is how often a node looks whether it may still use the database.
const versionEvery = time.Second

// versions knows whether this program may use the schema: a newer one, at another node, may
// have brought it further. Once it may not, it does nothing any more, until it ends: what it
// would write is not what the newer ones go by.
type versions struct {
	known     int          // the migrations of this program
	is        atomic.Int64 // those of the schema, as it was seen last
	overtaken func(error)  // may be nil
	refused   atomic.Pointer[error]
	right     atomic.Pointer[time.Time] // when the schema was found usable, and as it should be
	quit      context.CancelFunc
	done      chan struct{}
}

// err is the error of a program that may not use the database any more.
func (v *versions) err() error {
	if e := v.refused.Load(); e != nil {
		return *e
	}
	return nil
}

// usable looks at the schema.
func (v *versions) usable(ctx context.Context, q query.Conn) error {
	if err := v.err(); err != nil {
		return err
	}
	s, err := schemaOf(ctx, q)
	if err != nil {
		return err
	}
	v.is.Store(int64(s.Version))
	if err = s.Usable(v.known); err == nil {
		return nil
	}
	err = fmt.Errorf("%w: %w: %w", store.ErrUnavailable, store.ErrOvertaken, err)
	if v.refused.CompareAndSwap(nil, &err) && v.overtaken != nil {
		v.overtaken(err)
	}
	return err
}

// fresh reports whether the schema was looked at shortly before.
func (v *versions) fresh() bool {
	at := v.right.Load()
	return v.err() == nil && at != nil && time.Since(*at) < versionEvery
}

// found takes note that the schema is as it should be.
func (v *versions) found() {
	now := time.Now()
	v.right.Store(&now)
}

// follow looks at the schema while nothing is written, until stop.
func (v *versions) follow(pool *pgxpool.Pool, kept *statements) {
	var ctx context.Context
	ctx, v.quit = context.WithCancel(context.Background())
	v.done = make(chan struct{})
	go func() {
		defer close(v.done)
		ticker := time.NewTicker(versionEvery)
		defer ticker.Stop()
		for v.err() == nil {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				// A server that does not answer is noticed elsewhere (watch).
				_ = view(ctx, pool, kept, func(q query.Conn) error { return v.usable(ctx, q) })
			}
		}
	}()
}

func (v *versions) stop() {
	if v.quit != nil {
		v.quit()
		<-v.done
	}
}

// Newer gives the number of the schema, if a newer program has brought it further than what
// this one knows, else 0.
func (db *DB) Newer() int {
	if is := int(db.versions.is.Load()); is > db.versions.known {
		return is
	}
	return 0
}
