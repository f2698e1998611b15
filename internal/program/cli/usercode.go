package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/program/cmdline"
)

func newUserCode(a *app) *cobra.Command {
	var revoke bool
	count, hours := tempcodes.DefaultCount, tempcodes.DefaultHours
	cmd := &cobra.Command{
		Use:   "code NAME",
		Short: "Give a user codes to log in without a token",
		Long: `Give a user temporary codes, for as long as the token is lost or left at home, and
print them. Each is valid for one login that asks by user, and for none that asks
by serial. New codes revoke unused ones issued before; --revoke revokes
them without new ones.`,
		Example: `  ostiary user code alice
  ostiary user code alice --count 5 --hours 72
  ostiary user code alice --revoke`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if !revoke {
				codes, err := c.IssueCodes(cmd.Context(), args[0],
					wire.TemporaryCodeRequest{Count: &count, Hours: &hours})
				if err != nil {
					return err
				}
				return a.printCodes(codes)
			}
			if cmd.Flags().Changed("count") || cmd.Flags().Changed("hours") {
				return cmdline.Mistakef(cmd, "--revoke excludes --count and --hours")
			}
			r, err := c.RevokeCodes(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.say(r, "%s revoked.", cmdline.Plural(r.Revoked, "unused code of "+r.User+" is", "unused codes of "+
				r.User+" are"))
		}),
	}
	flags := cmd.Flags()
	flags.IntVar(&count, "count", count, "issue `N` codes, 1 to 10")
	flags.IntVar(&hours, "hours", hours, "valid for `H` hours, 1 to 168")
	flags.BoolVar(&revoke, "revoke", false, "revoke the user's unused codes and issue none")
	return cmd
}

func (a *app) printCodes(codes wire.TemporaryCodes) error {
	if a.json {
		return a.printJSON(codes)
	}
	if _, err := fmt.Fprintln(a.Stdout, strings.Join(codes.Codes, "\n")); err != nil {
		return fmt.Errorf("the codes of %s were issued but could not be printed: %w", codes.User, err)
	}
	format := "%d codes for %s, each valid once, until %s. They cannot be shown again."
	if len(codes.Codes) == 1 {
		format = "%d code for %s, valid once, until %s. It cannot be shown again."
	}
	a.note(format, len(codes.Codes), codes.User, cmdline.LocalTime(codes.Expires))
	return nil
}
