package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var (
	// inlineCommand is a command in the prose of a document.
	inlineCommand = regexp.MustCompile("`(ostiary [^`]+)`")
	// shellWord is a word of a shell, quoted or not.
	shellWord = regexp.MustCompile(`'[^']*'|"[^"]*"|\$\([^)]*\)|[^\s'"]+`)
	// remark is what stands behind a command in an example of a document.
	remark = regexp.MustCompile(`\s{3,}\S.*$`)
)

// TestExamplesAreCommands: each example in a help is a command line that the program
// takes, with all its arguments, and is of the command that shows it or of one below.
func TestExamplesAreCommands(t *testing.T) {
	t.Parallel()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		own := 0
		for line := range strings.Lines(strings.ReplaceAll(cmd.Example, "\\\n", " ")) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "ostiary ") {
				continue // what goes before, in the shell
			}
			at := takes(t, "the help of "+cmd.CommandPath(), line, true)
			if at != "" && (at == cmd.CommandPath() || strings.HasPrefix(at, cmd.CommandPath()+" ")) {
				own++
			}
		}
		if own == 0 && cmd.Name() != "completion" && cmd.Name() != "help" {
			t.Errorf("%s has no example of its own", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&Env{}, nil))
}

// TestDocumentedCommandsExist: what the documents say to type is a command with these
// flags. (The tours are run by package e2e.)
func TestDocumentedCommandsExist(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, page := range append(pages, "../../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\n")
			for _, m := range inlineCommand.FindAllStringSubmatch(line, -1) {
				takes(t, filepath.Base(page), m[1], false)
				checked++
			}
			command := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "$ "))
			shown := strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "$ ")
			if strings.HasPrefix(command, "ostiary ") && shown {
				takes(t, filepath.Base(page), remark.ReplaceAllString(command, ""), false)
				checked++
			}
		}
	}
	if checked < 200 {
		t.Errorf("%d commands were found", checked)
	}
}

// takes checks that the program knows a command and its flags, and whole, that its
// arguments are those that it takes. It gives the command's path.
func takes(t *testing.T, where, line string, whole bool) string {
	t.Helper()
	for _, end := range []string{" > ", " | ", " 2>", " &", "; ", "…"} {
		line, _, _ = strings.Cut(line, end)
	}
	var words []string
	for _, w := range shellWord.FindAllString(line, -1) {
		words = append(words, strings.Trim(w, `'"`))
	}
	root := newRoot(&Env{}, nil)
	cmd, rest, err := root.Find(words[1:])
	if err != nil {
		t.Errorf("%s: %s: %v", where, line, err)
		return ""
	}
	if cmd.HasAvailableSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		t.Errorf("%s: %s: there is no such command", where, line)
		return ""
	}
	if err := cmd.ParseFlags(rest); err != nil && !incomplete(err, whole) && !strings.Contains(line, "--help") {
		t.Errorf("%s: %s: %v", where, line, err)
		return ""
	}
	if whole {
		if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
			t.Errorf("%s: %s: %v", where, line, err)
		}
	}
	return cmd.CommandPath()
}

// incomplete reports whether a flag lacks its value or has a word for it, as prose
// writes it: --expiring DAYS.
func incomplete(err error, whole bool) bool {
	text := err.Error()
	return !whole && (strings.Contains(text, "flag needs an argument") || strings.Contains(text, "invalid argument"))
}
