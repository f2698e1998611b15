package postgres

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
)

// reports keeps what a database tells of its commits.
type reports struct {
	mu  sync.Mutex
	all []error
}

func (r *reports) report(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, err)
}

// twice checks that the trouble was told once, and its end once.
func (r *reports) twice(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) != 2 || r.all[0] == nil || r.all[1] != nil {
		t.Errorf("it told %v, want the trouble and its end", r.all)
	}
}

// becomes waits until a database is ready, or is not.
func becomes(t *testing.T, db *DB, ready bool) (err error) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if err = db.Check(t.Context()); (err == nil) == ready {
			return err
		}
		if time.Now().After(end) {
			t.Fatalf("it does not become ready: %t, %v", ready, err)
		}
	}
}

func setting(db *DB, name string) error {
	return db.Update(context.Background(), func(tx store.Tx) error { return tx.SetSetting(name, []byte("1")) })
}

// hanging commits until a commit hangs, and gives what its caller is told: the server takes
// note of its settings when it comes to it.
func hanging(db *DB) <-chan error {
	told := make(chan error, 1)
	go func() {
		for {
			if err := setting(db, "hanging"); err != nil {
				told <- err
				return
			}
		}
	}()
	return told
}

// Not ready from a commit that failed until one succeeds, which the database tries by itself.
func TestReadinessFollowsTheCommits(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t)
	var told reports
	db := node(t, Config{URL: server.Schema(t), Report: told.report})
	if err := db.Update(t.Context(), func(store.Tx) error { return store.ErrConflict }); err != store.ErrConflict {
		t.Errorf("an error of the caller: %v", err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Errorf("an error of the caller ends readiness: %v", err)
	}
	server.Stop(t)
	for range 3 {
		if err := setting(db, "a"); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUncertain) {
			t.Errorf("without a server: %v", err)
		}
		if _, err := db.Attempt(t.Context(), store.Attempt{}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a code without a server: %v", err)
		}
		if _, err := db.Candidates(t.Context(), store.Lookup{Serial: "1"}, true); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a lookup without a server: %v", err)
		}
		if err := db.Check(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("ready without a server: %v", err)
		}
	}
	server.Restart(t)
	becomes(t, db, true)
	told.twice(t)
}

// A commit whose standby is gone hangs. It goes on, and readiness ends meanwhile; what comes
// is refused at once, and the caller learns that nobody knows.
func TestCommitThatHangs(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t)
	var told reports
	db := node(t, Config{URL: server.Schema(t), Report: told.report})
	if err := setting(db, "before"); err != nil {
		t.Fatal(err)
	}
	server.Set(t, map[string]string{"synchronous_standby_names": "nobody"})
	first := hanging(db)
	if err := becomes(t, db, false); !errors.Is(err, errHangs) {
		t.Errorf("not ready, because %v", err)
	}
	if err := setting(db, "refused"); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, errHangs) {
		t.Errorf("meanwhile: %v", err)
	}
	if err := <-first; !errors.Is(err, store.ErrUncertain) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the commit that hangs: %v", err)
	}
	server.Set(t, map[string]string{"synchronous_standby_names": ""})
	becomes(t, db, true)
	told.twice(t)
	for name, want := range map[string]error{"before": nil, "hanging": nil, "refused": store.ErrNotFound} {
		err := db.View(t.Context(), func(r store.Reader) error { _, err := r.Setting(name); return err })
		if !errors.Is(err, want) {
			t.Errorf("setting %s: %v, want %v", name, err, want)
		}
	}
}

// A change that waits for one of another node, which hangs, keeps nobody waiting: the node is
// not ready, nothing was changed, and it goes on when the other has ended.
func TestChangeThatWaitsForAnother(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	db, other := node(t, Config{URL: url}), connect(t, url)
	held, err := other.Begin(t.Context())
	if err == nil {
		_, err = held.Exec(t.Context(), oneWriter)
	}
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 1)
	go func() { told <- setting(db, "waits") }()
	if err := becomes(t, db, false); !errors.Is(err, errTurn) {
		t.Errorf("it is not ready because of %v", err)
	}
	if _, err := db.Attempt(t.Context(), ofNobody(1, "")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a code meanwhile: %v", err)
	}
	if err := <-told; !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUncertain) {
		t.Errorf("the change: %v", err)
	}
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = becomes(t, db, true)
	if err := db.View(t.Context(), func(r store.Reader) error {
		_, err := r.Setting("waits")
		return err
	}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the change that was given up: %v", err)
	}
}

// A commit that hangs does not keep a database from being closed, and the server goes on
// with it.
func TestCloseWhileACommitHangs(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t)
	url := server.Schema(t)
	db := node(t, Config{URL: url})
	if err := setting(db, "before"); err != nil {
		t.Fatal(err)
	}
	server.Set(t, map[string]string{"synchronous_standby_names": "nobody"})
	first := hanging(db)
	becomes(t, db, false)
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if err := <-first; !errors.Is(err, store.ErrUncertain) {
		t.Errorf("the commit that hung: %v", err)
	}
	server.Set(t, map[string]string{"synchronous_standby_names": ""})
	after := node(t, Config{URL: url})
	if n := settings(t, after); n != 2 {
		t.Errorf("%d settings, want that of before and the one that hung", n)
	}
}
