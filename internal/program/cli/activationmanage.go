package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ostiary/internal/core/fault"
	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newActivationConfirm(a *app) *cobra.Command {
	var which selectorFlags
	var req wire.ActivationConfirm
	cmd := &cobra.Command{
		Use:   "confirm SERIAL --otp OTP",
		Short: "Confirm the open activation with what the app shows",
		Long: `Present the first code that the app shows. If it is correct, the token is VALID, the
code is used up, and the previous device no longer works. With device binding, also
give the derivation code; if the app shows two one-time passwords, give both.

A wrong code uses a try. Exit code 0 means accepted, 1 not accepted, 2 that nothing
was checked.`,
		Example: `  ostiary activation confirm MT10000001 --otp 492039
  ostiary activation confirm BD10000001 --otp 492039 --derivation-code 7QK2M-0ZD4R-XW1PN-VE8TA`,
		Args: cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if req.OTP == "" {
				return cmdline.Mistakef(cmd, "--otp is missing: the one-time password that the app shows")
			}
			result, err := c.ConfirmActivation(cmd.Context(), which.selector(cmd, args[0]), req)
			if err != nil {
				return err
			}
			if result.Accepted {
				return a.say(result, "Token %s is activated. It is %s.", result.Serial, result.State)
			}
			if err := a.say(result, "not accepted"); err != nil {
				return err
			}
			if !a.json {
				a.notAccepted(result)
			}
			return errNo
		}),
	}
	which.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&req.OTP, "otp", "", "`OTP`, the one-time password that the app shows")
	flags.StringVar(&req.NextOTP, "next-otp", "", "the next `OTP`, if the app shows two")
	flags.StringVar(&req.Derivation, "derivation-code", "", "`CODE` that the app shows with it, with device binding")
	return cmd
}

func (a *app) notAccepted(r wire.ActivationResult) {
	left := "The activation has ended: begin another one."
	if r.TriesLeft != nil && *r.TriesLeft > 0 {
		left = fmt.Sprintf("%s left.", cmdline.Plural(*r.TriesLeft, "try is", "tries are"))
	}
	a.note("%s", left)
	a.suggest("Why: ostiary audit list --serial %s --limit 1", serialArg(r.Serial))
}

func newActivationShow(a *app) *cobra.Command {
	var which selectorFlags
	cmd := &cobra.Command{
		Use:   "show SERIAL",
		Short: "Show the activations of a token",
		Long: `Show the activations of a token: the open one, the device whose codes are accepted,
the counts for the limits, and the last 50 activations. Codes are not shown again.`,
		Example: "  ostiary activation show MT10000001",
		Args:    cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			o, err := c.Activations(cmd.Context(), which.selector(cmd, args[0]))
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(o)
			}
			return a.printActivations(o)
		}),
	}
	which.add(cmd)
	return cmd
}

func (a *app) printActivations(o wire.ActivationOverview) error {
	out := newTable(a.Stdout)
	out.row("Serial", o.Serial)
	out.row("State", o.State)
	out.row("User", orElse(o.User, "none"))
	out.row("Profile", o.Profile)
	out.row("Open activation", openActivation(o))
	out.row("Device", liveDevice(o))
	n := o.Counts
	window := fault.Span(time.Duration(n.Window) * time.Second)
	out.row("Reactivations", fmt.Sprintf("%d of %d in %s", n.Successes, n.MaxSuccesses, window))
	out.row("Wrong confirmations", fmt.Sprintf("%d of %d in %s", n.Failures, n.MaxFailures, window))
	if n.NextAt != nil {
		out.row("Next activation from", cmdline.LocalTime(*n.NextAt))
	}
	if err := out.flush(); err != nil {
		return err
	}
	if len(o.Activations) == 0 {
		return a.say(nil, "No activation yet. Begin one: ostiary activation offer %s", cmdline.ShellQuote(o.Serial))
	}
	if _, err := fmt.Fprintln(a.Stdout); err != nil {
		return err
	}
	out = newTable(a.Stdout, "BEGUN", "ROUTE", "REASON", "BY", "SECRET", "STATUS", "ENDED", "WRONG", "DEVICE")
	for _, p := range o.Activations {
		out.row(cmdline.LocalTime(p.Opened), p.Route, p.Reason, begunBy(p), secretWord(p), p.Status,
			optionalTime(p.Ended, ""),
			strconv.Itoa(p.WrongTries), deviceName(p))
	}
	return out.flush()
}

func openActivation(o wire.ActivationOverview) string {
	for _, p := range o.Activations {
		if p.Status != "open" {
			continue
		}
		s := p.Route + ", until " + cmdline.LocalTime(p.Expires)
		if p.TriesLeft != nil {
			s += ", " + cmdline.Plural(*p.TriesLeft, "try", "tries") + " left"
		}
		if p.Taken != nil {
			s += ", taken by a device " + cmdline.LocalTime(*p.Taken)
		}
		return s
	}
	return "none"
}

// liveDevice is the one whose codes count.
func liveDevice(o wire.ActivationOverview) string {
	for _, p := range o.Activations {
		if p.Live && p.Ended != nil {
			return orElse(deviceName(p), "activated by "+routeWords(p.Route)) + ", since " + cmdline.LocalTime(*p.Ended)
		}
	}
	return "none"
}

// routeWords says what an activation was typed or scanned from.
func routeWords(route string) string {
	switch route {
	case "offline":
		return "letter or typed codes"
	case "qr":
		return "code image"
	}
	return route
}

// deviceName is what a device said of itself, and the mark of a bound one.
func deviceName(p wire.PastActivation) string {
	var parts []string
	for _, part := range []string{p.DeviceName, p.DeviceType, p.Device} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

func begunBy(p wire.PastActivation) string {
	if p.SelfService {
		return p.By + " for the user"
	}
	return p.By
}

func secretWord(p wire.PastActivation) string {
	if p.NewSecret {
		return "new"
	}
	return "the same"
}

func newActivationCancel(a *app) *cobra.Command {
	var which selectorFlags
	cmd := &cobra.Command{
		Use:   "cancel SERIAL",
		Short: "End the open activation",
		Long: `End the open activation of a token. Its codes no longer work; a device that was
activated before continues to work.`,
		Example: "  ostiary activation cancel MT10000001",
		Args:    cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			t, err := c.CancelActivation(cmd.Context(), which.selector(cmd, args[0]))
			if err != nil {
				return err
			}
			return a.say(t, "The activation of token %s is cancelled. The token is %s.", t.Serial, t.State)
		}),
	}
	which.add(cmd)
	return cmd
}

func newActivationReset(a *app) *cobra.Command {
	var which selectorFlags
	var counts wire.ActivationReset
	cmd := &cobra.Command{
		Use:   "reset SERIAL",
		Short: "Reset the counts for the limits",
		Long: `Reset the counts for the limits of a token: the activations after the
first, the wrong confirmations, and the interval since the last activation. With
flags only the named ones, without flags all three. Nothing else changes.`,
		Example: `  ostiary activation reset MT10000001
  ostiary activation reset MT10000001 --failures`,
		Args: cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if counts == (wire.ActivationReset{}) {
				counts = wire.ActivationReset{Successes: true, Failures: true, Interval: true}
			}
			t, err := c.ResetActivation(cmd.Context(), which.selector(cmd, args[0]), counts)
			if err != nil {
				return err
			}
			return a.say(t, "Reset for token %s: %s.", t.Serial, countWords(counts))
		}),
	}
	which.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&counts.Successes, "successes", false, "how often it was activated again")
	flags.BoolVar(&counts.Failures, "failures", false, "the wrong confirmations")
	flags.BoolVar(&counts.Interval, "interval", false, "the time since the last activation")
	return cmd
}

func countWords(c wire.ActivationReset) string {
	var words []string
	for _, w := range []struct {
		named bool
		word  string
	}{{c.Successes, "activations"}, {c.Failures, "wrong confirmations"}, {c.Interval, "interval"}} {
		if w.named {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, ", ")
}

func newActivationUnbind(a *app) *cobra.Command {
	var which selectorFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "unbind SERIAL --yes",
		Short: "End a token's device permanently",
		Long: `Delete the secret of a token, and end its device permanently. No code of
the token is accepted until another activation is confirmed, which always has a
new secret; a bound device is never accepted again. The token keeps its
serial and its user.`,
		Example: "  ostiary activation unbind MT10000001 --yes",
		Args:    cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if !yes {
				return cmdline.Mistakef(cmd, "unbinding a token ends its device permanently, and the user has no codes "+
					"until another activation: add --yes to confirm")
			}
			t, err := c.Unbind(cmd.Context(), which.selector(cmd, args[0]))
			if err != nil {
				return err
			}
			return a.say(t, "Token %s is unbound. It is %s until another activation.", t.Serial, t.State)
		}),
	}
	which.add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, end the device permanently")
	return cmd
}
