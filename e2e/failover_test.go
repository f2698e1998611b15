package e2e

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ostiary/internal/test/cluster"
)

// replicated starts a server of PostgreSQL with a synchronous standby, and two nodes that
// know both, and demand the standby.
func replicated(t *testing.T) (primary, standby *cluster.Cluster, a, b *server) {
	t.Helper()
	primary = cluster.Start(t)
	standby = primary.Replica(t)
	url := cluster.Either(primary, standby)
	// A standby that commits do not wait for is none: what it lacks, it would accept again.
	primary.Set(t, map[string]string{"synchronous_standby_names": ""})
	if out := refusesToStart(t, newData(t), "--database", url); !strings.Contains(out, "no synchronous standby") {
		t.Errorf("with a standby that is not synchronous:\n%s", out)
	}
	primary.Follow(t)
	a = start(t, newData(t), "--database", url)
	b = a.another(url, "--database", url)
	return primary, standby, a, b
}

// TestFailOver kills the primary while each code of 64 tokens is presented at two nodes at
// once, and lets the standby take over. Nothing that was answered is lost, so nothing is
// accepted a second time, and both nodes go on by themselves.
func TestFailOver(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	primary, standby, a, b := replicated(t)
	r := newRush(t, 64, 81000001, a, b)
	r.until(300, accepted, -1)
	primary.Kill(t)
	r.until(1, unused, 0)
	r.until(1, unused, 1)
	for _, s := range r.nodes {
		if s.ready() {
			t.Errorf("the server on %s is ready without its database", s.data)
		}
	}
	standby.Promote(t)
	r.until(150, accepted, 0)
	r.until(150, accepted, 1)
	r.once(b)
	for _, s := range r.nodes {
		eventually(t, "the server is ready again", s.ready)
	}
}

// TestFailOverAfterCancelledCommits has somebody end the wait of commits for the standby
// before the primary is killed. PostgreSQL calls those successful, and the standby does not
// have them: so nobody is told that they are. What the nodes have seen of the log is lost with
// the primary, and they accept nothing more; the database is accepted as it is, with a fence.
func TestFailOverAfterCancelledCommits(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	primary, standby, a, b := replicated(t)
	r := newRush(t, 64, 82000001, a, b)
	r.until(200, accepted, -1)
	primary.Pause(t, standby)
	end := cancelWaits(t, primary)
	r.until(200, unknown, -1)
	end()
	primary.Kill(t)
	standby.Promote(t)
	r.until(20, unused, 0)
	r.until(20, unused, 1)
	r.stop()
	for _, s := range r.nodes {
		s.signal(syscall.SIGTERM)
		s.wait() // the last entry cannot be written, so the status says nothing
	}
	// The one that is left has no standby.
	alone := []string{"--database", standby.URL(), "--no-standby"}
	a.ok(append([]string{"database", "accept", "--fence", "--reason", "a failover"}, alone...)...)
	r.once(start(t, a.data, alone...))
}

// cancelWaits ends the wait of each commit for the standby, until end is called.
func cancelWaits(t *testing.T, primary *cluster.Cluster) (end func()) {
	t.Helper()
	on, err := pgx.Connect(t.Context(), primary.URL())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		for ctx.Err() == nil {
			if _, err := on.Exec(context.Background(), "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "+
				"WHERE wait_event = 'SyncRep'"); err != nil {
				ended <- err
				return
			}
			time.Sleep(time.Millisecond)
		}
		ended <- on.Close(context.Background())
	}()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
