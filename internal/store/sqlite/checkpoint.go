package sqlite

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"time"
)

// How often the size of the WAL is looked at, and at which growth it is written
// back.
const (
	checkpointEvery = 100 * time.Millisecond
	checkpointBytes = 4 << 20
)

// checkpoints writes the WAL back into the file, on a connection of its own and
// beside the writer. A passive checkpoint takes no lock that a commit needs; what
// it writes was synced before.
type checkpoints struct {
	db   *sql.DB
	wal  string // its path
	end  sync.Once
	quit chan struct{}
	done chan struct{}
}

func startCheckpoints(path string) (*checkpoints, error) {
	db, err := sql.Open("sqlite", dsn(path, []string{"busy_timeout(5000)", "synchronous(FULL)", "wal_autocheckpoint(0)", "cache_size(-256)"}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	c := &checkpoints{db: db, wal: path + "-wal", quit: make(chan struct{}), done: make(chan struct{})}
	go c.run()
	return c, nil
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
		if _, err := c.db.ExecContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)"); err == nil {
			written = info.ModTime()
		}
	}
}

func (c *checkpoints) stop() error {
	if c == nil {
		return nil
	}
	c.end.Do(func() { close(c.quit) })
	<-c.done
	return c.db.Close()
}
