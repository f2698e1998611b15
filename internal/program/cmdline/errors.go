package cmdline

import (
	"context"
	"errors"
)

// hinted is an error with what to do next.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// WithHint adds to an error what to do next.
func WithHint(err error, hint string) error { return &hinted{err, hint} }

// ErrorLines are what happened and what to do next.
func ErrorLines(err error) []string {
	if m, ok := errors.AsType[*Mistake](err); ok {
		return []string{m.text, "usage: " + usageLine(m.cmd), "hint: see " + m.cmd.CommandPath() + " --help"}
	}
	if errors.Is(err, context.Canceled) {
		return []string{"interrupted"}
	}
	lines := []string{err.Error()}
	if h, ok := errors.AsType[*hinted](err); ok {
		lines = append(lines, "hint: "+h.hint)
	}
	return lines
}
