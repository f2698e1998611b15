package postgres

import (
	"errors"
	"testing"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
	"ostiary/internal/test/cluster"
)

// A server that answers nothing, although its machine does, keeps nobody who presents a code,
// and neither do the lookups before it. When it answers again, so does the node.
func TestServerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	server := cluster.Shared(t)
	network := server.Network(t)
	db := node(t, Config{URL: network.Through(server.Schema(t))})
	look := func() error {
		_, err := db.Candidates(t.Context(), store.Lookup{Serial: "1"}, true)
		return err
	}
	if err := look(); err != nil {
		t.Fatal(err)
	}
	network.Hold()
	told := make(chan error)
	for range readers + 2 {
		go func() { told <- look() }()
	}
	for range readers + 2 {
		select {
		case err := <-told:
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("a lookup: %v", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("a lookup waits for an answer")
		}
	}
	if err := db.Check(t.Context()); err == nil {
		t.Error("ready without an answer")
	}
	network.Mend()
	becomes(t, db, true)
	if err := look(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A connection whose packets are lost is given up, although something is under way on it; then
// another one is made.
func TestLostConnectionIsGivenUp(t *testing.T) {
	t.Parallel()
	server := cluster.Shared(t)
	network := server.Network(t)
	db := node(t, Config{URL: network.Through(server.Schema(t))})
	view := func() error { return db.View(t.Context(), func(store.Reader) error { return nil }) }
	if err := view(); err != nil {
		t.Fatal(err)
	}
	network.Lose()
	told := make(chan error, 1)
	go func() { told <- view() }()
	for end := time.Now().Add(time.Minute); db.reads.Stat().AcquiredConns() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no connection is used")
		}
	}
	network.Mend()
	select {
	case err := <-told:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for a connection that is lost")
	}
}

// A node that is silent in the middle of a batch keeps its rows from the others for a second;
// a change has longer, for it computes.
func TestSilentNodeLosesItsLocks(t *testing.T) {
	t.Parallel()
	db := node(t, Config{URL: fresh(t)})
	const is = "SELECT current_setting('" + idle + "')"
	for want, in := range map[string]func(fn func(query.Conn) error) error{
		"1s": func(fn func(query.Conn) error) error {
			return again(t.Context(), db.writes, readCommitted, db.kept, fn)
		},
		"10s": func(fn func(query.Conn) error) error { return again(t.Context(), db.places, serializable, db.kept, fn) },
	} {
		err := in(func(q query.Conn) error {
			got, err := query.One(t.Context(), q, query.Value[string], is)
			if got != want {
				t.Errorf("a transaction may be idle for %s, want %s", got, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
