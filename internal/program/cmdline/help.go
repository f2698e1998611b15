package cmdline

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// OnlyGlobalFlags is the annotation of a command that takes some of the global flags
// only: their names, separated by blanks.
const OnlyGlobalFlags = "only global flags"

// PrintHelp prints what a command is for and how it is used.
func PrintHelp(cmd *cobra.Command, _ []string) {
	w := cmd.OutOrStdout()
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	fmt.Fprintf(w, "%s\n\nUsage:\n  %s\n", strings.TrimSpace(text), usageLine(cmd))
	if cmd.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		printCommands(w, cmd)
	}
	if cmd.HasAvailableLocalFlags() {
		fmt.Fprintf(w, "\nFlags:\n%s", cmd.LocalFlags().FlagUsages())
	}
	if usages := globalFlags(cmd).FlagUsages(); usages != "" {
		fmt.Fprintf(w, "\nGlobal flags:\n%s", usages)
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\nMore about a command: %s COMMAND --help\n", cmd.CommandPath())
	}
}

// globalFlags are those of the flags of the commands above that a command takes.
func globalFlags(cmd *cobra.Command) *pflag.FlagSet {
	names, some := cmd.Annotations[OnlyGlobalFlags]
	if !some {
		return cmd.InheritedFlags()
	}
	only := pflag.NewFlagSet(cmd.Name(), pflag.ContinueOnError)
	for _, name := range strings.Fields(names) {
		only.AddFlag(cmd.InheritedFlags().Lookup(name))
	}
	return only
}

func printCommands(w io.Writer, cmd *cobra.Command) {
	fmt.Fprint(w, "\nCommands:\n")
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			fmt.Fprintf(w, "  %-*s  %s\n", cmd.Commands()[0].NamePadding(), c.Name(), c.Short)
		}
	}
}

// usageLine is how a command is written.
func usageLine(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " COMMAND"
	}
	return cmd.UseLine()
}
