package drafts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/upload"
	"ostiary/internal/engine/imports"
	"ostiary/internal/store"
)

// Draft is a file that was sent and is not imported yet, or was not imported whole.
type Draft struct {
	ID   string
	Name string // of the file
	Size int64

	owner string
	all   *Drafts
	used  time.Time // under the lock of all
	timer *time.Timer

	mu     sync.Mutex
	file   *spool
	form   *upload.Form
	values map[string]string
	job    *job // the latest; nil before the first
	gone   bool
}

// job is one reading of the file.
type job struct {
	dry    bool
	cancel context.CancelCauseFunc
	ended  chan struct{} // closed when what follows is settled
	read   atomic.Int64  // bytes
	run    atomic.Int64  // its number; 0 before it has one
	counts atomic.Pointer[store.RunCounts]

	result     store.Run
	sample     *imports.Sample
	protection imports.Protection
	err        error
}

// Work is what is to be done with a draft.
type Work struct {
	// Form says how; nil is the one before.
	Form *upload.Form
	// Values are the parts of the form that are no secrets, to be shown again.
	Values map[string]string
	Dry    bool
	// SkipBad imports the good keys, whatever the form says.
	SkipBad bool
	Origin  audit.Origin
}

// Status is how far the latest work is.
type Status struct {
	Working, Dry bool
	Run          int64 // the import's number; 0 before it has one
	Read         int64 // bytes of the file
	Counts       store.RunCounts
	// These are of work that has ended.
	Result     store.Run
	Sample     *imports.Sample
	Protection imports.Protection
	Err        error
	Keys       bool // the keys of the file are still known
}

// Status tells it.
func (f *Draft) Status() (s Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.Keys = f.form != nil && f.form.HasKeys()
	j := f.job
	if j == nil {
		return s
	}
	s.Dry, s.Run, s.Read = j.dry, j.run.Load(), j.read.Load()
	if c := j.counts.Load(); c != nil {
		s.Counts = *c
	}
	select {
	case <-j.ended:
		s.Result, s.Sample, s.Protection, s.Err = j.result, j.sample, j.protection, j.err
	default:
		s.Working = true
	}
	return s
}

// Values are the parts of the latest form that are no secrets.
func (f *Draft) Values() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.values)
}

// Begin begins to read the file, and does not wait. Keys that a form does not give are those
// of the form before. The error is a Conflict if the file is being read.
func (f *Draft) Begin(w Work) error {
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	if f.all.closed {
		return errStopped
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone {
		return GoneError()
	}
	if f.job != nil && !f.job.over() {
		return fault.New(fault.Conflict, "draft_busy", "This file is being read already.").
			WithHint("Wait until that has ended.")
	}
	if w.Form != nil {
		if f.form != nil {
			w.Form.Adopt(f.form)
		}
		f.form, f.values = w.Form, w.Values
	}
	if f.form == nil {
		f.form = &upload.Form{}
	}
	if w.SkipBad {
		f.form.Request.SkipBad = true
	}
	j := &job{dry: w.Dry, ended: make(chan struct{})}
	var ctx context.Context
	ctx, j.cancel = context.WithCancelCause(f.all.ctx)
	f.job = j
	file := f.file
	f.all.work.Go(func() {
		defer j.cancel(nil)
		f.settle(j, f.do(ctx, j, file, w.Origin))
	})
	return nil
}

// GoneError says that there is no such draft any more.
func GoneError() error {
	return fault.New(fault.NotFound, "draft_gone", "The file is not on this server any more, or was sent by "+
		"somebody else.").WithHint(fmt.Sprintf("Choose it again. A file is kept for %s after its last use, and not when "+
		"the server stops; another server of the same database does not have it.", fault.Span(Kept)))
}

func (j *job) over() bool {
	select {
	case <-j.ended:
		return true
	default:
		return false
	}
}

// do reads the file. What panics is an error of this work, and does not end the server.
func (f *Draft) do(ctx context.Context, j *job, file *spool, origin audit.Origin) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in an import: %v", p)
		}
	}()
	options, err := f.form.Options(f.Name)
	if err != nil {
		return err
	}
	seeds, err := f.all.cfg.Imports.OpenFile(ctx, &counted{file.reader(), &j.read}, options)
	if err != nil {
		return cause(ctx, err)
	}
	defer func() { err = errors.Join(err, seeds.Close()) }()
	req := f.form.Request
	req.DryRun, req.Keys, req.Label, req.Format, req.Remarks = j.dry, seeds, f.Name, seeds.Format, seeds.Remarks
	req.Origin, req.Begun = origin, j.run.Store
	req.Progress = func(c store.RunCounts) { j.counts.Store(&c) }
	if seeds.Sample != nil {
		req.Sampled = func(s imports.Sample) { j.sample = &s }
	}
	j.result, err = f.all.cfg.Imports.Import(ctx, req)
	j.protection = seeds.Protection()
	return cause(ctx, err)
}

// cause says why work was ended from outside.
func cause(ctx context.Context, err error) error {
	if why, ok := errors.AsType[*fault.Error](context.Cause(ctx)); ok && errors.Is(err, context.Canceled) {
		return why
	}
	return err
}

// settle ends a job. The keys of the file are forgotten when they were wrong, and when they
// are not needed any more.
func (f *Draft) settle(j *job, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j.err = err
	switch {
	case f.gone:
		f.file.close()
		f.form.Wipe()
	case err == nil && !j.dry, j.dry && err != nil && fault.Of(err).Kind == fault.Invalid:
		f.form.Wipe()
	}
	close(j.ended)
}

// end forgets the file, and ends what is done with it. The one who does it closes the file.
func (f *Draft) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = true
	if f.job != nil && !f.job.over() {
		f.job.cancel(GoneError())
		return
	}
	f.file.close()
	if f.form != nil {
		f.form.Wipe()
	}
}

// Wait waits until the latest work has ended, but not long.
func (f *Draft) Wait(ctx context.Context, most time.Duration) {
	f.mu.Lock()
	j := f.job
	f.mu.Unlock()
	if j == nil {
		return
	}
	select {
	case <-j.ended:
	case <-time.After(most):
	case <-ctx.Done():
	}
}

// Remainder writes the keys of the file for which keep says true, as they stand there, into
// a file of the same format. They are counted from 1.
func (f *Draft) Remainder(w io.Writer, keep func(n int) bool) error {
	f.mu.Lock()
	file, form, gone := f.file, f.form, f.gone
	f.mu.Unlock()
	if gone || form == nil {
		return GoneError()
	}
	options, err := form.Options(f.Name)
	if err != nil {
		return err
	}
	_, err = imports.WriteRemainder(w, file.reader(), options, keep)
	return err
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}
