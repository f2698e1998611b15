package cli

import (
	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/program/cmdline"
)

func newRootAccount(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "root",
		Short:   "Manage the account ROOT",
		Long:    "Keep the account ROOT, which sets a server up and helps in emergencies.",
		Example: "  ostiary root reset-password --data /var/lib/ostiary",
	}
	cmd.AddCommand(newRootResetPassword(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

func newRootResetPassword(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "reset-password",
		Short: "Give ROOT a new random password and print it, this once",
		Long: `Give ROOT a new random password and print it, this once. The old one and all
sessions of ROOT end.`,
		Example: "  ostiary root reset-password --data /var/lib/ostiary",
		Args:    cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			p, err := c.ResetRootPassword(cmd.Context())
			if err != nil {
				return err
			}
			return a.say(p, "ROOT password: %s", p.Password)
		}),
	}
}
