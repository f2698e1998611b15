package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"ostiary/internal/program/cmdline"
)

const humanTime = "2006-01-02 15:04:05"

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

// table aligns rows of cells.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer, header ...string) *table {
	t := &table{cmdline.NewTable(out)}
	if len(header) > 0 {
		t.row(header...)
	}
	return t
}

func (t *table) row(cells ...string) { cmdline.Row(t.w, cells...) }

func (t *table) flush() error { return t.w.Flush() }

func localTime(t time.Time) string { return t.Local().Format(humanTime) }

// optionalTime gives none for a time that is absent.
func optionalTime(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return localTime(*t)
}
