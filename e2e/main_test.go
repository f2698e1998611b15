package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/test/cluster"
)

// program is the binary under test, authenticator the app that it activates.
var program, authenticator string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ostiary-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program, authenticator = filepath.Join(dir, "ostiary"), filepath.Join(dir, "ostiary-authenticator")
	build := exec.Command("go", "build", "-o", dir, "ostiary/cmd/ostiary",
		"ostiary/cmd/ostiary-authenticator")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program under test: %v\n%s", err, out)
		return 1
	}
	return cluster.Run(m)
}

// patience is when a wait is given up. No correct run comes near it.
const patience = 60 * time.Second

// eventually asks until the answer is yes.
func eventually(t testing.TB, what string, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !yes(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain until %s", patience, what)
		}
	}
}

// newData names a data directory that does not exist yet. Its path is short,
// because the path of a socket may not exceed 107 bytes.
func newData(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ost-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the data directory: %v", err)
		}
	})
	return filepath.Join(dir, "data")
}

// writeFile puts a file where only its test sees it.
func writeFile(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	writeTo(t, path, text)
	return path
}

func writeTo(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// need finds a program of a Debian package.
func need(t testing.TB, tool, debian string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("the test needs the program %s: apt-get install %s", tool, debian)
	}
	return path
}

// output collects what a process prints, for readers at the same time.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// after gives the rest of the first whole line that begins with prefix.
func (o *output) after(prefix string) (rest string, ok bool) {
	for line := range strings.Lines(o.String()) {
		if rest, ok := strings.CutPrefix(line, prefix); ok && strings.HasSuffix(rest, "\n") {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}
