package cli

import (
	"context"
	"fmt"
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
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List tokens",
		Long: `List tokens in the order of their arrival, 100 at a time; with --expiring, in the
order in which they end. What follows is listed with --after and the cursor that is
printed, or all at once with --all.`,
		Example: `  ostiary token list --state REVOKED_TOKEN_LOST
  ostiary token list --user alice --json
  ostiary token list --expiring 30 --state VALID
  ostiary token list --twins --all
  ostiary token list --fenced --all
  ostiary token list --all --json > tokens.json`,
		Args: cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) (err error) {
			page, err := pages.page(cmd)
			if err != nil {
				return err
			}
			if filter.Kind != "" {
				if err := cmdline.OneOf(cmd, "kind", filter.Kind, "hardware", "software"); err != nil {
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
				return cmdline.Mistakef(cmd, "--expiring %d: it may be 1 to 36500", filter.Expiring)
			}
			empty := "No token matches."
			if filter == (client.TokenFilter{}) && page.After == "" {
				empty = "No tokens yet. Import a manufacturer's file: ostiary token import FILE"
			}
			l := listing[wire.Token]{name: "tokens", empty: empty,
				header: []string{"SERIAL", "TYPE", "MANUFACTURER", "STATE", "USER", "FAILURES", "LAST USED"},
				row:    tokenRow,
				fetch: func(ctx context.Context, p client.Page) ([]wire.Token, *string, error) {
					list, err := c.Tokens(ctx, filter, p)
					return list.Tokens, list.Next, err
				}}
			if filter.Expiring != 0 {
				l.header[len(l.header)-1], l.row = "VALID UNTIL", expiringRow
			}
			return printList(cmd.Context(), a, l, page, pages.all)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&filter.Kind, "kind", "", "only tokens of this `KIND`: hardware or software")
	flags.StringVar(&filter.State, "state", "", "only tokens in this `STATE`")
	flags.StringVar(&filter.User, "user", "", "only tokens of this `USER`")
	flags.StringVar(&filter.Serial, "serial", "", "only tokens of this `SERIAL`")
	flags.StringVar(&filter.Type, "type", "", "only tokens of this `TYPE`")
	flags.StringVar(&filter.Manufacturer, "manufacturer", "", "only tokens of this `MANUFACTURER`")
	flags.StringVar(&filter.Batch, "batch", "", "only tokens of this `BATCH`")
	flags.StringVar(&filter.Import, "import", "", "only tokens of the import of this `ID`")
	flags.BoolVar(&filter.Twins, "twins", false, "only tokens whose secret others hold, too")
	flags.BoolVar(&filter.Fenced, "fenced", false, "only tokens that wait for two codes in a row, since a backup was "+
		"put back")
	flags.IntVar(&filter.Expiring, "expiring", 0, "only tokens that end within `DAYS`, but have not yet")
	pages.add(cmd)
	return cmd
}

// expiringRow shows when a token ends instead of when it was used.
func expiringRow(t wire.Token) []string {
	row := tokenRow(t)
	row[len(row)-1] = optionalTime(t.ValidUntil, "none")
	return row
}

func tokenRow(t wire.Token) []string {
	failures := fmt.Sprint(t.Failures)
	if t.Locked {
		failures += " locked"
	}
	return []string{t.Serial, t.Type, t.Manufacturer, t.State, t.User, failures, optionalTime(t.LastUsed, "never")}
}

// stateArg reads a state in either case.
func stateArg(cmd *cobra.Command, s string) (string, error) {
	state, err := token.ParseState(s)
	if err != nil {
		return "", cmdline.Mistakef(cmd, "%s is not a state; the states are %s", cmdline.ShellQuote(s),
			strings.Join(token.StateNames(), ", "))
	}
	return state.String(), nil
}
