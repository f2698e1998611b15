package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

const (
	maxPage     = 1000 // the server's limit
	defaultPage = 100  // and its choice
)

// pageFlags choose a part of a list.
type pageFlags struct {
	limit int
	after string
	all   bool
}

func (p *pageFlags) add(cmd *cobra.Command) {
	p.addPart(cmd)
	cmd.Flags().BoolVar(&p.all, "all", false, "list everything, page by page")
}

// addPart is add for lists that are never wanted whole.
func (p *pageFlags) addPart(cmd *cobra.Command) {
	cmd.Flags().IntVar(&p.limit, "limit", 0, "list at most `N`, up to 1000 (default 100)")
	cmd.Flags().StringVar(&p.after, "after", "", "continue after `CURSOR`, printed with the previous page")
}

func (p *pageFlags) page(cmd *cobra.Command) (client.Page, error) {
	page := client.Page{Limit: p.limit, After: p.after}
	switch {
	case cmd.Flags().Changed("limit") && (p.limit < 1 || p.limit > maxPage):
		return page, cmdline.Mistakef(cmd, "--limit %d: it must be 1 to %d", p.limit, maxPage)
	case p.all && p.limit != 0:
		return page, cmdline.Mistakef(cmd, "--all and --limit exclude each other")
	case p.all:
		page.Limit = maxPage
	}
	return page, nil
}

// listing is a list of the API and how people see it.
type listing[T any] struct {
	name   string // of the list in JSON
	empty  string // what to say when there is nothing
	header []string
	row    func(T) []string
	fetch  func(context.Context, client.Page) (items []T, next *string, err error)
	// fill asks on when a page is short before the end, until it is full.
	fill bool
	// more, which may be nil, gives one more member of the JSON object, at the end;
	// without a name there is none.
	more func() (name string, value any)
}

// printList prints one page, or every page from there on. Pages are printed as
// they come and never held together: a list may be as long as the database.
func printList[T any](ctx context.Context, a *app, l listing[T], page client.Page, all bool) error {
	var out listPrinter[T] = &tableList[T]{app: a, listing: l}
	if a.json {
		out = &jsonList[T]{out: a.Stdout, listing: l}
	}
	if a.csv && page.Limit == 0 {
		page.Limit, all = maxPage, true
	}
	left := page.Limit
	if left == 0 {
		left = defaultPage
	}
	for first := true; ; {
		items, next, err := l.fetch(ctx, page)
		if err != nil {
			return err
		}
		left -= len(items)
		more := next != nil && (all || l.fill && left > 0)
		if len(items) > 0 || first && !more { // an empty page says that there is nothing
			if err := out.page(items, first); err != nil {
				return err
			}
			first = false
		}
		if !more {
			if err := out.end(next); err != nil {
				return err
			}
			if next != nil && !a.json {
				a.note("There are more: add --after %s", cmdline.ShellQuote(*next))
			}
			return nil
		}
		page.After = *next
		if !all {
			page.Limit = left
		}
	}
}

// printCount asks for the count of a list, and for as little of the list as can be.
func (a *app) printCount(fetch func(client.Page) (*wire.Count, error)) error {
	count, err := fetch(client.Page{Limit: 1, Count: true})
	switch {
	case err != nil:
		return err
	case count == nil:
		return errors.New("the server is older than this program, and does not count lists")
	case count.More:
		return a.say(count, "%d+", count.Number)
	}
	return a.say(count, "%d", count.Number)
}

type listPrinter[T any] interface {
	page(items []T, first bool) error
	end(next *string) error
}

type tableList[T any] struct {
	listing[T]
	app *app
}

func (t *tableList[T]) page(items []T, first bool) error {
	if first && len(items) == 0 && !t.app.csv {
		_, err := fmt.Fprintln(t.app.Stdout, t.empty)
		return err
	}
	var header []string
	if first {
		header = t.header
	}
	table := t.app.listTable(header...)
	for _, item := range items {
		table.row(t.row(item)...)
	}
	return table.flush()
}

func (t *tableList[T]) end(*string) error { return nil }

// jsonList prints {"name":[…],"next":…} piece by piece.
type jsonList[T any] struct {
	listing[T]
	out io.Writer
	n   int
}

func (j *jsonList[T]) page(items []T, first bool) error {
	if first {
		if _, err := fmt.Fprintf(j.out, "{%q:[", j.name); err != nil {
			return err
		}
	}
	for _, item := range items {
		raw, err := marshal(item)
		if err != nil {
			return err
		}
		if j.n++; j.n > 1 {
			raw = append([]byte{','}, raw...)
		}
		if _, err := j.out.Write(raw); err != nil {
			return err
		}
	}
	return nil
}

func (j *jsonList[T]) end(next *string) error {
	raw, err := json.Marshal(next)
	more := []byte{}
	if j.more != nil && err == nil {
		if name, value := j.more(); name != "" {
			more, err = marshal(value)
			more = fmt.Appendf(nil, ",%q:%s", name, more)
		}
	}
	if err == nil {
		_, err = fmt.Fprintf(j.out, "],\"next\":%s%s}\n", raw, more)
	}
	return err
}
