package imports_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

var canceller = audit.Origin{Actor: "key:duty", Role: "admin", Source: "192.0.2.9:1", Request: "request-9"}

// stalled is a file whose second chunk does not come before it is interrupted.
type stalled struct {
	*testkit.Source
	reached, broken chan struct{}
}

func newStalled() *stalled {
	var keys []*pskc.Key
	for i := range 1001 { // one more than a transaction
		keys = append(keys,
			testkit.HOTP("stalled-"+string(rune('a'+i%26))+strings.Repeat("x", i%40)+string(rune('A'+i/40))))
	}
	s := &stalled{testkit.Keys(keys...), make(chan struct{}), make(chan struct{})}
	s.Before = func(n int) {
		if n == 1001 {
			close(s.reached)
			<-s.broken
		}
	}
	return s
}

func (s *stalled) Next() (*pskc.Key, error) {
	key, err := s.Source.Next()
	select {
	case <-s.broken:
		return nil, errors.New("interrupted")
	default:
		return key, err
	}
}

// begin starts an import that stalls, and gives its number and how it ends.
func (s *stalled) begin(t *testing.T, k *testkit.Kit, more ...func(*imports.Request)) (id int64, end chan error) {
	t.Helper()
	begun, end := make(chan int64, 1), make(chan error, 1)
	more = append(more, func(r *imports.Request) {
		r.Begun, r.Interrupt = func(run int64) { begun <- run }, func() { close(s.broken) }
	})
	go func() {
		_, err := testkit.Try(k, s, more...)
		end <- err
	}()
	<-s.reached
	return <-begun, end
}

// A cancelled import leaves nothing but its report and who cancelled it, also while it
// waits for its file, and the next one can begin.
func TestCancel(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	for name, dry := range map[string]bool{"import": false, "dry run": true} {
		k.Unchanged(t, func() {
			s := newStalled()
			id, end := s.begin(t, k, func(r *imports.Request) { r.DryRun = dry })
			if !dry {
				_, err := testkit.Try(k, testkit.Keys(testkit.HOTP("2")))
				testkit.IsFault(t, err, fault.Conflict, "import_running")
			}
			run, err := k.Imports.Cancel(t.Context(), id, canceller)
			if err != nil || run.Closed.IsZero() || !run.Published.IsZero() ||
				run.Failure != "The import was cancelled by key:duty." {
				t.Errorf("%s: the run is %+v, %v", name, run, err)
			}
			testkit.IsFault(t, <-end, fault.Conflict, "import_cancelled")
			e := k.LastEntry(t)
			if e.Action != "import.cancelled" || e.Outcome != "done" || e.Actor != "key:duty" || e.Role != "admin" ||
				e.Request != "request-9" || e.Source != "192.0.2.9:1" || e.Subject["other"] != "seeds.pskc" ||
				e.Reason != run.Failure || e.Before["run"] != itoa(id) {
				t.Errorf("%s: the log says %s", name, e.Raw)
			}
			_, err = k.Imports.Cancel(t.Context(), id, canceller)
			testkit.IsFault(t, err, fault.Conflict, "import_ended")
		}, marks...)
	}
	rep := testkit.Take(t, k, testkit.Keys(testkit.HOTP("2")))
	testkit.Ended(t, rep, store.RunCounts{Imported: 1})
	size := k.LogSize(t)
	_, err := k.Imports.Cancel(t.Context(), rep.ID, canceller)
	testkit.IsFault(t, err, fault.Conflict, "import_ended")
	_, err = k.Imports.Cancel(t.Context(), rep.ID+1, canceller)
	testkit.IsFault(t, err, fault.NotFound, "import_not_found")
	if k.LogSize(t) != size || len(k.Serials(t, lifecycle.Filter{})) != 1 {
		t.Error("cancelling what has ended does something")
	}
}

// An import that the database says is published is told so, whatever its commit
// reported.
func TestPublishedAgainstItsOwnReport(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	n := 0
	svc, err := imports.New(imports.Config{Keys: k.Keys, Marks: k.Marks, Now: k.Clock.Now, DB: lying{k.DB, &n}})
	if err != nil {
		t.Fatal(err)
	}
	run, err := svc.Import(context.Background(), imports.Request{Keys: testkit.Keys(testkit.HOTP("1")),
		Origin: testkit.Origin})
	if err != nil || run.Published.IsZero() || run.Counts.Imported != 1 {
		t.Errorf("%+v, %v", run, err)
	}
}

// lying commits the third write, which publishes, and says that it did not.
type lying struct {
	store.DB
	n *int
}

func (l lying) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := l.DB.Update(ctx, fn)
	if *l.n++; *l.n == 3 && err == nil {
		return store.ErrUnavailable
	}
	return err
}
