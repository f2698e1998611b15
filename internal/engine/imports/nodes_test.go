package imports_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/nodes"
	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
	"ostiary/internal/test/testkit"
	"ostiary/internal/test/twonodes"
	"ostiary/pskc"
)

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// importer is a node that imports.
type importer struct {
	*imports.Service
	node *nodes.Node
	db   store.DB
}

// importers runs a test with two nodes that import.
func importers(t *testing.T, test func(t *testing.T, c *testkit.Clock, a, b importer)) {
	twonodes.Run(t, func(t *testing.T, dbA, dbB store.DB) {
		k := testkit.New(t) // for its keys
		node := func(db store.DB) importer {
			n, err := nodes.Join(t.Context(), db, "host", func(store.Node) bool { return false }, k.Clock.Now)
			if err != nil {
				t.Fatal(err)
			}
			s, err := imports.New(imports.Config{DB: db, Keys: k.Keys, Marks: k.Marks, Node: n.ID(), Now: k.Clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			return importer{s, n, db}
		}
		test(t, k.Clock, node(dbA), node(dbB))
	})
}

// take imports one key.
func (i importer) take(t *testing.T, serial string) (store.Run, error) {
	t.Helper()
	return i.Import(t.Context(), imports.Request{Keys: testkit.Keys(testkit.HOTP(serial)), Label: "one.pskc",
		Origin: testkit.Origin})
}

// stall begins an import that waits for its second chunk until broken is closed.
func (i importer) stall(t *testing.T) (id int64, s *stalled, end chan error) {
	t.Helper()
	s, begun, end := newStalled(), make(chan int64, 1), make(chan error, 1)
	go func() {
		_, err := i.Import(t.Context(), imports.Request{Keys: late{s}, Label: "stalled.pskc", Origin: testkit.Origin,
			Begun: func(run int64) { begun <- run }})
		end <- err
	}()
	<-s.reached
	return <-begun, s, end
}

// late is a stalled file that goes on to its end.
type late struct{ *stalled }

func (l late) Next() (*pskc.Key, error) { return l.Source.Next() }

func (i importer) sweep(t *testing.T) {
	t.Helper()
	if err := i.SweepAbandoned(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (i importer) open(t *testing.T, id int64) bool {
	t.Helper()
	run, err := i.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return run.Published.IsZero() && run.Closed.IsZero()
}

// tokens counts those that anybody sees.
func (i importer) tokens(t *testing.T) (n int) {
	t.Helper()
	err := i.db.View(t.Context(), func(r store.Reader) error {
		all, err := r.Tokens(store.TokenFilter{})
		n = len(all)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ended gives the newest entry that tells how an import ended.
func (i importer) ended(t *testing.T) (e struct{ Action, Actor, Reason string }) {
	t.Helper()
	err := i.db.View(t.Context(), func(r store.Reader) error {
		rows, _, err := r.FindAudit(audit.Filter{}, 0, 1) // also of what has no place in the log yet
		if err != nil {
			return err
		}
		return json.Unmarshal(rows[0].Entry, &e)
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A node leaves the import of another one alone as long as that one lives, and sweeps it
// when it is gone. If that one was only slow, its import fails and leaves nothing.
func TestAnotherNodesImport(t *testing.T) {
	t.Parallel()
	importers(t, func(t *testing.T, c *testkit.Clock, a, b importer) {
		id, s, end := a.stall(t)
		for range 3 {
			c.Advance(20 * time.Second)
			if err := a.node.Beat(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.sweep(t)
			_, err := b.take(t, "b")
			testkit.IsFault(t, err, fault.Conflict, "import_running")
		}
		c.Advance(30*time.Second - time.Millisecond)
		b.sweep(t)
		if !a.open(t, id) {
			t.Fatal("the import of a living node was swept")
		}
		c.Advance(time.Millisecond)
		b.sweep(t)
		if a.open(t, id) {
			t.Fatal("the import of a node that is gone was not swept")
		}
		if e := b.ended(t); e.Action != "import.abandoned" || e.Actor != "system" {
			t.Errorf("the log says %+v", e)
		}
		if _, err := b.take(t, "b"); err != nil {
			t.Errorf("the next import: %v", err)
		}
		close(s.broken)
		testkit.IsFault(t, <-end, fault.Conflict, "import_ended")
		if n := a.tokens(t); n != 1 {
			t.Errorf("%d tokens are there, want that of the other import", n)
		}
		if _, err := a.take(t, "a"); err != nil {
			t.Errorf("node A imports no more: %v", err)
		}
	})
}

// An import that is in the way is swept by the import of another node, once its node is gone.
// A node sweeps what it has left itself at once.
func TestAnImportOfAGoneNodeIsNotInTheWay(t *testing.T) {
	t.Parallel()
	importers(t, func(t *testing.T, c *testkit.Clock, a, b importer) {
		left := func(node int64) (id int64) {
			err := a.db.Update(t.Context(), func(tx store.Tx) (err error) {
				id, err = tx.BeginRun(store.Run{Opened: c.Now(), Label: "left", Node: node})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		left(b.node.ID())
		if _, err := b.take(t, "1"); err != nil {
			t.Errorf("behind what the node itself has left: %v", err)
		}
		left(0)
		if _, err := b.take(t, "2"); err != nil {
			t.Errorf("behind what no node has left: %v", err)
		}
		id := left(a.node.ID())
		_, err := b.take(t, "3")
		testkit.IsFault(t, err, fault.Conflict, "import_running")
		if err := a.node.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.take(t, "3"); err != nil || b.open(t, id) {
			t.Errorf("behind what a node has left that stopped: %v", err)
		}
	})
}

// Who cancels an import at another node than the one that works at it ends it all the same.
func TestCancelAtAnotherNode(t *testing.T) {
	t.Parallel()
	importers(t, func(t *testing.T, _ *testkit.Clock, a, b importer) {
		id, s, end := a.stall(t)
		run, err := b.Cancel(t.Context(), id, canceller)
		if err != nil || run.Closed.IsZero() || run.Failure != "The import was cancelled by key:duty." {
			t.Errorf("the run is %+v, %v", run, err)
		}
		if e := b.ended(t); e.Action != "import.cancelled" || e.Actor != "key:duty" {
			t.Errorf("the log says %+v", e)
		}
		close(s.broken)
		testkit.IsFault(t, <-end, fault.Conflict, "import_ended")
		if n := a.tokens(t); n != 0 {
			t.Errorf("%d tokens are there", n)
		}
	})
}
