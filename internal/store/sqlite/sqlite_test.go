package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/store/migrate"
	"ostiary/internal/store/query"
	"ostiary/internal/store/storetest"
	"ostiary/internal/store/tables"
	"ostiary/internal/test/blankfile"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.DB { return guarded(t, Config{}) })
}

// A cache that holds next to nothing drops rows at the worst moments. What never asks it is
// run in make soak only.
func TestConformanceWithTinyCache(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs the suite a second time")
	}
	without := []string{"Contexts", "Records", "Dates", "Lists", "Sorted", "Runs", "Types", "Profiles", "Series",
		"Creation", "Enrolment", "Audit", "Archive", "AuditSearch", "Predicates", "TwinPredicates", "ApplicationPredicates"}
	if os.Getenv("OSTIARY_SOAK_TINY") != "" {
		without = nil
	}
	storetest.RunBut(t, func(t *testing.T) store.DB { return guarded(t, Config{CachedTokens: 1}) }, without...)
}

// Lists that may look at little walk where others sort.
func TestListsThatLookAtLittle(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3, 10} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			storetest.RunLists(t, func(t *testing.T) store.DB { return guarded(t, Config{Listed: n}) })
		})
	}
}

// Two processes on one file: a server never lets it come to that, but what the
// database decides it must decide for both.
func TestNodes(t *testing.T) {
	t.Parallel()
	storetest.RunNodes(t, func(t *testing.T) (a, b store.DB) {
		cfg := Config{Path: filepath.Join(t.TempDir(), "ostiary.db")}
		return open(t, cfg), open(t, cfg)
	})
}

func TestMoved(t *testing.T) {
	t.Parallel()
	db := guarded(t, Config{})
	storetest.RunMoved(t, db, db)
}

// blank is an empty database whose schema is up to date.
var blank blankfile.File

// open opens a database for the length of a test, a new one if cfg names none.
func open(t *testing.T, cfg Config) *DB {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = filepath.Join(t.TempDir(), "ostiary.db")
		blank.Copy(t, cfg.Path, func(path string) error {
			db, err := Open(context.Background(), Config{Path: path})
			if err != nil {
				return err
			}
			return db.Close()
		})
	}
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func TestIntegrityContract(t *testing.T) {
	t.Parallel()
	storetest.RunIntegrity(t, func(t *testing.T) store.DB { return open(t, Config{}) })
}

// guarded opens a new database that proves itself.
func guarded(t *testing.T, cfg Config) *DB {
	t.Helper()
	db := open(t, cfg)
	protect(t, db)
	update(t, db, func(tx store.Tx) error { return tx.BeginIntegrity() })
	return db
}

// protect protects a database with a key that is made for it, and gives the alarms.
func protect(t *testing.T, db *DB) *alarms {
	t.Helper()
	raised := &alarms{}
	if _, err := db.Protect(t.Context(), storetest.IntegrityKey(t, 1), raised.raise); err != nil {
		t.Fatal(err)
	}
	return raised
}

type alarms struct {
	mu  sync.Mutex
	all []store.Alarm
}

func (a *alarms) raise(alarm store.Alarm) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, alarm)
}

// rows are the rows that alarms were about, "head" for the head.
func (a *alarms) rows() (rows []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, alarm := range a.all {
		row := "head"
		if alarm.Table != "" {
			row = alarm.Table + " " + alarm.Row
		}
		rows = append(rows, row)
	}
	return rows
}

// tokens publishes n tokens and gives their numbers.
func tokens(t *testing.T, db *DB, n int) []token.ID {
	t.Helper()
	ids := make([]token.ID, n)
	update(t, db, func(tx store.Tx) error {
		run, err := tx.BeginRun(store.Run{Opened: time.Now(), Label: "test"})
		if err != nil {
			return err
		}
		first, err := tx.NextTokenID(n)
		if err != nil {
			return err
		}
		for i := range n {
			ids[i] = first + token.ID(i)
			c := store.Candidate{Sealed: []byte("sealed"), Token: token.Token{ID: ids[i], Kind: token.Hardware,
				Identity: token.Identity{Type: "hotp", Serial: string(rune('A' + i%26)),
					KeyID: string(rune('A' + i/26))},
				Spec: token.Spec{Algorithm: token.HOTP, Hash: "SHA1", Digits: 6}}}
			if err := tx.StageToken(run, c); err != nil {
				return err
			}
		}
		return tx.PublishRun(run, time.Now())
	})
	return ids
}

func update(t *testing.T, db *DB, fn func(store.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, db *DB, fn func(store.Reader) error) {
	t.Helper()
	if err := db.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// right is an attempt with the right code for counter, whatever was seen.
func right(id token.ID, counter uint64) store.Attempt {
	return store.Attempt{Now: time.Now(), Lock: token.Lock{Limit: 10}, Delay: func(int) time.Duration { return 0 },
		Proposals: []store.Proposal{{ID: id, Tested: true, Matched: true, Counter: counter}},
		Record:    func(store.Outcome) []byte { return []byte("{}") }}
}

func next(t *testing.T, db *DB, id token.ID) (next uint64) {
	t.Helper()
	view(t, db, func(r store.Reader) error {
		found, err := r.Tokens(store.TokenFilter{ID: id})
		if err == nil && len(found) == 1 {
			next = found[0].Condition.Next
		}
		return err
	})
	return next
}

// onWriter reads values by a query on the writer's own connection.
func onWriter(t *testing.T, db *DB, stmt string) (values []string) {
	t.Helper()
	update(t, db, func(s store.Tx) (err error) {
		values, err = query.All(t.Context(), s.(*tables.Tx).Conn(), query.Value[string], stmt)
		return err
	})
	return values
}

// What makes "accepted" durable. A commit that returns before the disk has it
// would lose a counter in a power cut and take a code twice.
func TestWriterConnection(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	check := func(when string) {
		t.Helper()
		for stmt, want := range map[string]string{
			"PRAGMA synchronous":        "2", // FULL
			"PRAGMA journal_mode":       "wal",
			"PRAGMA foreign_keys":       "1",
			"PRAGMA wal_autocheckpoint": "0",
			"PRAGMA trusted_schema":     "0",
		} {
			if got := onWriter(t, db, stmt); !cmp.Equal(got, []string{want}) {
				t.Errorf("%s: %s gives %q, want %q", when, stmt, got, want)
			}
		}
	}
	check("at first")
	commitFails(t, db)
	if _, err := db.Attempt(t.Context(), right(1, 0)); !errors.Is(err, store.ErrUncertain) {
		t.Fatalf("Attempt = %v, want ErrUncertain", err)
	}
	commitWorks(t, db)
	check("on the connection opened anew")
}

func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	if _, err := db.reads.ExecContext(t.Context(), "DELETE FROM audit_head"); err == nil {
		t.Error("a reading connection deleted a row")
	}
}

func TestIntegrity(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	ids := tokens(t, db, 100)
	for i, id := range ids {
		if _, err := db.Attempt(t.Context(), right(id, uint64(i))); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			update(t, db, func(tx store.Tx) error { return tx.DeleteToken(id) })
		}
	}
	if got := onWriter(t, db, "PRAGMA integrity_check"); !cmp.Equal(got, []string{"ok"}) {
		t.Errorf("integrity_check: %q", got)
	}
	if got := onWriter(t, db, "SELECT \"table\" FROM pragma_foreign_key_check"); len(got) > 0 {
		t.Errorf("foreign_key_check: rows of %q", got)
	}
}

func TestFileMode(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	path := filepath.Join(t.TempDir(), "ostiary.db")
	db := open(t, Config{Path: path})
	tokens(t, db, 1)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %04o, want 0600", name, info.Mode())
		}
	}
}

func TestReopeningKeepsEverything(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ostiary.db")
	type everything struct {
		Tokens  []token.Token
		Secret  store.Candidate
		Users   []store.User
		Keys    []store.APIKey
		DKs     []seal.DataKey
		Setting []byte
		Audit   []store.AuditRow
		Head    []byte
		Notes   []audit.StoredNote
		Quiet   map[string]int64
		Secrets []store.Secret
	}
	read := func(db *DB) (all everything) {
		t.Helper()
		view(t, db, func(r store.Reader) error {
			var errs [11]error
			all.Tokens, errs[0] = r.Tokens(store.TokenFilter{})
			all.Secret, errs[1] = r.Identity(all.Tokens[0].Identity, 0)
			all.Users, errs[2] = r.Users("", 10)
			all.Keys, errs[3] = r.APIKeys()
			all.DKs, errs[4] = r.DataKeys()
			all.Setting, errs[5] = r.Setting("name")
			all.Audit, errs[6] = r.AuditEntries(0, 100)
			var head *audit.Frontier
			if head, errs[7] = r.AuditHead(); errs[7] == nil {
				all.Head, _ = head.AppendBinary(nil)
			}
			all.Notes, errs[8] = r.Checkpoints()
			all.Quiet, errs[9] = r.QuietRefusals()
			all.Secrets, errs[10] = r.Secrets(7)
			return errors.Join(errs[:]...)
		})
		return all
	}
	db := open(t, Config{Path: path})
	ids := tokens(t, db, 3)
	update(t, db, func(tx store.Tx) error {
		u, err := tx.AddUser("alice", time.Now())
		return errors.Join(err,
			tx.SetOwner(ids[0], 0, u.ID), tx.SetState(ids[1], token.Valid, token.RevokedLost, "gone"),
			tx.AddAPIKey(store.APIKey{ID: "id", Name: "radius", Role: "verifier", Hash: []byte{1},
				Created: time.Now()}),
			tx.AddDataKey(seal.DataKey{ID: 1, KEK: "kek", Wrapped: []byte{2}}), tx.SetSetting("name", []byte("value")),
			tx.AppendAudit([]byte("{}")), tx.AddCheckpoint(1, "note"),
			tx.Remember(store.Secret{Mark: 7, Floor: token.Floor{Events: 9}}))
	})
	if o, err := db.Attempt(t.Context(), right(ids[2], 41)); err != nil || o.Verdict != store.Accepted {
		t.Fatalf("Attempt = %+v, %v", o, err)
	}
	quiet := right(ids[1], 0)
	quiet.QuietFor = "caller"
	if _, err := db.Attempt(t.Context(), quiet); err != nil {
		t.Fatal(err)
	}
	before := read(db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, Config{Path: path})
	after := read(again)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("after reopening (-before +after):\n%s", diff)
	}
	if after.Tokens[2].Condition.Next != 42 {
		t.Errorf("next counter %d, want 42", after.Tokens[2].Condition.Next)
	}
	update(t, again, func(tx store.Tx) error {
		id, err := tx.NextTokenID(1)
		if id != ids[2]+1 {
			t.Errorf("the next token has number %d after %d", id, ids[2])
		}
		return err
	})
}

// A path may hold what has a meaning in a URI.
func TestOddPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"with blank.db", "a?mode=memory", "100%41.db", "#1.db",
		"ü&_pragma=synchronous(0).db"} {
		path := filepath.Join(t.TempDir(), name)
		db := open(t, Config{Path: path})
		if got := onWriter(t, db, "PRAGMA synchronous"); !cmp.Equal(got, []string{"2"}) {
			t.Errorf("%s: synchronous %q", name, got)
		}
		files, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if n := f.Name(); n != name && n != name+"-wal" && n != name+"-shm" {
				t.Errorf("opening %q made %q", name, n)
			}
		}
	}
}

func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct {
		name, path string
		prepare    func(path string) error
		want       error
		text       string
	}{
		{name: "another program's file", path: "text", text: "not a database of ostiary",
			prepare: func(p string) error {
				return os.WriteFile(p, []byte("Dear sir or madam, this is a letter and no database at all.\n"), 0o600)
			}},
		{name: "folder", path: "folder", prepare: func(p string) error { return os.Mkdir(p, 0o700) }},
		{name: "folder that is not there", path: "missing/ostiary.db", want: fs.ErrNotExist},
		{name: "newer schema", path: "newer.db", want: migrate.ErrNewer, prepare: change(`INSERT INTO schema_migration (number, name, sum, applied)
			VALUES (1000, 'of_the_future', 'abc', '2030-01-01T00:00:00Z')`), text: "and this program knows schema"},
		{name: "edited migration", path: "edited.db", want: migrate.ErrEdited,
			prepare: change("UPDATE schema_migration SET sum = 'abc' WHERE number = 1")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, tt.path)
			if tt.prepare != nil {
				if err := tt.prepare(path); err != nil {
					t.Fatal(err)
				}
			}
			db, err := Open(t.Context(), Config{Path: path})
			if err == nil {
				t.Fatal("opened", db.Close())
			}
			if tt.want != nil && !errors.Is(err, tt.want) || !contains(err.Error(), tt.text) {
				t.Errorf("Open = %v, want %v with %q", err, tt.want, tt.text)
			}
		})
	}
}

// change makes a database and changes it behind the program's back.
func change(stmt string) func(string) error {
	return func(path string) error {
		db, err := Open(bg, Config{Path: path})
		if err != nil {
			return err
		}
		if err := db.Close(); err != nil {
			return err
		}
		raw, err := sql.Open("sqlite", "file:"+path)
		if err != nil {
			return err
		}
		_, err = raw.Exec(stmt)
		return errors.Join(err, raw.Close())
	}
}

func TestEmptyFileBecomesADatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tokens(t, open(t, Config{Path: path}), 1)
}

// A migration that fails leaves nothing, not even its first statements.
func TestMigrationIsAtomic(t *testing.T) {
	t.Parallel()
	raw, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "raw.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	to := target{raw}
	if sums, _, err := to.Applied(t.Context()); err != nil || len(sums) > 0 {
		t.Fatalf("Applied = %q, %v", sums, err)
	}
	err = to.Apply(t.Context(), migrate.Migration{Number: 1, Name: "bad", Sum: "1", SQL: "CREATE TABLE a (b); " +
		"CREATE TABLE a (b);"})
	if err == nil {
		t.Fatal("a bad migration was applied")
	}
	var n int
	if err := raw.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'a'").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d tables are left, error %v", n, err)
	}
	if sums, _, err := to.Applied(t.Context()); err != nil || len(sums) > 0 {
		t.Errorf("Applied = %q, %v", sums, err)
	}
}

// Tokens that were made before there were profiles get that of their type.
func TestTokensFromBeforeProfiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "old.db")
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	ms, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := migrate.Up(bg, target{raw}, ms[:5]); err != nil {
		t.Fatal(err)
	}
	for i, typ := range []string{"mobile-totp", "app-totp"} {
		_, err := raw.Exec(`INSERT INTO token (id, kind, type, manufacturer, serial, key_id, algorithm, hash, digits, period, t0, suite, model, issuer, run, created, secret)
			VALUES (?, 'software', ?, '', 'MT10000001', '', 'TOTP', 'SHA256', 6, 30, 0, '', '', '', 0, 1, x'00');
			INSERT INTO condition VALUES (?1, 0, NULL, 0, 0, 0, 0, 0, 4, 0, 0, 0)`, i+1, typ)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(raw.Close(), os.Chmod(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open(bg, Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.View(bg, func(r store.Reader) error {
		for typ, want := range map[string]string{"mobile-totp": "mobile-totp", "app-totp": ""} {
			found, err := r.Tokens(store.TokenFilter{Type: typ})
			if err != nil || len(found) != 1 || found[0].Profile != want {
				t.Errorf("%s: %+v, %v", typ, found, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A database that is closed leaves no WAL, also when a reader is still under way: it
// would be played into a file that is put in its place.
func TestCloseLeavesNoWAL(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ostiary.db")
	db, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	reads, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- db.View(t.Context(), func(store.Reader) error {
			close(reads)
			time.Sleep(200 * time.Millisecond)
			return nil
		})
	}()
	<-reads
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(path + "-*"); err != nil || len(left) > 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
