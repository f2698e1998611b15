package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/webhook"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newEvents(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Look after what is sent to --notify-url",
		Long: `Look after the events that ostiary serve --notify-url sends to another system, so
that users learn what happens to their tokens. An event that is not taken is sent
again, for three days. Then it is given up, and listed for 30 days more.`,
		Example: `  ostiary events new-key > events.key
  ostiary serve --data /var/lib/ostiary --notify-url https://intranet.example.com/hook \
    --notify-key-file events.key
  ostiary events test
  ostiary events list --dead`,
	}
	cmd.AddCommand(newEventsList(a), newEventsRetry(a), newEventsTest(a), newEventsKey(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

func newEventsList(a *app) *cobra.Command {
	var pages pageFlags
	var dead bool
	cmd := &cobra.Command{
		Use:   "list [--dead]",
		Short: "List events that were not sent, the newest first",
		Long: `List events that wait to be sent, or with --dead those that were given up. Events
that were sent are in no list: what they told of is in the audit log.`,
		Example: `  ostiary events list
  ostiary events list --dead --csv`,
		Args: cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			page, err := pages.page(cmd)
			if err != nil {
				return err
			}
			next, empty := "NEXT TRY", "No events wait."
			if dead {
				next, empty = "GIVEN UP", "No events were given up."
			}
			l := listing[wire.Event]{name: "events", empty: empty,
				header: []string{"ID", "TIME", "EVENT", "USER", "SERIAL", "TRIES", next, "PROBLEM"},
				row: func(e wire.Event) []string {
					return []string{e.ID, a.at(e.Time), cmp.Or(e.Kind, "unreadable"), e.User, e.Serial, strconv.Itoa(e.Tries),
						a.atOr(cmp.Or(e.GivenUp, e.Due), ""), e.Problem}
				},
				fetch: func(ctx context.Context, p client.Page) ([]wire.Event, *string, error) {
					list, err := c.Events(ctx, dead, p)
					return list.Events, list.Next, err
				}}
			return printList(cmd.Context(), a, l, page, pages.all)
		}),
	}
	cmd.Flags().BoolVar(&dead, "dead", false, "list those that were given up")
	pages.add(cmd)
	return a.addCSV(cmd)
}

func newEventsRetry(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "retry ID | --all",
		Short: "Send an event again, or all that were given up",
		Long: `Send an event again at once, whether it waits or was given up. With --all, send all
again that were given up. An activation password that was given up is deleted, and is
not sent again: begin the activation again.`,
		Example: `  ostiary events retry X2Q7NTGYL3XKGQJ5LRV4GQWZUM
  ostiary events retry --all`,
		Args: cobra.MaximumNArgs(1),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if all == (len(args) == 1) {
				return cmdline.Mistakef(cmd, "name one event by its ID, or all with --all: ostiary events list --dead")
			}
			if all {
				r, err := c.RetryEvents(cmd.Context())
				if err != nil {
					return err
				}
				return a.say(r, "%s sent again.", cmdline.Plural(r.Retried, "event is", "events are"))
			}
			r, err := c.RetryEvent(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.say(r, "Event %s is sent again.", args[0])
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "all that were given up")
	return cmd
}

func newEventsTest(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "test",
		Short: "Send a message that tests the receiver",
		Long: `Send a message of the kind "test" to the receiver at once, and wait for its answer.
The exit code is 1 if the receiver does not take it.`,
		Example: "  ostiary events test",
		Args:    cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			list, err := c.TestEvents(cmd.Context())
			if err != nil {
				return err
			}
			taken := true
			for _, t := range list.Tests {
				taken = taken && t.Taken
			}
			if a.json {
				err = a.printJSON(list)
			} else {
				for _, t := range list.Tests {
					text := fmt.Sprintf("The %s took the message %s, after %v.", t.Way, t.ID,
						time.Duration(t.Millis)*time.Millisecond)
					if !t.Taken {
						text = fmt.Sprintf("The %s did not take the message %s: %s.", t.Way, t.ID, t.Problem)
					}
					if err = a.say(nil, "%s", text); err != nil {
						return err
					}
				}
			}
			if err == nil && !taken {
				err = errNo
			}
			return err
		}),
	}
}

func newEventsKey(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "new-key",
		Short: "Generate a key that signs events, and print it",
		Long: `Generate a key that signs events, and print it on standard output, only once. Give
it to the receiver, and to ostiary serve --notify-key-file. It needs no server.

To replace a key, put the new one into a second line of the file and restart the
server: it signs with both. When the receiver has the new one, remove the old line.`,
		Example: "  ostiary events new-key > events.key",
		Args:    cmdline.Arguments(),
		RunE: func(*cobra.Command, []string) error {
			key := webhook.NewKey()
			defer key.Wipe()
			return a.say(map[string]string{"key": string(key.Bytes())}, "%s", key.Bytes())
		},
	}
}
