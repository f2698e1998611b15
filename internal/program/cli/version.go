package cli

import "ostiary/internal/program/cmdline"

import "github.com/spf13/cobra"

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Print the version of this program, and what it was built with.",
		Example: "  ostiary version --json",
		Args:    cmdline.Arguments(),
		RunE: func(*cobra.Command, []string) error {
			b := cmdline.BuildInfo()
			return a.say(b, "ostiary %s (%s, %s)", b.Version, b.Go, b.Platform)
		},
	}
}
