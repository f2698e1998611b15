package cli

import (
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"ostiary/internal/core/fault"
	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

// The limits of a profile as the command line calls them, in the order of the table.
const (
	limitExpiry        = "expiry"
	limitTries         = "tries"
	limitReactivations = "reactivations"
	limitFailures      = "reactivation-failures"
	limitWindow        = "reactivation-window"
	limitInterval      = "reactivation-interval"
	everyLimit         = "all"
)

// limitFlags are the limits that are set, and those that are given back.
type limitFlags struct {
	expiry, window, interval       time.Duration
	tries, reactivations, failures int
	defaults                       []string
}

func newProfileLimits(a *app) *cobra.Command {
	var f limitFlags
	cmd := &cobra.Command{
		Use:   "limits NAME",
		Short: "Show or set the limits of a profile's activations",
		Long: `Show the limits of a profile's activations and where they are set, or set them. A
limit of the profile replaces the server's flag, whether it is
lower or higher; --default resets it to the server's flag.

A change applies at once to activations by any route. Earlier activations
count, and an open activation ends when its wrong confirmations
reach --tries. Only --expiry applies just to activations begun after the change: an
open activation keeps the expiry that its user was told. Times are written as 90m
or 7d. Limits belong to this server: they do not move with tokens.`,
		Example: `  ostiary profile limits bank
  ostiary profile limits bank --tries 3 --reactivations 2 --reactivation-window 7d
  ostiary profile limits bank --default tries --default reactivation-window
  ostiary profile limits bank --default all`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			change, err := f.change(cmd)
			if err != nil {
				return err
			}
			if change == (wire.ProfileLimitsChange{}) {
				l, err := c.ProfileLimits(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.printLimits(l)
			}
			l, err := c.ChangeProfileLimits(cmd.Context(), args[0], change)
			if err != nil {
				return err
			}
			return a.say(l, "The limits of profile %s are changed.", l.Profile)
		}),
	}
	flags := cmd.Flags()
	cmdline.SpanVar(flags, &f.expiry, limitExpiry, 0, "`TIME` that an activation is open, unless it is begun with --days")
	flags.IntVar(&f.tries, limitTries, 0, "`N` wrong confirmations end an activation, 1 to 99")
	flags.IntVar(&f.reactivations, limitReactivations, 0, "`N` activations of a token after the first, at most, within --reactivation-window")
	flags.IntVar(&f.failures, limitFailures, 0, "`N` wrong confirmations of a token, at most, within --reactivation-window")
	cmdline.SpanVar(flags, &f.window, limitWindow, 0, "`TIME` over which activations are counted")
	cmdline.SpanVar(flags, &f.interval, limitInterval, 0, "`TIME` from an activation of a token to the next")
	flags.StringSliceVar(&f.defaults, "default", nil, "`LIMIT` to reset to the server's flag, by its name, or all; several with commas, or repeated")
	return cmd
}

// change is what the flags set and give back.
func (f *limitFlags) change(cmd *cobra.Command) (c wire.ProfileLimitsChange, err error) {
	toSeconds := func(d time.Duration) *int64 { return new(int64(d / time.Second)) }
	limits := []struct {
		name string
		zero bool // what is given is none
		odd  bool // what is given has a part of a second
		set  func()
		back func()
	}{
		{limitExpiry, f.expiry == 0, f.expiry%time.Second != 0, func() { c.Expiry = toSeconds(f.expiry) },
			func() { c.Expiry = new(int64) }},
		{limitTries, f.tries == 0, false, func() { c.Tries = &f.tries }, func() { c.Tries = new(int) }},
		{limitReactivations, f.reactivations == 0, false, func() { c.Reactivations = &f.reactivations },
			func() { c.Reactivations = new(int) }},
		{limitFailures, f.failures == 0, false, func() { c.Failures = &f.failures }, func() { c.Failures = new(int) }},
		{limitWindow, f.window == 0, f.window%time.Second != 0, func() { c.Window = toSeconds(f.window) },
			func() { c.Window = new(int64) }},
		{limitInterval, f.interval == 0, f.interval%time.Second != 0, func() { c.Interval = toSeconds(f.interval) },
			func() { c.Interval = new(int64) }},
	}
	names := []string{everyLimit}
	for _, l := range limits {
		names = append(names, l.name)
	}
	for _, name := range f.defaults {
		if err := cmdline.OneOf(cmd, "default", name, names...); err != nil {
			return c, err
		}
	}
	for _, l := range limits {
		back := slices.Contains(f.defaults, l.name) || slices.Contains(f.defaults, everyLimit)
		given := cmd.Flags().Changed(l.name)
		switch {
		case given && back:
			return c, cmdline.Mistakef(cmd, "--%s sets the limit that --default resets: omit one of them", l.name)
		case given && l.zero:
			return c, cmdline.Mistakef(cmd, "--%s must not be 0; --default %s resets it to the server's flag", l.name, l.name)
		case given && l.odd:
			return c, cmdline.Mistakef(cmd, "--%s must be a time in whole seconds", l.name)
		case given:
			l.set()
		case back:
			l.back()
		}
	}
	return c, nil
}

func (a *app) printLimits(l wire.ProfileLimits) error {
	if a.json {
		return a.printJSON(l)
	}
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	span := func(n int64) string { return fault.Span(time.Duration(n) * time.Second) }
	out := newTable(a.Stdout, "LIMIT", "VALUE", "FROM", "SERVER")
	for _, one := range []struct {
		name  string
		limit wire.Limit
		text  func(int64) string
	}{{limitExpiry, l.Expiry, span}, {limitTries, l.Tries, count}, {limitReactivations, l.Reactivations, count},
		{limitFailures, l.Failures, count}, {limitWindow, l.Window, span}, {limitInterval, l.Interval, span}} {
		out.row(one.name, one.text(one.limit.Value), one.limit.From, one.text(one.limit.Server))
	}
	return out.flush()
}
