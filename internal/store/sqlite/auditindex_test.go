package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/postings"
	"ostiary/internal/store"
	"ostiary/internal/store/storetest"
)

// indexed is a database that indexes each few entries at once, instead of each
// thousand after a while.
type indexed struct {
	*DB
	x *indexer
}

func openIndexed(t *testing.T, small, large int64) *indexed {
	db := open(t, Config{})
	x := &indexer{db: db, small: small, large: large}
	return &indexed{db, x}
}

// catchUp adds segments until there is no more for one.
func (i *indexed) catchUp(ctx context.Context) error {
	for {
		if added, err := i.x.step(ctx); !added || err != nil {
			return err
		}
	}
}

func (i *indexed) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := i.catchUp(ctx); err != nil {
		return err
	}
	return i.DB.View(ctx, fn)
}

// A search through the index gives what reading gives, for segments of any size.
func TestConformanceOfTheAuditIndex(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int64{{1, 2}, {3, 9}, {10, 100}, {64, 1 << 20}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			storetest.RunAudit(t, func(t *testing.T) store.DB { return openIndexed(t, size[0], size[1]) })
		})
	}
}

// appendEntries appends n entries about serials from 0 to before n.
func appendEntries(t *testing.T, db *DB, n int) {
	t.Helper()
	update(t, db, func(tx store.Tx) error {
		var all [][]byte
		for i := range n {
			all = append(all, audit.Entry{Time: time.Unix(int64(1000+i), 0), Action: audit.CodeVerified,
				Subject: audit.Subject{Serial: fmt.Sprint("S", i)}}.Canonical())
		}
		return tx.AppendAudit(all...)
	})
}

func find(t *testing.T, db *DB, f audit.Filter) (rows []store.AuditRow) {
	t.Helper()
	view(t, db, func(r store.Reader) (err error) {
		rows, _, err = r.FindAudit(f, 0, 10)
		return err
	})
	return rows
}

// What is left of the index after it was lost is made anew.
func TestALostAuditIndexIsMadeAnew(t *testing.T) {
	t.Parallel()
	db := openIndexed(t, 8, 64)
	appendEntries(t, db.DB, 200)
	if err := db.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	update(t, db.DB, func(tx_ store.Tx) error { return tx_.(*tx).dropIndex() })
	if rows := find(t, db.DB, audit.Filter{Serial: "S3"}); len(rows) != 1 {
		t.Errorf("without an index: %d rows", len(rows))
	}
	if err := db.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows := find(t, db.DB, audit.Filter{Serial: "S3"}); len(rows) != 1 || rows[0].Seq != 3 {
		t.Errorf("with the new one: %v", rows)
	}
}

// Whoever edits the index can hide entries from a search, never show a wrong one; and
// verification asks it nothing.
func TestAnEditedAuditIndexShowsNoWrongEntry(t *testing.T) {
	t.Parallel()
	db := openIndexed(t, 8, 64)
	appendEntries(t, db.DB, 64)
	if err := db.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Every place under this one key, and one that is not there.
	forged := postings.Index{}
	for i := range int64(64) {
		forged.Of(postings.Key("serial", "S3")).Add(i)
	}
	forged.Of(postings.Key("serial", "S3")).Add(99)
	update(t, db.DB, func(tx_ store.Tx) error {
		tx := tx_.(*tx)
		if _, err := tx.change("DELETE FROM audit_segment"); err != nil {
			return err
		}
		if _, err := tx.change("DELETE FROM audit_block"); err != nil {
			return err
		}
		return tx.insertSegment(segment{beyond: 64, blocks: forged.Pack()})
	})
	rows := find(t, db.DB, audit.Filter{Serial: "S3"})
	if len(rows) != 1 || rows[0].Seq != 3 {
		t.Errorf("found %d entries", len(rows))
	}
}

// An index that covers more than there is (of a log that was put back) starts anew.
func TestAnIndexAheadOfTheLogIsDropped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ostiary.db")
	db := open(t, Config{Path: path})
	appendEntries(t, db, 20)
	update(t, db, func(tx_ store.Tx) error {
		_, err := tx_.(*tx).change("INSERT INTO audit_segment (first, beyond) VALUES (0, 21)")
		return err
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, Config{Path: path})
	if rows := find(t, db, audit.Filter{Serial: "S3"}); len(rows) != 1 {
		t.Errorf("found %v", rows)
	}
}

// The server follows its log by itself.
func TestTheAuditIndexFollows(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	appendEntries(t, db, 3*smallSegment)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var upTo int64
		view(t, db, func(r store.Reader) (err error) {
			upTo, err = r.(*reader).indexed()
			return err
		})
		if upTo == 3*smallSegment {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("indexed up to %d", upTo)
		}
	}
	if rows := find(t, db, audit.Filter{Serial: "S3000"}); len(rows) != 1 || rows[0].Seq != 3000 {
		t.Errorf("found %v", rows)
	}
}
