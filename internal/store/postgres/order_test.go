package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// Two nodes that have the same tokens and users in their batches, in opposite orders, lock
// them in one order. The row in the middle is held until both wait: then each holds what the
// other wants, unless the order is the same.
func TestBatchesLockInOneOrder(t *testing.T) {
	t.Parallel()
	const rows = 9
	for name, tt := range map[string]struct {
		hold string // the row in the middle
		of   func(i int64) store.Attempt
	}{
		"right codes": {"SELECT FROM condition WHERE token = 5 FOR UPDATE",
			func(i int64) store.Attempt { return presentedTo(0, i, true) }},
		"wrong codes": {"SELECT FROM condition WHERE token = 5 FOR UPDATE",
			func(i int64) store.Attempt { return presentedTo(0, i, false) }},
		"users": {`SELECT FROM "user" WHERE id = 5 FOR UPDATE`,
			func(i int64) store.Attempt { return presentedTo(i, i, true) }},
		"counted refusals": {"SELECT FROM quiet_refusal WHERE caller = 'caller 5' FOR UPDATE",
			func(i int64) store.Attempt { return ofNobody(i, fmt.Sprint("caller ", i)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b, holder, watcher := lockable(t)
			held, err := holder.Begin(t.Context())
			if err == nil {
				_, err = held.Exec(t.Context(), tt.hold)
			}
			if err != nil {
				t.Fatal(err)
			}
			up := make([]store.Attempt, 0, rows)
			for i := int64(1); i <= rows; i++ {
				up = append(up, tt.of(i))
			}
			down := slices.Clone(up)
			slices.Reverse(down)
			var wg sync.WaitGroup
			for db, as := range map[*DB][]store.Attempt{a: up, b: down} {
				wg.Go(func() {
					if _, err := together(db, as); err != nil {
						t.Error(err)
					}
				})
			}
			waitFor(t, watcher, 2)
			if err := held.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
		})
	}
}

// A code that waited while its user was locked is refused: a condition on another table would
// be that of the moment at which the statement began.
func TestLockedUserTakesNoCodeThatWaited(t *testing.T) {
	t.Parallel()
	a, _, holder, watcher := lockable(t)
	held, err := holder.Begin(t.Context())
	if err == nil {
		_, err = held.Exec(t.Context(), `UPDATE "user" SET failures = 99 WHERE id = 5`)
	}
	if err == nil {
		_, err = held.Exec(t.Context(), "UPDATE condition SET drift = drift WHERE token = 5")
	}
	if err != nil {
		t.Fatal(err)
	}
	outcome := make(chan store.Outcome)
	go func() {
		o, err := a.Attempt(context.Background(), presentedTo(5, 5, true))
		if err != nil {
			t.Error(err)
		}
		outcome <- o
	}()
	waitFor(t, watcher, 1)
	if err := held.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o := <-outcome; o.Verdict == store.Accepted {
		t.Errorf("the code of a locked user: %+v", o)
	}
}

// The first code of a token makes its tag anew, over what a change of another node makes of
// the row at the same time.
func TestFirstCodeBesideAChange(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	r := &race{T: t, nodes: [2]*DB{guardedAt(t, url), second(t, url)}}
	watcher := connect(t, url)
	r.make(1, token.Condition{State: token.Pending})
	if _, err := r.nodes[1].Attempt(t.Context(), ofNobody(1, "")); err != nil { // which begins the stream
		t.Fatal(err)
	}
	inside, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- r.nodes[0].Update(t.Context(), func(tx store.Tx) error {
			err := tx.SetLabel(r.tokens[0], "", "new")
			close(inside)
			<-release
			return err
		})
	}()
	<-inside
	go func() {
		a := presentedTo(0, int64(r.tokens[0]), true)
		a.Proof, a.Proposals[0].Seen = true, token.Condition{State: token.Pending}
		o, err := r.nodes[1].Attempt(context.Background(), a)
		if err == nil && o.Verdict != store.Accepted {
			err = fmt.Errorf("the first code: %+v", o)
		}
		done <- err
	}()
	waitFor(t, watcher, 1)
	close(release)
	if err := errors.Join(<-done, <-done); err != nil {
		t.Error(err)
	}
	err := r.nodes[0].View(t.Context(), func(rd store.Reader) error {
		c, err := rd.CheckIntegrity()
		if len(c.Forged) > 0 || len(c.Problems) > 0 {
			t.Errorf("%+v", c)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Nobody waits for a row that means nothing.
func TestDecoysAreWaitedForByNobody(t *testing.T) {
	t.Parallel()
	a, _, holder, _ := lockable(t)
	held, err := holder.Begin(t.Context())
	if err == nil {
		_, err = held.Exec(t.Context(), "SELECT FROM decoy_condition WHERE token < 500 FOR UPDATE")
	}
	if err == nil {
		_, err = held.Exec(t.Context(), "SELECT FROM decoy_user WHERE id < 500 FOR UPDATE")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := together(a, []store.Attempt{ofNobody(3, "caller"), ofNobody(998, "caller")}); err != nil {
		t.Fatal(err)
	}
	if err := held.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"decoy_condition", "decoy_user"} {
		var n int
		if err := holder.QueryRow(t.Context(), "SELECT count(*) FROM "+table+" WHERE retry_at > 0").Scan(&n); err != nil ||
			n != 2 {
			t.Errorf("%d rows of %s were written, %v", n, table, err)
		}
	}
}

// lockable opens a new database on two nodes, with users who have a token each.
func lockable(t *testing.T) (a, b *DB, holder, watcher *pgx.Conn) {
	t.Helper()
	url := fresh(t)
	holder, watcher = connect(t, url), connect(t, url)
	t.Cleanup(func() { noDeadlock(t, watcher) })
	for _, sql := range []string{
		"SET session_replication_role = replica", // no keys of tokens are made
		"INSERT INTO import_run (id, label, opened, published) VALUES (7, '', 0, 1)",
		`INSERT INTO "user" (id, name, created, failures, retry_at) SELECT i, 'u' || i, 0, 0, 0 FROM generate_series(1, 5000) i`,
		`INSERT INTO condition (token, run, owner, epoch, next, drift, failures, retry_at, state, not_before, not_after, last_used)
			SELECT i, 7, i, 1, 0, 0, 0, 0, 0, 0, 0, 0 FROM generate_series(1, 5000) i`,
		"INSERT INTO quiet_refusal (caller, n) SELECT 'caller ' || i, 1 FROM generate_series(1, 9) i",
		"ANALYZE", // the plans are those of large tables
	} {
		if _, err := holder.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return node(t, Config{URL: url}), node(t, Config{URL: url}), holder, watcher
}

// waitFor waits until so many transactions of the database wait for a lock.
func waitFor(t *testing.T, on *pgx.Conn, n int) {
	t.Helper()
	for begun := time.Now(); ; {
		var waiting int
		if err := on.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "+
			"datname = current_database()").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if waiting >= n {
			return
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("%d transactions wait, want %d", waiting, n)
		}
		time.Sleep(time.Millisecond)
	}
}

func presentedTo(user, id int64, right bool) store.Attempt {
	return store.Attempt{Now: time.Unix(1_800_000_000, 0), UserID: user, Lock: token.Lock{Limit: 10},
		Delay: func(int) time.Duration { return 0 }, Authentication: true,
		Record: func(store.Outcome) []byte { return []byte("{}") },
		Proposals: []store.Proposal{{ID: token.ID(id), Tested: true, Matched: right,
			Seen: token.Condition{Epoch: 1, Owner: id}, Spec: token.Spec{Algorithm: token.HOTP}}}}
}

func ofNobody(id int64, caller string) store.Attempt {
	a := presentedTo(0, 0, false)
	a.Proposals, a.UserName, a.QuietFor = nil, "nobody", caller
	a.StandIn = &store.StandIn{User: id, Candidate: store.Candidate{Token: token.Token{ID: token.ID(id)}}}
	return a
}
