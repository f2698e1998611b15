package cli

import (
	"fmt"

	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

// sayVerified tells what a verification of the log found. The error is errNo if
// something does not fit.
func (a *app) sayVerified(rep wire.AuditReport) error {
	lines := []string{"The log is NOT intact: " + rep.Problem}
	if rep.Problem == "" {
		archived := ""
		if rep.First > 0 {
			archived = fmt.Sprintf(" (archived: the first %d)", rep.First)
		}
		lines[0] = fmt.Sprintf("The log is intact: %s%s, %s, root %s",
			cmdline.Plural(int(rep.Entries), "entry", "entries"), archived,
			cmdline.Plural(rep.Checkpoints, "checkpoint", "checkpoints"), rep.Root)
	}
	if rep.Mark != "" {
		lines = append(lines, "But it is NOT the log that the server wrote last: "+rep.Mark)
	}
	if rep.State != nil {
		lines = append(lines, stateLines(rep.State)...)
	}
	if a.json {
		lines = lines[:1]
	}
	for _, line := range lines {
		if err := a.say(rep, "%s", line); err != nil {
			return err
		}
	}
	if !rep.OK {
		return errNo
	}
	return nil
}

func stateLines(s *wire.AuditState) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if s.Findings == 0 {
		add("The state matches it: %s.", cmdline.Plural(s.Tokens, "token", "tokens"))
	} else {
		add("The state does NOT match it: %s.", cmdline.Plural(s.Findings, "finding", "findings"))
	}
	if s.Trusted > 0 {
		add("Taken on trust, after entries of an older program or an accepted backup with --fence: %s.",
			cmdline.Plural(s.Trusted, "row", "rows"))
	}
	for _, f := range s.Rows {
		switch {
		case f.Entry == nil:
			add("  %s: %s", f.Row, f.Text)
		case f.Row == "":
			add("  entry %d: %s", *f.Entry, f.Text)
		default:
			add("  %s, entry %d: %s", f.Row, *f.Entry, f.Text)
		}
	}
	if more := s.Findings - len(s.Rows); more > 0 {
		add("  and %d more", more)
	}
	return lines
}
