// Package drafts keeps the seed files that browsers sent, from the first look at them to
// their import. A file is sent once: whoever sent it looks at what is in it, tries another
// passphrase, and then imports it. The work goes on when the page is closed.
//
// A draft belongs to who sent it, and nobody else finds it. It stands in a file that has no
// name, sealed under a key that only this process has, so that nothing of it is left on the
// disk. It is forgotten, with the passphrase and the keys that were given for it, when
// nobody has asked for it for a while, when the server stops, or when there are too many.
// A server does not have the drafts of another one, also of one on the same database.
package drafts

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/doors/upload"
	"ostiary/internal/engine/imports"
)

// Kept is how long a draft is kept that nobody asks for.
const Kept = 30 * time.Minute

// most is how many drafts there are at a time, and how many may arrive at once.
const most = 8

// Config is what Drafts stand on. Imports is required.
type Config struct {
	Imports *imports.Service
	// Folder is where the files are; empty is the system's folder of temporary files.
	Folder string
	// Kept is the constant of that name unless a test changes it.
	Kept time.Duration
}

// Drafts are those of one server.
type Drafts struct {
	cfg  Config
	ctx  context.Context
	stop context.CancelCauseFunc
	work sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	arriving int
	all      map[string]*Draft
}

// New makes the drafts of a server, which is to close them.
func New(cfg Config) (*Drafts, error) {
	if cfg.Imports == nil {
		return nil, errors.New("drafts: Imports is required")
	}
	cfg.Kept = cmp.Or(cfg.Kept, Kept)
	d := &Drafts{cfg: cfg, all: map[string]*Draft{}}
	d.ctx, d.stop = context.WithCancelCause(context.Background())
	return d, nil
}

var errStopped = fault.New(fault.Unavailable, "server_stopped", "The server was stopped.").
	WithHint("Nothing was imported. Send the file again when it runs.")

// Close ends what is under way, waits until it has, and forgets all drafts.
func (d *Drafts) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.stop(errStopped)
	d.work.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.all {
		d.forget(f)
	}
}

// Receive keeps a file that arrives. The error is a fault.Error, or of the reader.
func (d *Drafts) Receive(owner, name string, r io.Reader) (*Draft, error) {
	if err := d.arrive(); err != nil {
		return nil, err
	}
	file, err := newSpool(d.cfg.Folder)
	if err == nil {
		_, err = io.Copy(file, r)
	}
	if err == nil {
		err = file.end()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.arriving--
	if err == nil && d.closed {
		err = errStopped
	}
	if err != nil {
		if file != nil {
			file.close()
		}
		return nil, err
	}
	f := &Draft{ID: rand.Text(), Name: upload.Label(name), Size: file.size, owner: owner, file: file, all: d,
		used: time.Now()}
	f.timer = time.AfterFunc(d.cfg.Kept, f.expire)
	d.all[f.ID] = f
	return f, nil
}

// arrive takes a place for a file. One that nobody works at gives its own up.
func (d *Drafts) arrive() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errStopped
	}
	for len(d.all)+d.arriving >= most {
		var oldest *Draft
		for _, f := range d.all {
			if !f.Status().Working && (oldest == nil || f.used.Before(oldest.used)) {
				oldest = f
			}
		}
		if oldest == nil {
			return fault.New(fault.Unavailable, "drafts_full", fmt.Sprintf("The server keeps %d files that "+
				"administrators are importing, and takes no more.", most)).WithHint("Try again in a few minutes.").
				With("retry_after", time.Minute)
		}
		d.forget(oldest)
	}
	d.arriving++
	return nil
}

// Find gives a draft to whom it belongs.
func (d *Drafts) Find(owner, id string) (*Draft, bool) {
	return d.find(func(f *Draft) bool { return f.owner == owner && f.ID == id })
}

// OfRun gives the draft that an import is of, to whom it belongs.
func (d *Drafts) OfRun(owner string, run int64) (*Draft, bool) {
	return d.find(func(f *Draft) bool { return f.owner == owner && f.Status().Run == run })
}

func (d *Drafts) find(is func(*Draft) bool) (*Draft, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.all {
		if is(f) {
			f.used = time.Now()
			f.timer.Reset(d.cfg.Kept)
			return f, true
		}
	}
	return nil, false
}

// Drop forgets a draft, and ends the look at it that may be under way. An import that is
// under way goes on, and the draft stays.
func (d *Drafts) Drop(f *Draft) {
	if s := f.Status(); s.Working && !s.Dry {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(f)
}

// forget takes a draft out; the lock is held.
func (d *Drafts) forget(f *Draft) {
	delete(d.all, f.ID)
	f.timer.Stop()
	f.end()
}

// expire forgets a draft whose time is over, unless it is worked at.
func (f *Draft) expire() {
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	if f.Status().Working || time.Since(f.used) < f.all.cfg.Kept {
		f.timer.Reset(f.all.cfg.Kept)
		return
	}
	f.all.forget(f)
}
