package cli

import (
	"time"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newTokenDates(a *app) *cobra.Command {
	var which selectorFlags
	var from, until string
	cmd := &cobra.Command{
		Use:   "dates SERIAL --until DATE",
		Short: "Change when a token is valid",
		Long: `Change from when and until when a token is valid. A date that is not given
does not change. It is written as 2027-01-31, which is the beginning of that day, or with
its time as 2027-01-31T18:00:00+01:00; none is no date.

An expired token is revoked within the hour. To use it again, give it a
later date first, and then the state VALID: ostiary token state.`,
		Example: `  ostiary token dates 12345678 --until 2027-01-31
  ostiary token dates 12345678 --from 2026-09-01 --until none`,
		Args: cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			req := wire.DatesRequest{}
			for _, d := range []struct {
				flag, text string
				to         **string
			}{{"from", from, &req.ValidFrom}, {"until", until, &req.ValidUntil}} {
				if !cmd.Flags().Changed(d.flag) {
					continue
				}
				text, err := dateArg(cmd, d.flag, d.text)
				if err != nil {
					return err
				}
				*d.to = &text
			}
			if req == (wire.DatesRequest{}) {
				return cmdline.Mistakef(cmd, "no date is given: use --from, --until or both")
			}
			t, err := c.SetDates(cmd.Context(), which.selector(cmd, args[0]), req)
			if err != nil {
				return err
			}
			return a.say(t, "Token %s is valid from %s until %s.", t.Serial, optionalTime(t.ValidFrom, "the beginning"),
				optionalTime(t.ValidUntil, "revoked"))
		}),
	}
	which.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "`DATE` from which it is valid, or none")
	flags.StringVar(&until, "until", "", "`DATE` when it ends, or none")
	return cmd
}

// dateArg reads a date, a time or none, and gives it as the API takes it.
func dateArg(cmd *cobra.Command, flag, s string) (string, error) {
	if s == "none" {
		return s, nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, s, time.Local); err == nil {
		return at.Format(time.RFC3339), nil
	}
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return "", cmdline.Mistakef(cmd, "--%s %s: a date is written as 2027-01-31, as "+
			"2027-01-31T18:00:00+01:00, or none", flag, cmdline.ShellQuote(s))
	}
	return s, nil
}
