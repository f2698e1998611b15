package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newUser(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Manage the users who have tokens",
		Long:  "Manage the users who have tokens. Upper and lower case make no difference in user names.",
		Example: `  ostiary user add alice
  ostiary token assign 12345678 alice`,
	}
	cmd.AddCommand(newUserAdd(a), newUserList(a), newUserShow(a), newUserRename(a),
		newUserUnlock(a), newUserCode(a), newUserLink(a), newUserDelete(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

func newUserAdd(a *app) *cobra.Command {
	var list string
	var dryRun, skipBad bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user, or the users of a list",
		Long: `Add a user to whom tokens can be assigned.

With --list the users of a table (CSV) are added, at most 100000. Its first line has
titles, one of them user, name, login, upn, uid or sAMAccountName; other columns are ignored.
Separators, quotation marks and encodings are read as in seed files. Users who already
exist are not an error. Refused rows, and names that differ from another one in
case only, are listed with their lines. If a row is refused, nobody is added, and the exit
code is 1; with --skip-bad the others are.`,
		Example: `  ostiary user add alice
  ostiary user add --list staff.csv --dry-run
  ostiary user add --list staff.csv --skip-bad`,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("list") {
				return cmdline.Arguments()(cmd, args)
			}
			return cmdline.Arguments("NAME")(cmd, args)
		},
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			switch {
			case cmd.Flags().Changed("list"):
				return a.addUserList(cmd.Context(), c, list, dryRun, skipBad)
			case dryRun || skipBad:
				return cmdline.Mistakef(cmd, "--dry-run and --skip-bad need --list")
			}
			u, err := c.AddUser(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.say(u, "User %s is added.", u.Name)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&list, "list", "", "`FILE` with a table of users; - is standard input")
	flags.BoolVar(&dryRun, "dry-run", false, "with --list: show what would happen, and add nobody")
	flags.BoolVar(&skipBad, "skip-bad", false, "with --list: add the others even if a row is refused")
	return cmd
}

func newUserList(a *app) *cobra.Command {
	var pages pageFlags
	var filter client.UserFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List users",
		Long: `List users by name, 100 at a time. The rest is listed with --after and the
cursor that is printed, or all at once with --all.`,
		Example: `  ostiary user list --all
  ostiary user list --locked
  ostiary user list --without-token --all
  ostiary user list --search smith`,
		Args: cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			page, err := pages.page(cmd)
			if err != nil {
				return err
			}
			empty := "No users yet. Add one: ostiary user add NAME"
			switch {
			case page.After != "":
				empty = "No further users."
			case filter != client.UserFilter{}:
				empty = "No user matches."
			}
			l := listing[wire.User]{name: "users", empty: empty, fill: true,
				header: []string{"NAME", "TOKENS", "FAILURES", "LOCKED", "CREATED"},
				row: func(u wire.User) []string {
					return []string{u.Name, strconv.Itoa(u.Tokens), strconv.Itoa(u.Failures), cmdline.YesNo(u.Locked),
						a.at(u.Created)}
				},
				fetch: func(ctx context.Context, p client.Page) ([]wire.User, *string, error) {
					list, err := c.Users(ctx, filter, p)
					return list.Users, list.Next, err
				}}
			return printList(cmd.Context(), a, l, page, pages.all)
		}),
	}
	flags := cmd.Flags()
	flags.BoolVar(&filter.Locked, "locked", false, "only users whom wrong codes have locked")
	flags.BoolVar(&filter.WithoutToken, "without-token", false, "only users without a token")
	flags.StringVar(&filter.Search, "search", "", "only users with this `TEXT` in the name, ignoring case")
	pages.add(cmd)
	return a.addCSV(cmd)
}

func newUserShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show a user",
		Long: `Show a user, and the user's former names, as far as the audit log records them.
The user's tokens are listed by: ostiary token list --user NAME`,
		Example: `  ostiary user show alice
  ostiary token list --user alice`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			u, err := c.User(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(u)
			}
			out := newTable(a.Stdout)
			out.row("Name", u.Name)
			if len(u.FormerNames) > 0 {
				out.row("Formerly", strings.Join(u.FormerNames, ", "))
			}
			out.row("Tokens", strconv.Itoa(u.Tokens))
			out.row("Failures", strconv.Itoa(u.Failures))
			out.row("Locked", cmdline.YesNo(u.Locked))
			if u.RetryAt != nil {
				out.row(heldUntil(u.Locked), cmdline.LocalTime(*u.RetryAt))
			}
			out.row("Created", cmdline.LocalTime(u.Created))
			return out.flush()
		}),
	}
}

func newUserRename(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "rename OLD NEW",
		Short: "Give a user another name",
		Long: `Give a user another name. The user keeps all tokens, temporary codes and activations.
Codes under the old name are refused from then on, like those of an unknown user.

Entries of the audit log keep the name of their time. So audit list --user NEW finds
what happened since, audit list --user OLD what happened before, and ostiary user show
NEW names the former names.`,
		Example: `  ostiary user rename anna.lund anna.berg`,
		Args:    cmdline.Arguments("OLD", "NEW"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			u, err := c.RenameUser(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return a.say(u, "User %s is now %s.", args[0], u.Name)
		}),
	}
}

func newUserUnlock(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "unlock NAME",
		Short: "Unlock a user and the user's tokens",
		Long: `Clear the count of wrong codes under a user's name, and those of the
user's tokens, with their locks and delays. The answer names the tokens that
had wrong codes. For one token alone: ostiary token unlock.`,
		Example: "  ostiary user unlock alice",
		Args:    cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			u, err := c.UnlockUser(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if len(u.UnlockedTokens) == 0 {
				return a.say(u, "User %s is unlocked. No token of the user had wrong codes.", u.Name)
			}
			return a.say(u, "User %s is unlocked. Unlocked with the user: %s.", u.Name,
				strings.Join(u.UnlockedTokens, ", "))
		}),
	}
}

// gone is the JSON of a user or key that is no more; the API answers with no
// body.
type gone struct {
	Name    string `json:"name"`
	Deleted bool   `json:"deleted,omitempty"`
	Revoked bool   `json:"revoked,omitempty"`
}

func newUserDelete(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a user who has no token",
		Long:    "Delete a user. First unassign or reassign the user's tokens.",
		Example: "  ostiary user delete alice",
		Args:    cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := c.DeleteUser(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.say(gone{Name: args[0], Deleted: true}, "User %s is deleted.", args[0])
		}),
	}
}
