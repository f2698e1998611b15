package postgres

import (
	"testing"
	"time"

	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// A copy waits for a batch of codes that is under way, and sees it: one that has seen the head,
// and has written nothing yet.
func TestRawWaitsForCodes(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	db := node(t, Config{URL: url})
	on := connect(t, url)
	if _, err := on.Exec(t.Context(), "BEGIN; "+seenSQL); err != nil {
		t.Fatal(err)
	}
	seen := make(chan int, 1)
	go func() {
		err := db.Raw(t.Context(), false, func(q tables.Raw) error {
			n, err := query.One(t.Context(), q, query.Value[int], "SELECT count(*) FROM audit_arrival")
			seen <- n
			return err
		})
		if err != nil {
			t.Error(err)
			close(seen)
		}
	}()
	for waits := false; !waits; time.Sleep(time.Millisecond) {
		if err := on.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = "+
			"'audit_head'::regclass)").Scan(&waits); err != nil {
			t.Fatal(err)
		}
		select {
		case n := <-seen:
			t.Fatalf("it has not waited, and saw %d entries", n)
		default:
		}
	}
	if _, err := on.Exec(t.Context(), "INSERT INTO audit_arrival (stream, n, entry) VALUES (1, 1, ''); COMMIT"); err != nil {
		t.Fatal(err)
	}
	if n := <-seen; n != 1 {
		t.Errorf("it saw %d entries", n)
	}
}
