package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newMove(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "move",
		Short: "End moves of tokens to another server",
		Long: `End moves of tokens to another server, so that no token is on two servers.

A move takes four commands, here and on the other server (there):
  here   ostiary token export FILE --move     the tokens are MOVING, their codes are refused
  there  ostiary token import FILE            the tokens work there
  there  ostiary import receipt ID RECEIPT
  here   ostiary move confirm RECEIPT         the tokens are deleted`,
		Example: `  ostiary move list
  ostiary move confirm receipt.json
  ostiary move cancel X2Q7NTGYL3XKGQJ5LRV4GQWZUM --yes`,
	}
	cmd.AddCommand(newMoveList(a), newMoveConfirm(a), newMoveCancel(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

func newMoveList(a *app) *cobra.Command {
	var pages pageFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List moves, the newest first",
		Long:    "List moves, the newest first, and how many of their tokens are still on their way.",
		Example: "  ostiary move list",
		Args:    cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			page, err := pages.page(cmd)
			if err != nil {
				return err
			}
			l := listing[wire.Move]{name: "moves", empty: "No moves yet. Begin one: ostiary token export FILE --move",
				header: []string{"ID", "OPENED", "BY", "MOVING", "MOVED", "BACK"},
				row: func(m wire.Move) []string {
					return []string{m.ID, a.at(m.Opened), m.Actor, strconv.Itoa(m.Moving), strconv.Itoa(m.Moved),
						strconv.Itoa(m.Back)}
				},
				fetch: func(ctx context.Context, p client.Page) ([]wire.Move, *string, error) {
					list, err := c.Moves(ctx, p)
					return list.Moves, list.Next, err
				}}
			return printList(cmd.Context(), a, l, page, pages.all)
		}),
	}
	pages.add(cmd)
	return a.addCSV(cmd)
}

func newMoveConfirm(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "confirm RECEIPT",
		Short: "Confirm a move with the receipt of the other server",
		Long: `Hand in the receipt that the other server wrote when it imported the tokens. They
are deleted here; their counters are stored in case they come back. The
same receipt again changes nothing.`,
		Example: "  ostiary move confirm receipt.json",
		Args:    cmdline.Arguments("RECEIPT"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			text, err := a.readSmall(args[0], maxReceiptFile)
			if err != nil {
				return err
			}
			var r wire.Receipt
			dec := json.NewDecoder(bytes.NewReader(text))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&r); err != nil || r.Version == 0 {
				return &inputError{fmt.Errorf("%s is not a receipt of a move", args[0])}
			}
			m, err := c.ConfirmMove(cmd.Context(), r)
			if err != nil {
				return err
			}
			return a.say(m, "Move %s: %s arrived and deleted here, %d still on their way.", m.ID,
				cmdline.Plural(m.Moved, "token", "tokens"), m.Moving)
		}),
	}
}

func newMoveCancel(a *app) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "cancel MOVE --yes",
		Short: "Take back the tokens that are still on their way",
		Long: `Take back the tokens of a move that are still on their way: they get the states
that they had. Do this only if no server has imported the file, or if it has deleted
the imported tokens: on two servers each code would be accepted twice.`,
		Example: "  ostiary move cancel X2Q7NTGYL3XKGQJ5LRV4GQWZUM --yes",
		Args:    cmdline.Arguments("MOVE"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if !yes {
				return cmdline.Mistakef(cmd, "a token that was imported elsewhere must not come back here: add "+
					"--yes if none was")
			}
			m, err := c.CancelMove(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.say(m, "Move %s: %s back, %d moved before.", m.ID, cmdline.Plural(m.Back, "token", "tokens"),
				m.Moved)
		}),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, none of them is on another server")
	return cmd
}

func newImportReceipt(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "receipt ID FILE",
		Short: "Write the receipt for tokens that moved here",
		Long: `Write the receipt for tokens that another server exported with --move and that
import ID brought here. It holds no secret. Hand it in there: ostiary move confirm.`,
		Example: "  ostiary import receipt 12 receipt.json",
		Args:    cmdline.Arguments("ID", "FILE"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := importID(cmd, args[0])
			if err != nil {
				return err
			}
			r, err := c.Receipt(cmd.Context(), id)
			if err != nil {
				return err
			}
			handed := r
			handed.Missing = nil
			text, err := json.Marshal(handed)
			if err != nil {
				return err
			}
			if _, err := writeNew(args[1], func(w io.Writer) error {
				_, err := w.Write(append(text, '\n'))
				return err
			}); err != nil {
				return err
			}
			if err := a.say(r, "%s is the receipt for %s. Hand it in on the server they came from: ostiary move confirm %s",
				args[1], cmdline.Plural(len(r.Tokens), "token", "tokens"), args[1]); err != nil || len(r.Missing) == 0 {
				return err
			}
			a.beware([]string{missingTokens(r.Missing)})
			return nil
		}),
	}
}

// missingTokens warns of tokens that a receipt names and that are no longer here.
func missingTokens(serials []string) string {
	const shown = 20
	names := strings.Join(serials[:min(len(serials), shown)], ", ")
	if more := len(serials) - shown; more > 0 {
		names += fmt.Sprintf(" and %d more (--json lists all)", more)
	}
	return cmdline.Plural(len(serials), "token of this receipt is", "tokens of this receipt are") + " no longer on this " +
		"server, deleted or moved on since: " + names + ". Once the receipt is confirmed, a deleted token is on " +
		"neither server. To keep it, import the file again, and hand in the receipt of that import instead."
}
