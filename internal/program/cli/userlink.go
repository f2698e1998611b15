package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newUserLink(a *app) *cobra.Command {
	var r wire.UserLinkRequest
	cmd := &cobra.Command{
		Use:   "link NAME --for WHAT",
		Short: "Give a user a link that opens one action, once",
		Long: `Make a link to self-service that lets a user do one thing, once, within 30
minutes, and print it. --for activate begins the activation of the token --serial on
a phone; if there is an activation password, it is printed behind the link: tell it
to the user another way. --for app lets the user create a token for an
authenticator app.`,
		Example: `  ostiary user link alice --for activate --serial MT10000001
  ostiary user link alice --for activate --serial MT10000001 --reason device-lost
  ostiary user link alice --for app`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := cmdline.OneOf(cmd, "for", r.For, "activate", "app"); err != nil {
				return err
			}
			l, err := c.IssueLink(cmd.Context(), args[0], r)
			if err != nil {
				return err
			}
			return a.printLink(l)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&r.For, "for", "", "`WHAT` the link opens: activate or app")
	flags.StringVar(&r.Serial, "serial", "", "`SERIAL` of the token to activate")
	flags.StringVar(&r.Reason, "reason", "", "`REASON` why it is activated again: pin-forgotten, device-replaced or device-lost")
	_ = cmd.MarkFlagRequired("for")
	return cmd
}

func (a *app) printLink(l wire.UserLink) error {
	if a.json {
		return a.printJSON(l)
	}
	text := l.Link
	if l.Password != "" {
		text += "\nActivation password: " + l.Password
	}
	if _, err := fmt.Fprintln(a.Stdout, text); err != nil {
		return fmt.Errorf("the link of %s was made but could not be printed: %w", l.User, err)
	}
	a.note("A link for %s, valid once, until %s. It cannot be shown again.", l.User, cmdline.LocalTime(l.Expires))
	return nil
}
