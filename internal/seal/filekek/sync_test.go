package filekek

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCreateIsDurable: when Create returns, the key file and the entry in its
// directory have been synced, in this order. A database sealed under a key that a
// power cut took is lost.
func TestCreateIsDurable(t *testing.T) {
	if path := os.Getenv("OSTIARY_TEST_CREATE"); path != "" {
		if err := Create(path); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Parallel()
	dir := t.TempDir()
	trace := filepath.Join(dir, "trace")
	key := filepath.Join(dir, "data", "kek")
	if err := os.Mkdir(filepath.Dir(key), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("strace", "-f", "-y", "-e", "trace=write,fsync", "-o", trace,
		os.Args[0], "-test.run", "^TestCreateIsDurable$")
	cmd.Env = append(os.Environ(), "OSTIARY_TEST_CREATE="+key)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	rest := string(text)
	for _, call := range []string{"<" + key + ">, \"" + prefix, "fsync", "<" + key + ">",
		"fsync", "<" + filepath.Dir(key) + ">"} {
		_, after, found := strings.Cut(rest, call)
		if !found {
			t.Fatalf("no %s where it belongs:\n%s", call, text)
		}
		rest = after
	}
}
