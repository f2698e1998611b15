package webhook_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ostiary/internal/doors/webhook"
	"ostiary/internal/engine/events"
)

// The receiver of docs/events.md takes what is signed, once, and refuses what is old or signed
// by another key.
func TestTheDocumentedReceiver(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```python\n")
	program, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/events.md has no program")
	}
	dir := t.TempDir()
	key := string(webhook.NewKey().Bytes())
	for name, text := range map[string]string{"receiver.py": program, "key": key + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", filepath.Join(dir, "receiver.py"),
		filepath.Join(dir, "key"), strconv.Itoa(port))
	cmd.Stderr = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			break
		}
	}
	send := func(key, id string, off time.Duration) error {
		hook, err := webhook.New(webhook.Config{URL: "http://" + address, Keys: keys(t, key),
			Now: func() time.Time { return time.Now().Add(off) }})
		if err != nil {
			t.Fatal(err)
		}
		return hook.Send(t.Context(), events.Message{ID: id, Body: []byte(`{"id":"` + id + `"}`)})
	}
	other := string(webhook.NewKey().Bytes())
	for _, c := range []struct {
		key, id string
		off     time.Duration
		good    bool
	}{{key, "a", 0, true}, {key, "a", 0, true}, {other, "b", 0, false}, {key, "c", -10 * time.Minute, false},
		{key, "d", 10 * time.Minute, false}, {other + "\n" + key, "e", 0, true}} {
		if err := send(c.key, c.id, c.off); (err == nil) != c.good {
			t.Errorf("%s: %v", c.id, err)
		}
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{`{"id":"a"}`, `{"id":"e"}`} {
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("it printed %q, want %q", lines.Text(), want)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
