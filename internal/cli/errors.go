package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"ostiary/internal/client"
	"ostiary/internal/wire"
)

// hinted is an error with what to do next.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

func withHint(err error, hint string) error { return &hinted{err, hint} }

// printError tells what happened, where, and what to do next.
func printError(w io.Writer, err error) {
	lines := errorLines(err)
	for i, line := range lines {
		lines[i] = printable(line)
	}
	fmt.Fprintln(w, "ostiary: "+strings.Join(lines, "\n"))
}

func errorLines(err error) []string {
	if m, ok := errors.AsType[*mistake](err); ok {
		return []string{m.text, "usage: " + usageLine(m.cmd), "hint: see " + m.cmd.CommandPath() + " --help"}
	}
	if refused, ok := errors.AsType[*client.Error](err); ok {
		return problemLines(refused.Problem)
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

// problemLines lays out a problem document.
func problemLines(p wire.Problem) []string {
	lines := []string{p.Detail}
	hint := p.Hint
	if len(p.Candidates) > 0 {
		lines = []string{fmt.Sprintf("The serial stands for %d tokens. Say which one with:", len(p.Candidates))}
		for _, id := range p.Candidates {
			lines = append(lines, fmt.Sprintf("  --type %s --manufacturer %s --key-id %s", shellQuote(id.Type), shellQuote(id.Manufacturer), shellQuote(id.KeyID)))
		}
		hint = ""
	}
	for _, field := range p.Fields {
		lines = append(lines, "  "+field)
	}
	if p.Code == "unauthenticated" {
		hint = "Put a valid API key into OSTIARY_API_KEY; an administrator makes keys with: ostiary key create"
	}
	if hint != "" {
		lines = append(lines, "hint: "+hint)
	}
	if p.Status >= 500 && p.Instance != "" {
		lines = append(lines, "request: "+p.Instance)
	}
	return lines
}

// shellQuote writes an argument so that a shell reads it back.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
