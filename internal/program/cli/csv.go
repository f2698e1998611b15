package cli

import (
	"encoding/csv"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ostiary/internal/core/printable"
	"ostiary/internal/program/cmdline"
)

// addCSV gives a list the flag for what spreadsheets and scripts read.
func (a *app) addCSV(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&a.csv, "csv", false, "print CSV (RFC 4180), with times in RFC 3339; prints all pages of long lists")
	return cmd
}

// oneForm refuses what cannot be printed in two forms at once.
func (a *app) oneForm(cmd *cobra.Command) error {
	if a.csv && a.json {
		return cmdline.Mistakef(cmd, "--csv and --json exclude each other")
	}
	return nil
}

// newCSV writes lines that end as RFC 4180 has it.
func newCSV(out io.Writer) *csv.Writer {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	return w
}

// harmless gives cells as they may stand in a spreadsheet: what would be a formula there
// gets an apostrophe before it, and what would act on a terminal is written out.
func harmless(cells []string) []string {
	safe := make([]string, len(cells))
	for i, cell := range cells {
		safe[i] = cmdline.Printable(printable.Cell(cell))
	}
	return safe
}

// at writes a time as people read it, or as CSV has it.
func (a *app) at(t time.Time) string {
	if a.csv {
		return t.UTC().Format(time.RFC3339)
	}
	return cmdline.LocalTime(t)
}

// atOr is at, or none for a time that is absent; in CSV that is an empty cell.
func (a *app) atOr(t *time.Time, none string) string {
	switch {
	case t != nil:
		return a.at(*t)
	case a.csv:
		return ""
	}
	return none
}
