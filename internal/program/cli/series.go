package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/program/cmdline"
)

func newSeries(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "series",
		Short: "Manage the serials of software tokens",
		Long: `Manage the serials of software tokens. Each software type has its own series,
from which new tokens get their serials. A serial is never used twice, whatever
is deleted or set.`,
		Example: `  ostiary series list
  ostiary series set app-totp AT20000001`,
	}
	cmd.AddCommand(newSeriesList(a), newSeriesSet(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

func newSeriesList(a *app) *cobra.Command {
	return a.addCSV(&cobra.Command{
		Use:   "list",
		Short: "List the series of all software types",
		Long: `List the series of all software types: the next serial, the highest existing
one, how many were issued and how many are left.`,
		Example: "  ostiary series list",
		Args:    cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			list, err := c.Series(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			out := a.listTable("TYPE", "NEXT", "HIGHEST PRESENT", "USED", "LEFT")
			for _, s := range list.Series {
				out.row(s.Type, orElse(s.Next, "at its end"), s.Present, strconv.FormatUint(s.Issued, 10),
					strconv.FormatUint(s.Left, 10))
			}
			return out.flush()
		}),
	})
}

func newSeriesSet(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "set TYPE NEXT",
		Short: "Set the next serial of a software type",
		Long: `Set the next serial of a software type, as a full serial or as its number. It
must be above every serial of the type that was issued or exists.`,
		Example: `  ostiary series set app-totp AT20000001
  ostiary series set app-totp 20000001`,
		Args: cmdline.Arguments("TYPE", "NEXT"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			s, err := c.SetSeries(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return a.say(s, "The next serial of type %s is %s.", s.Type, s.Next)
		}),
	}
}
