package postgres

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
)

// told waits for what a database tells it lacks, and gives it in words.
func told(t *testing.T, lacks <-chan []Lack) string {
	t.Helper()
	select {
	case found := <-lacks:
		var words []string
		for _, l := range found {
			words = append(words, l.What)
			if !l.Standby || l.Do == "" {
				t.Errorf("it says %+v", l)
			}
		}
		return strings.Join(words, "; ")
	case <-time.After(time.Minute):
		t.Fatal("nothing is told")
		return ""
	}
}

// A server without a synchronous standby is refused, or told of where that is allowed; and
// the standby is looked for as long as the database is open.
func TestStandby(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t)
	url := server.Schema(t)
	server.Do(t, "CREATE ROLE blind LOGIN")
	server.Do(t, "GRANT ALL ON SCHEMA s1 TO blind")
	refused := func(url, want string) {
		t.Helper()
		_, err := Open(t.Context(), Config{URL: url, Standby: true})
		if !errors.Is(err, ErrUnsafe) || !errors.Is(err, ErrNoStandby) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, and it is %v", want, err)
		}
	}
	refused(url, "synchronous_standby_names is empty): set up a standby")
	lacks := make(chan []Lack, 10)
	alone := node(t, Config{URL: url, Lacks: func(l []Lack) { lacks <- l }})
	if words := told(t, lacks); !strings.Contains(words, "is empty") {
		t.Errorf("where it is allowed it tells %q", words)
	}
	if err := alone.Close(); err != nil {
		t.Fatal(err)
	}

	server.Set(t, map[string]string{"synchronous_standby_names": cluster.StandbyName})
	refused(url, "no synchronous standby is connected")
	refused(strings.Replace(url, cluster.User+"@", "blind@", 1), "run, as a superuser: GRANT pg_monitor TO blind")
	leave := server.Standby(t)
	cfg := Config{URL: url, Standby: true, TestOnlyCheckEvery: 10 * time.Millisecond,
		Lacks: func(l []Lack) { lacks <- l }}
	server.Synchronised(t)
	node(t, cfg)
	leave()
	if words := told(t, lacks); !strings.Contains(words, "no synchronous standby is connected") {
		t.Errorf("without its standby it tells %q", words)
	}
	server.Standby(t)
	if words := told(t, lacks); words != "" {
		t.Errorf("with a standby again it tells %q", words)
	}
}

// A pooler is refused by name, whether or not it knows the parameters of a connection.
func TestPooler(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t)
	for _, ignoring := range []string{"extra_float_digits",
		"synchronous_commit,statement_timeout,idle_in_transaction_session_timeout,jit"} {
		if _, err := Open(t.Context(), Config{URL: server.Pooler(t, ignoring)}); err == nil ||
			!strings.Contains(err.Error(), "PgBouncer") {
			t.Errorf("ignoring %s: %v", ignoring, err)
		}
	}
}

// A server that became a standby takes no changes, and its connection is given up: the next
// one finds the primary.
func TestDemotedServerIsLeft(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t)
	db := node(t, Config{URL: server.Schema(t)})
	setting := func() error {
		return db.Update(t.Context(), func(tx store.Tx) error { return tx.SetSetting("a", []byte("1")) })
	}
	if err := setting(); err != nil {
		t.Fatal(err)
	}
	server.Recover(t)
	if err := setting(); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUncertain) {
		t.Errorf("a standby: %v", err)
	}
	for end := time.Now().Add(time.Minute); db.writes.Stat().TotalConns() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the connection to it is kept")
		}
	}
}
