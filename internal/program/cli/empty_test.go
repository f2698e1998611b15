package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A flag with an empty value is a usage mistake in every command, but for those few
// whose empty value means something.
func TestAnEmptyFlagIsAMistake(t *testing.T) {
	t.Parallel()
	tried := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if !cmd.Runnable() || cmd.HasSubCommands() {
			return
		}
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if kind := flag.Value.Type(); !strings.HasPrefix(kind, "string") {
				return
			}
			tried++
			path := strings.Fields(cmd.CommandPath())[1:]
			args := append(slices.Clone(path), "--"+flag.Name+"=")
			for _, arg := range strings.Fields(cmd.Use)[1:] {
				if flag.Name == "list" && cmd.Name() == "add" {
					break // it stands in the place of the arguments
				}
				if strings.ToUpper(arg) != arg || arg == "|" || arg == "FLAGS" {
					break
				}
				args = append(args, "1")
			}
			var out bytes.Buffer
			code := Main(args, &Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
				Getenv: func(string) string { return "" }})
			empty := strings.Contains(out.String(), "--"+flag.Name+" is empty")
			mayBe := slices.Contains([]string{"manufacturer", "key-id"}, flag.Name) &&
				(cmd.Flags().Lookup("key-id") != nil) || cmd.CommandPath() == "ostiary type change" &&
				!slices.Contains([]string{"algorithm", "activation"}, flag.Name)
			if code != exitError || empty == mayBe {
				t.Errorf("ostiary %s: %d, %s", strings.Join(args, " "), code, out.String())
			}
		})
	}
	walk(newRoot(OS(), nil))
	if tried < 60 {
		t.Errorf("only %d flags were tried", tried)
	}
}
