package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"testing"

	"ostiary/internal/doors/wire"
)

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// command runs the command line with variables added to its environment.
func command(t testing.TB, env []string, args ...string) result {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = environment(env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("ostiary %q: %v", args, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// run runs a command against the server through its data directory.
func (s *server) run(args ...string) result {
	s.t.Helper()
	return command(s.t, []string{"OSTIARY_DATA=" + s.data}, args...)
}

// ok runs a command that must succeed and gives what it prints.
func (s *server) ok(args ...string) string {
	s.t.Helper()
	r := s.run(args...)
	if r.code != 0 {
		s.t.Fatalf("ostiary %q ended with %d:\n%s%s", args, r.code, r.out, r.err)
	}
	return r.out
}

// exits runs a command that must end with a status, and gives all it prints.
func (s *server) exits(code int, args ...string) string {
	s.t.Helper()
	r := s.run(args...)
	if r.code != code {
		s.t.Fatalf("ostiary %q ended with %d, want %d:\n%s%s", args, r.code, code, r.out, r.err)
	}
	return r.out + r.err
}

// decode runs a command with --json and reads its answer.
func decode[T any](s *server, args ...string) (answer T) {
	s.t.Helper()
	decodeText(s.t, s.ok(append(args, "--json")...), &answer)
	return answer
}

func decodeText(t testing.TB, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
}

var keyText = regexp.MustCompile(`ostiary_[a-z2-7]{10}_[A-Z2-7]{26}`)

// key makes an API key.
func (s *server) key(name, role string, flags ...string) string {
	s.t.Helper()
	out := s.ok(append([]string{"key", "create", name, "--role", role}, flags...)...)
	key := keyText.FindString(out)
	if key == "" {
		s.t.Fatalf("key create prints no key:\n%s", out)
	}
	return key
}

// imports imports a seed file whose every key is good.
func (s *server) imports(file string, want int, flags ...string) {
	s.t.Helper()
	rep := decode[wire.ImportReport](s, append([]string{"token", "import", file}, flags...)...)
	if rep.Imported != want || rep.Refused != 0 || rep.Duplicate != 0 || rep.Keys != want ||
		slices.ContainsFunc(rep.Rows, func(r wire.ImportRow) bool { return r.Outcome != "imported" }) {
		s.t.Fatalf("imported %d of %d keys of %s: %+v", rep.Imported, want, file, rep)
	}
}

// auditOK has the whole log recomputed.
func (s *server) auditOK() {
	s.t.Helper()
	if out := s.exits(0, "audit", "verify"); out == "" {
		s.t.Fatal("audit verify says nothing")
	}
}

// passwordIn finds ROOT's password where a command or the server prints it.
func passwordIn(t testing.TB, text string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^ROOT password: ([A-Z2-7]{26})$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("there is no password in:\n%s", text)
	}
	return m[1]
}
