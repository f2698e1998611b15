package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/imports"
	"ostiary/internal/program/cmdline"
)

// shownRows is how many rows of one reason people get to see.
const shownRows = 20

// showReport prints a report. The answer is no if keys were refused, in conflict or
// twins, or if the import failed.
func (a *app) showReport(rep wire.ImportReport) error {
	print := a.printReport
	if a.json {
		print = func(rep wire.ImportReport) error { return a.printJSON(rep) }
	}
	if err := print(rep); err != nil {
		return err
	}
	if rep.Refused+rep.Conflict+rep.Difference+rep.Twin > 0 || rep.State == "failed" {
		return errNo
	}
	return nil
}

// counts words how the keys of a file ended.
func counts(rep wire.Import) string {
	imported := "imported"
	if rep.DryRun {
		imported = "would be imported"
	}
	s := fmt.Sprintf("%d %s, %d duplicate, %d in conflict, %d refused", rep.Imported, imported, rep.Duplicate,
		rep.Conflict, rep.Refused)
	for _, more := range []struct {
		n    int
		what string
	}{{rep.Difference, "different"}, {rep.Twin, "twin"}, {rep.Replaced, "replaced"},
		{rep.Renumbered, "renumbered"}, {rep.HeldBack, "held back"}} {
		if more.n > 0 {
			s += fmt.Sprintf(", %d %s", more.n, more.what)
		}
	}
	return s
}

// printReport prints the counts, and the keys that were not simply imported.
func (a *app) printReport(rep wire.ImportReport) error {
	lines := []string{counts(rep.Import)}
	if rep.HeldBack > 0 {
		lines = append(lines, "Nothing is imported, because not all keys are good. --skip-bad imports the good ones.")
	}
	if rep.Assigned > 0 || rep.Users > 0 {
		lines = append(lines, fmt.Sprintf("%s assigned, %s", cmdline.Plural(rep.Assigned, "token", "tokens"),
			cmdline.Plural(rep.Users, "user added", "users added")))
	}
	if rep.Failure != "" {
		lines = append(lines, "It failed: "+rep.Failure)
	}
	lines = append(lines, rep.Notes...)
	if rep.Sample != nil {
		lines = append(lines, sampleText(*rep.Sample))
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(a.Stdout, cmdline.Printable(line)); err != nil {
			return err
		}
	}
	if err := a.printSeries(rep.Series); err != nil {
		return err
	}
	return a.printRows(rep)
}

func (a *app) printSeries(series []wire.ImportSeries) error {
	if len(series) == 0 {
		return nil
	}
	out := newTable(a.Stdout, "TYPE", "INCOMING", "HIGHEST INCOMING", "HIGHEST HERE", "COLLISIONS", "NEXT BEFORE",
		"NEXT AFTER")
	for _, s := range series {
		out.row(s.Type, strconv.Itoa(s.Incoming), s.HighestIncoming, s.HighestPresent, strconv.Itoa(s.Collisions),
			s.NextBefore, s.NextAfter)
	}
	return out.flush()
}

func (a *app) printRows(rep wire.ImportReport) error {
	var rest []string // reasons that have more rows than are shown
	seen := map[string]int{}
	out := newTable(a.Stdout)
	for i, row := range rep.Rows {
		if i == 0 {
			out.row("LINE", "SERIAL", "KEY ID", "OUTCOME", "REASON")
		}
		switch seen[row.Reason]++; seen[row.Reason] {
		default:
			if seen[row.Reason] > shownRows {
				continue
			}
			line := ""
			if row.Line > 0 {
				line = strconv.Itoa(row.Line)
			}
			out.row(line, row.Serial, row.KeyID, row.Outcome, row.Reason)
		case shownRows + 1:
			rest = append(rest, row.Reason)
		}
	}
	if err := out.flush(); err != nil {
		return err
	}
	for _, reason := range rest {
		more := cmdline.Plural(seen[reason]-shownRows, "more row", "more rows")
		if _, err := fmt.Fprintf(a.Stdout, "and %s: %s\n", more, cmdline.Printable(reason)); err != nil {
			return err
		}
	}
	if rep.Removed != nil {
		a.note("The rows of this import were removed on %s, at the end of their retention period.",
			cmdline.LocalTime(*rep.Removed))
	}
	if len(rest) > 0 || rep.Next != nil {
		a.suggest("All rows: ostiary import rows %d --all", rep.ID)
	}
	return nil
}

// writeRemainder writes what was refused, in conflict or a twin into a file of its own.
func (a *app) writeRemainder(ctx context.Context, c *client.Client, f *importFlags, path string,
	rep wire.ImportReport) error {
	if f.remainder == "" || rep.Refused+rep.Conflict+rep.Difference+rep.Twin == 0 {
		return nil
	}
	left := map[int]bool{}
	for rows, next := rep.Rows, rep.Next; ; {
		for _, r := range rows {
			if slices.Contains([]string{imports.Refused, imports.Conflict, imports.Difference, imports.Twin}, r.Outcome) {
				left[r.N] = true
			}
		}
		if next == nil {
			break
		}
		page, err := c.ImportRows(ctx, rep.ID, client.Page{Limit: maxPage, After: *next})
		if err != nil {
			return err
		}
		rows, next = page.Rows, page.Next
	}
	opt, err := a.fileOptions(f)
	if err != nil {
		return err
	}
	in, _, err := a.open(path)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	kept := 0
	_, err = writeNew(f.remainder, func(w io.Writer) (err error) {
		kept, err = imports.WriteRemainder(w, in, opt, func(n int) bool { return left[n] })
		return err
	})
	if err == nil {
		a.note("%s contains the remaining keys: %s", f.remainder, cmdline.Plural(kept, "entry", "entries"))
	}
	return err
}

func newImport(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Show imports, their results and progress; cancel one",
		Long: `Show imports: their results, key by key, and the progress of one that is
running. "ostiary token import" begins one.`,
		Example: `  ostiary import list
  ostiary import show 12
  ostiary import cancel 12`,
	}
	cmd.AddCommand(newImportList(a), newImportShow(a), newImportRows(a), newImportCancel(a), newImportReceipt(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

func newImportList(a *app) *cobra.Command {
	var pages pageFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List imports, the newest first",
		Long:    "List imports, the newest first, including dry runs.",
		Example: "  ostiary import list --limit 10",
		Args:    cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			page, err := pages.page(cmd)
			if err != nil {
				return err
			}
			l := listing[wire.Import]{name: "imports", empty: "No imports yet. Import a manufacturer's file: " +
				"ostiary token import FILE",
				header: []string{"ID", "STARTED", "STATE", "FILE", "BATCH", "BY", "RESULT"},
				row: func(i wire.Import) []string {
					state := i.State
					if i.DryRun {
						state += ", dry run"
					}
					return []string{strconv.FormatInt(i.ID, 10), a.at(i.Started), state, i.File, i.Batch, i.Actor,
						counts(i)}
				},
				fetch: func(ctx context.Context, p client.Page) ([]wire.Import, *string, error) {
					list, err := c.Imports(ctx, p)
					return list.Imports, list.Next, err
				}}
			return printList(cmd.Context(), a, l, page, pages.all)
		}),
	}
	pages.add(cmd)
	return a.addCSV(cmd)
}

// importID reads the number of an import.
func importID(cmd *cobra.Command, s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 1 {
		return 0, cmdline.Mistakef(cmd, "%s is not the number of an import; ostiary import list shows them",
			cmdline.ShellQuote(s))
	}
	return id, nil
}

func newImportShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show the result of an import",
		Long:    "Show the result or the progress of an import, as ostiary token import does at its end.",
		Example: "  ostiary import show 12 --json",
		Args:    cmdline.Arguments("ID"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := importID(cmd, args[0])
			if err != nil {
				return err
			}
			rep, err := c.ImportReport(cmd.Context(), id)
			if err != nil {
				return err
			}
			return a.showReport(rep)
		}),
	}
}

func newImportCancel(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID",
		Short: "Cancel a running import",
		Long: `Cancel a running import, whoever began it. Nothing is imported, and
other imports can begin. You can also cancel an interrupted import that could not be
removed.

ostiary import list shows the ID. An import gets one when the server has detected the
format: after the beginning of a PSKC file, or after all of a signed file or a table.
An upload without an ID does not block others; it ends with the program that sends it.

Earlier imports remain: ostiary batch state revokes the tokens of a delivery.`,
		Example: "  ostiary import cancel 12",
		Args:    cmdline.Arguments("ID"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := importID(cmd, args[0])
			if err != nil {
				return err
			}
			rep, err := c.CancelImport(cmd.Context(), id)
			if err != nil {
				return err
			}
			return a.say(rep, "Import %d of %s is cancelled: nothing was imported.", rep.ID,
				cmp.Or(rep.File, "an unnamed file"))
		}),
	}
}

func newImportRows(a *app) *cobra.Command {
	var pages pageFlags
	cmd := &cobra.Command{
		Use:   "rows ID",
		Short: "List the keys of an import that were not simply imported",
		Long: "List the keys of an import that have a remark: those that were not\nimported, and " +
			"why, and those that were not assigned. The others are listed by\nostiary token list --import ID.",
		Example: "  ostiary import rows 12 --all",
		Args:    cmdline.Arguments("ID"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := importID(cmd, args[0])
			if err != nil {
				return err
			}
			page, err := pages.page(cmd)
			if err != nil {
				return err
			}
			l := listing[wire.ImportRow]{name: "rows", empty: "No remarks: every key was imported.",
				header: []string{"KEY", "LINE", "SERIAL", "KEY ID", "TYPE", "OUTCOME", "REASON"},
				row: func(r wire.ImportRow) []string {
					line := ""
					if r.Line > 0 {
						line = strconv.Itoa(r.Line)
					}
					return []string{strconv.Itoa(r.N), line, r.Serial, r.KeyID, r.Type, r.Outcome, r.Reason}
				},
				fetch: func(ctx context.Context, p client.Page) ([]wire.ImportRow, *string, error) {
					rows, err := c.ImportRows(ctx, id, p)
					return rows.Rows, rows.Next, err
				}}
			return printList(cmd.Context(), a, l, page, pages.all)
		}),
	}
	pages.add(cmd)
	return a.addCSV(cmd)
}
