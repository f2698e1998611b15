// Command mutate breaks one line at a time and demands a red test.
//
// mutations.txt holds the promises of the product as lines that keep them: the
// predicate of a conditional write, a sync, an audit entry, a MAC that is
// compared. Each row names the promise, the file, the exact text that keeps it,
// what stands there instead, and the tests that must notice. A row is tried with
// an overlay (go help build), so that nothing in the tree is edited and rows run
// beside each other; tests that read sources go by the overlay in GOFLAGS. What
// counts as noticed is a test that fails; a mutation that does not build shows
// nothing, and neither do tests that a pattern does not find.
//
// A row goes stale when its text is not there exactly once. That is an error,
// never a row passed over: whoever rewrites a line that keeps a promise takes the
// row along. Before anything is broken, the tests of every row must be green.
//
// The exit code is 1 when a mutation survived or a row went stale, and 2 for a
// mistake in the call or in the table.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	quick := flag.Bool("quick", false, "only the rows marked quick")
	only := flag.String("only", "", "only rows whose promise or file holds this `text`")
	jobs := flag.Int("jobs", 2, "how many rows are tried at once")
	table := flag.String("table", "tools/mutate/mutations.txt", "the `file` of mutations")
	flag.Parse()
	if flag.NArg() > 0 || *jobs < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	code, err := mutate(ctx, *table, *jobs, func(m mutation) bool {
		return (m.quick || !*quick) && (strings.Contains(m.promise, *only) || strings.Contains(m.file, *only))
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
	}
	os.Exit(code)
}

// mutate tries the rows that are wanted and says what came of them.
func mutate(ctx context.Context, table string, jobs int, wanted func(mutation) bool) (code int, err error) {
	text, err := os.ReadFile(table)
	if err != nil {
		return 2, err
	}
	all, err := parse(string(text))
	if err != nil {
		return 2, fmt.Errorf("%s: %w", table, err)
	}
	var rows []mutation
	stale := 0
	for _, m := range all {
		if err := m.check(); err != nil {
			fmt.Printf("%s:%d: stale: %v\n", table, m.line, err)
			stale++
		} else if wanted(m) {
			rows = append(rows, m)
		}
	}
	if len(rows) == 0 && stale == 0 {
		return 2, fmt.Errorf("%s has no such row", table)
	}
	r, err := newRunner(jobs)
	if err != nil {
		return 2, err
	}
	defer r.close()
	if err := r.green(ctx, rows); err != nil {
		return 2, err
	}
	survived := 0
	r.tryAll(ctx, rows, func(m mutation, v verdict) {
		if v.killed {
			fmt.Printf("ok        %5.1fs  %s\n", v.took.Seconds(), m.promise)
			return
		}
		survived++
		fmt.Printf("SURVIVED  %5.1fs  %s\n\t%s:%d: %s: %s\n", v.took.Seconds(), m.promise, table, m.line, m.file, v.why)
	})
	fmt.Printf("%d mutations, %d survived, %d stale\n", len(rows), survived, stale)
	if survived+stale > 0 {
		return 1, nil
	}
	return 0, nil
}
