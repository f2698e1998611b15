package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ostiary/internal/store"
)

// Codes of PostgreSQL's errors that are told apart.
const lockNotAvailable = "55P03"

func hasCode(err error, codes ...string) bool {
	var of *pgconn.PgError
	return errors.As(err, &of) && slices.Contains(codes, of.Code)
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
		return fmt.Errorf("%w: begin: %w", store.ErrUnavailable, err)
	}
	// Deferred, so that a panic of fn leaves no transaction open.
	done := false
	defer func() {
		if !done && tx.Rollback(unending) != nil {
			_ = on.Close(unending) // which rolls back, too
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	done = true
	return commit(unending, on, tx)
}

func commit(ctx context.Context, on *pgx.Conn, tx pgx.Tx) error {
	err := tx.Commit(ctx)
	var refused *pgconn.PgError
	switch {
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
