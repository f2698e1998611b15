package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"ostiary/internal/core/fault"
	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

// printError tells what happened, where, and what to do next.
func printError(w io.Writer, err error) {
	lines := errorLines(err)
	for i, line := range lines {
		lines[i] = cmdline.Printable(line)
	}
	fmt.Fprintln(w, "ostiary: "+strings.Join(lines, "\n"))
}

// errorJSON is an error of the command line itself with --json: the members that a
// problem document of the API has, too.
type errorJSON struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// The codes of errors that the server does not know.
const (
	codeUsage       = "usage"       // the command line says something impossible
	codeInterrupted = "interrupted" // by a signal
	codeFailed      = "failed"      // everything else: detail says what
)

// printErrorJSON prints an error as one JSON object: a problem document of the API, or
// an errorJSON.
func printErrorJSON(w io.Writer, err error) {
	var v any
	if refused, ok := errors.AsType[*client.Error](err); ok {
		v = refused.Problem
	} else {
		e := errorJSON{Code: codeFailed}
		lines := cmdline.ErrorLines(err)
		mistake := false
		if _, mistake = errors.AsType[*cmdline.Mistake](err); mistake {
			e.Code = codeUsage
		} else if errors.Is(err, context.Canceled) {
			e.Code = codeInterrupted
		} else if f, ok := errors.AsType[*fault.Error](err); ok {
			e.Code, lines = f.Code, faultLines(err, f)
		}
		e.Detail = lines[0]
		for _, line := range lines[1:] {
			if hint, ok := strings.CutPrefix(line, "hint: "); ok {
				e.Hint = hint
			}
		}
		v = e
	}
	raw, err := marshal(v)
	if err != nil {
		raw = []byte(`{"code":"failed"}`)
	}
	fmt.Fprintf(w, "%s\n", raw)
}

func errorLines(err error) []string {
	if refused, ok := errors.AsType[*client.Error](err); ok {
		return problemLines(refused.Problem)
	}
	lines := cmdline.ErrorLines(err)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		lines = faultLines(err, f)
		lines[0] += withCode(f.Code)
	}
	return lines
}

// faultLines are those of a fault that happened here and not on a server: its hint is a
// line of its own.
func faultLines(err error, f *fault.Error) []string {
	text, found := strings.CutSuffix(err.Error(), " "+f.Hint)
	if f.Hint == "" || !found {
		return []string{err.Error()}
	}
	return []string{text, "hint: " + f.Hint}
}

// withCode is the code of an error behind its text; the tables of docs/operate.md name
// errors by it.
func withCode(code string) string {
	if code == "" {
		return ""
	}
	return " (" + code + ")"
}

// problemLines lays out a problem document.
func problemLines(p wire.Problem) []string {
	lines := []string{p.Detail + withCode(p.Code)}
	hint := p.Hint
	if len(p.Candidates) > 0 {
		lines = []string{fmt.Sprintf("%d tokens have the serial%s. Choose one with:", len(p.Candidates),
			withCode(p.Code))}
		for _, id := range p.Candidates {
			lines = append(lines, fmt.Sprintf("  --type %s --manufacturer %s --key-id %s", cmdline.ShellQuote(id.Type),
				cmdline.ShellQuote(id.Manufacturer), cmdline.ShellQuote(id.KeyID)))
		}
		hint = ""
	}
	for _, field := range p.Fields {
		lines = append(lines, "  "+field)
	}
	if p.Code == "unauthenticated" {
		hint = "Put a valid API key into OSTIARY_API_KEY; an administrator creates keys with: ostiary key create"
	}
	if hint != "" {
		lines = append(lines, "hint: "+hint)
	}
	if p.Status >= 500 && p.Instance != "" {
		lines = append(lines, "request: "+p.Instance)
	}
	return lines
}
