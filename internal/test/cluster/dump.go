package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Empty gives the URL of a new database in the shared cluster, without any table.
func Empty(t testing.TB) string {
	t.Helper()
	c := Shared(t)
	name := fmt.Sprintf("empty%d", c.schemas.Add(1))
	c.Do(t, "CREATE DATABASE "+name)
	t.Cleanup(func() {
		if err := c.do(c.URL(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return c.url(name)
}

// meta are lines for psql alone.
var meta = regexp.MustCompile(`(?m)^\\.*\n`)

// Dump gives a database of Empty as SQL.
func Dump(t testing.TB, url string) []byte {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	out, err := Shared(t).command(filepath.Join(bin, "pg_dump"), "--inserts", "--rows-per-insert=500", "--no-owner",
		"--no-privileges", "--dbname="+url).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	return meta.ReplaceAll(out, nil)
}

// Restore gives the URL of a new database that holds what Dump gave.
func Restore(t testing.TB, dump []byte) string {
	t.Helper()
	url := Empty(t)
	c, err := pgx.Connect(t.Context(), url)
	if err == nil {
		_, err = c.Exec(t.Context(), string(dump))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	return url
}
