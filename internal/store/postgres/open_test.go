package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	if err := check(t.Context(), on); !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(),
		"synchronous_commit is local: ") {
		t.Errorf("local commits: %v", err)
	}
	server.Do(t, "CREATE DATABASE old ENCODING 'LATIN1' TEMPLATE template0")
	if err := check(t.Context(), connect(t, strings.Replace(url, "/ostiary?", "/old?", 1))); !errors.Is(err, ErrUnsafe) ||
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
		"postgresql://ostiary@db1:5432/ostiary?sslmode=verify-ca&application_name=n",
		"postgres://ostiary@/ostiary?host=/run/postgresql&sslmode=disable",
		"postgres://ostiary@localhost/ostiary?sslmode=disable&default_query_exec_mode=cache_describe",
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
		"postgres://ostiary@db1/ostiary?password=hidden":                         `parameter "password"`,
		"postgres://ostiary@db1/ostiary?options=-c%20fsync%3Doff":                `parameter "options"`,
		"postgres://ostiary@db1/ostiary?synchronous_commit=off":                  `parameter "synchronous_commit"`,
		"postgres://ostiary@db1/ostiary?sslmode=disable&sslmode=verify-full":     "more than once",
		"postgres://ostiary@db1/ostiary?hidden%":                                 "behind the ?",
		"postgres://ostiary@db1/ostiary?default_query_exec_mode=simple_protocol": "default_query_exec_mode=simple_protocol",
		"postgres://ostiary@db1/ostiary?sslmode=require":                         "pass for db1",
		"postgres://ostiary@localhost,db2/ostiary?sslmode=disable":               "pass for db2",
		"postgres://ostiary@db1/ostiary?sslmode=whatever":                        "sslmode",
		"postgres://ostiary@db1/ostiary?target_session_attrs=anything":           "target_session_attrs",
	} {
		_, err := configured(Config{URL: u})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v, want %s", u, err, want)
		}
	}
	if c, err := configured(Config{URL: "postgres://ostiary@db1/ostiary"}); err != nil || c.TLSConfig == nil ||
		c.TLSConfig.InsecureSkipVerify || c.TLSConfig.ServerName != "db1" {
		t.Errorf("a host of the network: %v", err)
	}
}
