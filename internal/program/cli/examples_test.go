package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// scripted is a command that a script runs.
var scripted = regexp.MustCompile(`(?m)^(?:exec|exits [012]) (ostiary .*)$`)

// runElsewhere are the examples that no script can run as they stand, and why.
var runElsewhere = map[string]string{
	"ostiary serve --data /var/lib/ostiary": "each script runs it, in a directory of its own",
	"ostiary serve --data /var/lib/ostiary --listen :8443 --tls-cert cert.pem --tls-key key.pem": "" +
		"a fixed port may be taken; serve.txtar has it with port 0",
	"ostiary serve --data /var/lib/ostiary --listen :8080 --behind-proxy --trusted-proxy 10.0.0.0/24": "" +
		"a fixed port may be taken; package e2e has it with port 0",
	"ostiary serve --data /var/lib/ostiary --database postgres://ostiary@db1,db2/ostiary --database-file /etc/ostiary/password": "" +
		"it needs a server of PostgreSQL; package e2e has one",
	"ostiary root set-password --data /var/lib/ostiary": "it asks on a terminal; TestPasswordIsTypedTwice has one",
	"ostiary serve --demo":                              "it listens on its fixed port; package e2e runs the demo",
	"ostiary database accept --data /var/lib/ostiary --reason disk of 3 March failed": "" +
		"it needs a server that was stopped and an older copy; package e2e has both",
	"ostiary database accept --data /var/lib/ostiary --reason disk of 3 March failed --fence": "as without --fence",
	"ostiary store copy --data /var/lib/ostiary --to postgres://ostiary@db1,db2/ostiary": "" +
		"it needs a server of PostgreSQL; package e2e has one",
	"ostiary store copy --data /var/lib/ostiary --to postgres://ostiary@db1,db2/ostiary --to-file /etc/ostiary/password": "" +
		"as without --to-file",
	"ostiary store copy --data /var/lib/ostiary --to /srv/ostiary": "store.txtar has it with another directory",
	"ostiary store copy --data /var/lib/ostiary --database postgres://ostiary@db1,db2/ostiary --database-file /etc/ostiary/password --to /srv/ostiary": "" +
		"it needs a server of PostgreSQL; package e2e has one",
	"ostiary store fence --data /var/lib/ostiary --database postgres://ostiary@db1,db2/ostiary --reason db1 was lost, and db2 was not in step": "" +
		"it needs a server of PostgreSQL; store.txtar has it with a file",
	"ostiary audit archive --before 2027-01-01 --out audit-2026.archive": "" +
		"whether anything is older depends on today; archive.txtar has another date",
	"ostiary audit verify --data /var/lib/ostiary --database postgres://ostiary@db1/ostiary": "" +
		"it needs a server of PostgreSQL; package e2e has one",
	"ostiary audit verify --archive audit-2026.archive --verifier-key $KEY": "" +
		"it needs that archive; package e2e has one",
}

// places are what examples name that a script has elsewhere.
var places = strings.NewReplacer("/var/lib/ostiary", "$DATA")

// TestExamplesAreRun: a script of TestScripts runs each example of each help, as it is
// printed. (It may be refused there: no code in a text is right for ever.)
func TestExamplesAreRun(t *testing.T) {
	t.Parallel()
	run := map[string]bool{}
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range scripted.FindAllStringSubmatch(string(text), -1) {
			run[plainly(m[1])] = true
		}
	}
	printed := map[string]bool{}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for line := range strings.Lines(strings.ReplaceAll(cmd.Example, "\\\n", " ")) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "ostiary ") {
				continue // for the shell, or for the authenticator
			}
			line, _, _ = strings.Cut(line, " > ")
			example := plainly(line)
			printed[example] = true
			if !run[places.Replace(example)] && runElsewhere[example] == "" {
				t.Errorf("%s: no script runs its example\n  %s", cmd.CommandPath(), line)
			}
			if run[places.Replace(example)] && runElsewhere[example] != "" {
				t.Errorf("%s is run by a script", example)
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&Env{}, nil))
	for example := range runElsewhere {
		if !printed[example] {
			t.Errorf("%s is no example any more", example)
		}
	}
}

// plainly is a command as the words that a shell or a script makes of it.
func plainly(line string) string {
	var words []string
	for _, w := range shellWord.FindAllString(line, -1) {
		words = append(words, strings.Trim(w, `'"`))
	}
	return strings.Join(words, " ")
}
