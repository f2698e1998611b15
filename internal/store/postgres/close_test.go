package postgres

import (
	"context"
	"errors"
	"testing"

	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
)

// What comes after the end is refused, and waits for nothing; a second end does nothing.
func TestClosed(t *testing.T) {
	t.Parallel()
	db := node(t, Config{URL: cluster.Schema(t)})
	for range 2 {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	err := db.Update(context.Background(), func(store.Tx) error { return nil })
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a change says %v", err)
	}
	if _, err = db.Attempt(context.Background(), store.Attempt{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a code says %v", err)
	}
}
