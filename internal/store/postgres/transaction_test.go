package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
	"ostiary/internal/test/cluster"
)

// opened is a database of its own schema.
func opened(t *testing.T, url string) *DB {
	t.Helper()
	db, err := Open(t.Context(), Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func (db *DB) change(ctx context.Context, fn func(query.Conn) error) error {
	return again(ctx, db.reads, serializable, db.kept, fn)
}

func (db *DB) see(ctx context.Context, fn func(query.Conn) error) error {
	return view(ctx, db.reads, db.kept, fn)
}

// set writes a setting.
func set(t *testing.T, c query.Conn, name, value string) error {
	t.Helper()
	_, err := c.Exec(t.Context(), "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "+
		"value = excluded.value", name, []byte(value))
	return err
}

// settings counts those that there are.
func settings(t *testing.T, db *DB) (n int) {
	t.Helper()
	err := db.see(t.Context(), func(c query.Conn) (err error) {
		n, err = query.One(t.Context(), c, query.Value[int], "SELECT count(*) FROM setting")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTransactionsAreWholeOrNothing(t *testing.T) {
	t.Parallel()
	db := opened(t, cluster.Schema(t))
	errTest := errors.New("of the test")
	if err := db.change(t.Context(), func(c query.Conn) error { return set(t, c, "a", "1") }); err != nil {
		t.Fatal(err)
	}
	err := db.change(t.Context(), func(c query.Conn) error { return errors.Join(set(t, c, "b", "1"), errTest) })
	if !errors.Is(err, errTest) || settings(t, db) != 1 {
		t.Errorf("an error: %v, %d settings", err, settings(t, db))
	}
	func() {
		defer func() {
			if r := recover(); r != "of the test" {
				t.Errorf("thrown: %v", r)
			}
		}()
		_ = db.change(t.Context(), func(c query.Conn) error {
			if err := set(t, c, "b", "1"); err != nil {
				t.Error(err)
			}
			panic("of the test")
		})
	}()
	if n := settings(t, db); n != 1 {
		t.Errorf("after a panic: %d settings", n)
	}
	// An error that fn keeps to itself is an error of the commit.
	err = db.change(t.Context(), func(c query.Conn) error {
		_ = set(t, c, "b", "1")
		_, _ = c.Exec(t.Context(), "SELECT n FROM missing")
		return nil
	})
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUncertain) || settings(t, db) != 1 {
		t.Errorf("a statement that failed: %v", err)
	}
	err = db.see(t.Context(), func(c query.Conn) error { return set(t, c, "b", "1") })
	if err == nil || !strings.Contains(err.Error(), "read-only transaction") {
		t.Errorf("a view that writes: %v", err)
	}
	// More of them than there are connections: none was lost on the way.
	for range 2 * readers {
		if err := db.change(t.Context(), func(c query.Conn) error { return set(t, c, "a", "2") }); err != nil {
			t.Fatal(err)
		}
	}
}

// A view is of one moment.
func TestViewIsASnapshot(t *testing.T) {
	t.Parallel()
	db := opened(t, cluster.Schema(t))
	err := db.see(t.Context(), func(c query.Conn) error {
		count := func() int {
			n, err := query.One(t.Context(), c, query.Value[int], "SELECT count(*) FROM setting")
			if err != nil {
				t.Error(err)
			}
			return n
		}
		before := count()
		if err := db.change(t.Context(), func(c query.Conn) error { return set(t, c, "a", "1") }); err != nil {
			t.Error(err)
		}
		if after := count(); before != 0 || after != 0 {
			t.Errorf("%d settings, then %d", before, after)
		}
		return nil
	})
	if err != nil || settings(t, db) != 1 {
		t.Errorf("%v, %d settings", err, settings(t, db))
	}
}

// What was counted before a write is still so at the commit: of many that make a row
// while there are fewer than five, five do.
func TestChangesTogetherAreAsOneByOne(t *testing.T) {
	t.Parallel()
	db := opened(t, cluster.Schema(t))
	var (
		wg   sync.WaitGroup
		runs atomic.Int32
		// The first that count wait for each other, so that they are in each other's way.
		counted = make(chan struct{})
	)
	for i := range 12 {
		wg.Go(func() {
			err := db.change(t.Context(), func(c query.Conn) error {
				n, err := query.One(t.Context(), c, query.Value[int], "SELECT count(*) FROM setting")
				if runs.Add(1) == readers {
					close(counted)
				}
				<-counted
				if err != nil || n >= 5 {
					return err
				}
				return set(t, c, fmt.Sprint(i), "")
			})
			if err != nil && !errors.Is(err, store.ErrUnavailable) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := settings(t, db); n != 5 || runs.Load() <= 12 {
		t.Errorf("%d settings after %d runs, want 5 after more than 12", n, runs.Load())
	}
}

// One that is always in the way of another gives up, and says that nothing was changed.
func TestChangeGivesUp(t *testing.T) {
	t.Parallel()
	db := opened(t, cluster.Schema(t))
	runs := 0
	err := db.change(t.Context(), func(c query.Conn) error {
		runs++
		_, err := c.Exec(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = '40001'; END $$")
		return err
	})
	if runs != maxRuns || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%d runs, %v", runs, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	runs = 0
	err = db.change(ctx, func(c query.Conn) error {
		if runs++; runs == 3 {
			cancel()
		}
		_, err := c.Exec(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = '40P01'; END $$")
		return err
	})
	if runs != 3 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d runs, %v", runs, err)
	}
	for range 1000 {
		if d := jitter(time.Second); d < time.Second/2 || d > time.Second {
			t.Fatalf("a rest of %v", d)
		}
	}
}

// The end of the caller does not end a commit: it is known what became of it.
func TestCommitOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	db := opened(t, cluster.Schema(t))
	ctx, cancel := context.WithCancel(t.Context())
	err := db.change(ctx, func(c query.Conn) error {
		defer cancel()
		return set(t, c, "a", "1")
	})
	if err != nil || settings(t, db) != 1 {
		t.Errorf("%v, %d settings", err, settings(t, db))
	}
}

// endWaiting waits until a commit waits for its standby, ends that by a function of
// PostgreSQL, and gives what became of it.
func endWaiting(t *testing.T, watcher *pgx.Conn, end string, done <-chan error) error {
	t.Helper()
	for {
		var ended bool
		err := watcher.QueryRow(t.Context(), "SELECT count("+end+
			"(pid)) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'").Scan(&ended)
		if err != nil {
			t.Fatal(err)
		}
		if ended {
			return <-done
		}
		select {
		case err := <-done:
			t.Fatalf("%s: the commit did not wait: %v", end, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// A commit whose wait for the standby was cancelled is answered as a success, and a server
// that is stopped leaves open what became of it: both are uncertain.
func TestCommitWithoutItsStandby(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t)
	url := server.Schema(t)
	db := opened(t, url)
	watcher := connect(t, url)
	server.Set(t, map[string]string{"synchronous_standby_names": "nobody"})
	for i, end := range []string{"pg_cancel_backend", "pg_terminate_backend"} {
		done := make(chan error)
		go func() {
			done <- db.change(t.Context(), func(c query.Conn) error { return set(t, c, end, "1") })
		}()
		err := endWaiting(t, watcher, end, done)
		if !errors.Is(err, store.ErrUncertain) || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", end, err)
		} else if i == 0 && !strings.Contains(err.Error(), "canceling wait for synchronous replication") {
			t.Errorf("%s does not say why: %v", end, err)
		}
		// The connection was dropped: what it says next might be of that commit.
		for end := time.Now().Add(time.Minute); db.reads.Stat().TotalConns() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d connections stay", db.reads.Stat().TotalConns())
			}
		}
	}
	// Both commits are there, as it happens; another one might not be.
	if n := settings(t, db); n != 2 {
		t.Errorf("%d settings", n)
	}
	server.Set(t, map[string]string{"synchronous_standby_names": ""})
	if err := db.change(t.Context(), func(c query.Conn) error { return set(t, c, "after", "1") }); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A warning of a statement before the commit is none of the commit.
func TestWarningsBeforeTheCommit(t *testing.T) {
	t.Parallel()
	db := opened(t, cluster.Schema(t))
	err := db.change(t.Context(), func(c query.Conn) error {
		_, err := c.Exec(t.Context(), "DO $$ BEGIN RAISE WARNING 'of the test'; END $$")
		return errors.Join(err, set(t, c, "a", "1"))
	})
	if err != nil || settings(t, db) != 1 {
		t.Errorf("%v, %d settings", err, settings(t, db))
	}
}

// Connections that the server has ended meanwhile are no trouble of who comes next.
func TestEndedConnectionsAreTakenNoMore(t *testing.T) {
	t.Parallel()
	url := cluster.Schema(t)
	db := opened(t, url+"&application_name=ended")
	var both sync.WaitGroup
	both.Add(2)
	var group errgroup.Group
	for range 2 { // at once, so that there are two connections
		group.Go(func() error {
			return db.see(t.Context(), func(query.Conn) error { both.Done(); both.Wait(); return nil })
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := connect(t, url).QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE pg_terminate_backend(pid))
		FROM pg_stat_activity WHERE application_name = 'ended'`).Scan(&n); err != nil || n < 2 {
		t.Fatalf("%d connections were ended: %v", n, err)
	}
	if n := settings(t, db); n != 0 {
		t.Errorf("%d settings", n)
	}
}

// What stands in a connection when the server crashes is uncertain; before a commit was
// begun, nothing was changed.
func TestServerCrashes(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t)
	db := opened(t, server.Schema(t))
	err := db.change(t.Context(), func(c query.Conn) error {
		err := set(t, c, "a", "1")
		server.Stop(t)
		return err
	})
	if !errors.Is(err, store.ErrUncertain) {
		t.Errorf("a crash before the commit: %v", err)
	}
	err = db.change(t.Context(), func(c query.Conn) error { return set(t, c, "b", "1") })
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUncertain) {
		t.Errorf("without a server: %v", err)
	}
	server.Restart(t)
	if err := db.change(t.Context(), func(c query.Conn) error { return set(t, c, "c", "1") }); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if n := settings(t, db); n != 1 {
		t.Errorf("%d settings, want that of after the crash", n)
	}
	// What was committed survives a crash.
	server.Stop(t)
	server.Restart(t)
	on, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	if err := on.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := settings(t, opened(t, server.URL("search_path", "s1"))); n != 1 {
		t.Errorf("%d settings after a crash", n)
	}
}
