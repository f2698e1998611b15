package cmdline

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"golang.org/x/term"

	"ostiary/internal/core/fault"
)

// NewTable aligns what Row writes; flush it at the end.
func NewTable(out io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) }

// Row writes a row of cells into a table.
func Row(table *tabwriter.Writer, cells ...string) {
	for i, cell := range cells {
		if cell = Printable(cell); cell == "" {
			cell = "-"
		}
		cells[i] = cell
	}
	fmt.Fprintln(table, strings.Join(cells, "\t"))
}

// Printable writes out what would act on a terminal instead of being shown:
// names and reasons come from files that others made.
func Printable(s string) string {
	if s = strings.ToValidUTF8(s, "\uFFFD"); strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !hidden(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

func hidden(r rune) bool { return !unicode.IsPrint(r) }

// ShellQuote writes an argument so that a shell reads it back.
func ShellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-_./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// YesNo says a fact.
func YesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// LocalTime is a time where the program runs, with its zone.
func LocalTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

// Plural counts things.
func Plural(n int, one, many string) string { return fault.Plural(n, one, many) }

// Terminal reports whether a reader or writer is a terminal.
func Terminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
