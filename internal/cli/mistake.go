package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// mistake is a command line that says something impossible.
type mistake struct {
	cmd  *cobra.Command
	text string
}

func (m *mistake) Error() string { return m.text }

func mistakef(cmd *cobra.Command, format string, args ...any) error {
	return &mistake{cmd: cmd, text: fmt.Sprintf(format, args...)}
}

// flagMistake words what the flag parser found. Of a group of letters behind
// one dash it names the unknown letter only: the rest may be a code.
func flagMistake(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() != "" {
		return mistakef(cmd, "unknown flag -%s (an argument that begins with a dash goes behind --)", unknown.GetSpecifiedName())
	}
	return mistakef(cmd, "%s", strings.TrimPrefix(err.Error(), "pflag: "))
}

// arguments checks that there is one argument for each name, and none empty:
// an empty one is mostly a shell variable that was not set.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return mistakef(cmd, "%s takes %s, not %d", commandName(cmd), wanted(names), len(args))
		}
		for i, arg := range args {
			if arg == "" {
				return mistakef(cmd, "%s is empty", names[i])
			}
		}
		return nil
	}
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

// makeGroup makes a command that only holds others. Alone it shows its help, but
// as a mistake, so that a script does not take it for success.
func makeGroup(cmd *cobra.Command) {
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
			return mistakef(cmd, "%s", text)
		}
		cmd.SetOut(cmd.ErrOrStderr())
		_ = cmd.Help() // there is nobody to tell
		return errors.New("the command is missing")
	}
}

// oneOf checks a flag that takes one of a few words.
func oneOf(cmd *cobra.Command, flag, value string, words ...string) error {
	for _, w := range words {
		if value == w {
			return nil
		}
	}
	return mistakef(cmd, "--%s %s: it may be %s", flag, shellQuote(value), strings.Join(words, ", "))
}
