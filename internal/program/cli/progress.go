package cli

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

// How often progress is shown: what is quick shows none.
const (
	progressAfter    = time.Second
	progressTerminal = 200 * time.Millisecond
	progressPlain    = 5 * time.Second
)

// startProgress shows a line that tells how far something is, until stop is called.
func startProgress(w io.Writer, line func(took time.Duration) string) *progress {
	p := &progress{w: w, line: line, single: cmdline.Terminal(w), quit: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		p.run()
	}()
	return p
}

type progress struct {
	w      io.Writer
	line   func(took time.Duration) string
	single bool // one line that is written over
	shown  bool

	quit, ended chan struct{}
}

func (p *progress) stop() {
	close(p.quit)
	<-p.ended
}

func (p *progress) run() {
	start := time.Now()
	every := progressPlain
	if p.single {
		every = progressTerminal
	}
	next := time.NewTimer(progressAfter)
	defer next.Stop()
	for {
		select {
		case <-p.quit:
			p.clear()
			return
		case <-next.C:
			p.show(p.line(time.Since(start)))
			next.Reset(every)
		}
	}
}

func (p *progress) show(line string) {
	p.shown = true
	if p.single {
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(p.w, line)
}

// clear makes room for what follows on the same line.
func (p *progress) clear() {
	if p.single && p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// sending is how much of an upload is sent, and what has become of it. A size of 0
// is unknown.
type sending struct {
	sent *atomic.Int64
	size int64
	keys atomic.Int64 // that the server has read
}

// imported is told by the server how far it is.
func (s *sending) imported(i wire.Import) { s.keys.Store(int64(i.Keys)) }

func (s *sending) line(took time.Duration) string {
	return progressLine(s.sent.Load(), s.size, took) + keysLine(s.keys.Load())
}

// progressLine words how far an upload is.
func progressLine(sent, size int64, took time.Duration) string {
	rate := int64(float64(sent) / max(took.Seconds(), 0.001))
	switch {
	case size > 0 && sent >= size:
		return fmt.Sprintf("100 %% of %s sent, the server is finishing", byteCount(size))
	case size > 0:
		return fmt.Sprintf("%d %% of %s sent, %s/s", sent*100/size, byteCount(size), byteCount(rate))
	}
	return fmt.Sprintf("%s sent, %s/s", byteCount(sent), byteCount(rate))
}

func keysLine(n int64) string {
	if n == 0 {
		return ""
	}
	return ", " + cmdline.Plural(int(n), "key", "keys") + " read"
}

func byteCount(n int64) string {
	switch {
	case n >= 1_000_000_000:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return cmdline.Plural(int(n), "byte", "bytes")
}
