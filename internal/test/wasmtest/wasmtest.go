// Package wasmtest holds what is built for WebAssembly to what is built for the
// machine at hand. Only tests import it.
package wasmtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// output names the file for the transcript of the run under Node.js.
const output = "OSTIARY_TRANSCRIPT"

// Agree runs the test that calls it once more, built for WebAssembly, under Node.js,
// in the same directory. What that run computed, its transcript, must be the same
// byte for byte. The transcript has to be the same at every run, and the test must
// not be a subtest.
func Agree(t *testing.T, transcript []byte) {
	t.Helper()
	if len(transcript) == 0 {
		t.Fatal("the transcript is empty")
	}
	if name := os.Getenv(output); name != "" {
		if err := os.WriteFile(name, transcript, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(string(transcript), "\n")
	got := strings.Split(string(underNode(t)), "\n")
	if len(got) != len(want) {
		t.Errorf("%d lines with WebAssembly, and %d without", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("line %d is with WebAssembly\n%s\nand without\n%s", i+1, got[i], want[i])
		}
	}
}

// underNode runs this test with WebAssembly and returns its transcript.
func underNode(t *testing.T) []byte {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("this test needs the program node: install the Debian package nodejs")
	}
	dir := t.TempDir()
	program, transcript := filepath.Join(dir, "program.wasm"), filepath.Join(dir, "transcript")
	run(t, append(os.Environ(), "CGO_ENABLED=0", "GOOS=js", "GOARCH=wasm"), "go", "test", "-c", "-o", program)
	root := string(bytes.TrimSpace(run(t, os.Environ(), "go", "env", "GOROOT")))
	// Go's glue takes a small environment only, and a larger stack than Node.js gives.
	env := []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, output + "=" + transcript}
	run(t, env, node, "--stack-size=8192", filepath.Join(root, "lib/wasm/wasm_exec_node.js"), program, "-test.run",
		"^"+t.Name()+"$")
	b, err := os.ReadFile(transcript)
	if err != nil {
		t.Fatalf("the run with WebAssembly computed nothing: %v", err)
	}
	return b
}

func run(t *testing.T, env []string, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = env
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", program, args, err, out.Bytes(), stderr.Bytes())
	}
	return out.Bytes()
}
