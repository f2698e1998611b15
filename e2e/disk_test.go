package e2e

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
)

// trouble lets system calls of a running server fail on a file of its data directory,
// until it is ended.
func (s *server) trouble(call, fault, file string) (end func()) {
	s.t.Helper()
	strace := need(s.t, "strace", "strace")
	path := filepath.Join(s.data, file)
	var said output
	cmd := exec.Command(strace, "-f", "-p", strconv.Itoa(s.cmd.Process.Pid), "-P", path, "-e", "trace="+call, "-e",
		"inject="+call+":error="+fault, "-o", filepath.Join(s.t.TempDir(), "trace"))
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Signal(syscall.SIGINT) // it lets the server go
			_ = cmd.Wait()
		}
	}
	s.t.Cleanup(end)
	eventually(s.t, "strace holds the server", func() bool { return strings.Contains(said.String(), "attached") })
	return end
}

// ready tells what /readyz says.
func (s *server) ready() bool {
	s.t.Helper()
	return s.as("").raw(http.MethodGet, "/readyz", "", "").status == http.StatusOK
}

// failing is how a server answers while its disk fails.
type failing struct {
	status          int
	verifier, admin string // the codes of the problem
	says            string // to an administrator
}

// holds checks all that is promised while the disk fails, with the code of a token.
func (f failing) holds(t *testing.T, s *server, key, serial, otp string) {
	t.Helper()
	ask := wire.VerifyRequest{Serial: serial, OTP: otp}
	if !s.ready() {
		t.Error("the server is not ready before a commit has failed")
	}
	a := s.as(key).json(http.MethodPost, "/api/v1/verify", ask)
	if p := a.problem(t); p.Status != f.status || p.Code != f.verifier {
		t.Errorf("the verifier is answered %d %s", a.status, a.body)
	}
	if after := a.header.Get("Retry-After"); (after != "") != (f.status == http.StatusServiceUnavailable) {
		t.Errorf("%d with Retry-After %q", a.status, after)
	}
	if promises := strings.Contains(string(a.body), "not used"); promises != (f.status == http.StatusServiceUnavailable) {
		t.Errorf("what is said of the code is not what is true: %s", a.body)
	}
	if s.ready() {
		t.Error("the server is ready after a commit has failed")
	}
	a = s.local().json(http.MethodPost, "/api/v1/users", wire.UserRequest{Name: "alice"})
	if p := a.problem(t); p.Status != f.status || p.Code != f.admin || !strings.Contains(p.Detail, f.says) {
		t.Errorf("the administrator is answered %d %s", a.status, a.body)
	}
	begun := time.Now()
	for range 300 {
		s.as(key).json(http.MethodPost, "/api/v1/verify", wire.VerifyRequest{Serial: "none", OTP: "123456"})
	}
	seconds := int(time.Since(begun)/time.Second) + 1
	if n := strings.Count(s.log.String(), `msg="request failed"`); n == 0 || n > 4*(seconds+2) {
		t.Errorf("a fault that repeats for %d seconds is %d lines in the log", seconds, n)
	}
}

// recovers waits until the server is ready again, which it becomes without a request.
func (s *server) recovers() {
	s.t.Helper()
	eventually(s.t, "the server is ready again", s.ready)
	eventually(s.t, "the log tells of the trouble and its end", func() bool {
		log := s.log.String()
		return strings.Contains(log, "takes no changes") && strings.Contains(log, "takes changes again")
	})
}

// TestDiskThatTakesNoWrites lets the writes of the database's log fail. Nothing of
// what is refused with 503 is there afterwards: the same code is good.
func TestDiskThatTakesNoWrites(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	for fault, f := range map[string]failing{
		"ENOSPC": {503, "unavailable", "disk_full", "disk of the server is full"},
		"EROFS":  {503, "unavailable", "disk_error", "cannot read or write its disk"},
		"EIO":    {503, "unavailable", "disk_error", "cannot read or write its disk"},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			s, d := start(t, newData(t)), hotp("61000001")
			s.imports(plain(t, d), 1)
			key := s.key("v", "verifier")
			end := s.trouble("pwrite64", fault, "ostiary.db-wal")
			f.holds(t, s, key, d.Serial, d.code(t, 0))
			end()
			s.recovers()
			if !s.as(key).verify("serial", d.Serial, d.code(t, 0)) {
				t.Error("a code that was answered with 503 is used")
			}
			s.auditOK()
			s.stop()
		})
	}
}

// TestSyncThatFailsPromisesNothing lets the sync of a commit fail: the code may count
// after the next start, so that nobody is told that it is unused; and it never counts
// twice.
func TestSyncThatFailsPromisesNothing(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	s, d := start(t, newData(t)), hotp("61000002")
	s.imports(plain(t, d), 1)
	key := s.key("v", "verifier")
	s.trouble("fsync,fdatasync", "EIO", "ostiary.db-wal")
	failing{500, "outcome_unknown", "outcome_unknown", "not known whether this was done"}.holds(t, s, key, d.Serial,
		d.code(t, 0))
	s.kill()

	s = start(t, s.data)
	counter := s.token(d.Serial).Counter
	if counter > 1 {
		t.Errorf("one code has moved the counter to %d", counter)
	}
	if used := !s.as(key).verify("serial", d.Serial, d.code(t, 0)); used != (counter == 1) {
		t.Errorf("the counter is %d and the code is used: %v", counter, used)
	}
	if s.as(key).verify("serial", d.Serial, d.code(t, 0)) {
		t.Error("the code is accepted twice")
	}
	s.auditOK()
}

// TestDiskThatIsFull fills the file system of the data directory, and frees it again.
// Where the system lets no file system be mounted, the writes are made to fail as
// they do on a full one.
func TestDiskThatIsFull(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	data := newData(t)
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=8m,mode=700")
	mounted := err == nil
	if mounted {
		t.Cleanup(func() { _ = syscall.Unmount(data, 0) })
	} else if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EACCES) {
		t.Fatal(err)
	}
	s, d := start(t, data), hotp("61000003")
	s.imports(plain(t, d), 1)
	key := s.key("v", "verifier")
	var end func()
	if mounted {
		end = fillUp(t, filepath.Join(data, "filler"))
	} else {
		end = s.trouble("pwrite64", "ENOSPC", "ostiary.db-wal")
	}
	failing{503, "unavailable", "disk_full", "disk of the server is full"}.holds(t, s, key, d.Serial, d.code(t, 0))
	end()
	s.recovers()
	if !s.as(key).verify("serial", d.Serial, d.code(t, 0)) {
		t.Error("a code that was answered with 503 is used")
	}
	s.auditOK()
	s.stop()
	checkLastEntry(t, data)
}

// fillUp writes until there is no room.
func fillUp(t *testing.T, path string) (end func()) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(f.Close(), os.Remove(path)); err != nil {
			t.Error(err)
		}
	}
}
