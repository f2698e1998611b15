package e2e

import (
	"database/sql"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the drivers: databases are looked at past the program
	_ "modernc.org/sqlite"
)

// TestStop asks the server to end while codes are verified.
func TestStop(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	devices := hotps(11000001, 8)
	s.imports(plain(t, devices...), len(devices))
	key := s.key("v", "verifier")

	type ending struct {
		valid uint64 // codes acknowledged
		err   error  // what ended the load
	}
	endings := make([]ending, len(devices))
	var acknowledged, finished atomic.Int64
	var wg sync.WaitGroup
	for i, d := range devices {
		codes, c := d.codes(t, 0, 5000), s.as(key)
		wg.Go(func() {
			defer finished.Add(1)
			for _, code := range codes {
				valid, err := c.tryVerify(d.Serial, code)
				if endings[i].err = err; err != nil {
					return
				}
				if !valid {
					t.Errorf("token %s: a fresh code is refused", d.Serial)
					return
				}
				endings[i].valid++
				acknowledged.Add(1)
			}
		})
	}
	eventually(t, "the load runs", func() bool { return acknowledged.Load() > 200 || finished.Load() > 0 })
	s.signal(syscall.SIGTERM)
	if code := s.wait(); code != 0 {
		t.Errorf("the server ended with status %d", code)
	}
	eventually(t, "no request is left hanging", func() bool { return finished.Load() == int64(len(devices)) })
	wg.Wait()
	for i, e := range endings {
		if e.err == nil {
			t.Errorf("token %s: the load ended before the server", devices[i].Serial)
		} else if broken, ok := errors.AsType[*url.Error](e.err); !ok || broken.Timeout() {
			t.Errorf("token %s: the load ended with neither an answer nor a closed connection: %v", devices[i].Serial,
				e.err)
		}
	}
	for _, name := range []string{"ostiary.sock", "ostiary.db-wal"} {
		if _, err := os.Lstat(filepath.Join(s.data, name)); !os.IsNotExist(err) {
			t.Errorf("a stopped server left %s (%v)", name, err)
		}
	}
	checkLastEntry(t, s.data)

	s = start(t, s.data)
	s.auditOK()
	for i, d := range devices {
		// A request whose connection closed may have been decided.
		if got, want := s.token(d.Serial).Counter, endings[i].valid; got != want && got != want+1 {
			t.Errorf("token %s: counter %d, and %d codes were acknowledged", d.Serial, got, want)
		}
	}
}

// checkLastEntry wants the log of a stopped server to end with its stop, and the
// last checkpoint to cover that.
func checkLastEntry(t testing.TB, data string) {
	t.Helper()
	db := openBeside(t, data, "ro")
	var entry []byte
	var entries, covered int64
	if err := db.QueryRow("SELECT seq + 1, entry FROM audit_entry ORDER BY seq DESC LIMIT 1").Scan(
		&entries, &entry); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow("SELECT size FROM checkpoint ORDER BY id DESC LIMIT 1").Scan(&covered); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(entry), `"action":"server.stopped"`) || covered != entries {
		t.Errorf("%d entries, of which the last checkpoint covers %d; the last one is %s", entries, covered, entry)
	}
}

// openBeside opens the database of a data directory past the program.
func openBeside(t testing.TB, data, mode string) *sql.DB {
	t.Helper()
	driver, name := "sqlite", "file:"+filepath.Join(data, "ostiary.db")+"?mode="+mode
	if url, there := databases.Load(data); there {
		driver, name = "pgx", url.(string)
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestModes looks at who may open what.
func TestModes(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	umask := []string{"/bin/sh", "-c", `umask 000; exec "$@"`, "sh"}
	s := startBy(t, umask, newData(t))
	s.ok("user", "add", "alice")
	for name, want := range map[string]os.FileMode{
		"": os.ModeDir | 0o700, "kek": 0o600, "kek.mark": 0o600, "lock": 0o600, "ostiary.db": 0o600,
		"ostiary.db-wal": 0o600,
		"ostiary.db-shm": 0o600,
		"ostiary.sock":   os.ModeSocket | 0o600,
	} {
		info, err := os.Lstat(filepath.Join(s.data, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != want {
			t.Errorf("%q has mode %v, want %v", name, info.Mode(), want)
		}
	}
	entries, err := os.ReadDir(s.data)
	if err != nil || len(entries) != 7 {
		t.Errorf("the data directory holds %v, %v", entries, err)
	}
}

// TestRefusesToStart spoils a data directory in one way after the other. Each
// is refused with words that say what to do, and once put right, the server
// starts as if nothing had been.
func TestRefusesToStart(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	s := start(t, newData(t))
	d := hotp("12000001")
	s.imports(plain(t, d), 1)
	s.stop()
	file := func(name string) string { return filepath.Join(s.data, name) }
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	other := start(t, newData(t))
	other.stop()
	mark := read(t, file("kek.mark"))
	key, database, foreign := read(t, file("kek")), read(t, file("ostiary.db")),
		read(t, filepath.Join(other.data, "kek"))
	statement := func(query string) func() {
		return func() {
			t.Helper()
			db, err := sql.Open("sqlite", file("ostiary.db"))
			do(err)
			_, err = db.Exec(query)
			do(err)
			do(db.Close())
		}
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	do(err)
	defer func() { do(busy.Close()) }()
	loopback := []string{"--listen", "127.0.0.1:0"}

	for _, bad := range []struct {
		name  string
		spoil func()
		args  []string
		says  string
	}{
		{"a key file for everyone", func() { do(os.Chmod(file("kek"), 0o644)) }, loopback, "chmod 600"},
		{"a key file for the group", func() { do(os.Chmod(file("kek"), 0o660)) }, loopback, "chmod 600"},
		{"no key file", func() { do(os.Remove(file("kek"))) }, loopback, "no key file"},
		{"an empty key file", func() { writeTo(t, file("kek"), "") }, loopback, "not a key file"},
		{"a damaged key file", func() { writeTo(t, file("kek"), key[:len(key)-9]+"\n") }, loopback, "damaged"},
		{"another server's key file", func() { writeTo(t, file("kek"), foreign) }, loopback,
			"does not belong to the database"},
		{"a directory for everyone", func() { do(os.Chmod(s.data, 0o755)) }, loopback, "chmod 700"},
		{"a directory for the group", func() { do(os.Chmod(s.data, 0o750)) }, loopback, "chmod 700"},
		{"a directory that the group may write to", func() { do(os.Chmod(s.data, 0o720)) }, loopback, "chmod 700"},
		{"a database for everyone", func() { do(os.Chmod(file("ostiary.db"), 0o644)) }, loopback,
			"chmod 600 " + file("ostiary.db")},
		{"a log of the database for the group", func() {
			writeTo(t, file("ostiary.db-wal"), "")
			do(os.Chmod(file("ostiary.db-wal"), 0o640))
		}, loopback, "chmod 600 " + file("ostiary.db-wal")},
		{"a newer schema", statement("INSERT INTO schema_migration (number, name, sum, applied) VALUES (9999, " +
			"'later', 'x', 'x')"), loopback, "newer version"},
		{"another schema", statement("UPDATE schema_migration SET sum = 'x' WHERE number = 1"), loopback, "edited"},
		{"no database", func() { writeTo(t, file("ostiary.db"), strings.Repeat("no database ", 1000)) }, loopback,
			"not a database"},
		{"all addresses without TLS", func() {}, []string{"--listen", "0.0.0.0:0"}, "without TLS"},
		{"all addresses of IPv6 without TLS", func() {}, []string{"--listen", "[::]:0"}, "without TLS"},
		{"all addresses by leaving the host out", func() {}, []string{"--listen", ":0"}, "without TLS"},
		{"no address", func() {}, []string{"--listen", "here"}, "address"},
		{"half of TLS", func() {}, append([]string{"--tls-cert", "/dev/null"}, loopback...), "--tls-key"},
		{"a certificate that is none", func() {}, append([]string{"--tls-cert", "/dev/null", "--tls-key", "/dev/null"},
			loopback...), "certificate"},
		{"a port that is taken", func() {}, []string{"--listen", busy.Addr().String()}, "--listen"},
		{"a log level that is none", func() {}, append([]string{"--log-level", "loud"}, loopback...), "--log-level"},
	} {
		bad.spoil()
		out := refusesToStart(t, s.data, bad.args...)
		if !strings.Contains(out, bad.says) || strings.Contains(out, "panic") ||
			strings.Contains(out, "ROOT password") {
			t.Errorf("%s: want %q in:\n%s", bad.name, bad.says, out)
		}
		do(os.Chmod(s.data, 0o700))
		writeTo(t, file("kek"), key)
		do(os.Chmod(file("kek"), 0o600))
		do(os.RemoveAll(file("ostiary.db-wal")))
		writeTo(t, file("ostiary.db"), database)
		do(os.Chmod(file("ostiary.db"), 0o600))
		writeTo(t, file("kek.mark"), mark) // a start that got further has moved it
	}
	s = start(t, s.data)
	if s.password != "" {
		t.Error("after a refused start there is a new password")
	}
	if !s.local().verify("serial", d.Serial, d.code(t, 0)) {
		t.Error("after all the refused starts the token does not verify")
	}
	s.auditOK()
}
