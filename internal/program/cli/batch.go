package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newBatch(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "batch",
		Short: "Manage whole deliveries of tokens",
		Long: `Manage whole deliveries. A batch is everything imported with
ostiary token import --batch NAME, in one file or several.`,
		Example: `  ostiary batch list
  ostiary token list --batch 'order 4711'
  ostiary batch state 'order 4711' REVOKED_TOKEN_LOST --reason 'stolen on the way'`,
	}
	cmd.AddCommand(newBatchList(a), newBatchState(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

func newBatchList(a *app) *cobra.Command {
	var pages pageFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List batches",
		Long:    "List the batches by name, with the number of tokens that still exist.",
		Example: "  ostiary batch list --json",
		Args:    cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			page, err := pages.page(cmd)
			if err != nil {
				return err
			}
			l := listing[wire.Batch]{name: "batches", empty: "No batches yet. Name one: ostiary token import FILE " +
				"--batch NAME",
				header: []string{"BATCH", "SUPPLIER", "TOKENS", "IMPORTS", "LAST", "NOTE"},
				row: func(b wire.Batch) []string {
					return []string{b.Name, b.Supplier, strconv.Itoa(b.Tokens), strconv.Itoa(b.Imports),
						a.at(b.Newest), b.Note}
				},
				fetch: func(ctx context.Context, p client.Page) ([]wire.Batch, *string, error) {
					list, err := c.Batches(ctx, p)
					return list.Batches, list.Next, err
				}}
			return printList(cmd.Context(), a, l, page, pages.all)
		}),
	}
	pages.add(cmd)
	return a.addCSV(cmd)
}

func newBatchState(a *app) *cobra.Command {
	var req wire.StateRequest
	cmd := &cobra.Command{
		Use:   "state BATCH STATE",
		Short: "Change the state of all tokens of a batch",
		Long: `Change the state of all tokens of a batch, as ostiary token state does for one.
Each change is in the audit log.`,
		Example: "  ostiary batch state 'order 4711' REVOKED_TOKEN_LOST --reason 'stolen on the way'",
		Args:    cmdline.Arguments("BATCH", "STATE"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) (err error) {
			if req.State, err = newStateArg(cmd, args[1]); err != nil {
				return err
			}
			out, err := c.SetBatchState(cmd.Context(), args[0], req)
			if err != nil {
				return err
			}
			return a.say(out, "%s of batch %s got the state %s.", cmdline.Plural(out.Changed, "token", "tokens"),
				args[0], req.State)
		}),
	}
	cmd.Flags().StringVar(&req.Reason, "reason", "", "`TEXT` with the reason")
	return cmd
}
