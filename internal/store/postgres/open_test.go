package postgres

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
	"ostiary/internal/test/cluster"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	url := cluster.Schema(t)
	db := opened(t, url)
	for _, f := range []func(func(query.Conn) error) error{
		func(fn func(query.Conn) error) error { return db.change(t.Context(), fn) },
		func(fn func(query.Conn) error) error { return db.see(t.Context(), fn) },
	} {
		err := f(func(c query.Conn) error {
			for setting, want := range map[string]string{"synchronous_commit": "on", "statement_timeout": "0",
				"application_name": "ostiary", "client_encoding": "UTF8"} {
				if is, err := query.One(t.Context(), c, query.Value[string], "SELECT current_setting(?)", setting); err != nil ||
					is != want {
					t.Errorf("%s is %q, %v", setting, is, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	// Another node opens it, too.
	if n := settings(t, opened(t, url)); n != 0 {
		t.Errorf("%d settings", n)
	}
	ctx := t.Context()
	if _, err := Open(ctx, Config{URL: "postgres://ostiary@/ostiary?host=" + t.TempDir()}); !errors.Is(err,
		store.ErrUnavailable) {
		t.Errorf("without a server: %v", err)
	}
}

// ownRole is the name of a role that no test has taken.
func ownRole(name string) string { return fmt.Sprintf("%s_%d", name, time.Now().UnixNano()) }

// synchronous_commit is on whatever the role has.
func TestSynchronousCommitIsOurs(t *testing.T) {
	t.Parallel()
	server, role := cluster.Shared(t), ownRole("careless")
	server.Do(t, "CREATE ROLE "+role+" SUPERUSER LOGIN")
	server.Do(t, "ALTER ROLE "+role+" SET synchronous_commit = off")
	server.Do(t, "ALTER ROLE "+role+" SET statement_timeout = '1s'")
	db := opened(t, strings.Replace(server.Schema(t), cluster.User+"@", role+"@", 1))
	err := db.change(t.Context(), func(c query.Conn) error {
		is, err := query.One(t.Context(), c, query.Value[string], "SELECT current_setting('synchronous_commit') || "+
			"' ' || current_setting('statement_timeout') || ' ' || current_user::text")
		if is != "on 0 "+role {
			t.Errorf("it is %s", is)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A server that may lose what it confirmed is refused, with all that is wrong.
func TestUnsafeServers(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t, "fsync=off")
	url := server.Schema(t)
	refused := func(what string, want ...string) {
		t.Helper()
		_, err := Open(t.Context(), Config{URL: url})
		if !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s: %v", what, err)
			return
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q is not in %v", what, part, err)
			}
		}
	}
	refused("without fsync", "fsync is off: set fsync = on in postgresql.conf")
	server.Set(t, map[string]string{"full_page_writes": "off"})
	refused("without both", "fsync is off", "full_page_writes is off: set full_page_writes = on")
	server.Set(t, map[string]string{"fsync": "on"})
	refused("without full pages", "full_page_writes is off")
	// Nothing was made there.
	if is, err := query.One(t.Context(), conn{connect(t, url), newStatements()}, query.Value[int],
		"SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace"); err != nil || is != 0 {
		t.Errorf("%d tables, %v", is, err)
	}
	server.Set(t, map[string]string{"full_page_writes": "on"})
	opened(t, url)

	// A connection of another kind than Open makes, as a pooler would give.
	on := connect(t, url)
	if _, err := on.Exec(t.Context(), "SET synchronous_commit = local"); err != nil {
		t.Fatal(err)
	}
	if err := checked(t, on); !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(),
		"synchronous_commit is local: ") {
		t.Errorf("local commits: %v", err)
	}
	server.Do(t, "CREATE DATABASE old ENCODING 'LATIN1' TEMPLATE template0")
	if err := checked(t, connect(t, strings.Replace(url, "/ostiary?", "/old?", 1))); !errors.Is(err, ErrUnsafe) ||
		!strings.Contains(err.Error(), "server_encoding is LATIN1: ") {
		t.Errorf("another encoding: %v", err)
	}

	server.Recover(t)
	if _, err := Open(t.Context(), Config{URL: url}); err == nil || !strings.Contains(err.Error(), "is a standby") {
		t.Errorf("a standby: %v", err)
	}
}

func TestPasswordFromAFile(t *testing.T) {
	t.Parallel()
	server, role := cluster.Shared(t), ownRole("guarded")
	server.Do(t, "CREATE ROLE "+role+" SUPERUSER LOGIN PASSWORD 'right %/word'")
	server.Admit(t, "local all "+role+" scram-sha-256")
	url := strings.Replace(server.Schema(t), cluster.User+"@", role+"@", 1)
	file := filepath.Join(t.TempDir(), "password")
	with := func(text string) error {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := Open(t.Context(), Config{URL: url, PasswordFile: file})
		if err == nil {
			err = db.Close()
		} else if text := strings.TrimSpace(text); text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the error has the password: %v", err)
		}
		return err
	}
	for _, text := range []string{"right %/word", "right %/word\n", "right %/word\r\n"} {
		if err := with(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{"wrong": "password authentication failed", "": "in its only line",
		"\n": "in its only line", "right %/word\nmore\n": "in its only line"} {
		if err := with(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := password(file); err == nil || !strings.Contains(err.Error(), "run: chmod 600 "+file) {
		t.Errorf("a file that others can read: %v", err)
	}
	if _, err := Open(t.Context(), Config{URL: url, PasswordFile: file + "x"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Open(t.Context(), Config{URL: url}); err == nil {
		t.Error("without a password it opens")
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for _, u := range []string{
		"postgres://ostiary@db1,db2/ostiary?target_session_attrs=read-write",
		"postgresql://ostiary@db1:5432/ostiary?sslmode=verify-full&application_name=n",
		"postgres://ostiary@/ostiary?host=/run/postgresql&sslmode=disable",
		"postgres://ostiary@localhost/ostiary?sslmode=disable",
		"postgres://ostiary@[::1]/ostiary?sslmode=prefer",
	} {
		c, err := configured(Config{URL: u})
		if err != nil {
			t.Errorf("%s: %v", u, err)
		} else if c.RuntimeParams["synchronous_commit"] != "on" || c.OnNotice == nil || c.User != "ostiary" {
			t.Errorf("%s: %+v", u, c.RuntimeParams)
		}
	}
	for u, want := range map[string]string{
		"":                                       "cannot be read",
		"host=db1 user=ostiary":                  "cannot be read",
		"mysql://ostiary@db1/ostiary":            "cannot be read",
		"postgres:ostiary":                       "cannot be read",
		"postgres://ostiary:hidden%@db1/ostiary": "cannot be read",
		"postgres://ostiary:hidden@db1/ostiary":  "has a password",
		"postgres://ostiary@db1/ostiary?password=hidden":                        `parameter "password"`,
		"postgres://ostiary@db1/ostiary?options=-c%20fsync%3Doff":               `parameter "options"`,
		"postgres://ostiary@db1/ostiary?synchronous_commit=off":                 `parameter "synchronous_commit"`,
		"postgres://ostiary@db1/ostiary?sslmode=disable&sslmode=verify-full":    "more than once",
		"postgres://ostiary@db1/ostiary?hidden%":                                "behind the ?",
		"postgres://ostiary:12/hidden@db1/ostiary":                              "has an @",
		"postgres://ostiary:12?hidden@db1/ostiary":                              "has an @",
		"postgres://ostiary:12#hidden@db1/ostiary":                              "has an @",
		"postgres://ostiary@db1/ostiary#hidden":                                 "or a #",
		"postgres://ostiary@db1/ostiary?default_query_exec_mode=cache_describe": `the parameter "default_query_exec_mode"`,
		"postgres://ostiary@db1/ostiary?sslmode=require":                        "pass for db1",
		"postgres://ostiary@db1/ostiary?sslmode=verify-ca":                      "sslmode=verify-ca",
		"postgres://ostiary@localhost,db2/ostiary?sslmode=disable":              "pass for db2",
		"postgres://ostiary@db1/ostiary?sslmode=whatever":                       "sslmode",
		"postgres://ostiary@db1/ostiary?target_session_attrs=anything":          "target_session_attrs",
	} {
		_, err := configured(Config{URL: u})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v, want %s", u, err, want)
		}
	}
	if _, err := configured(Config{URL: "postgres://ostiary@@x/ostiary?sslmode=disable"}); err == nil {
		t.Error("a name with an @ is taken for a socket")
	}
}

// What a URL leaves open follows from its hosts: a server beyond this machine proves who it
// is, and of several servers the primary is meant.
func TestUsualParameters(t *testing.T) {
	for u, want := range map[string]struct{ verified, plain, primary bool }{
		"postgres://ostiary@db1/ostiary":                                            {true, false, false},
		"postgres://ostiary@db1:5432,db2:5433/ostiary":                              {true, false, true},
		"postgres://ostiary@/ostiary?host=db1,db2":                                  {true, false, true},
		"postgres://ostiary@localhost,db2/ostiary":                                  {true, false, true},
		"postgres://ostiary@db1,db2/ostiary?target_session_attrs=any":               {true, false, false},
		"postgres://ostiary@127.0.0.1/ostiary":                                      {false, true, false},
		"postgres://ostiary@127.0.0.1:1,127.0.0.1:2/ostiary?sslmode=disable":        {false, true, false},
		"postgres://ostiary@/ostiary?host=/run/postgresql":                          {false, true, false},
		"postgres://ostiary@/ostiary?host=/run/a,/run/b&target_session_attrs=any":   {false, true, false},
		"postgres://ostiary@/ostiary?host=/run/a,/run/b&port=5432,5433":             {false, true, true},
		"postgres://ostiary@localhost/ostiary?sslmode=verify-full&sslrootcert=none": {},
	} {
		c, err := configured(Config{URL: u})
		if strings.Contains(u, "sslrootcert=none") {
			if err == nil {
				t.Errorf("%s: an authority that is not there", u)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", u, err)
			continue
		}
		configs := []*tls.Config{c.TLSConfig}
		for _, f := range c.Fallbacks {
			configs = append(configs, f.TLSConfig)
		}
		for _, is := range configs {
			verified := is != nil && !is.InsecureSkipVerify && is.ServerName != ""
			if want.verified && !verified || is == nil && !want.plain {
				t.Errorf("%s: a connection on which anybody could be the server: %+v", u, is)
			}
		}
		if (c.ValidateConnect != nil) != want.primary {
			t.Errorf("%s: the primary is looked for: %v", u, c.ValidateConnect != nil)
		}
		if c.ConnectTimeout != connectTimeout || c.RuntimeParams["jit"] != "off" ||
			c.RuntimeParams["idle_in_transaction_session_timeout"] != "10s" {
			t.Errorf("%s: %v, %v", u, c.ConnectTimeout, c.RuntimeParams)
		}
	}
	// The environment can name hosts, too, and weakens nothing.
	t.Setenv("PGHOST", "db1")
	t.Setenv("PGSSLMODE", "disable")
	t.Setenv("PGOPTIONS", "-c fsync=off")
	c, err := configured(Config{URL: "postgres://ostiary@/ostiary"})
	if err != nil || c.Host != "db1" || c.TLSConfig == nil || c.TLSConfig.InsecureSkipVerify ||
		c.RuntimeParams["options"] != "" {
		t.Errorf("with a host of the environment: %v, %+v", err, c)
	}
}

// checked gives the error of a server that needs no standby.
func checked(t *testing.T, on *pgx.Conn) error {
	t.Helper()
	lacks, err := check(t.Context(), on, false)
	if err != nil {
		t.Fatal(err)
	}
	return refused(lacks)
}

// systemd shows its credentials with the mode that its access list has.
func TestPasswordFromSystemd(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", t.TempDir()+"/")
	file := filepath.Join(os.Getenv("CREDENTIALS_DIRECTORY"), "database")
	if err := os.WriteFile(file, []byte("word\n"), 0o440); err != nil {
		t.Fatal(err)
	}
	if text, err := password(file); err != nil || text != "word" {
		t.Errorf("%q, %v", text, err)
	}
}
