package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newKey(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Manage the API keys of programs and administrators",
		Long:  "Keep the API keys with which programs and administrators reach the server over the network.",
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
	cmd := &cobra.Command{
		Use:   "create NAME --role ROLE",
		Short: "Create an API key and print it, this once",
		Long: `Create an API key and print it on standard output, this once: the server keeps
nothing to show it again from.

The roles:
  verifier     checks codes and does nothing else
  portal       begins and confirms activations for users whom a self-service
               portal has signed in, and who bring a code of another token
  operator     reads users and the audit log; with --help-desk, also looks at
               tokens, checks codes, resynchronises, unlocks, marks tokens
               lost, activates and unbinds
  admin        everything with tokens and users
  super_admin  also API keys, and the export of tokens with their secrets`,
		Example: `  ostiary key create radius --role verifier > radius.key
  ostiary key create self-service --role portal > portal.key
  ostiary key create service-desk --role operator --help-desk`,
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
			a.note("Key %s (%s) is created. It cannot be shown again.", k.Name, k.Role)
			return nil
		}),
	}
	cmd.Flags().StringVar(&req.Role, "role", "", "`ROLE`: verifier, portal, operator, admin or super_admin")
	cmd.Flags().BoolVar(&req.HelpDesk, "help-desk", false, "add the help-desk set to the role operator")
	return cmd
}

func newKeyList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List API keys",
		Long:    "List API keys, the revoked ones last. The keys themselves cannot be shown.",
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
			if len(list.Keys) == 0 {
				_, err := fmt.Fprintln(a.Stdout, "No API keys yet. Create one: ostiary key create NAME --role verifier")
				return err
			}
			out := newTable(a.Stdout, "NAME", "ROLE", "CREATED", "REVOKED", "ID")
			for _, k := range list.Keys {
				role := k.Role
				if k.HelpDesk {
					role += " + help desk"
				}
				out.row(k.Name, role, localTime(k.Created), optionalTime(k.Revoked, "no"), k.ID)
			}
			return out.flush()
		}),
	}
}

func newKeyRevoke(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke NAME",
		Short:   "Revoke an API key",
		Long:    "Revoke an API key. It ends at once and cannot be brought back.",
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
