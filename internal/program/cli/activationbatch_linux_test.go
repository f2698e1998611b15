package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
)

// The last line of progress is gone before the command tells what it has made: on a
// terminal both would stand in one line.
func TestBatchClearsProgress(t *testing.T) {
	t.Parallel()
	made := &aheadServer{t: t}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(progressAfter + progressTerminal)
		made.ServeHTTP(w, r)
	}))
	defer server.Close()
	c, err := client.New(client.Config{Server: server.URL, Key: "ostiary_test"})
	if err != nil {
		t.Fatal(err)
	}
	screen, tty := terminal(t)
	a := &app{Env: &Env{Stdout: tty, Stderr: tty}}
	b := activationBatch{req: wire.ActivationsRequest{Type: "phones", Count: 3},
		out: filepath.Join(t.TempDir(), "codes.csv")}
	if err := a.activateAhead(t.Context(), c, &b); err != nil {
		t.Fatal(err)
	}
	if err := tty.Close(); err != nil {
		t.Fatal(err)
	}
	shown, _ := io.ReadAll(screen) // ends with an error, because nobody has the terminal any more
	if want := "of 3 tokens created\r\x1b[K" + b.out + " contains"; !strings.Contains(string(shown), want) {
		t.Errorf("the terminal shows %q, without %q", shown, want)
	}
}

// terminal opens a terminal, and what shows its output.
func terminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	if err = unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return screen, tty
}
