package authenticatorcli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ostiary/activation"
	"ostiary/authenticator"
	"ostiary/internal/program/cmdline"
)

// codeJSON is a code as --json prints it.
type codeJSON struct {
	Code        string     `json:"code"`
	Account     string     `json:"account"`
	Serial      string     `json:"serial"`
	Application int        `json:"application"`
	ValidUntil  *time.Time `json:"valid_until,omitempty"`
}

// codeCommand is a command that makes a code.
type codeCommand struct {
	pin pinFlag
	app int
}

func (c *codeCommand) add(cmd *cobra.Command, mode string) {
	c.pin.add(cmd)
	cmd.Flags().IntVar(&c.app, "app", 0, "application `N` (default: the first for "+mode+"; see info)")
}

// run makes a code of an account and shows it.
func (c *codeCommand) run(a *app, cmd *cobra.Command, what string,
	compute func(v *authenticator.Vault, id string, pin authenticator.Secret) (authenticator.Code, error)) error {
	if cmd.Flags().Changed("app") && (c.app < 1 || c.app > 8) {
		return cmdline.Mistakef(cmd, "--app %d: it may be 1 to 8", c.app)
	}
	var of authenticator.Account
	var code authenticator.Code
	err := a.withVault(cmd.Context(), func(v *authenticator.Vault) (err error) {
		if of, err = find(cmd, v, what); err != nil {
			return err
		}
		pin, err := c.pin.read(a, cmd, of)
		if err != nil {
			return err
		}
		defer clear(pin)
		code, err = compute(v, of.ID, pin)
		return slip(cmd, err)
	})
	if err != nil {
		return err
	}
	return a.show(cmd.Context(), of, code)
}

// slip makes a usage mistake of what is wrong with the command line.
func slip(cmd *cobra.Command, err error) error {
	if errors.Is(err, activation.ErrApplication) || errors.Is(err, authenticator.ErrMode) {
		return cmdline.Mistakef(cmd, "%v (--app N chooses an application, and ostiary-authenticator info lists them)",
			err)
	}
	for _, mistake := range []error{authenticator.ErrChallengeEmpty, authenticator.ErrChallengeShort,
		authenticator.ErrChallengeLong, authenticator.ErrChallengeCharacter,
		authenticator.ErrFieldCount, authenticator.ErrFieldLabel, authenticator.ErrFieldValue,
		authenticator.ErrFieldSuite} {
		if errors.Is(err, mistake) {
			return cmdline.Mistakef(cmd, "%v", err)
		}
	}
	return err
}

// show prints a code, and counts down beside it while a person looks.
func (a *app) show(ctx context.Context, of authenticator.Account, code authenticator.Code) error {
	defer clear(code.Text)
	if a.json {
		out := codeJSON{Code: string(code.Text), Account: of.Name, Serial: of.Serial,
			Application: code.Application.Index}
		if !code.Until.IsZero() {
			until := code.Until.UTC()
			out.ValidUntil = &until
		}
		return a.printJSON(out)
	}
	if !a.Watched || code.Until.IsZero() {
		_, err := fmt.Fprintln(a.Stdout, string(code.Text))
		return err
	}
	return a.countDown(ctx, string(code.Text), code.Until)
}

// countDown shows a code with the seconds that are left of it. An interrupt ends it:
// the code has been seen.
func (a *app) countDown(ctx context.Context, code string, until time.Time) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		left := until.Sub(a.Now())
		if left <= 0 {
			break
		}
		// Blanks cover the digit that a shorter number leaves behind.
		if _, err := fmt.Fprintf(a.Stdout, "\r%s  %d s  ", code, int(math.Ceil(left.Seconds()))); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	_, err := fmt.Fprintf(a.Stdout, "\r%s        \n", code)
	return err
}

func newOTP(a *app) *cobra.Command {
	var c codeCommand
	cmd := &cobra.Command{
		Use:   "otp [ACCOUNT]",
		Short: "Show a one-time password",
		Long: `Show a one-time password. In a terminal, if it depends on the time, the command counts
down the seconds for which it is valid; Ctrl-C ends that. If it depends on events, it
is used up when it is shown: the next call shows the next one.`,
		Example: `  ostiary-authenticator otp
  ostiary-authenticator otp 'My bank' --app 2
  ostiary-authenticator otp --pin-file pin.txt --json`,
		Args: account(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.run(a, cmd, first(args), func(v *authenticator.Vault, id string, pin authenticator.Secret) (
				authenticator.Code, error) {
				return v.Code(id, pin, c.app)
			})
		},
	}
	c.add(cmd, "one-time passwords")
	return cmd
}

func newChallenge(a *app) *cobra.Command {
	var c codeCommand
	cmd := &cobra.Command{
		Use:   "challenge CHALLENGE [ACCOUNT]",
		Short: "Answer a challenge",
		Long: `Answer the challenge that a page shows. Spaces and hyphens in it do not matter.
Answer only what a page shows that you opened yourself.`,
		Example: `  ostiary-authenticator challenge 4711-0815
  ostiary-authenticator challenge 47110815 'My bank' --app 4`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmdline.Mistakef(cmd, "the challenge is missing")
			}
			return account(2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.run(a, cmd, first(args[1:]), func(v *authenticator.Vault, id string, pin authenticator.Secret) (
				authenticator.Code, error) {
				return v.Answer(id, pin, c.app, args[0])
			})
		},
	}
	c.add(cmd, "challenges")
	return cmd
}

func newSign(a *app) *cobra.Command {
	var c codeCommand
	var given []string
	cmd := &cobra.Command{
		Use:   "sign [ACCOUNT] --field 1=VALUE [--field 2=VALUE ...]",
		Short: "Sign fields",
		Long: `Sign 1 to 8 fields, such as amount and account. Their labels are 1, 2, 3 and so on,
in the order of the page; values are as the page shows them, up to 40 characters of
plain ASCII. Sign only what you mean: the signature is as good as your own.`,
		Example: `  ostiary-authenticator sign --field 1=100.00 --field 2='DE89 3704 0044'
  ostiary-authenticator sign 'My bank' --app 7 --field 1=100.00 --pin-file pin.txt`,
		Args: account(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var fields []authenticator.Field
			for _, text := range given {
				label, value, ok := strings.Cut(text, "=")
				if !ok {
					return cmdline.Mistakef(cmd, "--field %s: it is LABEL=VALUE", cmdline.ShellQuote(text))
				}
				fields = append(fields, authenticator.Field{Label: label, Value: value})
			}
			return c.run(a, cmd, first(args), func(v *authenticator.Vault, id string, pin authenticator.Secret) (
				authenticator.Code, error) {
				return v.Sign(id, pin, c.app, fields)
			})
		},
	}
	c.add(cmd, "signatures")
	cmd.Flags().StringArrayVar(&given, "field", nil, "`LABEL=VALUE`, once for each field")
	return cmd
}
