package sqlite

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"ostiary/internal/store"
)

// TestWALBeginsAnew: also when a transaction is under way, which makes the WAL
// longer than what was written back beside it.
func TestWALBeginsAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := Open(bg, Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	set := func(value string) func(store.Tx) error {
		return func(tx store.Tx) error { return tx.SetSetting("test", []byte(value)) }
	}
	header := func() []byte { // it has a number that counts the beginnings
		b, err := os.ReadFile(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return b[:32]
	}
	if err := db.Update(bg, set("first")); err != nil {
		t.Fatal(err)
	}
	before := header()

	c, err := newCheckpoints(path, db.writer)
	if err != nil {
		t.Fatal(err)
	}
	close(c.done) // it does not run
	defer func() { _ = c.close() }()
	defer func() { _ = db.Close() }()
	defer func() { _ = c.stop() }()
	c.restart = 1
	inside, release, updated, written := make(chan struct{}), make(chan struct{}), make(chan error), make(chan error)
	go func() {
		updated <- db.Update(bg, func(tx store.Tx) error {
			close(inside)
			<-release
			return set("second")(tx)
		})
	}()
	<-inside
	go func() { written <- c.writeBack() }()
	for db.writer.line.Waiting() == 0 { // it waits for the transaction to end
		runtime.Gosched()
	}
	close(release)
	if err := <-updated; err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(header(), before) {
		t.Fatal("the WAL began anew before it was written to")
	}
	if err := db.Update(bg, set("third")); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(header(), before) {
		t.Error("the WAL did not begin anew")
	}
	var value []byte
	err = db.View(bg, func(r store.Reader) (err error) {
		value, err = r.Setting("test")
		return err
	})
	if err != nil || string(value) != "third" {
		t.Errorf("Setting = %q, %v", value, err)
	}
}
