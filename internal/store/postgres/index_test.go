package postgres

import (
	"context"
	"sync/atomic"
	"testing"

	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/query"
	"ostiary/internal/store/storetest"
)

// eager is a node that indexes each few entries before it is read.
type eager struct {
	*DB
	x     *auditlog.Indexer
	added *atomic.Int64
}

func (e *eager) View(ctx context.Context, fn func(store.Reader) error) error {
	for {
		more, err := e.x.Step(ctx)
		if err != nil {
			return err
		}
		if !more {
			return e.DB.View(ctx, fn)
		}
		e.added.Add(1)
	}
}

// The log is searched as it is read, with an index beside the entries that have their places
// and without one for those that have none.
func TestIndexOfTheLog(t *testing.T) {
	t.Parallel()
	var added atomic.Int64
	t.Cleanup(func() {
		if n := added.Load(); n < 20 {
			t.Errorf("%d segments were added", n)
		}
	})
	t.Run("", func(t *testing.T) {
		storetest.RunAudit(t, func(t *testing.T) store.DB {
			db := guarded(t)
			return &eager{db, auditlog.NewIndexer(indexed{db}, nil, auditlog.Sizes{Small: 4, Large: 16}), &added}
		})
	})
}

// Two nodes that index one log add each segment once.
func TestIndexOfTwoNodes(t *testing.T) {
	t.Parallel()
	one, other := pair(t)
	entries := make([][]byte, 40)
	for i := range entries {
		entries[i] = []byte("{}")
	}
	if err := one.Update(t.Context(), func(tx store.Tx) error { return tx.AppendAudit(entries...) }); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for _, db := range []*DB{one, other} {
		x := auditlog.NewIndexer(indexed{db}, nil, auditlog.Sizes{Small: 4, Large: 1000})
		go func() {
			var err error
			for more := true; more && err == nil; {
				more, err = x.Step(context.Background())
			}
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	n, err := query.One(t.Context(), conn{one.reads, one.kept}, query.Value[int64], "SELECT count(*) FROM audit_segment")
	if err != nil || n != 10 {
		t.Errorf("%d segments, %v", n, err)
	}
}
