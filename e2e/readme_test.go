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

// TestReadme types the README's tour into a shell, command by command, and
// compares what appears with what stands there. Only what differs from run to
// run is left out of the comparison: times, passwords, keys, hashes. `make
// build` is not run again: the program under test takes its place.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	steps := consoleSteps(string(text))
	if len(steps) < 15 {
		t.Fatalf("the README's tour has %d commands", len(steps))
	}
	address := freeAddress(t)
	home := filepath.Dir(newData(t))
	var script strings.Builder
	for i, s := range steps {
		fmt.Fprintf(&script, "echo '== %d'\n%s\n", i, strings.ReplaceAll(s.command, "127.0.0.1:8080", address))
		if strings.HasSuffix(s.command, "&") {
			// A person sees the server start before typing on.
			fmt.Fprintf(&script, "until curl -fs http://%s/readyz >/dev/null; do sleep 0.05; done\n", address)
		}
	}
	shell := exec.Command("bash")
	shell.Dir = ".."
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
	got := strings.ReplaceAll(string(out), address, "127.0.0.1:8080")
	if diff := cmp.Diff(stable(want.String()), stable(got)); diff != "" {
		t.Errorf("the README shows something else (-README +run):\n%s", diff)
	}
}

type step struct{ command, output string }

// consoleSteps finds the commands of the README's console blocks.
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
			steps = append(steps, step{command: "export " + strings.TrimSpace(strings.TrimPrefix(line, "$ export PATH=$PWD/bin:$PATH "))})
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
	{regexp.MustCompile(`password: [A-Z2-7]{26}`), "password: PASSWORD"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "TIME"},
	{regexp.MustCompile(`root [A-Za-z0-9+/]{43}=`), "root HASH"},
	{regexp.MustCompile(`time=\S+`), "time=TIME"},
	{regexp.MustCompile(`data=\S+`), "data=DIR"},
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
