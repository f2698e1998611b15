// Package upload is how a seed file comes in by a door: the parts of the form beside it,
// which say how it is read and what is done with it, and how fast and how large its body
// must be. REST and the console have it in common, so that one form has one meaning.
package upload

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"ostiary/internal/core/fault"
)

// Stall is the longest pause in an upload.
const Stall = 60 * time.Second

// DefaultMost bounds a file, in bytes.
const DefaultMost = 1 << 30

// Pace is what is asked of an upload. An import keeps others out until it has ended, so
// that nobody may keep one open by sending little.
type Pace struct {
	// Grace is how long an upload may keep the server waiting, all pauses together. For
	// each second more it must have brought Rate bytes.
	Grace time.Duration
	Rate  int64
	// Longest is how long it may keep the server waiting at all.
	Longest time.Duration
}

// DefaultPace lets 1 GiB through a line of 5 Mbit/s.
var DefaultPace = Pace{Grace: time.Minute, Rate: 4 << 10, Longest: 30 * time.Minute}

// may gives how long an upload may have kept the server waiting that brought n bytes.
func (p Pace) may(n int64) time.Duration {
	return min(p.Grace+time.Duration(n/p.Rate)*time.Second, p.Longest)
}

// Body is the body of an import. It may take as long as it needs while the server is
// what it waits for; what is counted is how long the server waits for it.
type Body struct {
	body     io.ReadCloser
	deadline func(time.Time) error // of the connection
	pace     Pace

	n      int64
	waited time.Duration

	mu          sync.Mutex
	interrupted bool
}

// NewBody reads a body, which ends what it does not like by the deadline of its connection.
func NewBody(body io.ReadCloser, deadline func(time.Time) error, pace Pace) *Body {
	return &Body{body: body, deadline: deadline, pace: pace}
}

func (u *Body) Read(b []byte) (int, error) {
	left := u.pace.may(u.n) - u.waited
	if left <= 0 {
		return 0, u.slow()
	}
	start := time.Now()
	if !u.arm(start.Add(min(left, Stall))) {
		return 0, errInterrupted
	}
	n, err := u.body.Read(b)
	u.n, u.waited = u.n+int64(n), u.waited+time.Since(start)
	if err != nil && err != io.EOF && u.waited >= u.pace.may(u.n) {
		return n, u.slow()
	}
	return n, err
}

// Close closes the body.
func (u *Body) Close() error { return u.body.Close() }

// arm sets the deadline of the next read, unless there is to be none.
func (u *Body) arm(at time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.interrupted {
		_ = u.deadline(at) // not every connection has deadlines
	}
	return !u.interrupted
}

// File is the file in an upload.
type File struct{ io.Reader }

func (f File) Read(b []byte) (int, error) {
	n, err := f.Reader.Read(b)
	if _, said := errors.AsType[*fault.Error](err); err != nil && err != io.EOF && !said {
		err = fault.New(fault.Invalid, "upload_broken", "The upload was interrupted.").Because(err)
	}
	return n, err
}

var errInterrupted = errors.New("the reading of the upload was interrupted")

// Interrupt breaks off a read that waits, and all that follow.
func (u *Body) Interrupt() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.interrupted = true
	_ = u.deadline(time.Now())
}

func (u *Body) slow() error {
	return fault.New(fault.Invalid, "upload_slow", fmt.Sprintf("The upload was too slow: %s arrived while the "+
		"server waited %s. Nothing was imported.", fault.Plural(int(u.n), "byte", "bytes"), u.waited.Round(time.Second))).
		WithHint(fmt.Sprintf("An upload must send %d bytes a second after the first %s, and may take %s. Copy the "+
			"file to the server's machine and import it there, with --data.", u.pace.Rate, u.pace.Grace,
			u.pace.Longest))
}
