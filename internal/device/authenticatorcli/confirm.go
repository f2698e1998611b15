package authenticatorcli

import (
	"errors"

	"github.com/spf13/cobra"

	"ostiary/authenticator"
	"ostiary/internal/program/cmdline"
)

func newConfirm(a *app) *cobra.Command {
	var pin pinFlag
	var keep, undo bool
	cmd := &cobra.Command{
		Use:   "confirm [ACCOUNT]",
		Short: "Confirm an activation once more",
		Long: `Confirm an activation once more. Where a server did not answer, the account is
unconfirmed: the server is asked again. Otherwise what is typed into the server's page
is shown again.

After an activation by letter or image that replaced keys, say what the server's page
answered: --keep if it accepted the code; --undo if it did not, to go back to the
previous keys, or to no account. Both also work for any other unconfirmed account.`,
		Example: `  ostiary-authenticator confirm
  ostiary-authenticator confirm 'My bank' --keep
  ostiary-authenticator confirm 'My bank' --undo`,
		Args: account(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if keep && undo {
				return cmdline.Mistakef(cmd, "--keep and --undo exclude each other")
			}
			return a.withVault(cmd.Context(), func(v *authenticator.Vault) error {
				of, err := find(cmd, v, first(args))
				if err != nil {
					return err
				}
				switch {
				case keep || undo:
					if err := v.Settle(of.ID, keep); err != nil {
						return err
					}
					return a.saySettled(v, of, keep)
				case of.Unconfirmed && of.Server != "":
					return a.confirmOnline(cmd, v, of, pin)
				}
				return a.confirmTyped(cmd, v, of, pin)
			})
		},
	}
	pin.add(cmd)
	cmd.Flags().BoolVar(&keep, "keep", false, "keep the new keys, without asking the server")
	cmd.Flags().BoolVar(&undo, "undo", false, "go back to the keys before, without asking the server")
	return cmd
}

// confirmOnline asks the server again. The PIN is needed only when too much time has
// passed, and is asked for only then.
func (a *app) confirmOnline(cmd *cobra.Command, v *authenticator.Vault, of authenticator.Account, p pinFlag) error {
	err := v.Confirm(cmd.Context(), of.ID, nil)
	if errors.Is(err, authenticator.ErrPINEmpty) {
		pin, perr := p.read(a, cmd, of)
		if perr != nil {
			return perr
		}
		defer clear(pin)
		err = v.Confirm(cmd.Context(), of.ID, pin)
	}
	if err != nil {
		return err
	}
	return a.saySettled(v, of, true)
}

func (a *app) confirmTyped(cmd *cobra.Command, v *authenticator.Vault, of authenticator.Account, p pinFlag) error {
	pin, err := p.read(a, cmd, of)
	if err != nil {
		return err
	}
	defer clear(pin)
	c, err := v.Confirmation(of.ID, pin)
	if err != nil {
		return err
	}
	return a.showConfirmation(of, false, c)
}

// saySettled says what has become of an account that was unconfirmed.
func (a *app) saySettled(v *authenticator.Vault, before authenticator.Account, kept bool) error {
	of, err := v.Account(before.ID)
	if errors.Is(err, authenticator.ErrAccount) {
		return a.say(map[string]any{"id": before.ID, "deleted": true}, "The activation of %s is undone; there is no "+
			"such account any more.", before.Name)
	}
	if err != nil {
		return err
	}
	if !kept {
		return a.say(doneJSON{jsonOf(of)}, "Account %s (%s) has its previous keys again.", of.Name, of.Serial)
	}
	return a.say(doneJSON{jsonOf(of)}, "Account %s (%s) is confirmed.", of.Name, of.Serial)
}
