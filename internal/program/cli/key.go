package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newKey(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Manage the API keys of programs and administrators",
		Long:  "Manage the API keys with which programs and administrators connect to the server over the network.",
		Example: `  ostiary key create radius --role verifier
  ostiary key list
  ostiary key revoke radius`,
	}
	cmd.AddCommand(newKeyCreate(a), newKeyList(a), newKeyRevoke(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

func newKeyCreate(a *app) *cobra.Command {
	req := wire.KeyRequest{}
	var expires string
	cmd := &cobra.Command{
		Use:   "create NAME --role ROLE [--expires DATE|TIME]",
		Short: "Create an API key and print it",
		Long: `Create an API key and print it on standard output, only once: the server does not
store it and cannot show it again.

The roles:
  verifier     checks codes and does nothing else
  portal       begins and confirms activations for users whom a self-service
               portal has signed in, and who bring a code of another token
  operator     reads users and the audit log; with --help-desk, also looks at
               tokens, checks codes, resynchronizes, unlocks, marks tokens
               lost, activates and unbinds
  admin        everything with tokens and users
  super_admin  also API keys, and the export of tokens with their secrets

With --expires the key expires: at a date, where 2027-01-31 is the beginning of that
day, or after a time such as 90d or 12h. ostiary key list marks keys that expire soon.`,
		Example: `  ostiary key create radius --role verifier > radius.key
  ostiary key create self-service --role portal > portal.key
  ostiary key create service-desk --role operator --help-desk
  ostiary key create migration --role admin --expires 14d`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if req.Role == "" {
				return cmdline.Mistakef(cmd, "--role is missing: verifier, portal, operator, admin or super_admin")
			}
			if err := cmdline.OneOf(cmd, "role", req.Role, "verifier", "portal", "operator", "admin",
				"super_admin"); err != nil {
				return err
			}
			if req.HelpDesk && req.Role != "operator" {
				return cmdline.Mistakef(cmd, "--help-desk is for the role operator")
			}
			if cmd.Flags().Changed("expires") {
				at, err := endArg(cmd, "expires", expires, time.Now())
				if err != nil {
					return err
				}
				req.Expires = &at
			}
			req.Name = args[0]
			k, err := c.CreateKey(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(k)
			}
			if _, err := fmt.Fprintln(a.Stdout, k.Text); err != nil {
				return fmt.Errorf("the key %s was created but could not be printed: %w", k.Name, err)
			}
			until := ""
			if k.Expires != nil {
				until = " It expires on " + cmdline.LocalTime(*k.Expires) + "."
			}
			a.note("Key %s (%s) is created. It cannot be shown again.%s", k.Name, k.Role, until)
			return nil
		}),
	}
	cmd.Flags().StringVar(&req.Role, "role", "", "`ROLE`: verifier, portal, operator, admin or super_admin")
	cmd.Flags().BoolVar(&req.HelpDesk, "help-desk", false, "add the help-desk set to the role operator")
	cmd.Flags().StringVar(&expires, "expires", "", "`DATE` when the key expires, or a time until then, such as 90d "+
		"(default: never)")
	return cmd
}

// endArg reads when something ends: a date, which is its beginning, a time, or a length of
// time from now.
func endArg(cmd *cobra.Command, flag, s string, now time.Time) (time.Time, error) {
	if d, err := cmdline.ParseSpan(s); err == nil && d > 0 && d <= maxEndDays*24*time.Hour {
		return now.Add(d), nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, s, time.Local); err == nil {
		return at, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return at, cmdline.Mistakef(cmd, "--%s %s: write a date as 2027-01-31 or 2027-01-31T18:00:00+01:00, or a time "+
			"as 90d or 12h (%d years at most)", flag, cmdline.ShellQuote(s), maxEndDays/365)
	}
	return at, nil
}

// maxEndDays bounds what endArg takes.
const maxEndDays = 36_500

// soon is when the list marks a key that ends.
const soon = 14 * 24 * time.Hour

// keyEnd says when a key ends, marked if that is soon or past.
func (a *app) keyEnd(k wire.Key, now time.Time) string {
	text := a.atOr(k.Expires, "never")
	switch {
	case a.csv || k.Expires == nil || k.Revoked != nil:
	case !now.Before(*k.Expires):
		text += " (expired)"
	case k.Expires.Sub(now) <= soon:
		text += " (soon)"
	}
	return text
}

func newKeyList(a *app) *cobra.Command {
	return a.addCSV(&cobra.Command{
		Use:   "list",
		Short: "List API keys",
		Long: `List API keys, the revoked ones last. The keys themselves cannot be shown. Keys that
expire within 14 days are marked (soon), those that have expired (expired).

LAST USED is the time of the last request with the key, even if it was refused for
its role. It is kept in memory and saved every 5 minutes: after a crash it may be that
much too old. It is not in the audit log.`,
		Example: "  ostiary key list",
		Args:    cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			list, err := c.Keys(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			if len(list.Keys) == 0 && !a.csv {
				_, err := fmt.Fprintln(a.Stdout, "No API keys yet. Create one: ostiary key create NAME --role verifier")
				return err
			}
			now := time.Now()
			out := a.listTable("NAME", "ROLE", "CREATED", "EXPIRES", "LAST USED", "REVOKED", "ID")
			for _, k := range list.Keys {
				out.row(k.Name, roleText(k.Role, k.HelpDesk), a.at(k.Created), a.keyEnd(k, now), a.atOr(k.LastUsed, "never"),
					a.atOr(k.Revoked, "no"), k.ID)
			}
			return out.flush()
		}),
	})
}

func newKeyRevoke(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke NAME",
		Short:   "Revoke an API key",
		Long:    "Revoke an API key. It stops working at once and cannot be restored.",
		Example: "  ostiary key revoke radius",
		Args:    cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := c.RevokeKey(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.say(gone{Name: args[0], Revoked: true}, "Key %s is revoked.", args[0])
		}),
	}
}
