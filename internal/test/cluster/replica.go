package cluster

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Replica starts a hot standby of the server, whose commits wait for it from then on. It can
// take over (Promote), and waits for nobody then.
func (c *Cluster) Replica(t testing.TB) *Cluster {
	t.Helper()
	folder, err := os.MkdirTemp(roomy(), "ostiary-pg-")
	if err != nil {
		t.Fatal(err)
	}
	r := &Cluster{folder: folder}
	err = r.give()
	if err == nil {
		err = r.run("pg_basebackup", "-D", r.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync",
			"-d", "host="+c.folder+" port="+port+" user="+User+" application_name="+replica)
	}
	if err == nil {
		err = r.configure("postgresql.conf", "", "unix_socket_directories='"+r.folder+"'\n")
	}
	if err == nil {
		err = r.guard()
	}
	if err == nil {
		err = r.run("pg_ctl", "start")
	}
	if err != nil {
		t.Fatal(errors.Join(err, r.Close(), os.RemoveAll(folder)))
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("stop the standby: %v", err)
		}
	})
	c.Follow(t)
	return r
}

const replica = "replica"

// Follow has commits wait for the standby that Replica has started.
func (c *Cluster) Follow(t testing.TB) {
	t.Helper()
	c.Set(t, map[string]string{"synchronous_standby_names": replica})
	c.wait(t, "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'")
}

// Promote has a standby take over. The server that it followed must be stopped.
func (c *Cluster) Promote(t testing.TB) {
	t.Helper()
	if err := c.run("pg_ctl", "promote"); err != nil {
		t.Fatal(err)
	}
	c.wait(t, "SELECT NOT pg_is_in_recovery()")
}

// Either gives the URL of the database on whichever of several servers takes changes.
func Either(servers ...*Cluster) string {
	folders, ports := make([]string, len(servers)), make([]string, len(servers))
	for i, c := range servers {
		folders[i], ports[i] = c.folder, port
	}
	return servers[0].URL("host", strings.Join(folders, ","), "port", strings.Join(ports, ","),
		"target_session_attrs", "read-write")
}

// wait waits until a query says true.
func (c *Cluster) wait(t testing.TB, query string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		conn, err := pgx.Connect(t.Context(), c.URL())
		if err != nil {
			t.Fatal(err)
		}
		var is bool
		err = conn.QueryRow(t.Context(), query).Scan(&is)
		if err := errors.Join(err, conn.Close(context.Background())); err != nil || time.Now().After(end) {
			t.Fatalf("%s: it did not come true: %v", query, err)
		}
		if is {
			return
		}
	}
}

// Pause has the server send nothing more to a standby: commits wait from then on.
func (c *Cluster) Pause(t testing.TB, standby *Cluster) {
	t.Helper()
	standby.Do(t, "ALTER SYSTEM SET primary_conninfo = ''")
	standby.Do(t, "SELECT pg_reload_conf()")
	c.wait(t, "SELECT count(*) = 0 FROM pg_stat_replication")
}
