package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

// adminRoles are the roles that an administrator's account may have.
var adminRoles = []string{"operator", "admin", "super_admin"}

func newAdmin(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Manage the accounts of administrators",
		Long: `Manage the accounts of administrators, who sign in with a password and a second factor:
a code of a token that is assigned to the user of the same name, or a passkey.

With --data these commands also work while the server is stopped, if its database is
a file in DIR.`,
		Example: `  ostiary admin add anna --role super_admin
  ostiary admin list
  ostiary admin reset-password anna --data /var/lib/ostiary`,
	}
	cmd.AddCommand(newAdminAdd(a), newAdminList(a), newAdminSetRole(a), newAdminDisable(a), newAdminEnable(a),
		newAdminResetPassword(a), newAdminSessions(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

// roleFlags are those of add and set-role.
type roleFlags struct {
	role     string
	helpDesk bool
}

func (f *roleFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.role, "role", "", "`ROLE`: operator, admin or super_admin")
	cmd.Flags().BoolVar(&f.helpDesk, "help-desk", false, "add the help-desk set to the role operator")
}

func (f *roleFlags) check(cmd *cobra.Command) error {
	if f.role == "" {
		return cmdline.Mistakef(cmd, "--role is missing: operator, admin or super_admin")
	}
	if err := cmdline.OneOf(cmd, "role", f.role, adminRoles...); err != nil {
		return err
	}
	if f.helpDesk && f.role != "operator" {
		return cmdline.Mistakef(cmd, "--help-desk is for the role operator")
	}
	return nil
}

func newAdminAdd(a *app) *cobra.Command {
	var f roleFlags
	cmd := &cobra.Command{
		Use:   "add NAME --role ROLE",
		Short: "Add an administrator and print the first password",
		Long: `Add an administrator and print the first password on standard output, only once. It must
be changed at the first sign-in.

The roles:
  operator     reads users and the audit log; with --help-desk, also looks at
               tokens, checks codes, resynchronizes, unlocks, marks tokens
               lost, activates and unbinds
  admin        everything with tokens and users
  super_admin  also API keys, administrators of lower roles, and the export of
               tokens with their secrets

For the second factor, assign a token to the user of the same name (ostiary token
assign), or let the administrator add a passkey. You can add only administrators of
roles below your own.`,
		Example: `  ostiary admin add anna --role super_admin
  ostiary admin add olaf --role operator --help-desk`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServerOrFiles(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			is, err := c.AddAdmin(cmd.Context(), wire.AdminRequest{Name: args[0], Role: f.role, HelpDesk: f.helpDesk})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(is)
			}
			if _, err := fmt.Fprintln(a.Stdout, is.Password); err != nil {
				return fmt.Errorf("the administrator %s was added, but the password could not be printed: %w", is.Name, err)
			}
			a.note("Administrator %s (%s) is added. The password cannot be shown again, and must be changed at the first "+
				"sign-in.", is.Name, roleText(is.Role, is.HelpDesk))
			a.noteTokens(is.Admin)
			return nil
		}),
	}
	f.add(cmd)
	return cmd
}

// noteTokens warns of tokens that were given to the user of an administrator's name before.
func (a *app) noteTokens(is wire.Admin) {
	if is.Tokens > 0 {
		a.suggest("User %s has %s. Whoever holds one that is VALID holds the second factor of the administrator: look at "+
			"ostiary token list --user %s", is.Name, cmdline.Plural(is.Tokens, "token", "tokens"), is.Name)
	}
}

func newAdminList(a *app) *cobra.Command {
	return a.addCSV(&cobra.Command{
		Use:     "list",
		Short:   "List the administrators",
		Long:    "List the administrators beside ROOT.",
		Example: "  ostiary admin list",
		Args:    cmdline.Arguments(),
		RunE: a.withServerOrFiles(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			list, err := c.Admins(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			if len(list.Admins) == 0 && !a.csv {
				_, err := fmt.Fprintln(a.Stdout, "No administrators yet. Add one: ostiary admin add NAME --role super_admin")
				return err
			}
			out := a.listTable("NAME", "ROLE", "CREATED", "LAST SIGN-IN", "DISABLED", "ID")
			for _, is := range list.Admins {
				out.row(is.Name, roleText(is.Role, is.HelpDesk), a.at(is.Created), a.atOr(is.SignedIn, "never"),
					a.atOr(is.Disabled, "no"), is.ID)
			}
			return out.flush()
		}),
	})
}

// roleText is a role with its help-desk set.
func roleText(role string, helpDesk bool) string {
	if helpDesk {
		role += " + help desk"
	}
	return role
}

func newAdminSetRole(a *app) *cobra.Command {
	var f roleFlags
	cmd := &cobra.Command{
		Use:     "set-role NAME --role ROLE",
		Short:   "Give an administrator another role",
		Long:    "Give an administrator another role. The sessions of the administrator end.",
		Example: "  ostiary admin set-role olaf --role admin",
		Args:    cmdline.Arguments("NAME"),
		RunE: a.withServerOrFiles(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			is, err := c.SetAdminRole(cmd.Context(), args[0], wire.AdminRole{Role: f.role, HelpDesk: f.helpDesk})
			if err != nil {
				return err
			}
			a.noteTokens(is)
			return a.say(is, "Administrator %s has the role %s.", is.Name, roleText(is.Role, is.HelpDesk))
		}),
	}
	f.add(cmd)
	return cmd
}

func newAdminDisable(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "disable NAME",
		Short: "Keep an administrator from signing in",
		Long: `Keep an administrator from signing in. The sessions of the administrator end at once.
The account remains, because the audit log names it.`,
		Example: "  ostiary admin disable olaf",
		Args:    cmdline.Arguments("NAME"),
		RunE: a.withServerOrFiles(func(cmd *cobra.Command, c *client.Client, args []string) error {
			is, err := c.DisableAdmin(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.say(is, "Administrator %s is disabled.", is.Name)
		}),
	}
}

func newAdminEnable(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "enable NAME",
		Short:   "Let a disabled administrator sign in again",
		Long:    "Let a disabled administrator sign in again, with the password of before.",
		Example: "  ostiary admin enable olaf",
		Args:    cmdline.Arguments("NAME"),
		RunE: a.withServerOrFiles(func(cmd *cobra.Command, c *client.Client, args []string) error {
			is, err := c.EnableAdmin(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.say(is, "Administrator %s is enabled.", is.Name)
		}),
	}
}

func newAdminResetPassword(a *app) *cobra.Command {
	var r wire.AdminReset
	cmd := &cobra.Command{
		Use:   "reset-password NAME [--forget-passkeys]",
		Short: "Set a new random password for an administrator and print it",
		Long: `Set a new random password for an administrator and print it. It must be changed at the
next sign-in. The old one and all sessions of the administrator end.

The second factor stays. If the device with the passkey is lost, remove the passkeys
with --forget-passkeys; if the token is lost, assign another one to the user of the
same name.`,
		Example: `  ostiary admin reset-password anna
  ostiary admin reset-password anna --forget-passkeys --data /var/lib/ostiary`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServerOrFiles(func(cmd *cobra.Command, c *client.Client, args []string) error {
			p, err := c.ResetAdminPassword(cmd.Context(), args[0], r)
			if err != nil {
				return err
			}
			return a.say(p, "Password of %s: %s", args[0], p.Password)
		}),
	}
	cmd.Flags().BoolVar(&r.ForgetPasskeys, "forget-passkeys", false, "remove the passkeys of the administrator, too")
	return cmd
}

func newAdminSessions(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "List the sessions of an administrator, or end them",
		Long: `List the sessions of an administrator, or end them. A session ends after 30 minutes
without use and after 12 hours (of ROOT: 8), and with the account, its password, its
role, and the token or passkey that was its second factor.`,
		Example: `  ostiary admin sessions list anna
  ostiary admin sessions end anna`,
	}
	cmd.AddCommand(newAdminSessionsList(a), newAdminSessionsEnd(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

func newAdminSessionsList(a *app) *cobra.Command {
	return a.addCSV(&cobra.Command{
		Use:     "list NAME",
		Short:   "List the sessions of an administrator",
		Long:    "List the sessions of an administrator; ROOT is one, too.",
		Example: "  ostiary admin sessions list anna",
		Args:    cmdline.Arguments("NAME"),
		RunE: a.withServerOrFiles(func(cmd *cobra.Command, c *client.Client, args []string) error {
			list, err := c.AdminSessions(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			if len(list.Sessions) == 0 && !a.csv {
				_, err := fmt.Fprintln(a.Stdout, "No sessions.")
				return err
			}
			out := a.listTable("SESSION", "KIND", "FROM", "SECOND FACTOR", "STARTED", "LAST USED", "BROWSER")
			for _, s := range list.Sessions {
				out.row(s.Session, s.Kind, s.Source, s.SecondFactor, a.at(s.Started), a.at(s.Used), s.Agent)
			}
			return out.flush()
		}),
	})
}

func newAdminSessionsEnd(a *app) *cobra.Command {
	var session string
	cmd := &cobra.Command{
		Use:   "end NAME [--session SESSION]",
		Short: "End the sessions of an administrator",
		Long:  "End all sessions of an administrator, or the one that is named.",
		Example: `  ostiary admin sessions end anna
  ostiary admin sessions end anna --session 1f2e3d4c`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServerOrFiles(func(cmd *cobra.Command, c *client.Client, args []string) error {
			ended, err := c.EndAdminSessions(cmd.Context(), args[0], session)
			if err != nil {
				return err
			}
			return a.say(ended, "Ended: %s.", cmdline.Plural(ended.Ended, "session", "sessions"))
		}),
	}
	cmd.Flags().StringVar(&session, "session", "", "`SESSION` to end, as the list names it (default: all)")
	return cmd
}
