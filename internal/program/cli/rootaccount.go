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
		Long:  "Manage the account ROOT, for setting up a server and for emergencies.",
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
		Short: "Set a new random password for ROOT and print it",
		Long: `Set a new random password for ROOT and print it. The old one and all
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
		Short: "Set a password for ROOT that you choose",
		Long: `Set a password for ROOT that you choose. The command asks for it twice on the
terminal, without echo, or reads it from a file; it is never an argument, which others
on the machine could read. The old password and all sessions of ROOT end.

It has at least 12 characters. Refused are the name, only digits, a few repeated
characters, sequences such as abcdefghijkl, and common passwords.`,
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
		return nil, cmdline.Mistakef(cmd, "there is no terminal for the question: give --password-file FILE")
	}
	password, err := a.Ask(cmd.Context(), "New password of ROOT:")
	if err != nil {
		return nil, err
	}
	again, err := a.Ask(cmd.Context(), "Repeat the password: ")
	defer clear(again)
	if err == nil && !bytes.Equal(password, again) {
		err = errors.New("the two passwords are different; nothing was changed")
	}
	if err != nil {
		clear(password)
		return nil, err
	}
	return password, nil
}
