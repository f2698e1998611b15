package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// StandbyName is what synchronous_standby_names is to have for Standby.
const StandbyName = "standby"

// Standby starts a synchronous standby of the least kind: a program of PostgreSQL that
// keeps the server's log and confirms what is on its disk. leave kills it.
func (c *Cluster) Standby(t testing.TB) (leave func()) {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	keep := filepath.Join(c.folder, fmt.Sprintf("standby%d", c.schemas.Add(1)))
	if err := os.Mkdir(keep, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(bin, "pg_receivewal"), "--synchronous", "--no-loop", "-D", keep,
		"-d", fmt.Sprintf("host=%s port=%s user=%s application_name=%s", c.folder, port, User, StandbyName))
	cmd.Dir, cmd.Stderr = c.folder, os.Stderr
	if cmd.SysProcAttr, err = asPostgres(keep); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	left := false
	leave = func() {
		if !left {
			left = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(leave)
	return leave
}

// Synchronised waits until a standby confirms commits.
func (c *Cluster) Synchronised(t testing.TB) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var is bool
		err := conn.QueryRow(t.Context(), "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'").Scan(&is)
		if err != nil || time.Now().After(end) {
			t.Fatalf("no standby confirms commits: %v", err)
		}
		if is {
			return
		}
	}
}

// Pooler starts a PgBouncer before the server, in transaction mode, and gives the URL of the
// database there. With ignoring it takes the parameters of a connection, and forgets them;
// otherwise it refuses what it does not know.
func (c *Cluster) Pooler(t testing.TB, ignoring string) (url string) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		t.Skip("the test needs PgBouncer: apt-get install pgbouncer")
	}
	folder := filepath.Join(c.folder, fmt.Sprintf("pooler%d", c.schemas.Add(1)))
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(folder, "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\n%s = host=%s port=%s user=%s\n[pgbouncer]\npool_mode = transaction\nlisten_addr =\n"+
		"unix_socket_dir = %s\nlisten_port = %s\nauth_type = any\nignore_startup_parameters = %s\n", database, c.folder, port,
		User, folder, port, ignoring)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-q", config)
	if cmd.SysProcAttr, err = asPostgres(folder); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		// The file of the socket is there before anybody listens.
		c, err := net.Dial("unix", filepath.Join(folder, ".s.PGSQL."+port))
		if err == nil {
			_ = c.Close()
			return fmt.Sprintf("postgres://%s@/%s?host=%s&port=%s", User, database, folder, port)
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// asPostgres is how a process runs as the user postgres, to whom a folder is given. Whoever
// is not root runs it as itself.
func asPostgres(folder string) (*syscall.SysProcAttr, error) {
	as := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		return as, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, uerr := strconv.ParseUint(who.Uid, 10, 32)
	gid, gerr := strconv.ParseUint(who.Gid, 10, 32)
	if uerr != nil || gerr != nil {
		return nil, fmt.Errorf("the user postgres has the numbers %s and %s", who.Uid, who.Gid)
	}
	as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return as, os.Chown(folder, int(uid), int(gid))
}
