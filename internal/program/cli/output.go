package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"ostiary/internal/program/cmdline"
)

// printJSON prints one value on one line.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.Stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// marshal is json.Marshal without the escapes that only HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// say prints v as JSON, or else a sentence.
func (a *app) say(v any, format string, args ...any) error {
	if a.json {
		return a.printJSON(v)
	}
	_, err := fmt.Fprintln(a.Stdout, cmdline.Printable(fmt.Sprintf(format, args...)))
	return err
}

// note tells a person something beside the output.
func (a *app) note(format string, args ...any) {
	fmt.Fprintln(a.Stderr, cmdline.Printable(fmt.Sprintf(format, args...)))
}

// suggest is note for a command to type, at the end of the text: it gets the flags by which
// this one found its server.
func (a *app) suggest(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, flag := range [][2]string{{"--data", a.connection.data}, {"--server", a.connection.server}} {
		if flag[1] != "" {
			text += " " + flag[0] + " " + cmdline.ShellQuote(flag[1])
		}
	}
	if a.connection.insecure {
		text += " --insecure-http"
	}
	a.note("%s", text)
}

// table aligns rows of cells, or writes them as CSV.
type table struct {
	w   *tabwriter.Writer
	csv *csv.Writer // nil for a table that people read
}

// listTable is newTable for lists, which may be CSV.
func (a *app) listTable(header ...string) *table {
	if !a.csv {
		return newTable(a.Stdout, header...)
	}
	t := &table{csv: newCSV(a.Stdout)}
	if len(header) > 0 {
		t.row(header...)
	}
	return t
}

func newTable(out io.Writer, header ...string) *table {
	t := &table{w: cmdline.NewTable(out)}
	if len(header) > 0 {
		t.row(header...)
	}
	return t
}

func (t *table) row(cells ...string) {
	if t.csv != nil {
		_ = t.csv.Write(harmless(cells)) // flush tells
		return
	}
	cmdline.Row(t.w, cells...)
}

func (t *table) flush() error {
	if t.csv != nil {
		t.csv.Flush()
		return t.csv.Error()
	}
	return t.w.Flush()
}

// optionalTime gives none for a time that is absent.
func optionalTime(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return cmdline.LocalTime(*t)
}
