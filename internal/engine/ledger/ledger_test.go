package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/seal/filekek"
	"ostiary/internal/store"
	"ostiary/internal/store/sqlite"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// house is a database with its keys and its ledger.
type house struct {
	*testing.T
	path string
	db   *sqlite.DB
	keys *seal.Keyring
	now  time.Time
	*Ledger
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, path: filepath.Join(t.TempDir(), "ostiary.db"), keys: newKeys(t), now: start}
	h.open()
	t.Cleanup(h.close)
	return h
}

func newKeys(t *testing.T) *seal.Keyring {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kek")
	if err := filekek.Create(path); err != nil {
		t.Fatal(err)
	}
	kek, err := filekek.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	dk, err := seal.NewDataKey(t.Context(), kek, 1)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.OpenKeyring(t.Context(), kek, []seal.DataKey{dk})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (h *house) open() {
	h.Helper()
	var err error
	if h.db, err = sqlite.Open(context.Background(), sqlite.Config{Path: h.path}); err != nil {
		h.Fatal(err)
	}
	h.must(h.db.Update(context.Background(), func(tx store.Tx) error {
		_, err := MakeKey(tx, h.keys)
		if errors.Is(err, store.ErrConflict) {
			err = nil // made before
		}
		return err
	}))
	if h.Ledger, err = Open(context.Background(), h.db, h.keys, func() time.Time { return h.now }); err != nil {
		h.Fatal(err)
	}
}

func (h *house) close() {
	h.Helper()
	if err := h.db.Close(); err != nil {
		h.Error(err)
	}
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// tamper changes the file with a database of its own, as someone with the file
// would, while the server is down.
func (h *house) tamper(query string, args ...any) {
	h.Helper()
	h.close()
	raw, err := sql.Open("sqlite", "file:"+h.path)
	h.must(err)
	res, err := raw.Exec(query, args...)
	h.must(err)
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		h.Fatalf("nothing was tampered with: %v", err)
	}
	h.must(raw.Close())
	h.open()
}

// record appends n entries about a serial and a user.
func (h *house) record(n int, serial, user string) {
	h.Helper()
	h.must(h.db.Update(h.Context(), func(tx store.Tx) error {
		entries := make([][]byte, n)
		for i := range entries {
			entries[i] = audit.Entry{Time: h.now, Action: audit.CodeVerified, Outcome: audit.Refused,
				Reason:  fmt.Sprint(i),
				Subject: audit.Subject{Serial: serial, User: user}}.Canonical()
		}
		return tx.AppendAudit(entries...)
	}))
}

func (h *house) notes() (notes []string) {
	h.Helper()
	h.must(h.db.View(h.Context(), func(r store.Reader) (err error) {
		all, err := r.Checkpoints()
		for _, n := range all {
			notes = append(notes, n.Text)
		}
		return err
	}))
	return notes
}

func (h *house) verify(extra ...string) Report {
	h.Helper()
	rep, err := h.Verify(h.Context(), extra...)
	h.must(err)
	return rep
}

func TestKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.signer.VerifierKey()
	if !strings.HasPrefix(first, "ostiary-") {
		t.Errorf("verifier key %q", first)
	}
	h.record(1, "1", "")
	h.must(h.Checkpoint(t.Context()))
	for range 2 {
		h.close()
		h.open()
		if again := h.signer.VerifierKey(); again != first {
			t.Errorf("key %q after reopening, %q before", again, first)
		}
		if rep := h.verify(); rep.Problem != "" || rep.Checkpoints != 1 {
			t.Errorf("report %+v", rep)
		}
	}
	if newHouse(t).signer.VerifierKey() == first {
		t.Error("two servers have one key")
	}
	h.close()
	for _, name := range []string{h.path, h.path + "-wal"} {
		text, err := os.ReadFile(name)
		if err == nil && bytes.Contains(text, []byte("PRIVATE+KEY")) {
			t.Errorf("%s holds the private key in the clear", name)
		}
	}
	h.open()
}

func TestWrongSealingKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := Open(t.Context(), h.db, newKeys(t), time.Now)
	if !errors.Is(err, seal.ErrOpen) || !strings.Contains(err.Error(), "audit signing key") {
		t.Errorf("Open = %v, want ErrOpen", err)
	}
}

func TestCheckpointOnlyWhenTheLogGrew(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sign := func(want int) {
		t.Helper()
		h.must(h.Checkpoint(t.Context()))
		if got := len(h.notes()); got != want {
			t.Errorf("%d checkpoints, want %d", got, want)
		}
	}
	sign(1) // of the empty log
	sign(1)
	h.record(3, "1", "")
	h.now = h.now.Add(time.Minute)
	sign(2)
	sign(2)
	h.close()
	h.open()
	sign(2)
	h.record(1, "1", "")
	sign(3)
	c, err := audit.OpenCheckpoint(h.notes()[1], h.signer.VerifierKey())
	if err != nil || c.Size != 3 || !c.Time.Equal(start.Add(time.Minute)) {
		t.Errorf("checkpoint %+v, %v", c, err)
	}
}

func TestLatest(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.record(2, "1", "")
	note, key, err := h.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := audit.OpenCheckpoint(note, key)
	if err != nil || c.Size != 2 {
		t.Errorf("checkpoint %+v, %v", c, err)
	}
	if again, _, err := h.Latest(t.Context()); err != nil || again != note {
		t.Errorf("another one without a new entry: %v", err)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.must(
		h.Record(t.Context(), audit.Entry{Action: audit.ServerStarted, Outcome: audit.Done,
			Time: start.Add(-time.Hour)}))
	rows, _, err := h.List(t.Context(), audit.Filter{}, 0, 10)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if want := `{"action":"server.started","outcome":"done","time":"2026-03-01T12:00:00.000Z","v":2}`; string(rows[0].Entry) != want {
		t.Errorf("entry %s, want %s", rows[0].Entry, want)
	}
}

func (h *house) refuseQuietly(caller string, n int) {
	h.Helper()
	for range n {
		_, err := h.db.Attempt(h.Context(), store.Attempt{Now: h.now, Lock: token.Lock{Limit: 10}, QuietFor: caller,
			Record: func(store.Outcome) []byte { return []byte("{}") }})
		h.must(err)
	}
}

func TestQuietRefusalsAreSummedUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.must(h.Checkpoint(t.Context()))
	h.refuseQuietly("key:radius@10.0.0.1", 3)
	h.refuseQuietly("key:\"portal\"@::1", 1)
	h.must(h.Checkpoint(t.Context()))
	rows, _, err := h.List(t.Context(), audit.Filter{}, 0, 10)
	h.must(err)
	counts := map[string]float64{}
	for _, row := range rows {
		var e struct {
			Action, Actor string
			Subject       struct{ Other string }
			After         struct{ Count float64 }
		}
		h.must(json.Unmarshal(row.Entry, &e))
		if e.Action != "refusals.suppressed" || e.Actor != "system" {
			t.Errorf("entry %s", row.Entry)
		}
		counts[e.Subject.Other] += e.After.Count
	}
	if diff := cmp.Diff(map[string]float64{"key:radius@10.0.0.1": 3, "key:\"portal\"@::1": 1}, counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if got := len(h.notes()); got != 2 {
		t.Errorf("%d checkpoints, want 2: the sums are entries", got)
	}
	h.must(h.Checkpoint(t.Context())) // and each is summed up once
	if rep := h.verify(); rep.Entries != 2 || rep.Problem != "" {
		t.Errorf("report %+v", rep)
	}
}

// Run signs every minute in which the log grew, and goes on after an error. The
// clock is that of the bubble; the database is a stand-in, because a bubble
// sees no end of what waits for a file.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		db := &standIn{}
		var reported []error
		l := &Ledger{db: db, now: time.Now}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			l.Run(ctx, func(context.Context) error { return nil }, func(err error) { reported = append(reported, err) })
		}()
		time.Sleep(interval - 1)
		synctest.Wait()
		if n := db.updates.Load(); n != 0 {
			t.Errorf("%d checkpoints before a minute has passed", n)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if n := db.updates.Load(); n != 1 {
			t.Errorf("%d checkpoints after a minute", n)
		}
		db.away.Store(true)
		time.Sleep(2 * interval)
		synctest.Wait()
		if len(reported) != 2 || !errors.Is(reported[0], store.ErrUnavailable) {
			t.Errorf("reported %v, want ErrUnavailable twice", reported)
		}
		db.away.Store(false)
		time.Sleep(interval)
		synctest.Wait()
		if n := db.updates.Load(); n != 4 || len(reported) != 2 {
			t.Errorf("%d checkpoints, reported %v after the trouble", n, reported)
		}
		cancel()
		<-ended
	})
}

// standIn counts updates.
type standIn struct {
	store.DB
	updates atomic.Int64
	away    atomic.Bool
}

func (d *standIn) Update(context.Context, func(store.Tx) error) error {
	d.updates.Add(1)
	if d.away.Load() {
		return store.ErrUnavailable
	}
	return nil
}

// query is what a list is asked for.
type query struct {
	audit.Filter
	Before int64
	Limit  int
}

func (h *house) list(q query) (reasons []string, next int64) {
	h.Helper()
	rows, next, err := h.List(h.Context(), q.Filter, q.Before, q.Limit)
	h.must(err)
	for _, row := range rows {
		reasons = append(reasons, fmt.Sprint(row.Seq))
	}
	return reasons, next
}

func TestListPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if rows, next := h.list(query{Limit: 5}); len(rows) != 0 || next != 0 {
		t.Errorf("an empty log lists %v, next %d", rows, next)
	}
	h.record(7, "1", "alice")
	for _, tt := range []struct {
		q    query
		want []string
		next int64
	}{
		{query{Limit: 3}, []string{"6", "5", "4"}, 4},
		{query{Limit: 3, Before: 4}, []string{"3", "2", "1"}, 1},
		{query{Limit: 3, Before: 1}, []string{"0"}, 0},
		{query{Limit: 7}, []string{"6", "5", "4", "3", "2", "1", "0"}, 0},
		{query{Limit: 100}, []string{"6", "5", "4", "3", "2", "1", "0"}, 0},
		{query{Limit: 1, Before: 7}, []string{"6"}, 6},
	} {
		rows, next := h.list(tt.q)
		if diff := cmp.Diff(tt.want, rows); diff != "" || next != tt.next {
			t.Errorf("%+v: next %d, want %d (-want +got):\n%s", tt.q, next, tt.next, diff)
		}
	}
}

// Pages of a log that is longer than what is read at once give every entry once.
func TestListLongLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const n = 2*pageRead + 500
	h.record(n, "1", "alice")
	seen := int64(n)
	q := query{Limit: 777}
	for {
		rows, next, err := h.List(t.Context(), audit.Filter{}, q.Before, q.Limit)
		h.must(err)
		for _, row := range rows {
			if seen--; row.Seq != seen {
				t.Fatalf("entry %d is listed where %d should be", row.Seq, seen)
			}
		}
		if next == 0 {
			break
		}
		q.Before = next
	}
	if seen != 0 {
		t.Errorf("%d entries were not listed", seen)
	}
	// A single match at the far end is found.
	rows, _ := h.list(query{Filter: audit.Filter{Serial: "1"}, Limit: 1, Before: 1})
	if len(rows) != 1 {
		t.Errorf("the oldest entry is not found: %v", rows)
	}
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	subjects := []audit.Subject{
		0:  {Serial: "1234", User: "alice"},
		1:  {Serial: "123"},
		2:  {Serial: "0123"},
		3:  {Serial: "123", User: "bob"},
		4:  {User: "alice"},
		5:  {User: "alic"},
		6:  {Serial: `a"b\c`},
		7:  {Serial: "a\nb"},
		8:  {Other: "123"},
		9:  {KeyID: "123", Manufacturer: "123", Type: "123"},
		10: {User: "ünal"},
		11: {Serial: "\xff"},
	}
	h.must(h.db.Update(t.Context(), func(tx store.Tx) error {
		for _, s := range subjects {
			if err := tx.AppendAudit(audit.Entry{Time: start, Subject: s}.Canonical()); err != nil {
				return err
			}
		}
		// What people wrote may look like a member, and is none.
		return tx.AppendAudit(audit.Entry{Time: start, Reason: `"serial":"123" "user":"alice"`}.Canonical())
	}))
	for _, tt := range []struct {
		q    query
		want []string
	}{
		{query{Filter: audit.Filter{Serial: "123"}}, []string{"3", "1"}},
		{query{Filter: audit.Filter{Serial: "1234"}}, []string{"0"}},
		{query{Filter: audit.Filter{Serial: "23"}}, nil},
		{query{Filter: audit.Filter{Serial: "12"}}, nil},
		{query{Filter: audit.Filter{User: "alice"}}, []string{"4", "0"}},
		{query{Filter: audit.Filter{User: "alic"}}, []string{"5"}},
		{query{Filter: audit.Filter{User: "ALICE"}}, nil},
		{query{Filter: audit.Filter{Serial: "123", User: "bob"}}, []string{"3"}},
		{query{Filter: audit.Filter{Serial: "123", User: "alice"}}, nil},
		{query{Filter: audit.Filter{Serial: `a"b\c`}}, []string{"6"}},
		{query{Filter: audit.Filter{Serial: `a"b`}}, nil},
		{query{Filter: audit.Filter{Serial: "a\nb"}}, []string{"7"}},
		{query{Filter: audit.Filter{User: "ünal"}}, []string{"10"}},
		{query{Filter: audit.Filter{Serial: "\xff"}}, []string{"11"}},
		{query{Filter: audit.Filter{Serial: `%`}}, nil},
		{query{Filter: audit.Filter{Serial: `123","type":"`}}, nil},
	} {
		tt.q.Limit = 100
		rows, next := h.list(tt.q)
		if diff := cmp.Diff(tt.want, rows); diff != "" || next != 0 {
			t.Errorf("serial %q, user %q: next %d (-want +got):\n%s", tt.q.Serial, tt.q.User, next, diff)
		}
	}
}

func TestVerifyCleanLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if rep := h.verify(); rep.Problem != "" || rep.Entries != 0 {
		t.Errorf("an empty log: %+v", rep)
	}
	h.record(10, "1", "alice")
	note, _, err := h.Latest(t.Context())
	h.must(err)
	h.record(pageRead, "1", "alice") // more than is read at once
	if rep := h.verify(note); rep.Problem != "" || rep.Entries != pageRead+10 || rep.Checkpoints != 1 {
		t.Errorf("report %+v", rep)
	}
	h.close()
	h.open()
	if rep := h.verify(note); rep.Problem != "" {
		t.Errorf("after reopening: %s", rep.Problem)
	}
}

func TestVerifyWhileTheLogGrows(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.record(50, "1", "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 30 {
			if err := h.Record(context.Background(), audit.Entry{Action: audit.ServerStarted}); err != nil {
				t.Error(err)
			}
			if err := h.Checkpoint(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if rep := h.verify(); rep.Problem != "" {
			t.Errorf("a log that grows: %s", rep.Problem)
		}
	}
}

func TestVerifyFindsTamperingInTheFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, query string
		args        []any
		want        string
	}{
		{name: "an entry edited", query: "UPDATE audit_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'alice', " +
			"'mallet') AS BLOB) WHERE seq = 3", want: "first 10 entries"},
		{name: "an entry edited since the last checkpoint",
			query: "UPDATE audit_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'alice', 'mallet') AS BLOB) " +
				"WHERE seq = 12", want: "head"},
		{name: "an entry deleted", query: "DELETE FROM audit_entry WHERE seq = 5", want: "entry 5 is missing"},
		{name: "the last entry deleted", query: "DELETE FROM audit_entry WHERE seq = 14", want: "head"},
		{name: "the last entry deleted and one put behind it", query: "UPDATE audit_entry SET seq = 15 WHERE seq = 14",
			want: "entry 14 is missing"},
		{name: "the entries of the checkpoint deleted", query: "DELETE FROM audit_entry WHERE seq >= 9",
			want: "removed from its end"},
		{name: "all deleted", query: "DELETE FROM audit_entry", want: "removed from its end"},
		{name: "an entry appended", query: "INSERT INTO audit_entry (seq, entry) VALUES (15, CAST('{}' AS BLOB))",
			want: "head"},
		{name: "the head set back", query: "UPDATE audit_head SET frontier = x'0000000000000000'",
			want: "removed from its end"},
		{name: "the head of another log", query: "UPDATE audit_head SET frontier = CAST(substr(frontier, 1, 8) || " +
			"zeroblob(length(frontier) - 8) AS BLOB)", want: "head"},
		{name: "a checkpoint edited", query: "UPDATE checkpoint SET note = replace(note, char(10) || '10' || " +
			"char(10), char(10) || '11' || char(10))", want: "checkpoint 1"},
		{name: "the verifier key exchanged", query: "UPDATE setting SET value = CAST(? AS BLOB) WHERE name = " +
			"'audit_verifier_key'",
			args: []any{verifierOf()}, want: "checkpoint 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.record(10, "1", "alice")
			h.must(h.Checkpoint(t.Context()))
			h.record(5, "2", "alice")
			if rep := h.verify(); rep.Problem != "" {
				t.Fatalf("before: %s", rep.Problem)
			}
			h.tamper(tt.query, tt.args...)
			if rep := h.verify(); !strings.Contains(rep.Problem, tt.want) {
				t.Errorf("problem %q, want one with %q", rep.Problem, tt.want)
			}
			// And listing a log with holes gives each entry once.
			rows, _ := h.list(query{Limit: 100})
			seen := map[string]bool{}
			for _, row := range rows {
				if seen[row] {
					t.Errorf("entry %s is listed twice", row)
				}
				seen[row] = true
			}
		})
	}
}

func verifierOf() string {
	_, verifier, err := audit.NewSigningKey("ostiary-00000000")
	if err != nil {
		panic(err)
	}
	return verifier
}

// Who rewrites the whole log, head and all, is found by a checkpoint kept
// elsewhere.
func TestExportedCheckpoint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.record(3, "1", "alice")
	kept, _, err := h.Latest(t.Context())
	h.must(err)
	h.tamper("DELETE FROM checkpoint")
	h.tamper("DELETE FROM audit_entry")
	h.tamper("UPDATE audit_head SET frontier = x'0000000000000000'")
	h.record(3, "1", "mallet")
	if rep := h.verify(); rep.Problem != "" {
		t.Fatalf("the rewritten log itself is not clean: %s", rep.Problem)
	}
	if rep := h.verify(kept); !strings.Contains(rep.Problem, "first 3 entries") {
		t.Errorf("problem %q", rep.Problem)
	}
	foreign := newHouse(t)
	note, _, err := foreign.Latest(t.Context())
	h.must(err)
	for _, extra := range []string{note, "text", ""} {
		if _, err := h.Verify(t.Context(), kept, extra); err == nil || fault.Of(err).Kind != fault.Invalid ||
			!strings.Contains(err.Error(), "Checkpoint 2") {
			t.Errorf("a foreign checkpoint: %v, want Invalid, with its number", err)
		}
	}
}
