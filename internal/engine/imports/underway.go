package imports

import (
	"context"
	"sync"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/nodes"
	"ostiary/internal/store"
)

// underway are the runs that this server works at. A run that is open in the database,
// and neither among them nor one of another node that lives, was abandoned.
type underway struct {
	node    int64 // that this server is; 0 for none
	mu      sync.Mutex
	runs    map[int64]*running
	unswept map[int64]ending // ended here, but what they staged could not be removed yet
}

func newUnderway(node int64) underway {
	return underway{node: node, runs: map[int64]*running{}, unswept: map[int64]ending{}}
}

// running is one of them.
type running struct {
	cancel    context.CancelCauseFunc
	interrupt func()
	ended     chan struct{} // closed when nobody works at it any more
}

// ending is how a run ends that is not published, as its report and the log say it.
type ending struct {
	action  audit.Action
	origin  audit.Origin
	failure string // empty when there was nothing to publish
}

// cancellation is the cause for which a run's context ends when somebody cancels it.
type cancellation struct{ by audit.Origin }

func (c cancellation) Error() string { return "cancelled by " + c.by.Actor }

func (c cancellation) ending() ending {
	return ending{audit.ImportCancelled, c.by, "The import was cancelled by " + c.by.Actor + "."}
}

func (c cancellation) fault() error {
	return fault.New(fault.Conflict, "import_cancelled", "The import was cancelled by "+c.by.Actor+
		"; nothing was imported.").Because(c)
}

// begin opens a run by open and takes it among those under way, in one step for
// abandoned.
func (u *underway) begin(r *running, open func() (int64, error)) (run int64, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if run, err = open(); err == nil {
		u.runs[run] = r
	}
	return run, err
}

// end takes a run out again. How it is to be swept later is kept, unless it was.
func (u *underway) end(run int64, later *ending) {
	u.mu.Lock()
	defer u.mu.Unlock()
	close(u.runs[run].ended)
	delete(u.runs, run)
	if later != nil {
		u.unswept[run] = *later
	}
}

// find gives a run that is under way.
func (u *underway) find(run int64) (*running, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	r, ok := u.runs[run]
	return r, ok
}

// abandoned gives those of the open runs that nobody works at, with how they end.
func (u *underway) abandoned(now time.Time, open func() ([]store.OpenRun, error)) (map[int64]ending, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	runs, err := open()
	if err != nil {
		return nil, err
	}
	all := map[int64]ending{}
	for _, run := range runs {
		if _, ok := u.runs[run.ID]; ok || run.Node != u.node && nodes.Lives(run.Seen, now) {
			continue
		}
		how, known := u.unswept[run.ID]
		if !known {
			how = ending{audit.ImportAbandoned, audit.Origin{Actor: "system"},
				"the server stopped before the import ended"}
		}
		all[run.ID] = how
	}
	return all, nil
}

// swept forgets how a run ended.
func (u *underway) swept(run int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.unswept, run)
}
