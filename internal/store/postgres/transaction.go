package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"ostiary/internal/store"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/query"
)

// Codes of PostgreSQL's errors and notices that are told apart.
const (
	warning              = "01000"
	adminShutdown        = "57P01"
	protocolViolation    = "08P01"
	lockNotAvailable     = "55P03"
	readOnlyTransaction  = "25006" // of a server that has become a standby
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	// Tables are written to by ON CONFLICT, so only another transaction can cause it.
	uniqueViolation = "23505"
)

func hasCode(err error, codes ...string) bool {
	var of *pgconn.PgError
	return errors.As(err, &of) && slices.Contains(codes, of.Code)
}

// doubt is where a connection remembers that a commit may not be on the standby.
const doubt = "ostiary: doubt"

// noted is told the notices of a connection. A commit whose wait for the standby was
// cancelled is answered as one that succeeded, after a warning without a code of its own:
// a standby that takes over may not have it. The other code is of a server that is being
// stopped meanwhile.
func noted(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.Code == warning || n.Code == adminShutdown {
		c.CustomData()[doubt] = n.Message
	}
}

// inTransaction runs fn in a transaction and commits it. When it returns nil, the commit
// is as durable as the server's settings make it. Otherwise nothing was changed, or the
// error is store.ErrUncertain and the connection is closed.
//
// ctx is fn's. The commit has none: pgx would close the connection at its end, and whether
// it was committed would be unknown.
func inTransaction(ctx context.Context, on *pgx.Conn, opts pgx.TxOptions, fn func(pgx.Tx) error) (err error) {
	unending := context.WithoutCancel(ctx)
	tx, err := on.BeginTx(ctx, opts)
	if err != nil {
		_ = on.Close(unending) // it is lost, or one to a server that has become a standby
		return fmt.Errorf("%w: %w: %w", store.ErrUnavailable, errBegin, err)
	}
	// Deferred, so that a panic of fn leaves no transaction open.
	done := false
	defer func() {
		if !done && tx.Rollback(unending) != nil {
			_ = on.Close(unending) // which rolls back, too
		}
	}()
	if err := fn(tx); err != nil {
		if hasCode(err, readOnlyTransaction) {
			_ = on.Close(unending) // the next one finds the primary
		}
		return worded(on, err)
	}
	done = true
	return commit(unending, on, tx)
}

// failing are the classes of errors that say that the server cannot do what it should.
// They are: connections, resources, an operator's doing, and the system.
var failing = []string{"08", "53", "57", "58"}

// worded makes an error of a server that fails store.ErrUnavailable. It is for what was
// not committed: nothing of it is there. What is no error of the server, and a caller's
// own end, stays as it is.
func worded(on *pgx.Conn, err error) error {
	if err == nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUncertain) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var of *pgconn.PgError
	if hasCode(err, lockNotAvailable) {
		return fmt.Errorf("%w: another server has been changing the database for "+locksOfChanges+": %w",
			store.ErrUnavailable, err)
	}
	if on.IsClosed() || errors.As(err, &of) && slices.Contains(failing, of.Code[:2]) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

func commit(ctx context.Context, on *pgx.Conn, tx pgx.Tx) error {
	c := on.PgConn()
	delete(c.CustomData(), doubt)
	ends := watched(c)
	err := tx.Commit(ctx)
	ends()
	why, doubted := c.CustomData()[doubt]
	var refused *pgconn.PgError
	switch {
	case doubted:
		err = fmt.Errorf("%w: commit: the server warns: %v", store.ErrUncertain, why)
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return fmt.Errorf("%w: commit: %w", store.ErrUnavailable, err)
	case errors.As(err, &refused) && refused.SeverityUnlocalized == "ERROR" && !on.IsClosed():
		return fmt.Errorf("%w: commit: %w", store.ErrUnavailable, err)
	default:
		err = fmt.Errorf("%w: commit: %w", store.ErrUncertain, err)
	}
	_ = on.Close(ctx) // what it says next may be of this commit
	return err
}

const (
	maxRuns   = 10
	firstRest = time.Millisecond // doubled from run to run, and drawn from the half to the whole
)

// readCommitted is for batches: each statement finds what the one before has waited for.
var readCommitted = pgx.TxOptions{IsoLevel: pgx.ReadCommitted}

// serializable is for changes: what they read is as if they were alone.
var serializable = pgx.TxOptions{BeginQuery: "BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL " + idle + " = '" +
	idleOfChanges + "'; SET LOCAL lock_timeout = '" + locksOfChanges + "'"}

// locksOfChanges is how long a change waits for what another transaction has locked: one that
// hangs would keep it, and the codes behind it, for ever.
const locksOfChanges = "4s"

// again runs fn in a transaction, and runs it again when another one was in its way.
func again(ctx context.Context, pool *pgxpool.Pool, opts pgx.TxOptions, kept *statements,
	fn func(query.Conn) error) error {
	rest := firstRest
	for run := 1; ; run++ {
		err := onOne(ctx, pool, opts, kept, fn)
		if !hasCode(err, serializationFailure, deadlockDetected, uniqueViolation) &&
			!errors.Is(err, decide.ErrUnordered) && !errors.Is(err, decide.ErrOvertaken) {
			return err
		}
		if run == maxRuns {
			return fmt.Errorf("%w: %d runs were in the way of other changes: %w", store.ErrUnavailable, run, err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(jitter(rest)):
		}
		rest *= 2
	}
}

// jitter draws from the half to the whole, so that two that were in each other's way are
// not so again.
func jitter(d time.Duration) time.Duration {
	var b [1]byte
	_, _ = rand.Read(b[:]) // never fails
	return d/2 + d/2*time.Duration(b[0])/255
}

// view runs fn over one snapshot.
func view(ctx context.Context, pool *pgxpool.Pool, kept *statements, fn func(query.Conn) error) error {
	return onOne(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, kept, fn)
}

// errBegin says that a transaction did not begin.
var errBegin = errors.New("begin")

// onOne runs fn in a transaction on a connection of a pool. A connection that the server
// has ended since it was used last tells so when the transaction is to begin: then another
// is taken, as long as the pool may have such.
func onOne(ctx context.Context, pool *pgxpool.Pool, opts pgx.TxOptions, kept *statements,
	fn func(query.Conn) error) (err error) {
	for range readers + 1 { // no pool has more than readers
		ended := false
		err = onAny(ctx, pool, func(on *pgx.Conn) error {
			err := inTransaction(ctx, on, opts, func(tx pgx.Tx) error { return fn(conn{tx, kept}) })
			ended = on.IsClosed() && errors.Is(err, errBegin)
			return err
		})
		if !ended {
			break
		}
	}
	return err
}

// onAny runs fn on a connection of a pool.
func onAny(ctx context.Context, pool *pgxpool.Pool, fn func(*pgx.Conn) error) error {
	c, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	defer c.Release() // one that is closed does not return to the pool
	return fn(c.Conn())
}
