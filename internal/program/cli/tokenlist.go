package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ostiary/internal/core/token"
	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newTokenList(a *app) *cobra.Command {
	var filter client.TokenFilter
	var pages pageFlags
	var unused string
	var count bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List tokens",
		Long: `List tokens by the user assigned and then the serial, free tokens last, 100 at a
time; with --expiring, in the order in which they expire. The rest is listed with
--after and the cursor that is printed, or all at once with --all.

Hardware is listed, unless --kind says otherwise, or the tokens of a user, serial,
type, batch or import are asked for, or --search, --twins, --fenced or PENDING tokens.
If software tokens are not listed, a line on standard error says so.

--sort serial, arrival, expires, state, type or manufacturer gives another order, and
--desc reverses it; tokens without a user, or without an expiry, remain last. --sort
last-used, failures or drift sorts short lists only: use filters.

--count prints the number of tokens that match instead. It is exact up to 1000, and
"1000+" beyond; a rare match among many tokens may be counted in part, such as "12+".`,
		Example: `  ostiary token list --state REVOKED_TOKEN_LOST
  ostiary token list --kind all --search 4711
  ostiary token list --free --sort serial
  ostiary token list --locked
  ostiary token list --assigned --unused-since 2026-01-31
  ostiary token list --free --type hotp --count
  ostiary token list --user alice --json
  ostiary token list --expiring 30 --state VALID
  ostiary token list --twins --all
  ostiary token list --fenced --all
  ostiary token list --all --json > tokens.json
  ostiary token list --kind all --csv > tokens.csv`,
		Args: cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) (err error) {
			page, err := pages.page(cmd)
			if err != nil {
				return err
			}
			if filter.Kind != "" {
				if err := cmdline.OneOf(cmd, "kind", filter.Kind, "hardware", "software", "all"); err != nil {
					return err
				}
			}
			if filter.Sort != "" {
				if err := cmdline.OneOf(cmd, "sort", filter.Sort, sorts...); err != nil {
					return err
				}
			}
			if filter.Free && filter.User != "" {
				return cmdline.Mistakef(cmd, "--free and --user exclude each other: free tokens have no user")
			}
			if filter.Free && filter.Assigned {
				return cmdline.Mistakef(cmd, "--free and --assigned exclude each other: free tokens have no user")
			}
			if unused != "" {
				if filter.UnusedSince, err = momentArg(cmd, "unused-since", unused, 0); err != nil {
					return err
				}
			}
			if filter.State != "" {
				if filter.State, err = stateArg(cmd, filter.State); err != nil {
					return err
				}
			}
			if filter.Import != "" {
				if _, err := importID(cmd, filter.Import); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("expiring") && (filter.Expiring < 1 || filter.Expiring > 36500) {
				return cmdline.Mistakef(cmd, "--expiring %d: it must be 1 to 36500", filter.Expiring)
			}
			empty := "No token matches."
			chosen := filter.Chosen()
			if chosen.Kind == "all" {
				chosen.Kind = "" // it chooses nothing
			}
			if chosen == (client.TokenFilter{}) && page.After == "" {
				empty = "No tokens yet. Import a manufacturer's file: ostiary token import FILE"
			}
			software := false
			if hardwareMeant(filter) {
				filter.Kind = "hardware"
				if software, err = anySoftware(cmd.Context(), c, filter); err != nil {
					return err
				}
			}
			if software {
				empty = "No hardware token matches."
			}
			if count {
				return a.printCount(func(p client.Page) (*wire.Count, error) {
					list, err := c.Tokens(cmd.Context(), filter, p)
					return list.Count, err
				})
			}
			l := listing[wire.Token]{name: "tokens", empty: empty, fill: true,
				header: []string{"SERIAL", "TYPE", "MANUFACTURER", "STATE", "USER", "FAILURES", "LAST USED"},
				row:    a.tokenRow,
				fetch: func(ctx context.Context, p client.Page) ([]wire.Token, *string, error) {
					list, err := c.Tokens(ctx, filter, p)
					return list.Tokens, list.Next, err
				}}
			if filter.Expiring != 0 {
				l.header[len(l.header)-1], l.row = "VALID UNTIL", a.expiringRow
			}
			if err := printList(cmd.Context(), a, l, page, pages.all); err != nil || !software {
				return err
			}
			a.note("Only hardware tokens are listed. To include software tokens: --kind all")
			return nil
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&filter.Kind, "kind", "", "tokens of this `KIND`: hardware, software or all")
	flags.StringVar(&filter.State, "state", "", "only tokens in this `STATE`")
	flags.StringVar(&filter.User, "user", "", "only tokens of this `USER`")
	flags.StringVar(&filter.Serial, "serial", "", "only tokens of this `SERIAL`")
	flags.StringVar(&filter.Type, "type", "", "only tokens of this `TYPE`")
	flags.StringVar(&filter.Manufacturer, "manufacturer", "", "only tokens of this `MANUFACTURER`")
	flags.StringVar(&filter.Batch, "batch", "", "only tokens of this `BATCH`")
	flags.StringVar(&filter.Import, "import", "", "only tokens of the import of this `ID`")
	flags.BoolVar(&filter.Twins, "twins", false, "only tokens that share a secret with others")
	flags.BoolVar(&filter.Fenced, "fenced", false, "only tokens that need two consecutive codes, since a backup was "+
		"restored")
	flags.IntVar(&filter.Expiring, "expiring", 0, "only tokens that expire within `DAYS`, but have not expired yet")
	flags.BoolVar(&filter.Free, "free", false, "only tokens without a user")
	flags.BoolVar(&filter.Assigned, "assigned", false, "only tokens with a user")
	flags.StringVar(&filter.SerialPrefix, "serial-prefix", "", "only tokens whose serial begins with this `TEXT`")
	flags.StringVar(&filter.Label, "label", "", "only tokens with this `TEXT` in the label")
	flags.StringVar(&unused, "unused-since", "", "only tokens that were not used since this `TIME`, or never")
	flags.BoolVar(&filter.NeverUsed, "never-used", false, "only tokens that were never used")
	flags.BoolVar(&count, "count", false, "print how many tokens match, up to 1000")
	flags.BoolVar(&filter.Locked, "locked", false, "only tokens that wrong codes have locked")
	flags.StringVar(&filter.Search, "search", "", "only tokens with this `TEXT` in the serial, the label or the user's "+
		"name")
	flags.StringVar(&filter.Sort, "sort", "", "`ORDER`: "+strings.Join(sorts, ", ")+" (default user)")
	flags.BoolVar(&filter.Desc, "desc", false, "reverse the order")
	pages.add(cmd)
	return a.addCSV(cmd)
}

var sorts = []string{"user", "serial", "arrival", "last-used", "expires", "state", "type", "manufacturer", "failures",
	"drift"}

// hardwareMeant tells whether a list is of hardware, as nobody said which kind. Who asks
// for certain tokens gets them, of whatever kind they are.
func hardwareMeant(f client.TokenFilter) bool {
	return f.Kind == "" && f.User == "" && f.Serial == "" && f.Type == "" && f.Batch == "" && f.Import == "" &&
		f.Search == "" && f.SerialPrefix == "" && f.State != token.Pending.String() && !f.Twins && !f.Fenced
}

// anySoftware tells whether there may be software tokens that would be listed as well. It
// asks once: of many tokens, one page may not tell.
func anySoftware(ctx context.Context, c *client.Client, f client.TokenFilter) (bool, error) {
	f.Kind, f.Sort, f.Desc = "software", "arrival", false
	list, err := c.Tokens(ctx, f, client.Page{Limit: 1})
	return len(list.Tokens) > 0 || list.Next != nil, err
}

// expiringRow shows when a token ends instead of when it was used.
func (a *app) expiringRow(t wire.Token) []string {
	row := a.tokenRow(t)
	row[len(row)-1] = a.atOr(t.ValidUntil, "none")
	return row
}

func (a *app) tokenRow(t wire.Token) []string {
	failures := fmt.Sprint(t.Failures)
	if t.Locked {
		failures += " locked"
	}
	return []string{t.Serial, t.Type, t.Manufacturer, t.State, t.User, failures, a.atOr(t.LastUsed, "never")}
}

// stateArg reads a state in either case.
func stateArg(cmd *cobra.Command, s string) (string, error) {
	state, err := token.ParseState(s)
	if err != nil {
		return "", noState(cmd, s, token.StateNames())
	}
	return state.String(), nil
}

// newStateArg reads a state that a token is to have.
func newStateArg(cmd *cobra.Command, s string) (string, error) {
	names := token.SetStateNames()
	state, err := token.ParseState(s)
	switch {
	case err != nil:
		return "", noState(cmd, s, names)
	case !slices.Contains(names, state.String()):
		return "", cmdline.Mistakef(cmd, "no command makes a token %s: it is PENDING from its creation to its first "+
			"code, and MOVING during a move; the states to set are %s", state, strings.Join(names, ", "))
	}
	return state.String(), nil
}

func noState(cmd *cobra.Command, s string, names []string) error {
	return cmdline.Mistakef(cmd, "%s is not a state; the states are %s", cmdline.ShellQuote(s), strings.Join(names, ", "))
}
