package cli

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// CSV has all pages under one header, lines that end with CR LF, times with their zone,
// and no cell that a spreadsheet takes for a formula.
func TestListsAsCSV(t *testing.T) {
	t.Parallel()
	names := []string{`=HYPERLINK("http://x")`, "+1", "-1", "@SUM(A1)", "\tx", "\rx", "a,b", `say "no"`, "plain=", ""}
	asked := 0
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.FormValue("limit") != "1000" {
			t.Errorf("limit %q", r.FormValue("limit"))
		}
		next := fmt.Sprintf("%q", fmt.Sprint(asked+1))
		if asked == len(names) { // a page may be empty
			fmt.Fprint(w, `{"users":[],"next":null}`)
			return
		}
		fmt.Fprintf(w, `{"users":[{"name":%q,"tokens":2,"created":"2026-01-02T03:04:05Z"}],"next":%s}`, names[asked], next)
		asked++
	})
	got := run(t, serve, "", "user", "list", "--csv")
	want := "NAME,TOKENS,FAILURES,LOCKED,CREATED\r\n"
	for _, name := range []string{`"'=HYPERLINK(""http://x"")"`, "'+1", "'-1", "'@SUM(A1)", `'\tx`, `'\rx`, `"a,b"`,
		`"say ""no"""`, "plain=", ""} {
		want += name + ",2,0,no,2026-01-02T03:04:05Z\r\n"
	}
	if diff := cmp.Diff(result{0, want, ""}, got); diff != "" {
		t.Error(diff)
	}
	if rows, err := csv.NewReader(strings.NewReader(got.Out)).ReadAll(); err != nil || len(rows) != len(names)+1 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// Every command that lists prints CSV.
func TestEveryListHasCSV(t *testing.T) {
	t.Parallel()
	found := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if cmd.Name() != "list" && cmd.Name() != "rows" && cmd.Name() != "actions" {
			return
		}
		if found++; cmd.Flags().Lookup("csv") == nil {
			t.Errorf("%s has no --csv", cmd.CommandPath())
		}
	}
	walk(newRoot(OS(), nil))
	if found < 11 {
		t.Errorf("%d lists", found)
	}
}
