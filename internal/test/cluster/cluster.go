// Package cluster starts throwaway PostgreSQL servers for tests: the programs are those
// of Debian's postgresql, the data lies in a temporary folder, and the server listens on
// a Unix socket there and nowhere else. A package whose tests need one has
//
//	func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }
//
// and each test takes a schema of its own in the server that they share (Schema), or a
// whole server, if it changes settings or stops it (Start). Commits are synced as in
// earnest, unless a test asks for the setting fsync=off.
package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// User is who owns everything in a cluster. The socket lets in every user, unasked.
const User = "ostiary"

const (
	port     = "5432" // of the socket's name
	database = "ostiary"
)

// Cluster is a server and its data.
type Cluster struct {
	folder   string // holds the socket, the data and the log
	schemas  atomic.Int64
	template struct {
		once sync.Once
		err  error
	}
	guardian *exec.Cmd
	leave    io.Closer
}

// shared is the cluster of the package under test, started when a test first asks.
var shared struct {
	once    sync.Once
	allowed bool // by Run, which stops it
	cluster *Cluster
	err     error
}

// Run runs the tests of a package, then stops the cluster that they shared.
func Run(m *testing.M) int {
	shared.allowed = true
	code := m.Run()
	if shared.cluster != nil {
		if err := shared.cluster.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "stop PostgreSQL:", err)
			return max(code, 1)
		}
	}
	return code
}

// Shared gives the cluster that the tests of a package share. Its settings stay as
// they are.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	need(t)
	if !shared.allowed {
		t.Fatal("the package has no TestMain that calls cluster.Run")
	}
	shared.once.Do(func() { shared.cluster, shared.err = start(nil) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

// Schema gives the URL of a schema of its own in the shared cluster.
func Schema(t testing.TB) string {
	t.Helper()
	return Shared(t).Schema(t)
}

// Copy gives the URL of a database of its own in the shared cluster, which holds what
// prepare made in the first one. prepare is called once and leaves no connection open. To
// copy takes a third of the time that migrations take in a schema.
func Copy(t testing.TB, prepare func(url string) error) string {
	t.Helper()
	c := Shared(t)
	const first = "prepared"
	c.template.once.Do(func() {
		if c.template.err = c.do(c.URL(), "CREATE DATABASE "+first); c.template.err == nil {
			c.template.err = prepare(c.url(first))
		}
	})
	if c.template.err != nil {
		t.Fatal(c.template.err)
	}
	name := fmt.Sprintf("copy%d", c.schemas.Add(1))
	c.Do(t, "CREATE DATABASE "+name+" TEMPLATE "+first+" STRATEGY file_copy")
	t.Cleanup(func() {
		if err := c.do(c.URL(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return c.url(name)
}

// Start starts a cluster for one test, with settings as postgresql.conf has them
// ("fsync=off").
func Start(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	need(t)
	c, err := start(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	return c
}

// need skips a test where PostgreSQL is not installed.
func need(t testing.TB) {
	t.Helper()
	if _, err := programs(); err != nil {
		t.Skip(err)
	}
}

// programs gives the folder of the newest PostgreSQL.
var programs = sync.OnceValues(func() (string, error) { return newest("/usr/lib/postgresql") })

// newest looks for the folder as Debian has it, and along PATH.
func newest(versions string) (string, error) {
	found, err := filepath.Glob(filepath.Join(versions, "*", "bin", "initdb"))
	if err != nil {
		return "", err
	}
	version := func(path string) float64 {
		v, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(filepath.Dir(path))), 64)
		return v
	}
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errors.New("the test needs PostgreSQL, and its program initdb is not there: " +
			"apt-get install postgresql")
	}
	return filepath.Dir(found[0]), nil
}

func start(settings []string) (*Cluster, error) { return StartIn(roomy(), settings...) }

// StartIn starts a cluster in a new folder in this one, for a measurement. Its caller stops
// it.
func StartIn(parent string, settings ...string) (*Cluster, error) {
	folder, err := os.MkdirTemp(parent, "ostiary-pg-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{folder: folder}
	if err := c.begin(settings); err != nil {
		return nil, errors.Join(err, c.Close(), os.RemoveAll(folder))
	}
	return c, nil
}

// roomy is the folder for clusters: Debian's for files in memory where it has room, because
// each of many schemas is some hundred commits, else the usual one.
func roomy() string {
	const memory, room = "/dev/shm", 2 << 30
	var fs unix.Statfs_t
	if unix.Statfs(memory, &fs) != nil || fs.Bavail*uint64(fs.Bsize) < room || unix.Access(memory, unix.W_OK) != nil {
		return ""
	}
	return memory
}

func (c *Cluster) begin(settings []string) error {
	if err := c.give(); err != nil {
		return err
	}
	if err := c.run("initdb", "--no-sync", "--no-instructions", "--auth=trust", "--username="+User, "--encoding=UTF8",
		"--locale=C", "--pgdata="+c.data()); err != nil {
		return err
	}
	lines := append([]string{"listen_addresses=''", "unix_socket_directories='" + c.folder + "'", "port=" + port,
		"max_connections=100", "shared_buffers='32MB'", "dynamic_shared_memory_type=mmap", // nothing outlives a kill
		"log_line_prefix='%m [%p] %a '"}, settings...)
	if err := c.configure("postgresql.conf", "", strings.Join(lines, "\n")+"\n"); err != nil {
		return err
	}
	if err := c.guard(); err != nil {
		return err
	}
	if err := c.run("pg_ctl", "start"); err != nil {
		return err
	}
	return c.do(c.url("postgres"), "CREATE DATABASE "+database)
}

// give lets the user postgres use the folder.
func (c *Cluster) give() error {
	if os.Geteuid() != 0 {
		return nil
	}
	if out, err := exec.Command("chown", "postgres", c.folder).CombinedOutput(); err != nil {
		return fmt.Errorf("PostgreSQL does not run as root, and needs the user postgres of its package: %s", out)
	}
	return os.Chmod(c.folder, 0o755) // the tests reach the socket
}

// guard starts a shell that waits until this process is gone, however it ends, then
// stops the server and removes the folder.
func (c *Cluster) guard() error {
	bin, err := programs()
	if err != nil {
		return err
	}
	c.guardian = c.command("/bin/sh", "-c", `trap "" INT HUP TERM; cd /; read -r _
		"$0" -D "$1/data" -m immediate -w stop; rm -rf "$1"`, filepath.Join(bin, "pg_ctl"), c.folder)
	leave, err := c.guardian.StdinPipe()
	if err != nil {
		return err
	}
	c.leave = leave
	return c.guardian.Start()
}

// Close stops the server and removes its folder.
func (c *Cluster) Close() error {
	if c.leave == nil {
		return nil
	}
	err := errors.Join(c.leave.Close(), c.guardian.Wait())
	if _, there := os.Stat(c.folder); there == nil {
		err = errors.Join(err, errors.New(c.folder+" is still there"))
	}
	return err
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

// PID is the number of the server's first process, which starts the others.
func (c *Cluster) PID() (int, error) {
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// Bench runs pgbench with these arguments in the database, and gives what it prints.
func (c *Cluster) Bench(args ...string) (string, error) {
	bin, err := programs()
	if err != nil {
		return "", err
	}
	out, err := c.command(filepath.Join(bin, "pgbench"), append(args, "-h", c.folder, "-p", port, "-U", User,
		database)...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	return string(out), err
}

// command is a program, run as the user postgres by root.
func (c *Cluster) command(path string, args ...string) *exec.Cmd {
	if os.Geteuid() == 0 {
		path, args = "runuser", append([]string{"-u", "postgres", "--", path}, args...)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = c.folder
	return cmd
}

// run runs a program of PostgreSQL.
func (c *Cluster) run(program string, args ...string) error {
	bin, err := programs()
	if err != nil {
		return err
	}
	if program == "pg_ctl" {
		args = append([]string{"-D", c.data(), "-l", filepath.Join(c.folder, "log"), "-w", "-t", "120"}, args...)
	}
	out, err := c.command(filepath.Join(bin, program), args...).CombinedOutput()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(c.folder, "log"))
		return fmt.Errorf("%s: %w\n%s%s", program, err, out, log[max(0, len(log)-4000):])
	}
	return nil
}

// configure writes lines before and behind those of a file of the data folder.
func (c *Cluster) configure(file, before, behind string) error {
	name := filepath.Join(c.data(), file)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, []byte(before+string(text)+behind), 0o600)
}

// do runs one statement on a connection of its own.
func (c *Cluster) do(to, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, to)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

func (c *Cluster) url(database string, params ...string) string {
	values := url.Values{"host": {c.folder}, "port": {port}}
	for i := 0; i+1 < len(params); i += 2 {
		values.Set(params[i], params[i+1])
	}
	u := url.URL{Scheme: "postgres", User: url.User(User), Path: "/" + database, RawQuery: values.Encode()}
	return u.String()
}

// URL is that of the database, whose schema public is empty, with parameters by name
// and value.
func (c *Cluster) URL(params ...string) string { return c.url(database, params...) }

// Schema gives the URL of a new schema.
func (c *Cluster) Schema(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("s%d", c.schemas.Add(1))
	c.Do(t, "CREATE SCHEMA "+name)
	return c.URL("search_path", name)
}

// Do runs one statement in the database, on a connection of its own.
func (c *Cluster) Do(t testing.TB, statement string) {
	t.Helper()
	if err := c.do(c.URL(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Set changes settings that need no restart, and waits until new connections have them.
func (c *Cluster) Set(t testing.TB, settings map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		c.Do(t, "ALTER SYSTEM SET "+name+" = '"+settings[name]+"'")
	}
	c.Do(t, "SELECT pg_reload_conf()")
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		conn, err := pgx.Connect(t.Context(), c.URL())
		if err != nil {
			t.Fatal(err)
		}
		same := true
		for name, want := range settings {
			var is string
			if err := conn.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&is); err != nil {
				t.Fatal(err)
			}
			same = same && is == want
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if same {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the settings %v did not come into force", settings)
		}
	}
}

// Admit puts a line before those of pg_hba.conf, which say who is let in and how.
func (c *Cluster) Admit(t testing.TB, line string) {
	t.Helper()
	if err := c.configure("pg_hba.conf", line+"\n", ""); err != nil {
		t.Fatal(err)
	}
	c.Do(t, "SELECT pg_reload_conf()")
}
