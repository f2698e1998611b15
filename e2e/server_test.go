package e2e

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is a running server process.
type server struct {
	t    testing.TB
	data string
	url  string
	// password is ROOT's, if this start printed one.
	password string
	out, log output
	cmd      *exec.Cmd
	ended    chan struct{}
}

// start starts a server on a data directory and waits until it listens.
func start(t testing.TB, data string, args ...string) *server {
	t.Helper()
	return startBy(t, nil, data, args...)
}

// startBy is start under another program, such as a tracer that execs it.
func startBy(t testing.TB, wrapper []string, data string, args ...string) *server {
	t.Helper()
	s := launch(t, wrapper, data, append([]string{"--listen", "127.0.0.1:0"}, args...)...)
	eventually(t, "the server listens", func() bool {
		if s.url, _ = s.out.after("Listening on "); s.url != "" {
			return true
		}
		if s.over() {
			t.Fatalf("the server ended at its start: %v\n%s%s", s.cmd.ProcessState, s.out.String(), s.log.String())
		}
		return false
	})
	s.password, _ = s.out.after("ROOT password: ")
	return s
}

// launch starts a server process and waits for nothing.
func launch(t testing.TB, wrapper []string, data string, args ...string) *server {
	t.Helper()
	s := &server{t: t, data: data, ended: make(chan struct{})}
	line := append(append(append(wrapper, program, "serve", "--data", data), databaseOf(t, data)...), args...)
	s.cmd = exec.Command(line[0], line[1:]...)
	s.cmd.Env = environment()
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // the state tells how it ended
		close(s.ended)
	}()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("log of the server on %s:\n%s", s.data, tail(s.log.String(), 4000))
		}
	})
	return s
}

// environment is that of the tests without what would steer the program.
func environment(extra ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "OSTIARY_") {
			env = append(env, v)
		}
	}
	return append(env, extra...)
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

func (s *server) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func (s *server) signal(sig os.Signal) {
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Errorf("signal the server: %v", err)
	}
}

func (s *server) wait() int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.t.Fatalf("the server did not end within %s", patience)
	}
	return s.cmd.ProcessState.ExitCode()
}

// kill ends the server without giving it a chance to do anything.
func (s *server) kill() {
	if !s.over() {
		s.signal(syscall.SIGKILL)
		<-s.ended
	}
}

// stop ends the server as an administrator does.
func (s *server) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if code := s.wait(); code != 0 {
		s.t.Fatalf("the server stopped with status %d:\n%s", code, tail(s.log.String(), 4000))
	}
}

// restart stops the server and starts another one on its data directory.
func (s *server) restart(args ...string) *server {
	s.t.Helper()
	s.stop()
	return start(s.t, s.data, args...)
}

// refusesToStart runs a server that must end by itself, with an error, and
// gives what it said.
func refusesToStart(t testing.TB, data string, args ...string) string {
	t.Helper()
	s := launch(t, nil, data, args...)
	eventually(t, "the server ends", func() bool {
		if _, listening := s.out.after("Listening on "); listening {
			t.Fatalf("ostiary serve %q started:\n%s", args, s.out.String())
		}
		return s.over()
	})
	if code := s.wait(); code == 0 {
		t.Fatalf("ostiary serve %q ended with status 0:\n%s%s", args, s.out.String(), s.log.String())
	}
	return s.log.String() + s.out.String()
}
