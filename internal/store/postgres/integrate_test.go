package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
	"ostiary/internal/store/storetest"
	"ostiary/internal/test/cluster"
)

// waitingRoom is a node whose entries wait for their places until they are let in.
type waitingRoom struct {
	*testing.T
	db    *DB
	raw   *pgx.Conn
	enter func() // lets the integrator and changes go on

	mu     sync.Mutex
	alarms []error
}

func newWaitingRoom(t *testing.T) *waitingRoom {
	t.Helper()
	url := fresh(t)
	w := &waitingRoom{T: t, db: node(t, Config{URL: url}), raw: connect(t, url)}
	_, err := w.db.Protect(t.Context(), storetest.IntegrityKey(t, 1), func(a store.Alarm) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.alarms = append(w.alarms, a.Err)
	})
	if err == nil {
		err = w.db.Update(t.Context(), func(tx store.Tx) error { return tx.BeginIntegrity() })
	}
	if err == nil {
		err = w.refused(0) // opens the stream
	}
	if err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.db.heads.Lock()
	w.enter = sync.OnceFunc(w.db.heads.Unlock)
	t.Cleanup(w.enter)
	return w
}

// refused has a code refused, whose entry is number n.
func (w *waitingRoom) refused(n int) error {
	a := ofNobody(1, "")
	a.Record = func(store.Outcome) []byte {
		return audit.Entry{Time: a.Now, Action: audit.CodeVerified, Outcome: audit.Refused,
			Origin: audit.Origin{Actor: fmt.Sprint("key:", n)}}.Canonical()
	}
	_, err := w.db.Attempt(context.Background(), a)
	return err
}

func (w *waitingRoom) exec(sql string) {
	w.Helper()
	if _, err := w.raw.Exec(w.Context(), sql); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
}

func (w *waitingRoom) raised() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.alarms)
}

// The log is the same to its readers before entries get their places and after.
func TestArrivalsAreReadAsTheLog(t *testing.T) {
	t.Parallel()
	w := newWaitingRoom(t)
	for n := 1; n <= 5; n++ {
		if err := w.refused(n); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (all []string) {
		t.Helper()
		err := w.db.View(t.Context(), func(r store.Reader) error {
			head, err := r.AuditHead()
			if err != nil {
				return err
			}
			root := head.Root()
			all = append(all, fmt.Sprintf("%d entries, %x", head.Size(), root))
			for from := range int64(8) {
				for _, limit := range []int{1, 2, 10} {
					rows, err := r.AuditEntries(from, limit)
					if err != nil {
						return err
					}
					all = append(all, fmt.Sprintf("%d of %d: %v", limit, from, rows))
				}
			}
			for _, f := range []audit.Filter{{}, {Actor: "key:3"}, {Outcome: audit.Refused}, {Actor: "key:9"}} {
				for before := int64(0); ; {
					rows, next, err := r.FindAudit(f, before, 2)
					if err != nil {
						return err
					}
					all = append(all, fmt.Sprintf("%+v before %d: %v, then %d", f, before, rows, next))
					if before = next; next == 0 {
						break
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := read()
	w.enter()
	if more, err := w.db.integrate(t.Context()); more || err != nil {
		t.Fatal(more, err)
	}
	var arrivals, entries int
	if err := w.raw.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM audit_arrival), (SELECT count(*) FROM audit_entry)").
		Scan(&arrivals, &entries); err != nil || arrivals != 0 || entries != 6 {
		t.Errorf("%d arrivals and %d entries, %v", arrivals, entries, err)
	}
	if after := read(); !slices.Equal(before, after) || len(after) < 30 {
		t.Errorf("before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// An entry that somebody changes before it has its place is noticed, whatever was done: by
// the check of the database at once, and by whoever would put it into the log. Then nothing
// is written any more.
func TestTamperedArrivalsEndAcceptance(t *testing.T) {
	t.Parallel()
	const again = "INSERT INTO audit_arrival (stream, n, entry, mac) SELECT stream, n, entry, mac FROM kept"
	for name, tt := range map[string]struct {
		sql  string
		late bool // only the node itself knows
	}{
		"changed":       {sql: `UPDATE audit_arrival SET entry = entry || '\x20' WHERE n = 5`},
		"without proof": {sql: "UPDATE audit_arrival SET mac = NULL WHERE n = 5"},
		"short proof":   {sql: "UPDATE audit_arrival SET mac = substring(mac FOR 8) WHERE n = 5"},
		"exchanged": {sql: `UPDATE audit_arrival a SET entry = b.entry, mac = b.mac FROM audit_arrival b
			WHERE a.n + b.n = 11`},
		"in another order":             {sql: "UPDATE audit_arrival SET id = 1000 - n WHERE n IN (5, 6)"},
		"missing":                      {sql: "DELETE FROM audit_arrival WHERE n = 5"},
		"the last ones missing":        {sql: "DELETE FROM audit_arrival WHERE n >= 5", late: true},
		"all missing":                  {sql: "DELETE FROM audit_arrival", late: true},
		"of another stream":            {sql: "UPDATE audit_arrival SET stream = stream + 1"},
		"put in again":                 {sql: again},
		"put in again behind a change": {sql: "DELETE FROM audit_arrival; UPDATE audit_stream SET n = 1; " + again},
		"of a stream that was made up": {sql: "UPDATE audit_arrival SET stream = 7; INSERT INTO audit_stream VALUES (7, 3, 0)"},
		"said to be in the log":        {sql: "UPDATE audit_stream SET n = 6; DELETE FROM audit_arrival"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWaitingRoom(t)
			present := func(numbers ...int) {
				for _, n := range numbers {
					if err := w.refused(n); err != nil {
						t.Fatal(err)
					}
				}
			}
			present(2, 3) // these two are in the log in the end
			w.exec("CREATE TEMPORARY TABLE kept AS SELECT * FROM audit_arrival")
			w.enter()
			w.settle()
			w.db.heads.Lock()
			present(4, 5, 6)
			w.exec(tt.sql)
			var problems []string
			if err := w.db.View(t.Context(), func(r store.Reader) error {
				c, err := r.CheckIntegrity()
				problems = c.Problems
				return err
			}); err != nil || len(problems) == 0 == !tt.late {
				t.Errorf("the check says %q, %v", problems, err)
			}
			if name == "said to be in the log" { // which is noticed with the next entry
				present(7)
			}
			w.db.heads.Unlock()
			if _, err := w.db.integrate(t.Context()); !errors.Is(err, store.ErrTampered) ||
				!errors.Is(err, store.ErrUnavailable) {
				t.Errorf("it is put into the log: %v", err)
			}
			if err := w.refused(6); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrTampered) {
				t.Errorf("the next code: %v", err)
			}
			if err := w.db.Check(t.Context()); !errors.Is(err, store.ErrTampered) {
				t.Errorf("Check: %v", err)
			}
			if n := w.raised(); n != 1 {
				t.Errorf("%d alarms", n)
			}
		})
	}
}

// settle has what has arrived put into the log.
func (w *waitingRoom) settle() {
	w.Helper()
	for n := 1; n > 0; {
		_, err := w.db.integrate(w.Context()) // unless another node does it
		if err == nil {
			err = w.raw.QueryRow(w.Context(), "SELECT count(*) FROM audit_arrival").Scan(&n)
		}
		if err != nil {
			w.Fatal(err)
		}
	}
}

// A head that somebody put back is noticed by the next transaction of each node, whether it
// writes the head or not; the head of another node is no tampering.
func TestHeadThatWasPutBackEndsAcceptance(t *testing.T) {
	t.Parallel()
	endsAcceptance(t, "UPDATE audit_head h SET frontier = o.frontier, record = o.record, mac = o.mac FROM old o")
}

// So is one that somebody made.
func TestForgedHeadEndsAcceptance(t *testing.T) {
	t.Parallel()
	endsAcceptance(t, `UPDATE audit_head SET record = set_byte(record, 21, 1)`) // the number of the commit
}

func endsAcceptance(t *testing.T, forge string) {
	for name, do := range map[string]func(w *waitingRoom) error{
		"a code": func(w *waitingRoom) error { return w.refused(2) },
		"a change": func(w *waitingRoom) error {
			return w.db.Update(w.Context(), func(tx store.Tx) error { return tx.SetSetting("a", []byte("2")) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWaitingRoom(t)
			w.enter()
			w.exec("CREATE TEMPORARY TABLE old AS SELECT * FROM audit_head")
			other := second(t, w.raw.Config().ConnString())
			for range 3 {
				err := other.Update(t.Context(), func(tx store.Tx) error { return tx.SetSetting("a", []byte("1")) })
				if err != nil {
					t.Fatal(err)
				}
				if err := w.refused(1); err != nil {
					t.Fatalf("behind a change of another node: %v", err)
				}
			}
			w.settle()
			w.exec(forge)
			if err := do(w); !errors.Is(err, store.ErrTampered) || !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("behind the other head: %v", err)
			}
		})
	}
}

// Behind a commit of which nobody knows, a node begins another stream: whether the entries
// are there or not, none is missing.
func TestDoubtBeginsAnotherStream(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t)
	url := server.Schema(t)
	w := &waitingRoom{T: t, db: guardedAt(t, url), raw: connect(t, url)}
	if err := w.refused(0); err != nil {
		t.Fatal(err)
	}
	before := w.db.stream.now()
	server.Set(t, map[string]string{"synchronous_standby_names": "nobody"})
	done := make(chan error)
	go func() { done <- w.refused(1) }()
	if err := endWaiting(t, w.raw, "pg_cancel_backend", done); !errors.Is(err, store.ErrUncertain) {
		t.Fatalf("the commit: %v", err)
	}
	server.Set(t, map[string]string{"synchronous_standby_names": ""})
	if err := w.refused(2); err != nil {
		t.Fatal(err)
	}
	if after := w.db.stream.now(); after.stream == before.stream || after.n != 1 {
		t.Errorf("stream %+v, then %+v", before, after)
	}
	w.settle()
	if err := w.db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
