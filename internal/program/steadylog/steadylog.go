// Package steadylog keeps a fault that repeats from filling the log. A warning or
// an error is written when it comes first; the same one within a second is held
// back, and at the end of each second one line stands for all of them, with their
// number. So nothing is passed over in silence, and a fault is one line a second,
// however many requests meet it.
//
// The same are lines with one message and one cause (the attributes "error" and
// "panic"); what else differs, such as the request, is that of the last one.
package steadylog

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	window = time.Second
	// maxFaults bounds how many different faults are told apart at a time. Beyond
	// it they are told apart by their message alone.
	maxFaults = 256
)

// Held is the attribute that says how many lines one stands for.
const Held = "times"

// Handler passes records on to another handler.
type Handler struct {
	next  slog.Handler
	state *state
}

var _ slog.Handler = (*Handler)(nil)

// state is what a Handler shares with those made of it by With and WithGroup.
type state struct {
	mu     sync.Mutex
	faults map[fault]*repeated
}

// fault is what lines are the same by.
type fault struct {
	level          slog.Level
	message, cause string
}

// repeated is a fault within its second.
type repeated struct {
	held  int
	last  slog.Record
	next  slog.Handler // that of the last
	timer *time.Timer
}

// New makes a Handler in front of next.
func New(next slog.Handler) *Handler {
	return &Handler{next: next, state: &state{faults: map[fault]*repeated{}}}
}

// Enabled asks the handler behind.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// WithAttrs makes a Handler that shares what is held back.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{next: h.next.WithAttrs(attrs), state: h.state}
}

// WithGroup makes a Handler that shares what is held back.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{next: h.next.WithGroup(name), state: h.state}
}

// Handle writes the record or holds it back.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn && !h.state.first(h.next, r) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// first reports whether a record is the first of its fault in this second; if not,
// it is held back.
func (s *state) first(next slog.Handler, r slog.Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := faultOf(r)
	if len(s.faults) >= maxFaults {
		key.cause = ""
	}
	if f, ok := s.faults[key]; ok {
		f.held, f.last, f.next = f.held+1, r.Clone(), next
		return false
	}
	s.faults[key] = &repeated{timer: time.AfterFunc(window, func() { s.elapsed(key) })}
	return true
}

// elapsed ends the second of a fault: what was held back becomes one line and
// begins the next second.
func (s *state) elapsed(key fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.faults[key]
	if !ok {
		return
	}
	if f.held == 0 {
		delete(s.faults, key)
		return
	}
	f.write()
	f.timer.Reset(window)
}

func (f *repeated) write() {
	if f.held == 0 {
		return
	}
	f.last.AddAttrs(slog.Int(Held, f.held))
	_ = f.next.Handle(context.Background(), f.last) // as a logger does
	f.held, f.last = 0, slog.Record{}
}

// Flush writes what is held back.
func (h *Handler) Flush() {
	h.state.mu.Lock()
	defer h.state.mu.Unlock()
	for key, f := range h.state.faults {
		f.timer.Stop()
		f.write()
		delete(h.state.faults, key)
	}
}

func faultOf(r slog.Record) fault {
	f := fault{level: r.Level, message: r.Message}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "error" || a.Key == "panic" {
			f.cause += a.Value.String()
		}
		return true
	})
	return f
}
