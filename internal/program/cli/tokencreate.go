package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newTokenCreate(a *app) *cobra.Command {
	req := wire.TokenRequest{}
	var drawing drawingFlags
	count := 1
	cmd := &cobra.Command{
		Use:   "create TYPE",
		Short: "Create software tokens",
		Long: `Create software tokens of a type. They take the next serials of its series and
are PENDING: their codes are refused until a first code has confirmed them.

For types without an activation (app-totp, app-hotp) each token comes with an
enrolment link, valid once and for 30 minutes. Its page shows the user a QR code
for any authenticator app and asks for the first code.

Tokens of types with an activation (mobile-totp, mobile-hotp, mobile-license)
have no secret yet; their activation creates one. Their codes are as
their profile says: that of the type, or the one of --profile.

With --qr, --png or --svg there is no link: the secret of one token is shown
here, only once, as a QR code (and as a key URI with --json). Anyone who sees it
can use the token.`,
		Example: `  ostiary token create app-totp --user alice
  ostiary token create app-totp --user alice --qr
  ostiary token create app-totp --count 50 --label 'night shift' --json > links.json`,
		Args: cmdline.Arguments("TYPE"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			req.Type, req.Count, req.Reveal = args[0], &count, drawing.wanted()
			if req.Reveal && count != 1 {
				return cmdline.Mistakef(cmd, "--qr, --png and --svg show the secret of one token, not of %d: create "+
					"them one by one, or use their links", count)
			}
			files, err := drawing.open()
			if err != nil {
				return err
			}
			made, err := c.CreateTokens(cmd.Context(), req)
			if err != nil {
				files.discard()
				return err
			}
			return errors.Join(a.printCreated(made), a.draw(drawing, files, made))
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&req.User, "user", "", "`USER` who gets the tokens")
	flags.IntVar(&count, "count", 1, "create `N` tokens, up to 10000")
	flags.StringVar(&req.Label, "label", "", "`TEXT`, the label of the tokens")
	flags.StringVar(&req.Profile, "profile", "", "`NAME` of the profile of tokens with an activation (default: that of the type)")
	drawing.add(flags)
	return cmd
}

func (a *app) printCreated(made wire.NewTokens) error {
	if err := a.printNewTokens(made); err != nil {
		return fmt.Errorf("%s created but could not be printed: %w",
			cmdline.Plural(len(made.Tokens), "token was", "tokens were"), err)
	}
	if made.Missing > 0 {
		return cmdline.WithHint(
			fmt.Errorf("%s listed above, %d missing: %s",
				cmdline.Plural(len(made.Tokens), "token is", "tokens are"), made.Missing, made.Problem),
			"create the rest when the server answers again")
	}
	return nil
}

func (a *app) printNewTokens(made wire.NewTokens) error {
	if a.json {
		return a.printJSON(made)
	}
	if len(made.Tokens) != 1 || made.Missing > 0 {
		out := newTable(a.Stdout, "SERIAL", "USER", "ENROLMENT LINK, VALID ONCE")
		for _, t := range made.Tokens {
			link := ""
			if t.Enrolment != nil {
				link = t.Enrolment.URL
			}
			out.row(t.Serial, t.User, link)
		}
		return out.flush()
	}
	t := made.Tokens[0]
	whose := ""
	if t.User != "" {
		whose = " for " + t.User
	}
	if err := a.say(t, "Token %s is created%s. It is PENDING.", t.Serial, whose); err != nil {
		return err
	}
	if t.Enrolment != nil {
		return a.sayEnrolment(*t.Enrolment)
	}
	return nil
}

func (a *app) sayEnrolment(e wire.Enrolment) error {
	if err := a.say(e, "Enrolment link, valid once, until %s:", cmdline.LocalTime(e.Expires)); err != nil || a.json {
		return err
	}
	_, err := fmt.Fprintln(a.Stdout, e.URL)
	return err
}

func newTokenEnrol(a *app) *cobra.Command {
	var which selectorFlags
	cmd := &cobra.Command{
		Use:   "enrol SERIAL",
		Short: "Create a new enrolment link for a PENDING token",
		Long: `Create a new enrolment link for a PENDING token whose link expired before it was
used. The previous link is revoked.

A secret is shown once: if the link was opened, or the token created with its
secret shown, delete the token and create another.`,
		Example: "  ostiary token enrol AT10000001",
		Args:    cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			e, err := c.RenewEnrolment(cmd.Context(), which.selector(cmd, args[0]))
			if err != nil {
				return err
			}
			return a.sayEnrolment(e)
		}),
	}
	which.add(cmd)
	return cmd
}

func newTokenConfirm(a *app) *cobra.Command {
	var which selectorFlags
	cmd := &cobra.Command{
		Use:   "confirm SERIAL CODE",
		Short: "Make a PENDING token VALID by its first code",
		Long: `Present the first code of a PENDING token. If it is correct, the token is VALID
and the code is used up. A wrong one counts as a failure of the token.

Exit code 0 means confirmed, 1 wrong code, 2 that nothing was checked.`,
		Example: "  ostiary token confirm AT10000001 492039",
		Args:    cmdline.Arguments("SERIAL", "CODE"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			s := which.selector(cmd, args[0])
			valid, err := c.Confirm(cmd.Context(), s, args[1])
			if err != nil {
				return err
			}
			if !valid {
				return a.verdict(false, s.Serial)
			}
			return a.say(wire.VerifyResponse{Valid: true}, "Token %s is confirmed. It is VALID.", s.Serial)
		}),
	}
	which.add(cmd)
	return cmd
}
