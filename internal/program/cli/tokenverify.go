package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newTokenVerify(a *app) *cobra.Command {
	var which selectorFlags
	var wide, explain bool
	var of string
	cmd := &cobra.Command{
		Use:   "verify SERIAL CODE",
		Short: "Check a code",
		Long: `Check a code of a token. A correct code is used up: it is never accepted again.
A wrong one counts as a failure of the token.

The answer is only yes or no; the audit log says why, and so does --explain. Exit
code 0 means valid, 1 not valid, 2 that the code was not checked.

--resynchronize searches further ahead, for a token that was pressed often
without a code being used.

--client names the client that a program checks the code for. A client that
presents too many wrong codes is locked under the name of the token's user, and
others are not (ostiary serve --client-share).`,
		Example: `  ostiary token verify 12345678 755224
  ostiary token verify 12345678 755224 --client 192.0.2.7
  ostiary token verify 12345678 755224 --resynchronize
  ostiary token verify 12345678 755224 --explain`,
		Args: cmdline.Arguments("SERIAL", "CODE"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			s := which.selector(cmd, args[0])
			r := wire.VerifyRequest{Serial: s.Serial, Type: s.Type, Manufacturer: s.Manufacturer, KeyID: s.KeyID,
				OTP: args[1], Resynchronize: wide, Client: of}
			if explain {
				answer, err := c.Explain(cmd.Context(), r)
				if err != nil {
					return err
				}
				return a.explained(answer)
			}
			valid, err := c.Verify(cmd.Context(), r)
			if err != nil {
				return err
			}
			return a.verdict(valid, s.Serial)
		}),
	}
	which.add(cmd)
	cmd.Flags().BoolVar(&wide, "resynchronize", false, "search the wide window")
	cmd.Flags().BoolVar(&explain, "explain", false, "say why the code is refused")
	cmd.Flags().StringVar(&of, "client", "", "IP address or name of the `CLIENT` that presents the code")
	return cmd
}

func newTokenResync(a *app) *cobra.Command {
	var which selectorFlags
	var req wire.ResyncRequest
	var counter uint64
	cmd := &cobra.Command{
		Use:   "resync SERIAL CODE1 CODE2",
		Short: "Resynchronize a token with two consecutive codes",
		Long: `Find two consecutive codes of a token and move its counter beyond them. Both are
used up. Exit code 0 means found, 1 not found, 2 that nothing was searched.

--counter begins the search there instead of at the token's counter (HOTP), or
makes it the centre of the search (TOTP). --steps widens the search of a TOTP
token in both directions, from 20 up to 120 steps.`,
		Example: `  ostiary token resync 12345678 287082 359152
  ostiary token resync 12345678 287082 359152 --counter 5000
  ostiary token resync 87654321 287082 359152 --steps 120`,
		Args: cmdline.Arguments("SERIAL", "CODE1", "CODE2"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			s := which.selector(cmd, args[0])
			req.OTP1, req.OTP2 = args[1], args[2]
			if cmd.Flags().Changed("counter") {
				req.Counter = &counter
			}
			if cmd.Flags().Changed("steps") && (req.Steps < 1 || req.Steps > 120) {
				return cmdline.Mistakef(cmd, "--steps %d: it must be 1 to 120", req.Steps)
			}
			valid, err := c.Resync(cmd.Context(), s, req)
			if err != nil {
				return err
			}
			return a.verdict(valid, s.Serial)
		}),
	}
	which.add(cmd)
	cmd.Flags().Uint64Var(&counter, "counter", 0, "where to search, as a counter or time step `N`")
	cmd.Flags().IntVar(&req.Steps, "steps", 0, "search `N` time steps in both directions (TOTP only; default 20)")
	return cmd
}

// verdict prints yes or no and ends the command accordingly.
func (a *app) verdict(valid bool, serial string) error {
	word := "valid"
	if !valid {
		word = "not valid"
	}
	if err := a.say(wire.VerifyResponse{Valid: valid}, "%s", word); err != nil || valid {
		return err
	}
	if !a.json {
		a.suggest("Why: ostiary audit list --serial %s --limit 1", serialArg(serial))
	}
	return errNo
}

// explained prints a verdict with its reason.
func (a *app) explained(answer wire.VerifyResponse) error {
	text := "valid"
	if !answer.Valid {
		text = "not valid: " + answer.Reason
	}
	switch n := answer.Ahead; {
	case n > 0:
		text += fmt.Sprintf(" (%d ahead)", n)
	case n < 0:
		text += fmt.Sprintf(" (%d behind)", -n)
	}
	if err := a.say(answer, "%s", text); err != nil || answer.Valid {
		return err
	}
	return errNo
}

// serialArg writes a serial as the value of a flag.
func serialArg(serial string) string {
	if strings.HasPrefix(serial, "-") {
		return "=" + cmdline.ShellQuote(serial)
	}
	return cmdline.ShellQuote(serial)
}
