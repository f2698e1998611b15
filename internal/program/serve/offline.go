package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"ostiary/internal/engine/integrity"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/seal/filekek"
	"ostiary/internal/store"
	"ostiary/internal/store/postgres"
	"ostiary/internal/store/sqlite"
)

// ErrRunning says that a server has the data directory.
var ErrRunning = errors.New("a server is running")

// Log is the audit log of a data directory whose server is stopped.
type Log struct {
	*ledger.Ledger
	// Keyed tells whether the key file was there: then the key that checks signatures
	// is the server's own, and not only the one that the database names.
	Keyed bool
	// Behind says what does not fit between the database and the mark beside the key
	// file, such as an older copy that was put back; nil if all does, or without a key
	// file.
	Behind error

	db   store.DB
	lock *flock.Flock
}

// OpenLog opens the audit log of a data directory, or of its database of PostgreSQL, to be
// read. No server starts on the directory until it is closed. It returns ErrRunning if one
// runs, and fs.ErrNotExist if there is no database.
func OpenLog(ctx context.Context, cfg Config) (l *Log, err error) {
	data := cfg.Data
	path := filepath.Join(data, "ostiary.db")
	if cfg.Database != "" {
		path = data // which has the lock
	}
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	l = &Log{lock: flock.New(filepath.Join(data, "lock"), flock.SetPermissions(0o600))}
	ok, err := l.lock.TryRLock()
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if !ok {
		return nil, ErrRunning
	}
	opened := l
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.Close())
		}
	}()
	if cfg.Database != "" {
		if l.db, err = postgres.OpenReadOnly(ctx, postgres.Config{URL: cfg.Database,
			PasswordFile: cfg.DatabaseFile}); err != nil {
			return nil, fmt.Errorf("the database of --database: %w", err)
		}
	} else if l.db, err = sqlite.OpenReadOnly(ctx, path); err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	return l, l.openLedger(ctx, filepath.Join(data, "kek"))
}

func (l *Log) openLedger(ctx context.Context, kekPath string) (err error) {
	if l.Keyed, err = filekek.Exists(kekPath); err != nil {
		return err
	}
	if !l.Keyed {
		l.Ledger, err = ledger.ReadOnly(ctx, l.db)
		return err
	}
	kek, err := filekek.Open(kekPath)
	if err != nil {
		return err
	}
	database, err := integrity.Read(ctx, l.db, kek, time.Now)
	if err != nil {
		return fmt.Errorf("database of the key file %s: %w", kekPath, err)
	}
	l.Ledger = database.Ledger
	l.Behind = database.Behind(ctx, markFile(markPath(kekPath)))
	return nil
}

// Close lets a server start.
func (l *Log) Close() error {
	var err error
	if l.db != nil {
		err = l.db.Close()
	}
	return errors.Join(err, l.lock.Unlock())
}
