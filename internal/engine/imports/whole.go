package imports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/formats/seedfile"
)

// Files that are read whole cost many times as much memory as those that are read as
// they arrive, and a signed one the most (docs/benchmarks.md). So only so many of them
// are open at a time, and the others wait.
const (
	wholeUnits  = 2
	signedUnits = 2
	tableUnits  = 1
)

// retryAfter is when a file that has waited in vain may come again.
const retryAfter = time.Minute

// units is what a file costs.
func units(format seedfile.Format, opt FileOptions) int64 {
	switch {
	case format != seedfile.PSKC:
		return tableUnits
	case opt.Signers != nil:
		return signedUnits
	}
	return 0
}

// OpenFile is the function of that name for a server: files that are read whole take
// turns. The file keeps its turn until it is closed.
func (s *Service) OpenFile(ctx context.Context, r io.Reader, opt FileOptions) (*File, error) {
	in, format, err := recognise(r, opt)
	if err != nil {
		return nil, err
	}
	n := units(format, opt)
	if err := s.turn(ctx, n); err != nil {
		return nil, err
	}
	f, err := openFormat(in, format, opt)
	if err != nil {
		s.whole.Release(n)
		return nil, err
	}
	shut := f.close
	f.close = func() error {
		f.close = func() error { return nil }
		defer s.whole.Release(n)
		return shut()
	}
	return f, nil
}

// turn waits for it.
func (s *Service) turn(ctx context.Context, n int64) error {
	wait, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	err := s.whole.Acquire(wait, n)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unavailable, "imports_busy", fmt.Sprintf("Other files that must be in memory completely keep the "+
			"server busy: this one waited %s for its turn. Nothing was read.", s.wait)).
			WithHint("Try again when they are done: signed files and tables need much memory, so few are "+
				"read at a time.").
			With("retry_after", retryAfter).Because(err)
	}
	return err
}
