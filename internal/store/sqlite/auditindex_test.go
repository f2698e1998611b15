package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/postings"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/storetest"
	"ostiary/internal/store/tables"
)

// eager is a database that indexes each few entries at once, instead of each thousand
// after a while.
type eager struct {
	*DB
	x *auditlog.Indexer
}

func openIndexed(t *testing.T, sizes auditlog.Sizes) *eager {
	db := open(t, Config{})
	db.indexer.Stop()
	db.tail, db.writer.tail = nil, nil
	return &eager{db, auditlog.NewIndexer(indexed{db}, auditlog.NewTail(sizes), sizes)}
}

// openTailed is openIndexed with the end of the log in memory.
func openTailed(t *testing.T, sizes auditlog.Sizes) *eager {
	i := openIndexed(t, sizes)
	tail := auditlog.NewTail(sizes)
	i.tail, i.writer.tail = tail, tail
	i.x = auditlog.NewIndexer(indexed{i.DB}, tail, sizes)
	return i
}

// forgetful is a database whose tail forgets everything, or its older half, now and then.
type forgetful struct {
	*eager
	n int
}

func (f *forgetful) View(ctx context.Context, fn func(store.Reader) error) error {
	switch f.n++; f.n % 4 {
	case 1:
		f.tail.Drop()
	case 2:
		if err := f.dropHalf(ctx); err != nil {
			return err
		}
	case 3:
		return f.DB.View(ctx, fn) // and the index is behind
	}
	return f.eager.View(ctx, fn)
}

// dropHalf leaves the newer half of the log in the tail.
func (f *forgetful) dropHalf(ctx context.Context) error {
	return f.DB.View(ctx, func(r store.Reader) error {
		head, err := r.AuditHead()
		if err != nil {
			return err
		}
		rows, err := r.AuditEntries(head.Size()/2, int(head.Size()))
		f.tail.Drop()
		for _, row := range rows {
			f.tail.Append(row.Seq, [][]byte{row.Entry})
		}
		return err
	})
}

// catchUp adds segments until there is no more for one.
func (i *eager) catchUp(ctx context.Context) error {
	for {
		if added, err := i.x.Step(ctx); !added || err != nil {
			return err
		}
	}
}

func (i *eager) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := i.catchUp(ctx); err != nil {
		return err
	}
	return i.DB.View(ctx, fn)
}

// A search through the index gives what reading gives, for segments of any size.
func TestConformanceOfTheAuditIndex(t *testing.T) {
	t.Parallel()
	for _, size := range []auditlog.Sizes{{Small: 1, Large: 2}, {Small: 3, Large: 9}, {Small: 10, Large: 100},
		{Small: 64, Large: 1 << 20}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			storetest.RunAudit(t, func(t *testing.T) store.DB { return openIndexed(t, size) })
		})
	}
}

var nines = auditlog.Sizes{Small: 9, Large: 81}

// So does a search through the end of the log in memory, whatever part it holds.
func TestConformanceOfTheAuditTail(t *testing.T) {
	t.Parallel()
	storetest.RunAudit(t, func(t *testing.T) store.DB { return openTailed(t, nines) })
	storetest.RunAudit(t, func(t *testing.T) store.DB { return &forgetful{eager: openTailed(t, nines)} })
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
	db := openIndexed(t, auditlog.Sizes{Small: 8, Large: 64})
	appendEntries(t, db.DB, 200)
	if err := db.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	update(t, db.DB, func(tx_ store.Tx) error { return tx_.(*tables.Tx).Index().DropIndex() })
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
	db := openIndexed(t, auditlog.Sizes{Small: 8, Large: 64})
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
		tx := tx_.(*tables.Tx)
		if _, err := tx.Change("DELETE FROM audit_segment"); err != nil {
			return err
		}
		if _, err := tx.Change("DELETE FROM audit_block"); err != nil {
			return err
		}
		if _, err := tx.Change("INSERT INTO audit_segment (first, beyond) VALUES (0, 64)"); err != nil {
			return err
		}
		for _, b := range forged.Pack() {
			if _, err := tx.Change("INSERT INTO audit_block (segment, key, seq, data) VALUES (0, ?, ?, ?)", b.First.Key,
				b.First.Place, b.Data); err != nil {
				return err
			}
		}
		return nil
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
		_, err := tx_.(*tables.Tx).Change("INSERT INTO audit_segment (first, beyond) VALUES (0, 21)")
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
	appendEntries(t, db, 3*int(auditlog.Usual.Small))
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var upTo int64
		view(t, db, func(r store.Reader) (err error) {
			upTo, err = r.(*tables.Reader).Indexed()
			return err
		})
		if upTo == 3*auditlog.Usual.Small {
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

// A search that finds nothing reads no more than a page may cost, whatever is asked for,
// and pages go on to the end.
func TestNoAuditSearchReadsWithoutEnd(t *testing.T) {
	t.Parallel()
	const n, jump, most = 40_000, 100, 600
	db := open(t, Config{})
	for from := 0; from < n; from += 10_000 {
		update(t, db, func(tx store.Tx) error {
			var all [][]byte
			for i := from; i < from+10_000; i++ {
				at := time.Unix(1_000_000+int64(i), 0)
				if i == jump { // the clock was ahead for a moment
					at = at.Add(1000 * time.Hour)
				}
				e := audit.Entry{Time: at, Action: audit.CodeVerified,
					Origin: audit.Origin{Actor: "key:a", ActorID: "a"}}
				if i%2 == 0 {
					e.Origin = audit.Origin{Actor: "key:b", ActorID: "b"}
				}
				all = append(all, e.Canonical())
			}
			return tx.AppendAudit(all...)
		})
	}
	at := func(i int64) time.Time { return time.Unix(1_000_000+i, 0) }
	search := func(f audit.Filter) (pages, rows, cost int) {
		for before := int64(0); ; pages++ {
			var next int64
			view(t, db, func(rd store.Reader) error {
				found, beyond, paid, err := rd.(*tables.Reader).Search(f, before, 100, most)
				rows, cost, next = rows+len(found), max(cost, paid), beyond
				return err
			})
			if next == 0 {
				return pages, rows, cost
			}
			if before > 0 && next >= before {
				t.Fatalf("%+v: after the page below %d comes the one below %d", f, before, next)
			}
			before = next
		}
	}
	indexed := func() (upTo int64) {
		view(t, db, func(r store.Reader) (err error) {
			upTo, err = r.(*tables.Reader).Indexed()
			return err
		})
		return upTo
	}
	for end := time.Now().Add(time.Minute); indexed() < n-n%auditlog.Usual.Small; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("indexed up to %d", indexed())
		}
	}
	for _, c := range []struct {
		f           audit.Filter
		rows, pages int // pages that were short, at most
	}{
		{audit.Filter{Actor: "key:a", ActorID: "b"}, 0, 10}, // common ones that never meet
		{audit.Filter{Serial: "nosuch"}, 0, 0},
		{audit.Filter{Actor: "key:a", From: at(n + 1), To: at(n + 9)}, 0, 1},
		{audit.Filter{From: at(20_000), To: at(20_010)}, 10, 1},
		{audit.Filter{Actor: "key:a", From: at(20_000), To: at(20_010)}, 5, 3},
		{audit.Filter{From: at(n + 10_000)}, 1, 1}, // of the moment when the clock was ahead
		{audit.Filter{Actor: "key:b", From: at(n + 10_000)}, 1, 3},
		{audit.Filter{Actor: "key:b", To: at(10)}, 5, 1},
	} {
		pages, rows, cost := search(c.f)
		if rows != c.rows || pages > c.pages || c.f.ActorID != "" && pages == 0 {
			t.Errorf("%+v: %d rows on %d pages before the last, want %d and at most %d", c.f, rows, pages, c.rows, c.pages)
		}
		if cost > most+10 {
			t.Errorf("%+v: a page cost %d, more than %d", c.f, cost, most)
		}
	}
}

// The writer's entries, of updates and of codes, are found without being read again before
// they are indexed.
func TestTheAuditTailIsInMemory(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	appendEntries(t, db, 1990)
	for range 10 {
		if _, err := db.Attempt(t.Context(), store.Attempt{Now: time.Now(), Lock: token.Lock{Limit: 10},
			Delay: func(int) time.Duration { return 0 }, Record: func(store.Outcome) []byte {
				return audit.Entry{Time: time.Unix(1000, 0), Action: audit.CodeVerified,
					Subject: audit.Subject{Serial: "S1999"}}.Canonical()
			}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []audit.Filter{{Serial: "nosuch"}, {From: time.Unix(9000, 0)}, {Serial: "S7", User: "nosuch"}} {
		view(t, db, func(rd store.Reader) error {
			_, _, cost, err := rd.(*tables.Reader).Search(f, 0, 10, 100)
			if cost > 0 {
				t.Errorf("%+v: it cost %d", f, cost)
			}
			return err
		})
	}
	if rows := find(t, db, audit.Filter{Serial: "S1999"}); len(rows) != 10 || rows[0].Seq != 1999 {
		t.Errorf("found %v", rows)
	}
}
