package cluster

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { os.Exit(Run(m)) }

func ask(t *testing.T, url, question string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), question).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestSchemasAreApart(t *testing.T) {
	t.Parallel()
	one, other := Schema(t), Schema(t)
	if a, b := ask(t, one, "SELECT current_schema()"), ask(t, other, "SELECT current_schema()"); a == b || a == "" {
		t.Errorf("schemas %q and %q", a, b)
	}
	for setting, want := range map[string]string{"fsync": "on", "listen_addresses": "", "server_encoding": "UTF8",
		"lc_collate": "C"} {
		if got := ask(t, one, "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
}

func TestClusterOfATest(t *testing.T) {
	t.Parallel()
	c := Start(t, "fsync=off")
	if got := ask(t, c.URL(), "SHOW fsync"); got != "off" {
		t.Errorf("fsync is %s", got)
	}
	c.Set(t, map[string]string{"full_page_writes": "off"})
	if got := ask(t, c.URL(), "SHOW full_page_writes"); got != "off" {
		t.Errorf("full_page_writes is %s", got)
	}
	c.Do(t, "CREATE TABLE kept (n bigint)")
	c.Stop(t)
	if _, err := pgx.Connect(t.Context(), c.URL()); err == nil {
		t.Error("a server that was stopped answers")
	}
	c.Restart(t)
	if got := ask(t, c.URL(), "SELECT count(*)::text FROM kept"); got != "0" {
		t.Errorf("%s rows", got)
	}
	c.Recover(t)
	if got := ask(t, c.URL(), "SELECT pg_is_in_recovery()::text"); got != "true" {
		t.Errorf("in recovery: %s", got)
	}
}

// Of a test that is killed nothing stays.
func TestKilledTestLeavesNothing(t *testing.T) {
	t.Parallel()
	if os.Getenv("CLUSTER_TO_BE_KILLED") != "" {
		c := Start(t)
		if _, err := io.WriteString(os.Stdout, c.folder+"\n"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		return
	}
	need(t)
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledTestLeavesNothing$")
	cmd.Env = append(os.Environ(), "CLUSTER_TO_BE_KILLED=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 4096)
	n, err := out.Read(line)
	folder := strings.TrimSpace(string(line[:n]))
	if err != nil || !strings.Contains(filepath.Base(folder), "ostiary-pg-") {
		t.Fatalf("%q, %v", line[:n], err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is still there", folder)
		}
	}
}

func TestNewestProgramsAreUsed(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	if _, err := newest(folder); err == nil || !strings.Contains(err.Error(), "apt-get install postgresql") {
		t.Errorf("without programs: %v", err)
	}
	for _, version := range []string{"9.6", "15", "17"} {
		bin := filepath.Join(folder, version, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, "initdb"), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := newest(folder); err != nil || got != filepath.Join(folder, "17", "bin") {
		t.Errorf("%s, %v", got, err)
	}
}

// A server that is killed has no process any more, and recovers when it is started.
func TestKill(t *testing.T) {
	t.Parallel()
	c := Start(t)
	c.Do(t, "CREATE TABLE kept (n bigint)")
	conn, err := pgx.Connect(t.Context(), c.URL())
	if err != nil {
		t.Fatal(err)
	}
	c.Kill(t)
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a process of the server goes on")
	}
	c.Restart(t)
	if got := ask(t, c.URL(), "SELECT count(*)::text FROM kept"); got != "0" {
		t.Errorf("%s rows", got)
	}
}
