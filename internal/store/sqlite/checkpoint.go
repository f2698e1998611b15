package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"sync"
	"time"

	codes "modernc.org/sqlite/lib"
)

const (
	checkpointEvery = 100 * time.Millisecond // how often the WAL is looked at
	checkpointBytes = 4 << 20                // the file that is written back
	restartPages    = 8192                   // the WAL that is to begin anew: of 4 KiB, so 32 MiB
)

// checkpoints writes the WAL back into the file, on a connection of its own and
// beside the writer. A passive checkpoint takes no lock that a commit needs; what
// it writes was synced before.
//
// SQLite syncs the file, and lets the WAL begin anew, only when a checkpoint has
// written all of it and no transaction is under way. Beside a busy writer that is
// seldom so: the WAL would grow, and with it what the file has to sync at last,
// while a commit waits. So the file is synced here after each checkpoint, and when
// the WAL is long, the writer is asked for one between two transactions, to which
// almost nothing is left.
//
// After a sync of the file that failed, the system may have dropped what it was to
// write, and the next sync would say that all is well. So there is no other: the WAL,
// which has it all, stays as it is for the next start, and nothing is accepted any more
// (health.breaks).
type checkpoints struct {
	db      *sql.DB
	wal     string // its path
	file    syncer
	writer  *writer
	restart int // pages
	end     sync.Once
	quit    chan struct{}
	done    chan struct{}
}

// syncer is the file as far as it is used here.
type syncer interface {
	Sync() error
	Close() error
}

func newCheckpoints(path string, w *writer) (*checkpoints, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open(
		"sqlite",
		dsn(path, []string{"busy_timeout(5000)", "synchronous(FULL)", "wal_autocheckpoint(0)", "cache_size(-256)"}))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	db.SetMaxOpenConns(1)
	return &checkpoints{db: db, wal: path + "-wal", file: file, writer: w, restart: restartPages,
		quit: make(chan struct{}), done: make(chan struct{})}, nil
}

func (c *checkpoints) run() {
	defer close(c.done)
	ticker := time.NewTicker(checkpointEvery)
	defer ticker.Stop()
	written := time.Time{} // when the WAL was last changed before it was written back
	for {
		select {
		case <-c.quit:
			return
		case <-ticker.C:
		}
		info, err := os.Stat(c.wal)
		if err != nil || info.Size() < checkpointBytes || info.ModTime().Equal(written) {
			continue
		}
		// What cannot be written back now stays in the WAL, whole and synced.
		if err := c.writeBack(); err == nil {
			written = info.ModTime()
		} else if c.writer.health.broken() != nil {
			return
		}
	}
}

func (c *checkpoints) writeBack() error {
	pages, err := c.checkpoint()
	if err == nil {
		err = c.sync()
	}
	if err != nil || pages < c.restart {
		return err
	}
	// Once more, because the first has taken longest, and most has come meanwhile.
	if _, err := c.checkpoint(); err != nil {
		return err
	}
	if err := c.sync(); err != nil {
		return err
	}
	return c.writer.line.Between(func() error {
		_, err := c.checkpoint()
		return err
	})
}

// checkpoint writes back what is in the WAL and gives its length in pages.
func (c *checkpoints) checkpoint() (pages int, err error) {
	var busy, done int
	if err := c.writer.health.broken(); err != nil {
		return 0, err
	}
	err = c.db.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &done)
	if code, ok := codeOf(err); ok && code == codes.SQLITE_IOERR_FSYNC {
		err = c.writer.health.breaks(err)
	}
	return pages, err
}

func (c *checkpoints) sync() error {
	if err := c.file.Sync(); err != nil {
		return c.writer.health.breaks(err)
	}
	return nil
}

func (c *checkpoints) stop() error {
	if c == nil {
		return nil
	}
	c.end.Do(func() { close(c.quit) })
	<-c.done
	if c.writer.health.broken() != nil {
		// The last connection that is closed would write the WAL back and remove it. So
		// this one stays open until the process ends.
		return nil //nolint:nilerr // health tells of what broke
	}
	return c.db.Close()
}

// close comes when all connections are closed: to close a file ends the locks that
// the process has on it, those of SQLite too.
func (c *checkpoints) close() error {
	if c == nil {
		return nil
	}
	if c.writer.health.broken() != nil {
		return nil //nolint:nilerr // see stop
	}
	if err := c.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
