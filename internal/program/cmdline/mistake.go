// Package cmdline is what the command lines of the programs share: how mistakes are
// told, how help looks, tables, and text and secrets that come from files.
package cmdline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Mistake is a command line that says something impossible.
type Mistake struct {
	cmd  *cobra.Command
	text string
}

// Error tells what is wrong.
func (m *Mistake) Error() string { return m.text }

// Mistakef makes a Mistake of a command.
func Mistakef(cmd *cobra.Command, format string, args ...any) error {
	return &Mistake{cmd: cmd, text: fmt.Sprintf(format, args...)}
}

// FlagMistake words what the flag parser found. Of a group of letters behind
// one dash it names the unknown letter only: the rest may be a code.
func FlagMistake(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() != "" {
		return Mistakef(cmd, "unknown flag -%s (an argument that begins with a dash goes behind --)",
			unknown.GetSpecifiedName())
	}
	return Mistakef(cmd, "%s", strings.TrimPrefix(err.Error(), "pflag: "))
}

// Arguments checks that there is one argument for each name, and none empty:
// an empty one is mostly a shell variable that was not set.
func Arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return Mistakef(cmd, "%s takes %s, not %d", commandName(cmd), wanted(names), len(args))
		}
		for i, arg := range args {
			if arg == "" {
				return Mistakef(cmd, "%s is empty", names[i])
			}
		}
		return nil
	}
}

// mayBeEmpty is the annotation of a flag whose empty value means something.
const mayBeEmpty = "may be empty"

// MayBeEmpty says of flags of a command that their empty values mean something.
func MayBeEmpty(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		flag := cmd.Flags().Lookup(name)
		flag.Annotations = map[string][]string{mayBeEmpty: nil}
	}
}

// NoFlagEmpty checks that no flag was given an empty value: that, too, is mostly a
// shell variable that was not set, and a filter that is not there chooses everything.
func NoFlagEmpty(cmd *cobra.Command, _ []string) (err error) {
	global := cmd.InheritedFlags()
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if global.Lookup(flag.Name) != nil {
			return // it chooses no rows
		}
		empty := flag.Value.String() == ""
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			values := list.GetSlice()
			empty = len(values) == 0 || slices.Contains(values, "")
		}
		if _, may := flag.Annotations[mayBeEmpty]; empty && !may && err == nil {
			err = Mistakef(cmd, "--%s is empty", flag.Name)
		}
	})
	return err
}

func wanted(names []string) string {
	switch len(names) {
	case 0:
		return "no arguments"
	case 1:
		return "one argument, " + names[0]
	}
	last := len(names) - 1
	return fmt.Sprintf("%d arguments, %s and %s", len(names), strings.Join(names[:last], ", "), names[last])
}

// commandName is the command without the program's name.
func commandName(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// ErrNoCommand ends a command line that names no command. The help has been shown.
var ErrNoCommand = errors.New("the command is missing")

// MakeGroup makes a command that only holds others. Alone it shows its help, but
// as a mistake, so that a script does not take it for success.
func MakeGroup(cmd *cobra.Command) {
	cmd.FParseErrWhitelist = cobra.FParseErrWhitelist{UnknownFlags: true} // the unknown word before them matters more
	cmd.Args = cobra.ArbitraryArgs
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			text := fmt.Sprintf("unknown command %q", args[0])
			if cmd.HasParent() {
				text = fmt.Sprintf("unknown command %q of %q", args[0], commandName(cmd))
			}
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				text += "; did you mean " + strings.Join(near, " or ") + "?"
			}
			return Mistakef(cmd, "%s", text)
		}
		cmd.SetOut(cmd.ErrOrStderr())
		_ = cmd.Help() // there is nobody to tell
		return ErrNoCommand
	}
}

// OneOf checks a flag that takes one of a few words.
func OneOf(cmd *cobra.Command, flag, value string, words ...string) error {
	for _, w := range words {
		if value == w {
			return nil
		}
	}
	return Mistakef(cmd, "--%s %s: it must be %s", flag, ShellQuote(value), strings.Join(words, ", "))
}
