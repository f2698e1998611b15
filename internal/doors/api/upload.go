package api

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"ostiary/internal/core/fault"
)

// uploadStall is the longest pause in an upload, and the longest that an event takes to
// be sent.
const uploadStall = 60 * time.Second

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

// upload is the body of an import. It may take as long as it needs while the server is
// what it waits for; what is counted is how long the server waits for it.
type upload struct {
	body     io.ReadCloser
	deadline func(time.Time) error // of the connection
	pace     Pace

	n      int64
	waited time.Duration

	mu          sync.Mutex
	interrupted bool
}

func (u *upload) Read(b []byte) (int, error) {
	left := u.pace.may(u.n) - u.waited
	if left <= 0 {
		return 0, u.slow()
	}
	start := time.Now()
	if !u.arm(start.Add(min(left, uploadStall))) {
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
func (u *upload) Close() error { return u.body.Close() }

// arm sets the deadline of the next read, unless there is to be none.
func (u *upload) arm(at time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.interrupted {
		_ = u.deadline(at) // not every connection has deadlines
	}
	return !u.interrupted
}

// filePart is the file in an upload.
type filePart struct{ io.Reader }

func (f filePart) Read(b []byte) (int, error) {
	n, err := f.Reader.Read(b)
	if _, said := errors.AsType[*fault.Error](err); err != nil && err != io.EOF && !said {
		err = fault.New(fault.Invalid, "upload_broken", "The upload was interrupted.").Because(err)
	}
	return n, err
}

var errInterrupted = errors.New("the reading of the upload was interrupted")

// interrupt breaks off a read that waits, and all that follow.
func (u *upload) interrupt() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.interrupted = true
	_ = u.deadline(time.Now())
}

func (u *upload) slow() error {
	return fault.New(fault.Invalid, "upload_slow", fmt.Sprintf("The upload was too slow: %s arrived while the "+
		"server waited %s. Nothing was imported.", fault.Plural(int(u.n), "byte", "bytes"), u.waited.Round(time.Second))).
		WithHint(fmt.Sprintf("An upload must send %d bytes a second after the first %s, and may take %s. Copy the "+
			"file to the server's machine and import it there, with --data.", u.pace.Rate, u.pace.Grace,
			u.pace.Longest))
}
