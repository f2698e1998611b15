package cli

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ostiary/internal/device/authenticatorcli"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ostiary":               func() { os.Exit(Main(os.Args[1:], OS())) },
		"ostiary-authenticator": func() { os.Exit(authenticatorcli.Main(os.Args[1:], authenticatorcli.OS())) },
	})
}

// TestScripts runs the command line as a person does, against a real server.
// Besides the usual commands of testscript there are:
//
//	server [ARG...]  start "ostiary serve" on a fresh data directory, and set
//	                 OSTIARY_DATA and URL to where it is
//	halt             interrupt it, and wait until it has ended well; what it
//	                 wrote is in server.out
//	exits N CMD...   run a command that must exit with code N
//	capture NAME     set a variable to the last output
//	certificate      make cert.pem and key.pem for 127.0.0.1
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			// The path of a socket is short, and that of the work directory may not be.
			data, err := os.MkdirTemp("", "ost")
			if err != nil {
				return err
			}
			env.Defer(func() { _ = os.RemoveAll(data) })
			samples, err := filepath.Abs("../../../examples/profiles")
			if err != nil {
				return err
			}
			env.Setenv("PROFILES", samples)
			env.Setenv("TZ", "UTC")
			env.Setenv("DATA", filepath.Join(data, "d"))
			env.Values[serverKey{}] = &testServer{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": cmdServer, "halt": cmdHalt, "exits": cmdExits, "certificate": cmdCertificate,
			"capture": cmdCapture,
		},
	})
}

// TestNoScriptEndsBeforeItsEnd: "stop" is a command of testscript itself, and ends a
// script as passed; what stands behind it is not run.
func TestNoScriptEndsBeforeItsEnd(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) < 20 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		script, _, _ := strings.Cut(string(text), "\n-- ")
		for n, line := range strings.Split(script, "\n") {
			if word, _, _ := strings.Cut(strings.TrimSpace(line), " "); word == "stop" || word == "skip" {
				t.Errorf("%s:%d: %s ends the script; to stop the server, write halt", path, n+1, word)
			}
		}
	}
}

type serverKey struct{}

// testServer is the server of one script.
type testServer struct {
	cmd   *exec.Cmd
	ended chan error
	out   listener
}

func serverOf(ts *testscript.TestScript) *testServer {
	return ts.Value(serverKey{}).(*testServer)
}

func cmdServer(ts *testscript.TestScript, neg bool, args []string) {
	s := serverOf(ts)
	if neg || s.cmd != nil {
		ts.Fatalf("usage: server [ARG...], once before each halt")
	}
	s.out.reset()
	path, err := exec.LookPath("ostiary")
	ts.Check(err)
	s.cmd = exec.Command(path, append([]string{"serve", "--data", ts.Getenv("DATA"), "--listen", "127.0.0.1:0"},
		args...)...)
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	s.cmd.Dir = ts.MkAbs(".")
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	ts.Check(s.cmd.Start())
	s.ended = make(chan error, 1)
	go func() { s.ended <- s.cmd.Wait() }()
	ts.Defer(func() {
		if s.cmd != nil {
			_ = s.cmd.Process.Kill()
			<-s.ended
			s.cmd = nil // a script that started two defers this twice
		}
	})
	for address := ""; address == ""; {
		select {
		case err := <-s.ended:
			s.cmd = nil
			ts.Fatalf("the server ended: %v\n%s", err, s.out.text())
		case <-time.After(10 * time.Millisecond):
			address = s.out.address()
			ts.Setenv("URL", address)
		}
	}
	ts.Setenv("OSTIARY_DATA", ts.Getenv("DATA"))
	s.save(ts)
}

// save puts what the server wrote into server.out.
func (s *testServer) save(ts *testscript.TestScript) {
	ts.Check(os.WriteFile(ts.MkAbs("server.out"), []byte(s.out.text()), 0o600))
}

func cmdHalt(ts *testscript.TestScript, neg bool, args []string) {
	s := serverOf(ts)
	if neg || len(args) > 0 || s.cmd == nil {
		ts.Fatalf("usage: halt, after server")
	}
	ts.Check(s.cmd.Process.Signal(os.Interrupt))
	err := <-s.ended
	s.cmd = nil
	s.save(ts)
	ts.Check(err)
}

// listener keeps what a server writes.
type listener struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *listener) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *listener) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func (l *listener) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *listener) address() string {
	_, after, found := strings.Cut(l.text(), "Listening on ")
	line, _, ended := strings.Cut(after, "\n")
	if !found || !ended {
		return ""
	}
	return line
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if exit, ok := err.(*exec.ExitError); ok {
		code = exit.String()[strings.LastIndex(exit.String(), " ")+1:]
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, not %s", code, args[0])
	}
}

// cmdCapture sets a variable to the last output: capture NAME.
func cmdCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capture NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func cmdCertificate(ts *testscript.TestScript, _ bool, _ []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	write := func(name, kind string, der []byte) {
		ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	write("cert.pem", "CERTIFICATE", cert)
	write("key.pem", "PRIVATE KEY", private)
}
