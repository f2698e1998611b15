package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/line"
	"ostiary/internal/store/storetest"
)

var (
	bg       = context.Background()
	errDisk  = errors.New("the disk of the test is full")
	errNoted = errors.New("noted")
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// onCommit sets what runs before each commit, from the writer's own goroutine.
func onCommit(t *testing.T, db *DB, fn func() error) {
	t.Helper()
	err := db.Update(bg, func(store.Tx) error {
		db.writer.testOnlyCommit = fn
		return errNoted // so that this update itself does not commit
	})
	if err != errNoted {
		t.Fatalf("Update = %v, want the error of fn", err)
	}
}

func commitFails(t *testing.T, db *DB) { t.Helper(); onCommit(t, db, func() error { return errDisk }) }
func commitWorks(t *testing.T, db *DB) { t.Helper(); onCommit(t, db, nil) }

// held keeps the writer busy, so that what arrives meanwhile queues up.
type held struct {
	*testing.T
	db      *DB
	release chan struct{}
	wg      sync.WaitGroup
}

func hold(t *testing.T, db *DB) *held {
	h := &held{T: t, db: db, release: make(chan struct{})}
	inside := make(chan struct{})
	h.wg.Go(func() {
		err := db.Update(bg, func(store.Tx) error {
			close(inside)
			<-h.release
			return errNoted
		})
		if err != errNoted {
			t.Errorf("Update = %v, want the error of fn", err)
		}
	})
	<-inside
	return h
}

// queue runs fn, which hands one job to the writer, and returns when it is in
// the queue.
func (h *held) queue(fn func()) {
	n := h.db.writer.line.Waiting()
	h.wg.Go(fn)
	for h.db.writer.line.Waiting() == n {
		runtime.Gosched()
	}
}

func (h *held) run() {
	close(h.release)
	h.wg.Wait()
}

// batch queues attempts and lets them run as one batch.
func batch(t *testing.T, db *DB, as []store.Attempt) ([]store.Outcome, []error) {
	t.Helper()
	outcomes, errs := make([]store.Outcome, len(as)), make([]error, len(as))
	h := hold(t, db)
	for i := range as {
		h.queue(func() { outcomes[i], errs[i] = db.Attempt(bg, as[i]) })
	}
	h.run()
	return outcomes, errs
}

func rights(ids []token.ID, counter uint64) []store.Attempt {
	as := make([]store.Attempt, len(ids))
	for i, id := range ids {
		as[i] = right(id, counter)
	}
	return as
}

func allAccepted(t *testing.T, outcomes []store.Outcome, errs []error) {
	t.Helper()
	for i := range outcomes {
		if errs[i] != nil || outcomes[i].Verdict != store.Accepted {
			t.Errorf("attempt %d: outcome %+v, error %v", i, outcomes[i], errs[i])
		}
	}
}

// A batch is as its attempts one by one.
func TestBatches(t *testing.T) {
	t.Parallel()
	storetest.RunBatches(t, func(t *testing.T) store.DB { return open(t, Config{}) },
		func(db store.DB, as []store.Attempt) (outcomes []store.Outcome, err error) {
			got, errs := batch(t, db.(*DB), as)
			return got, errors.Join(errs...)
		})
}

func TestBatchIsOneCommit(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	ids := tokens(t, db, 100)
	var commits atomic.Int64
	onCommit(t, db, func() error { commits.Add(1); return nil })
	outcomes, errs := batch(t, db, rights(ids, 0))
	allAccepted(t, outcomes, errs)
	if n := commits.Load(); n != 1 {
		t.Errorf("100 attempts that were waiting took %d commits, want 1", n)
	}
}

func TestLargeQueueIsSeveralBatches(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	ids := tokens(t, db, 1)
	as := make([]store.Attempt, line.MaxBatch+10)
	for i := range as {
		as[i] = right(ids[0], uint64(i))
	}
	var commits atomic.Int64
	onCommit(t, db, func() error { commits.Add(1); return nil })
	outcomes, errs := batch(t, db, as)
	allAccepted(t, outcomes, errs)
	if n := commits.Load(); n != 2 {
		t.Errorf("%d attempts that were waiting took %d commits, want 2", len(as), n)
	}
}

func TestOrderOfArrival(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	ids := tokens(t, db, 2)
	// Each attempt takes the code of its place, the attempts on the first token
	// rising, those on the second falling; updates stand between them.
	const n = 20
	outcomes, want := make([]store.Outcome, n), []string{}
	h := hold(t, db)
	for i := range n {
		if i%5 == 4 {
			h.queue(func() {
				if err := db.Update(
					bg,
					func(tx store.Tx) error { return tx.AppendAudit([]byte(fmt.Sprint("update ", i))) }); err != nil {
					t.Error(err)
				}
			})
			want = append(want, fmt.Sprint("update ", i))
			continue
		}
		a := right(ids[i%2], uint64(i))
		if i%2 == 1 {
			a = right(ids[1], uint64(n-i))
		}
		a.Record = func(store.Outcome) []byte { return []byte(fmt.Sprint("attempt ", i)) }
		if i%2 == 0 || i == 1 {
			want = append(want, fmt.Sprint("attempt ", i))
		}
		h.queue(func() {
			var err error
			if outcomes[i], err = db.Attempt(bg, a); err != nil {
				t.Error(err)
			}
		})
	}
	h.run()
	var got []string
	view(t, db, func(r store.Reader) error {
		rows, err := r.AuditEntries(0, 100)
		for _, row := range rows {
			got = append(got, string(row.Entry))
		}
		return err
	})
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("the log has %q, want %q", got, want)
	}
	for i, o := range outcomes {
		if i%5 == 4 {
			continue
		}
		accepted := i%2 == 0 || i == 1
		if accepted != (o.Verdict == store.Accepted) || !accepted && o.Verdict != store.Stale {
			t.Errorf("attempt %d: %+v", i, o)
		}
	}
}

// Callers that leave while they wait in the queue take nobody with them, and
// nothing of theirs happens.
func TestCancelledInTheQueue(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	ids := tokens(t, db, 30)
	leaving, leave := context.WithCancel(bg)
	outcomes, errs := make([]store.Outcome, len(ids)), make([]error, len(ids))
	var updated error
	h := hold(t, db)
	for i, id := range ids {
		ctx := bg
		if i%3 == 0 {
			ctx = leaving
		}
		h.queue(func() { outcomes[i], errs[i] = db.Attempt(ctx, right(id, 0)) })
	}
	h.queue(func() {
		updated = db.Update(leaving, func(tx store.Tx) error { return tx.SetSetting("name", nil) })
	})
	leave()
	h.run()
	for i, id := range ids {
		n := next(t, db, id)
		switch {
		case i%3 == 0 && errors.Is(errs[i], context.Canceled) && n == 0:
		case i%3 != 0 && errs[i] == nil && outcomes[i].Verdict == store.Accepted && n == 1:
		default:
			t.Errorf("attempt %d: outcome %+v, error %v, next counter %d", i, outcomes[i], errs[i], n)
		}
	}
	if !errors.Is(updated, context.Canceled) {
		t.Errorf("Update = %v, want context.Canceled", updated)
	}
}

// A commit that fails is nobody's acceptance.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	ids := tokens(t, db, 20)
	for round := range uint64(3) {
		commitFails(t, db)
		outcomes, errs := batch(t, db, rights(ids, round))
		for i, id := range ids {
			if !errors.Is(errs[i], store.ErrUncertain) || outcomes[i].Verdict == store.Accepted {
				t.Errorf("attempt %d: outcome %+v, error %v", i, outcomes[i], errs[i])
			}
			if n := next(t, db, id); n != round {
				t.Errorf("token %d: next counter %d, want %d", id, n, round)
			}
		}
		err := db.Update(bg, func(tx store.Tx) error {
			return errors.Join(tx.SetSetting("name", []byte("value")), tx.AppendAudit([]byte("{}")))
		})
		if !errors.Is(err, store.ErrUncertain) || !errors.Is(err, errDisk) {
			t.Errorf("Update = %v, want ErrUncertain and the cause", err)
		}
		view(t, db, func(r store.Reader) error {
			if _, err := r.Setting("name"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the setting of the failed update: %v, want ErrNotFound", err)
			}
			rows, err := r.AuditEntries(0, 1000)
			if want := int(round) * len(ids); len(rows) != want {
				t.Errorf("%d audit entries, want %d", len(rows), want)
			}
			return err
		})
		commitWorks(t, db)
		if err := db.writer.probe(); err != nil {
			t.Error(err)
		}
		if err := db.Check(bg); err != nil {
			t.Errorf("Check = %v after the trouble is over", err)
		}
		outcomes, errs = batch(t, db, rights(ids, round))
		allAccepted(t, outcomes, errs)
	}
	update(t, db, func(tx store.Tx) error { return tx.SetSetting("name", []byte("value")) })
}

// A commit may fail for a time only; the attempts of the next batch are not
// those of the last.
func TestOneCommitOfManyFails(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	id := tokens(t, db, 1)[0]
	var n atomic.Int64
	onCommit(t, db, func() error {
		if n.Add(1)%2 == 0 {
			return errDisk
		}
		return nil
	})
	for counter := range uint64(10) {
		for try := range 2 {
			o, err := db.Attempt(bg, right(id, counter))
			if err == nil && o.Verdict == store.Accepted {
				break
			}
			if !errors.Is(err, store.ErrUncertain) || try > 0 {
				t.Fatalf("counter %d, try %d: %+v, %v", counter, try, o, err)
			}
		}
		if got := next(t, db, id); got != counter+1 {
			t.Fatalf("next counter %d after %d was accepted", got, counter)
		}
	}
}

// One attempt of a batch hits an error of the database or panics.
func TestOneOfABatchFails(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*store.Attempt){
		"panic":     func(a *store.Attempt) { a.Record = func(store.Outcome) []byte { panic("of the test") } },
		"no entry":  func(a *store.Attempt) { a.Record = func(store.Outcome) []byte { return nil } },
		"overflow":  func(a *store.Attempt) { a.Proposals[0].Counter = math.MaxInt64 },
		"no record": func(a *store.Attempt) { a.Record = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, Config{})
			ids := tokens(t, db, 30)
			as := rights(ids, 0)
			spoil(&as[7])
			spoil(&as[29])
			outcomes, errs := batch(t, db, as)
			for i, id := range ids {
				bad := i == 7 || i == 29
				n := next(t, db, id)
				switch {
				case bad && errs[i] != nil && outcomes[i].Verdict != store.Accepted && n == 0:
				case !bad && errs[i] == nil && outcomes[i].Verdict == store.Accepted && n == 1:
				default:
					t.Errorf("attempt %d: outcome %+v, error %v, next counter %d", i, outcomes[i], errs[i], n)
				}
			}
			outcomes, errs = batch(t, db, rights(ids, 1))
			allAccepted(t, outcomes, errs)
		})
	}
}

// A counter that no column can hold is never accepted, and never stored.
func TestCountersOutOfRange(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	id := tokens(t, db, 1)[0]
	for _, counter := range []uint64{math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
		if o, err := db.Attempt(bg, right(id, counter)); o.Verdict == store.Accepted || next(t, db, id) != 0 {
			t.Errorf("counter %d: %+v, %v", counter, o, err)
		}
	}
}

// The disk stays away: everyone is told, the health check too, and closing ends.
func TestDatabaseStaysAway(t *testing.T) {
	t.Parallel()
	db, err := Open(bg, Config{Path: filepath.Join(t.TempDir(), "ostiary.db")})
	if err != nil {
		t.Fatal(err)
	}
	id := tokens(t, db, 1)[0]
	commitFails(t, db)
	if err := db.writes.Close(); err != nil {
		t.Fatal(err)
	}
	// The commit that fails takes the last connection with it.
	if _, err := db.Attempt(bg, right(id, 0)); !errors.Is(err, store.ErrUncertain) {
		t.Errorf("Attempt = %v, want ErrUncertain", err)
	}
	for range 2 {
		if _, err := db.Attempt(bg, right(id, 0)); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Attempt = %v, want ErrUnavailable", err)
		}
		err := db.Update(bg, func(store.Tx) error { t.Error("fn was called"); return nil })
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Update = %v, want ErrUnavailable", err)
		}
		if err := db.Check(bg); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Check = %v, want ErrUnavailable", err)
		}
	}
	_ = db.Close()
}

// Close lets what was taken on come to its end: every caller gets a verdict or
// ErrUnavailable, and what was answered "accepted" is in the file.
func TestCloseWithAttemptsInFlight(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ostiary.db")
	db, err := Open(bg, Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	const callers = 32
	ids := tokens(t, db, callers)
	accepted := make([]uint64, callers)
	var warm, wg sync.WaitGroup
	warm.Add(callers)
	for i, id := range ids {
		wg.Go(func() {
			for n := uint64(0); ; n++ {
				o, err := db.Attempt(bg, right(id, n))
				if n == 0 {
					warm.Done()
				}
				if err != nil {
					if !errors.Is(err, store.ErrUnavailable) {
						t.Errorf("Attempt = %v, want ErrUnavailable", err)
					}
					return
				}
				if o.Verdict != store.Accepted {
					t.Errorf("counter %d: %+v", n, o)
					return
				}
				accepted[i] = n + 1
			}
		})
	}
	wg.Go(func() {
		for {
			if err := db.Update(
				bg, func(tx store.Tx) error { return tx.SetSetting("name", []byte("value")) }); err != nil {
				if !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("Update = %v, want ErrUnavailable", err)
				}
				return
			}
		}
	})
	warm.Wait()
	if err := db.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	wg.Wait()
	if _, err := db.Attempt(bg, right(ids[0], 0)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Attempt after Close = %v, want ErrUnavailable", err)
	}
	if err := db.View(bg, func(store.Reader) error { return nil }); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("View after Close = %v, want ErrUnavailable", err)
	}
	if err := db.Check(bg); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Check after Close = %v, want ErrUnavailable", err)
	}
	again := open(t, Config{Path: path})
	for i, id := range ids {
		if n := next(t, again, id); n != accepted[i] {
			t.Errorf("token %d: next counter %d in the file, %d were accepted", id, n, accepted[i])
		}
	}
}

// A close that is a crash: the file as it is on the disk while the process is
// alive holds all that was answered.
func TestFileHoldsWhatWasAnswered(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ostiary.db")
	db := open(t, Config{Path: path})
	id := tokens(t, db, 1)[0]
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for n := range uint64(5) {
		if _, err := db.Attempt(bg, right(id, n)); err != nil {
			t.Fatal(err)
		}
		var got uint64
		if err := other.QueryRow("SELECT next FROM condition").Scan(&got); err != nil || got != n+1 {
			t.Errorf("another process reads next counter %d, %v, want %d", got, err, n+1)
		}
	}
}

func TestAwaited(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	ids := tokens(t, db, 1)
	var attempted sync.WaitGroup
	err := db.Update(bg, func(tx store.Tx) error {
		if tx.Awaited() {
			t.Error("a transaction is awaited while nobody waits")
		}
		attempted.Go(func() {
			if _, err := db.Attempt(bg, rights(ids, 0)[0]); err != nil {
				t.Error(err)
			}
		})
		for db.writer.line.Waiting() == 0 {
			runtime.Gosched()
		}
		if !tx.Awaited() {
			t.Error("a transaction that a code waits for is not awaited")
		}
		return nil
	})
	attempted.Wait()
	if err != nil {
		t.Error(err)
	}
}
