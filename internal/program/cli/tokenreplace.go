package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newTokenReplace(a *app) *cobra.Command {
	var which selectorFlags
	req := wire.ReplaceRequest{}
	cmd := &cobra.Command{
		Use:   "replace SERIAL",
		Short: "Give a user another token instead of this one",
		Long: `Give the user of a token another one, and revoke the old one and take it from the
user, all at once.

--by names a free hardware token of any type that replaces it. Without it, a
new software token is created, of the same type or of the one that --new-type
names. It is PENDING until its first code, and has an enrolment link as ostiary
token create shows it. So a token that counts presses can be replaced by one that
counts time.`,
		Example: `  ostiary token replace AT10000001 --state REVOKED_TOKEN_LOST --reason 'new phone'
  ostiary token replace 12345678 --by 12345679 --state REVOKED_TOKEN_BROKEN
  ostiary token replace AH10000001 --new-type app-totp --reason 'counter drifts'`,
		Args: cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if req.State != "" {
				state, err := newStateArg(cmd, req.State)
				if err != nil {
					return err
				}
				if !strings.HasPrefix(state, "REVOKED") {
					return cmdline.Mistakef(cmd, "a replaced token is revoked: --state must be REVOKED_TOKEN_LOST, "+
						"REVOKED_TOKEN_BROKEN or REVOKED_TOKEN_OTHER")
				}
				req.State = state
			}
			made, err := c.Replace(cmd.Context(), which.selector(cmd, args[0]), req)
			if err != nil {
				return err
			}
			if a.json || req.By == "" {
				return a.printCreated(made)
			}
			t := made.Tokens[0]
			return a.say(t, "Token %s is assigned to %s instead of %s, which is revoked.", t.Serial, t.User, args[0])
		}),
	}
	which.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&req.By, "by", "", "`SERIAL` of the free hardware token that replaces it")
	flags.StringVar(&req.Type, "new-type", "", "`TYPE` of the new token; that of the old one if not given")
	flags.StringVar(&req.State, "state", "", "new `STATE` of the old one, one of the revoked; default REVOKED_TOKEN_OTHER, if it is not revoked yet")
	flags.StringVar(&req.Reason, "reason", "", "`TEXT` with the reason, for the token and the audit log")
	return cmd
}
