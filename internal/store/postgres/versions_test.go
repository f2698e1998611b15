package postgres

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/store/migrate"
	"ostiary/internal/store/storetest"
	"ostiary/internal/store/tables"
)

// expands is what a next version may do beside this one, in each table: columns that are
// empty in all rows, an index, and a table of its own.
const expands = `DO $$ DECLARE name text; BEGIN
	FOR name IN SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relname <> 'schema_migration' AND
		relnamespace = current_schema()::regnamespace LOOP
		EXECUTE 'ALTER TABLE ' || name || ' ADD COLUMN further_number bigint NOT NULL DEFAULT 0';
		EXECUTE 'ALTER TABLE ' || name || ' ADD COLUMN further_text text COLLATE "C" NOT NULL DEFAULT ''''';
		EXECUTE 'ALTER TABLE ' || name || ' ADD COLUMN further_bytes bytea';
	END LOOP;
	CREATE TABLE further (id bigint PRIMARY KEY, name text COLLATE "C" NOT NULL);
	CREATE INDEX further_name ON further (name);
END $$`

// next are migrations behind those of this version.
func next(t *testing.T, steps ...migrate.Migration) []migrate.Migration {
	t.Helper()
	ms, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		steps[i].Number, steps[i].Name, steps[i].Sum = len(ms)+i+1, "next", steps[i].SQL
	}
	return steps
}

// neighbours opens a new database by this version, and then by the next one.
func neighbours(t *testing.T) (url string, a, b *DB) {
	t.Helper()
	url = fresh(t)
	a = guardedAt(t, url)
	b = node(t, Config{URL: url, TestOnlyFurther: next(t, migrate.Migration{SQL: expands})})
	if begun, err := b.Protect(t.Context(), storetest.IntegrityKey(t, 1), forbidden(t)); err != nil || !begun {
		t.Fatalf("the next version: begun %t, %v", begun, err)
	}
	return url, a, b
}

// forbidden is an alarm that nobody raises.
func forbidden(t *testing.T) func(store.Alarm) {
	return func(a store.Alarm) { t.Errorf("an alarm: %v", a.Err) }
}

// All that two nodes do on one database, a node of this version does with one of the next.
func TestNeighbouringVersions(t *testing.T) {
	t.Parallel()
	storetest.RunNodes(t, func(t *testing.T) (store.DB, store.DB) {
		_, a, b := neighbours(t)
		return a, b
	})
}

// What the next version writes into its columns of the small tables, this one vouches for,
// without an alarm; and what somebody else writes there, both notice.
func TestColumnsOfTheNextVersionAreVouchedFor(t *testing.T) {
	t.Parallel()
	url, a, _ := neighbours(t)
	b := node(t, Config{URL: url, TestOnlyFurther: next(t, migrate.Migration{SQL: expands})})
	var alarms atomic.Int32
	for _, db := range []*DB{a, b} {
		if _, err := db.Protect(t.Context(), storetest.IntegrityKey(t, 1), func(store.Alarm) { alarms.Add(1) }); err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	set := func(db *DB, name string) error {
		return db.Update(ctx, func(tx store.Tx) error { return tx.SetSetting(name, []byte("x")) })
	}
	for name, db := range map[string]*DB{"this": a, "next": b} { // this one's row has the columns, too
		if err := set(db, name); err != nil {
			t.Fatal(err)
		}
	}
	write := func(db *DB, change string) error {
		return db.Update(ctx, func(tx store.Tx) error {
			own := tx.(*tables.Tx)
			if err := tx.SetSetting("touched", []byte(change)); err != nil { // has the digest made anew
				return err
			}
			_, err := own.Change("UPDATE setting SET " + change)
			return err
		})
	}
	if err := write(b, "further_number = 7, further_text = 'seven'"); err != nil {
		t.Fatal(err)
	}
	for _, db := range []*DB{a, b} {
		if err := db.View(ctx, func(r store.Reader) error { return r.CheckSettings() }); err != nil {
			t.Errorf("after the next version has written: %v", err)
		}
		if err := set(db, "again"); err != nil {
			t.Errorf("after the next version has written: %v", err)
		}
	}
	if n := alarms.Load(); n > 0 {
		t.Errorf("%d alarms", n)
	}
	exec(t, b, "UPDATE setting SET further_text = 'eight' WHERE name = 'touched'")
	for _, db := range []*DB{a, b} {
		if err := db.View(ctx, func(r store.Reader) error { return r.CheckSettings() }); !errors.Is(err, store.ErrTampered) {
			t.Errorf("after somebody else has written: %v", err)
		}
	}
}

// Both versions restart: the older one on the newer schema, which it tells.
func TestNeighboursRestart(t *testing.T) {
	t.Parallel()
	url, a, b := neighbours(t)
	further := next(t, migrate.Migration{SQL: expands})
	for _, db := range []*DB{a, b} {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for want, cfg := range map[int]Config{further[0].Number: {URL: url}, 0: {URL: url, TestOnlyFurther: further}} {
		db := node(t, cfg)
		if begun, err := db.Protect(t.Context(), storetest.IntegrityKey(t, 1), forbidden(t)); err != nil || !begun {
			t.Errorf("begun %t, %v", begun, err)
		}
		if got := db.Newer(); got != want {
			t.Errorf("the schema is newer by number %d, want %d", got, want)
		}
	}
}

// takenAway migrates a database further than this version may use it.
func takenAway(t *testing.T, url string) {
	t.Helper()
	ms := next(t, migrate.Migration{SQL: "ALTER TABLE node RENAME name TO host"})
	ms[0].MinBinary = ms[0].Number
	own, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	if n, s, err := up(t.Context(), connect(t, url), append(own, ms...)); n != 1 || err != nil ||
		s.MinBinary != ms[0].Number {
		t.Fatalf("%d migrations, %+v, %v", n, s, err)
	}
}

// A node whose database is brought further than it may use it does nothing any more, and says
// so once. Another one of its version does not start.
func TestOvertakenNode(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	guardedAt(t, url)
	var told atomic.Int32
	db := node(t, Config{URL: url, Overtaken: func(err error) {
		told.Add(1)
		if !errors.Is(err, migrate.ErrNewer) {
			t.Errorf("it is told of %v", err)
		}
	}})
	if _, err := db.Protect(t.Context(), storetest.IntegrityKey(t, 1), forbidden(t)); err != nil {
		t.Fatal(err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	takenAway(t, url)
	for end := time.Now().Add(time.Minute); told.Load() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing is told")
		}
	}
	_, attempt := db.Attempt(t.Context(), store.Attempt{Now: time.Now()})
	_, candidates := db.Candidates(t.Context(), store.Lookup{Serial: "1"}, false)
	for what, err := range map[string]error{
		"a code":   attempt,
		"a lookup": candidates,
		"a change": db.Update(t.Context(), func(store.Tx) error { t.Error("a change is made"); return nil }),
		"a look":   db.View(t.Context(), func(store.Reader) error { t.Error("rows are read"); return nil }),
		"health":   db.Check(t.Context()),
	} {
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, migrate.ErrNewer) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := told.Load(); n != 1 {
		t.Errorf("told %d times", n)
	}
	if _, err := Open(t.Context(), Config{URL: url}); !errors.Is(err, migrate.ErrNewer) {
		t.Errorf("a start: %v", err)
	}
}

// What is written looks at the schema itself, whenever nothing else has.
func TestOvertakenWriter(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	db := guardedAt(t, url)
	db.versions.stop()
	takenAway(t, url)
	db.versions.right.Store(nil) // the second is over
	_, err := db.Attempt(t.Context(), store.Attempt{Now: time.Now()})
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, migrate.ErrNewer) {
		t.Errorf("a code: %v", err)
	}
}

// A node of the older version changes the small tables while the next one starts: what that
// one has read before its migrations is old then, and no reason to refuse the database.
func TestSettingsChangeWhileTheNextVersionStarts(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	a := guardedAt(t, url)
	b := node(t, Config{URL: url, TestOnlyFurther: next(t, migrate.Migration{SQL: expands})})
	err := a.Update(t.Context(), func(tx store.Tx) error { return tx.SetSetting("a", []byte("b")) })
	if err != nil {
		t.Fatal(err)
	}
	if begun, err := b.Protect(t.Context(), storetest.IntegrityKey(t, 1), forbidden(t)); err != nil || !begun {
		t.Errorf("the next version: begun %t, %v", begun, err)
	}
}

// A migration may change what is in the small tables, if it demands the new version; but what
// somebody else has changed is noticed all the same.
func TestMigrationChangesSmallTables(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]string{"nothing": "", "a setting": "UPDATE setting SET value = 'x'"} {
		url := fresh(t)
		a := guardedAt(t, url)
		if err := a.Update(t.Context(), func(tx store.Tx) error { return tx.SetSetting("a", []byte("b")) }); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if forge != "" {
			if _, err := connect(t, url).Exec(t.Context(), forge); err != nil {
				t.Fatal(err)
			}
		}
		ms := next(t, migrate.Migration{SQL: "INSERT INTO setting (name, value) VALUES ('of the next', 'x')"})
		ms[0].MinBinary = ms[0].Number
		for start := range 2 {
			b := node(t, Config{URL: url, TestOnlyFurther: ms})
			begun, err := b.Protect(t.Context(), storetest.IntegrityKey(t, 1), nil)
			if forged := errors.Is(err, tables.ErrConfig); forged != (forge != "") || !forged && (err != nil || !begun) {
				t.Errorf("%s was forged, start %d: begun %t, %v", name, start, begun, err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
