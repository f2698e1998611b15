package e2e

import (
	"os"
	"sync"
	"testing"

	"ostiary/internal/test/cluster"
)

// onPostgres says that every server of the tests has a database of PostgreSQL. The same
// tests run on both; those that look at the files of SQLite are left out (onlyFile).
var onPostgres = os.Getenv("OSTIARY_TEST_DATABASE") == "postgres"

// databases are the URLs of those that belong to data directories.
var databases sync.Map

// databaseOf gives the flags that name the database of a data directory: none for a file.
func databaseOf(t testing.TB, data string) []string {
	t.Helper()
	url, there := databases.Load(data)
	if !there && onPostgres {
		url = cluster.Schema(t)
		databases.Store(data, url)
	} else if !there {
		return nil
	}
	return []string{"--database", url.(string), "--no-standby"}
}

// newDataOnPostgres is newData for servers whose database is of PostgreSQL, whatever those of
// other tests have.
func newDataOnPostgres(t testing.TB, url string) string {
	t.Helper()
	data := newData(t)
	databases.Store(data, url)
	return data
}

// onlyFile leaves a test out that is about the files of SQLite.
func onlyFile(t testing.TB) {
	t.Helper()
	if onPostgres {
		t.Skip("the test is about the files of SQLite")
	}
}

// onlyOnce leaves a test out that chooses its databases itself.
func onlyOnce(t testing.TB) {
	t.Helper()
	if onPostgres {
		t.Skip("the test is the same without OSTIARY_TEST_DATABASE")
	}
}
