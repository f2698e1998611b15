package cli

import "github.com/spf13/cobra"

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Print the version of this program, and what it was built with.",
		Example: "  ostiary version --json",
		Args:    arguments(),
		RunE: func(*cobra.Command, []string) error {
			b := buildInfo()
			return a.say(b, "ostiary %s (%s, %s)", b.Version, b.Go, b.Platform)
		},
	}
}
