package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

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

func errorLines(err error) []string {
	if refused, ok := errors.AsType[*client.Error](err); ok {
		return problemLines(refused.Problem)
	}
	return cmdline.ErrorLines(err)
}

// problemLines lays out a problem document.
func problemLines(p wire.Problem) []string {
	lines := []string{p.Detail}
	hint := p.Hint
	if len(p.Candidates) > 0 {
		lines = []string{fmt.Sprintf("The serial stands for %d tokens. Say which one with:", len(p.Candidates))}
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
