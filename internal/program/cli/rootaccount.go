package cli

import (
	"bytes"
	"errors"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/program/cmdline"
)

func newRootAccount(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "root",
		Short: "Manage the account ROOT",
		Long:  "Keep the account ROOT, which sets a server up and helps in emergencies.",
		Example: `  ostiary root reset-password --data /var/lib/ostiary
  ostiary root set-password --data /var/lib/ostiary`,
	}
	cmd.AddCommand(newRootResetPassword(a), newRootSetPassword(a))
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

func newRootSetPassword(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "set-password [--password-file FILE]",
		Short: "Give ROOT a password of your own choice",
		Long: `Give ROOT a password of your own choice. It is asked for twice on the terminal, without
echo, or read from a file; it is never an argument, which others on the machine could
read. The old password and all sessions of ROOT end.

It has 12 characters at least. Refused are the name, digits alone, a few characters that
repeat, rows such as abcdefghijkl, and words that are tried first.`,
		Example: `  ostiary root set-password --data /var/lib/ostiary
  ostiary root set-password --data /var/lib/ostiary --password-file password.txt`,
		Args: cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			password, err := a.newPassword(cmd, file)
			if err != nil {
				return err
			}
			defer clear(password)
			if err := c.SetRootPassword(cmd.Context(), string(password)); err != nil {
				return err
			}
			return a.say(struct {
				Set bool `json:"set"`
			}{true}, "ROOT has the new password. Its sessions have ended.")
		}),
	}
	cmd.Flags().StringVar(&file, "password-file", "", "`FILE` with the password on one line; - is standard input "+
		"(default: asked for)")
	return cmd
}

// newPassword reads a password from a file, or asks for it twice.
func (a *app) newPassword(cmd *cobra.Command, file string) ([]byte, error) {
	if cmd.Flags().Changed("password-file") {
		return a.readSecret(file)
	}
	if a.Ask == nil {
		return nil, cmdline.Mistakef(cmd, "there is no terminal to ask on: give --password-file FILE")
	}
	password, err := a.Ask(cmd.Context(), "New password of ROOT:")
	if err != nil {
		return nil, err
	}
	again, err := a.Ask(cmd.Context(), "The same again:")
	defer clear(again)
	if err == nil && !bytes.Equal(password, again) {
		err = errors.New("the two passwords are not the same; nothing was changed")
	}
	if err != nil {
		clear(password)
		return nil, err
	}
	return password, nil
}
