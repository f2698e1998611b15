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
	db.indexer.stop()
	db.tail, db.writer.tail = nil, nil
	return &indexed{db, &indexer{db: db, tail: newTail(small), small: small, large: large}}
}

// openTailed is openIndexed with the end of the log in memory.
func openTailed(t *testing.T, small, large int64) *indexed {
	i := openIndexed(t, small, large)
	i.tail, i.writer.tail = i.x.tail, i.x.tail
	return i
}

// forgetful is a database whose tail forgets everything, or its older half, now and then.
type forgetful struct {
	*indexed
	n int
}

func (f *forgetful) View(ctx context.Context, fn func(store.Reader) error) error {
	switch f.n++; f.n % 4 {
	case 1:
		f.tail.drop()
	case 2:
		f.tail.mu.Lock()
		f.tail.parts = f.tail.parts[len(f.tail.parts)/2:]
		f.tail.mu.Unlock()
	case 3:
		return f.DB.View(ctx, fn) // and the index is behind
	}
	return f.indexed.View(ctx, fn)
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

// So does a search through the end of the log in memory, whatever part it holds.
func TestConformanceOfTheAuditTail(t *testing.T) {
	t.Parallel()
	storetest.RunAudit(t, func(t *testing.T) store.DB { return openTailed(t, 9, 81) })
	storetest.RunAudit(t, func(t *testing.T) store.DB { return &forgetful{indexed: openTailed(t, 9, 81)} })
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
				s, found, beyond, err := rd.(*reader).findAudit(f, before, 100, most)
				rows, cost, next = rows+len(found), max(cost, s.cost), beyond
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
			upTo, err = r.(*reader).indexed()
			return err
		})
		return upTo
	}
	for end := time.Now().Add(time.Minute); indexed() < n-n%smallSegment; time.Sleep(20 * time.Millisecond) {
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
		if cost > most+blockCost {
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
			s, _, _, err := rd.(*reader).findAudit(f, 0, 10, maxCost)
			if s.cost > 0 {
				t.Errorf("%+v: it cost %d", f, s.cost)
			}
			return err
		})
	}
	if rows := find(t, db, audit.Filter{Serial: "S1999"}); len(rows) != 10 || rows[0].Seq != 1999 {
		t.Errorf("found %v", rows)
	}
	// A place that it holds nothing of makes it begin anew: what it holds has no gap.
	db.tail.append(3000, [][]byte{{}})
	if r := db.tail.view(nil, 0); r.first != 3000 || r.beyond != 3001 {
		t.Errorf("behind a gap it holds %d to %d", r.first, r.beyond)
	}
}
