package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"ostiary/internal/core/token"
	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newToken(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Import tokens, check their codes, manage them",
		Long: `Import tokens, check their codes, and manage them.

A token is named by its serial. If several tokens have the same serial,
--type, --manufacturer and --key-id choose one.`,
		Example: `  ostiary token import tokens.pskc
  ostiary token assign 12345678 alice
  ostiary token verify 12345678 755224`,
	}
	cmd.AddCommand(newTokenImport(a), newTokenExport(a), newTokenCreate(a), newTokenEnrol(a), newTokenConfirm(a),
		newTokenList(a), newTokenShow(a), newTokenAssign(a), newTokenUnassign(a), newTokenVerify(a),
		newTokenResync(a), newTokenState(a), newTokenReplace(a), newTokenDates(a), newTokenLabel(a),
		newTokenUnlock(a), newTokenDelete(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

// selectorFlags narrow a serial that several tokens carry.
type selectorFlags struct{ tokenType, manufacturer, keyID string }

func (s *selectorFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.tokenType, "type", "", "`TYPE` of the token, if several have the serial")
	flags.StringVar(&s.manufacturer, "manufacturer", "", "`NAME` of the manufacturer, if several tokens have the serial; '' is a token without one")
	flags.StringVar(&s.keyID, "key-id", "", "`ID` of the key, if a device has several")
	cmdline.MayBeEmpty(cmd, "manufacturer", "key-id")
}

// selector says which token is meant. An empty manufacturer or key id counts if
// the flag was given.
func (s *selectorFlags) selector(cmd *cobra.Command, serial string) client.Selector {
	sel := client.Selector{Serial: serial, Type: s.tokenType}
	if cmd.Flags().Changed("manufacturer") {
		sel.Manufacturer = &s.manufacturer
	}
	if cmd.Flags().Changed("key-id") {
		sel.KeyID = &s.keyID
	}
	return sel
}

func newTokenShow(a *app) *cobra.Command {
	var which selectorFlags
	cmd := &cobra.Command{
		Use:     "show SERIAL",
		Short:   "Show a token",
		Long:    "Show everything about a token except its secret.",
		Example: "  ostiary token show 12345678",
		Args:    cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			t, err := c.Token(cmd.Context(), which.selector(cmd, args[0]))
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(t)
			}
			return a.printToken(t)
		}),
	}
	which.add(cmd)
	return cmd
}

func (a *app) printToken(t wire.Token) error {
	out := newTable(a.Stdout)
	line := func(name, value string) {
		if value != "" {
			out.row(name, value)
		}
	}
	line("Serial", t.Serial)
	line("Type", t.Type)
	line("Manufacturer", t.Manufacturer)
	line("Model", t.Model)
	line("Issuer", t.Issuer)
	line("Label", t.Label)
	line("Profile", t.Profile)
	line("Key id", t.KeyID)
	line("Kind", t.Kind)
	line("Codes", codes(t))
	state := t.State
	if t.StateReason != "" {
		state += " (" + t.StateReason + ")"
	}
	line("State", state)
	line("User", orElse(t.User, "none"))
	switch {
	case t.Fenced && t.State == token.Pending.String():
		line("Fenced", "a backup was restored: delete it and create another")
	case t.Fenced:
		line("Fenced", "a backup was restored: needs two consecutive codes first (ostiary token resync)")
	}
	line("Counter", strconv.FormatUint(t.Counter, 10))
	if t.Algorithm == "TOTP" {
		line("Drift in steps", fmt.Sprintf("%+d", t.Drift))
	}
	failures := fmt.Sprintf("%d of %d", t.Failures, t.FailureLimit)
	if t.Locked {
		failures += ", locked"
	}
	line("Failures", failures)
	line(heldUntil(t.Locked), optionalTime(t.RetryAt, ""))
	line("Valid from", optionalTime(t.ValidFrom, ""))
	line("Valid until", optionalTime(t.ValidUntil, ""))
	line("Last used", optionalTime(t.LastUsed, "never"))
	line("Created", cmdline.LocalTime(t.Created))
	return out.flush()
}

func codes(t wire.Token) string {
	s := t.Algorithm
	if t.Suite != "" {
		return s + " " + t.Suite
	}
	if t.Hash != "" {
		s += " " + t.Hash
	}
	s += fmt.Sprintf(", %d digits", t.Digits)
	if t.Period != 0 {
		s += ", " + cmdline.Plural(int(t.Period), "second", "seconds")
	}
	return s
}

func orElse(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

func newTokenAssign(a *app) *cobra.Command {
	var which selectorFlags
	var list string
	var createUsers, dryRun bool
	cmd := &cobra.Command{
		Use:   "assign SERIAL USER | assign --list FILE",
		Short: "Assign a free token to a user, or many from a list",
		Long: `Assign a free token to a user.

With --list, the tokens and users are those of an assignment list: a table with
the titles loginName and serial, as DualShield writes it (domain, loginName,
manufacturerCode, productCode, serial). Each row is processed separately, and the report
shows what was refused. Exit code 1 means that rows were refused.`,
		Example: `  ostiary token assign 12345678 alice
  ostiary token assign --list assignment.csv --dry-run
  ostiary token assign --list assignment.csv --create-users`,
		Args: func(cmd *cobra.Command, args []string) error {
			if list != "" {
				return cmdline.Arguments()(cmd, args)
			}
			return cmdline.Arguments("SERIAL", "USER")(cmd, args)
		},
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if list != "" {
				return a.assignList(cmd.Context(), c, list, createUsers, dryRun)
			}
			if createUsers || dryRun {
				return cmdline.Mistakef(cmd, "--create-users and --dry-run need --list")
			}
			t, err := c.Assign(cmd.Context(), which.selector(cmd, args[0]), args[1])
			if err != nil {
				return err
			}
			return a.say(t, "Token %s is assigned to %s.", t.Serial, t.User)
		}),
	}
	which.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&list, "list", "", "`FILE` with an assignment list")
	flags.BoolVar(&createUsers, "create-users", false, "with --list: add users that do not exist")
	flags.BoolVar(&dryRun, "dry-run", false, "with --list: show what would happen and change nothing")
	return cmd
}

func newTokenUnassign(a *app) *cobra.Command {
	var which selectorFlags
	cmd := &cobra.Command{
		Use:     "unassign SERIAL",
		Short:   "Unassign a token",
		Long:    "Unassign a token. It keeps its state and its counter and can be assigned again.",
		Example: "  ostiary token unassign 12345678",
		Args:    cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			t, err := c.Unassign(cmd.Context(), which.selector(cmd, args[0]))
			if err != nil {
				return err
			}
			return a.say(t, "Token %s is free.", t.Serial)
		}),
	}
	which.add(cmd)
	return cmd
}

func newTokenState(a *app) *cobra.Command {
	var which selectorFlags
	var reason string
	cmd := &cobra.Command{
		Use:   "state SERIAL STATE",
		Short: "Revoke a token, or make it valid again",
		Long: `Change the state of a token. The states are VALID, REVOKED_TOKEN_LOST,
REVOKED_TOKEN_BROKEN and REVOKED_TOKEN_OTHER, in any order. The counter, the failures
and the user do not change.

A PENDING token can be revoked; only its first code makes it VALID: ostiary
token confirm.`,
		Example: `  ostiary token state 12345678 REVOKED_TOKEN_LOST --reason 'left on a train'
  ostiary token state 12345678 VALID --reason 'found again'`,
		Args: cmdline.Arguments("SERIAL", "STATE"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			state, err := newStateArg(cmd, args[1])
			if err != nil {
				return err
			}
			t, err := c.SetState(cmd.Context(), which.selector(cmd, args[0]),
				wire.StateRequest{State: state, Reason: reason})
			if err != nil {
				return err
			}
			return a.say(t, "Token %s is %s.", t.Serial, t.State)
		}),
	}
	which.add(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` with the reason, for the token and the audit log")
	return cmd
}

func newTokenUnlock(a *app) *cobra.Command {
	var which selectorFlags
	cmd := &cobra.Command{
		Use:     "unlock SERIAL",
		Short:   "Unlock a token: clear its failures",
		Long:    "Clear the count of wrong codes of a token, and with it its lock and its delay.",
		Example: "  ostiary token unlock 12345678",
		Args:    cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			t, err := c.UnlockToken(cmd.Context(), which.selector(cmd, args[0]))
			if err != nil {
				return err
			}
			return a.say(t, "Token %s is unlocked.", t.Serial)
		}),
	}
	which.add(cmd)
	return cmd
}

func newTokenDelete(a *app) *cobra.Command {
	var which selectorFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete SERIAL --yes",
		Short: "Delete a token and its secret permanently",
		Long: `Delete a token and its secret permanently. Only the audit log keeps a record; to get
it back, import the manufacturer's file again.

If a token is lost or broken, revoke it instead: ostiary token state.`,
		Example: "  ostiary token delete 12345678 --yes",
		Args:    cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if !yes {
				return cmdline.Mistakef(
					cmd, "deleting a token destroys its secret permanently: add --yes to confirm")
			}
			t, err := c.DeleteToken(cmd.Context(), which.selector(cmd, args[0]))
			if err != nil {
				return err
			}
			return a.say(t, "Token %s is deleted.", t.Serial)
		}),
	}
	which.add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, destroy the secret permanently")
	return cmd
}

// heldUntil names the end of what wrong codes have caused.
func heldUntil(locked bool) string {
	if locked {
		return "Locked until"
	}
	return "Delayed until"
}
