package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/jobs"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/nodes"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/internal/test/twonodes"
	"ostiary/pskc"
)

// worker is a node that works at jobs.
type worker struct {
	*jobs.Service
	node *nodes.Node
	db   store.DB
}

// workers runs a test with two nodes on one database that has so many tokens.
func workers(t *testing.T, n int, test func(t *testing.T, k *testkit.Kit, a, b worker)) {
	twonodes.Run(t, func(t *testing.T, dbA, dbB store.DB) {
		k := testkit.New(t) // for its keys
		in, err := imports.New(imports.Config{DB: dbA, Keys: k.Keys, Marks: k.Marks, Now: k.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		keys := make([]*pskc.Key, n)
		for i := range keys {
			keys[i] = testkit.HOTP(serial(i + 1))
		}
		(&testkit.Kit{Imports: in}).Import(t, keys...)
		test(t, k, newWorker(t, k, dbA), newWorker(t, k, dbB))
	})
}

func newWorker(t *testing.T, k *testkit.Kit, db store.DB) worker {
	t.Helper()
	node, err := nodes.Join(t.Context(), db, "host", func(store.Node) bool { return false }, k.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jobs.New(jobs.Config{DB: db, Tokens: lifecycleOf(t, k, db), Hasher: k.Hasher(seal.Job), Node: node.ID(),
		Now: k.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return worker{s, node, db}
}

func lifecycleOf(t *testing.T, k *testkit.Kit, db store.DB) *lifecycle.Service {
	t.Helper()
	s, err := lifecycle.New(lifecycle.Config{DB: db, Keys: k.Keys, Marks: k.Marks, Links: k.Hasher(seal.Link),
		Now: k.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// revoked gives the entries of tokens whose state was changed.
func (w worker) revoked(t *testing.T) (all []testkit.Entry) {
	t.Helper()
	err := w.db.View(t.Context(), func(r store.Reader) error {
		all = nil
		rows, _, err := r.FindAudit(audit.Filter{Action: audit.TokenStateChanged}, 0, 1000)
		for _, row := range rows {
			var e testkit.Entry
			if err == nil {
				err = json.Unmarshal(row.Entry, &e)
			}
			all = append(all, e)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Two nodes that look for work at once do each row once, and one of them does a job.
func TestTwoNodesDoEachRowOnce(t *testing.T) {
	t.Parallel()
	workers(t, 120, func(t *testing.T, _ *testkit.Kit, a, b worker) {
		first := start(t, a.Service, revoke(all()))
		var wg sync.WaitGroup
		for range 3 {
			for _, w := range []worker{a, b} {
				wg.Go(func() {
					if err := w.Work(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		j := done(t, b.Service, first.ID)
		same(t, "counts", j.JobCounts, store.JobCounts{Changed: 120})
		changedOnce(t, a.revoked(t), 120)
	})
}

// A node leaves a job to the node that works at it, and goes on with it when that one is gone.
// If that one was only slow, it has lost the job and does no row of it.
func TestANodeTakesOver(t *testing.T) {
	t.Parallel()
	workers(t, 120, func(t *testing.T, k *testkit.Kit, a, b worker) {
		j := start(t, a.Service, revoke(all()))
		slow, err := jobs.New(jobs.Config{DB: &counting{DB: a.db, after: 2, then: func() {
			// The first node has done 50 rows, and says nothing for a while.
			if err := b.Work(t.Context()); err != nil {
				t.Error(err)
			}
			now, err := b.Job(t.Context(), j.ID)
			if err != nil || now.Changed != 50 || now.Node != a.node.ID() {
				t.Errorf("while the first lives: %+v, %v", now, err)
			}
			k.Clock.Advance(time.Minute)
			if err := b.node.Beat(t.Context()); err != nil {
				t.Error(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			second, err := jobs.New(jobs.Config{DB: &counting{DB: b.db, after: 2, then: stop},
				Tokens: lifecycleOf(t, k, b.db), Hasher: k.Hasher(seal.Job), Node: b.node.ID(), Now: k.Clock.Now})
			if err != nil {
				t.Error(err)
			} else if err := second.Work(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}}, Tokens: lifecycleOf(t, k, a.db), Hasher: k.Hasher(seal.Job), Node: a.node.ID(), Now: k.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		if err := slow.Work(t.Context()); err != nil {
			t.Error(err)
		}
		now, err := a.Job(t.Context(), j.ID)
		if err != nil || now.Changed != 100 || now.Node != b.node.ID() || !now.Ended.IsZero() {
			t.Errorf("after the first has lost it: %+v, %v", now, err)
		}
		same(t, "counts", done(t, b.Service, j.ID).JobCounts, store.JobCounts{Changed: 120})
		changedOnce(t, a.revoked(t), 120)
	})
}
