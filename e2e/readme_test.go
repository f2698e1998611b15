package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadme types the tours of the README and of other pages into a shell,
// command by command, and compares what appears with what stands there. Only what
// differs from run to run is left out of the comparison: times, passwords, keys,
// hashes, codes that go with the time. `make build` is not run again: the program
// under test takes its place.
func TestReadme(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	for _, page := range []string{"README.md", "docs/bring-your-tokens.md", "docs/moving.md"} {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			tour(t, page)
		})
	}
}

func tour(t *testing.T, page string) {
	text, err := os.ReadFile(filepath.Join("..", page))
	if err != nil {
		t.Fatal(err)
	}
	steps := consoleSteps(string(text))
	if len(steps) < 15 {
		t.Fatalf("the tour of %s has %d commands", page, len(steps))
	}
	// The tours say 8080, and 8081 for a second server.
	first, second := freeAddress(t), freeAddress(t)
	addresses := strings.NewReplacer("127.0.0.1:8080", first, "127.0.0.1:8081", second)
	asWritten := strings.NewReplacer(first, "127.0.0.1:8080", second, "127.0.0.1:8081")
	var script strings.Builder
	for i, s := range steps {
		command := addresses.Replace(s.command)
		fmt.Fprintf(&script, "echo '== %d'\n%s\n", i, command)
		if strings.HasSuffix(command, "&") {
			// A person sees the server start before typing on.
			fmt.Fprintf(&script, "until curl -fs http://%s/readyz >/dev/null; do sleep 0.05; done\n",
				listensOn(t, command))
		}
	}
	home := filepath.Dir(newData(t))
	work := filepath.Join(home, "work") // with the samples alone, because tours leave files
	if err := os.CopyFS(filepath.Join(work, "docs", "tour"), os.DirFS("../docs/tour")); err != nil {
		t.Fatal(err)
	}
	shell := exec.Command("bash")
	shell.Dir = work
	shell.Stdin = strings.NewReader(script.String())
	shell.Env = append(os.Environ(), "HOME="+home, "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var want strings.Builder
	for i, s := range steps {
		fmt.Fprintf(&want, "== %d\n%s", i, s.output)
	}
	if diff := cmp.Diff(stable(want.String()), stable(asWritten.Replace(string(out)))); diff != "" {
		t.Errorf("%s shows something else (-page +run):\n%s", page, diff)
	}
}

// listensOn gives the address of a command that starts a server.
func listensOn(t *testing.T, command string) string {
	t.Helper()
	_, rest, found := strings.Cut(command, "--listen ")
	if !found {
		t.Fatalf("%q does not say where it listens", command)
	}
	return strings.Fields(rest)[0]
}

type step struct{ command, output string }

// consoleSteps finds the commands of a page's console blocks.
func consoleSteps(text string) []step {
	var steps []step
	inside := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = strings.TrimSpace(line) == "```console"
		case !inside:
		case strings.HasPrefix(line, "$ make build"):
		case strings.HasPrefix(line, "$ export PATH=$PWD/bin:$PATH "):
			steps = append(
				steps,
				step{command: "export " + strings.TrimSpace(strings.TrimPrefix(line, "$ export PATH=$PWD/bin:$PATH "))})
		case strings.HasPrefix(line, "$ "):
			steps = append(steps, step{command: strings.TrimSpace(line[2:])})
		default:
			steps[len(steps)-1].output += line
		}
	}
	return steps
}

var unstable = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\b[A-Z2-7]{26}\b`), "RANDOM"}, // passwords, moves, enrolment links
	{regexp.MustCompile(`shows \d{6} at`), "shows CODE at"},
	{regexp.MustCompile(`\([a-z2-7]{10}\)`), "(KEY)"},     // of an API key
	{regexp.MustCompile(`(?m)^\d{6}$`), "CODE"},           // of oathtool
	{regexp.MustCompile(`(?m)^\d+ % of .* sent.*\n`), ""}, // shown after a second, on a slow machine
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z0-9+-]+`), "TIME"},
	{regexp.MustCompile(`fingerprint [0-9a-f]{4}( [0-9a-f]{4}){4}`), "fingerprint HASH"},
	{regexp.MustCompile(`root [A-Za-z0-9+/]{43}=`), "root HASH"},
	{regexp.MustCompile(`time=\S+`), "time=TIME"},
	{regexp.MustCompile(`data=\S+`), "data=DIR"},
	{regexp.MustCompile(`--data \S+/ostiary-(old|new)`), "--data HOME/ostiary-$1"},
	{regexp.MustCompile(`(?m)^(TIME) +ACTION`), "TIME ACTION"}, // the column is as wide as a time
}

func stable(s string) string {
	for _, u := range unstable {
		s = u.pattern.ReplaceAllString(s, u.instead)
	}
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
