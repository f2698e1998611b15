package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// checkEvery is how often a server is checked again: another one may have taken over, and
// settings may have been changed.
const checkEvery = time.Minute

// checks look from time to time at what the server lacks.
type checks struct {
	pool  *pgxpool.Pool
	cfg   Config
	quit  context.CancelFunc
	done  chan struct{}
	found []Lack
}

// startChecks begins with what was found when the database was opened.
func startChecks(pool *pgxpool.Pool, cfg Config, found []Lack) *checks {
	ctx, quit := context.WithCancel(context.Background())
	c := &checks{pool: pool, cfg: cfg, quit: quit, done: make(chan struct{})}
	c.tell(found)
	go c.run(ctx, cmp.Or(cfg.TestOnlyCheckEvery, checkEvery))
	return c
}

func (c *checks) run(ctx context.Context, every time.Duration) {
	defer close(c.done)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.again(ctx)
		}
	}
}

// again checks the server. One that does not answer tells nothing of what it lacks; that
// commits fail is told elsewhere (watch).
func (c *checks) again(ctx context.Context) {
	ctx, end := context.WithTimeout(ctx, checkEvery)
	defer end()
	var found []Lack
	err := onAny(ctx, c.pool, func(on *pgx.Conn) (err error) {
		found, err = check(ctx, on, c.cfg.Standby)
		return err
	})
	if err == nil {
		c.tell(found)
	}
}

func (c *checks) tell(found []Lack) {
	if c.cfg.Lacks != nil && !slices.Equal(found, c.found) {
		c.cfg.Lacks(found)
	}
	c.found = found
}

func (c *checks) stop() {
	if c == nil {
		return
	}
	c.quit()
	<-c.done
}
