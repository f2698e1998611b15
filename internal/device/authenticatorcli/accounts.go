package authenticatorcli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"ostiary/authenticator"
	"ostiary/internal/program/cmdline"
)

func newList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Long:    "List the accounts of the vault. No PIN is needed.",
		Example: "  ostiary-authenticator list",
		Args:    cmdline.Arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withVault(cmd.Context(), func(v *authenticator.Vault) error {
				all, unread := v.List() // some may be damaged, and the others are shown
				if a.json {
					list := struct {
						Accounts []accountJSON `json:"accounts"`
					}{[]accountJSON{}}
					for _, account := range all {
						list.Accounts = append(list.Accounts, jsonOf(account))
					}
					return errors.Join(a.printJSON(list), unread)
				}
				if len(all) == 0 {
					if unread != nil {
						return unread
					}
					return a.say(nil, "No accounts yet. Make one: %s activate", program)
				}
				out := cmdline.NewTable(a.Stdout)
				cmdline.Row(out, "NAME", "SERIAL", "ISSUER", "PROFILE", "STATE")
				for _, account := range all {
					p := account.Vector.Profile()
					cmdline.Row(out, account.Name, account.Serial, p.Issuer, p.Name, state(account))
				}
				return errors.Join(out.Flush(), unread)
			})
		},
	}
}

func newInfo(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "info [ACCOUNT]",
		Short: "Show the properties of an account",
		Long: "Show the properties of an account: its profile, its applications, the tries left for its PIN. No " +
			"PIN is needed.",
		Example: "  ostiary-authenticator info 'My bank'",
		Args:    account(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withVault(cmd.Context(), func(v *authenticator.Vault) error {
				of, err := find(cmd, v, first(args))
				if err != nil {
					return err
				}
				return a.printAccount(of)
			})
		},
	}
}

// doneJSON is what --json prints of a change.
type doneJSON struct {
	Account accountJSON `json:"account"`
}

func newRename(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "rename ACCOUNT NAME",
		Short:   "Give an account another name",
		Long:    "Give an account another name. It is for you alone; no server is told.",
		Example: "  ostiary-authenticator rename FDM10000001 'My bank'",
		Args:    cmdline.Arguments("ACCOUNT", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withVault(cmd.Context(), func(v *authenticator.Vault) error {
				of, err := find(cmd, v, args[0])
				if err != nil {
					return err
				}
				if err := v.Rename(of.ID, args[1]); err != nil {
					return err
				}
				if of, err = v.Account(of.ID); err != nil {
					return err
				}
				return a.say(doneJSON{jsonOf(of)}, "Account %s is called %s.", args[0], of.Name)
			})
		},
	}
}

func newDelete(a *app) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete ACCOUNT --yes",
		Short: "Delete an account",
		Long: `Delete an account with its secrets. No server is told: tell the issuer if the token
is not to be used any more. An account that cannot be read is deleted by its id,
which list shows.`,
		Example: "  ostiary-authenticator delete 'My bank' --yes",
		Args:    cmdline.Arguments("ACCOUNT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withVault(cmd.Context(), func(v *authenticator.Vault) error {
				id := args[0]
				if of, err := find(cmd, v, id); err == nil {
					id = of.ID
				} else if !errors.Is(err, authenticator.ErrAccount) && !errors.Is(err, authenticator.ErrDamaged) &&
					!errors.Is(err, authenticator.ErrNewer) {
					return err
				}
				agreed, err := a.agree(cmd, yes, "Delete account "+args[0]+" with its secrets?")
				if err != nil {
					return err
				}
				if !agreed {
					return errors.New("nothing was deleted")
				}
				if err := v.Delete(id); err != nil {
					return err
				}
				return a.say(map[string]any{"id": id, "deleted": true}, "Account %s is deleted.", args[0])
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func newPIN(a *app) *cobra.Command {
	var old pinFlag
	var chosen string
	cmd := &cobra.Command{
		Use:   "pin [ACCOUNT]",
		Short: "Change the PIN of an account",
		Long: `Change the PIN of an account. Where a profile has no check of PINs (see info), a
wrong old PIN is not noticed, and the account shows wrong codes from then on: try a
code with it first.`,
		Example: `  ostiary-authenticator pin 'My bank'
  ostiary-authenticator pin --pin-file old.txt --new-pin-file new.txt`,
		Args: account(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withVault(cmd.Context(), func(v *authenticator.Vault) error {
				of, err := find(cmd, v, first(args))
				if err != nil {
					return err
				}
				pin, err := old.read(a, cmd, of)
				if err != nil {
					return err
				}
				defer clear(pin)
				next, err := a.choosePIN(cmd, "new-pin-file", chosen, of.Vector.Profile().PIN)
				if err != nil {
					return err
				}
				defer clear(next)
				if err := v.ChangePIN(of.ID, pin, next); err != nil {
					return err
				}
				return a.say(doneJSON{jsonOf(of)}, "Account %s has another PIN.", of.Name)
			})
		},
	}
	old.add(cmd)
	cmd.Flags().StringVar(&chosen, "new-pin-file", "", "`FILE` with the new PIN (default: asked for)")
	return cmd
}

func newClock(a *app) *cobra.Command {
	var now string
	cmd := &cobra.Command{
		Use:   "clock [ACCOUNT] --server-time TIME",
		Short: "Tell an account the server's time",
		Long: `Tell an account the server's time, so that its codes fit although this device's clock
is wrong. Only the difference is kept; the clock itself is not touched. An online
activation does it by itself.`,
		Example: "  ostiary-authenticator clock 'My bank' --server-time 2026-03-01T12:00:00Z",
		Args:    account(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if now == "" {
				return cmdline.Mistakef(cmd, "--server-time is missing")
			}
			at, err := time.Parse(time.RFC3339, now)
			if err != nil {
				return cmdline.Mistakef(cmd, "--server-time %s: it is like 2026-03-01T12:00:00Z",
					cmdline.ShellQuote(now))
			}
			return a.withVault(cmd.Context(), func(v *authenticator.Vault) error {
				of, err := find(cmd, v, first(args))
				if err != nil {
					return err
				}
				if err := v.SetServerTime(of.ID, at); err != nil {
					return err
				}
				if of, err = v.Account(of.ID); err != nil {
					return err
				}
				return a.say(doneJSON{jsonOf(of)}, "Account %s: the server's clock is %s.", of.Name, shift(of.Shift))
			})
		},
	}
	cmd.Flags().StringVar(&now, "server-time", "", "`TIME` on the server now, in RFC 3339")
	return cmd
}
