package testkit

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/pskc"
)

// Entry is a line of the audit log, with the values of before and after as
// text.
type Entry struct {
	Seq                                                              int64
	Action, Outcome, Reason, Actor, Role, Source, Request, Time, Raw string
	ActorID                                                          string `json:"actor_id"`
	Subject                                                          map[string]string
	Before, After                                                    map[string]any
}

// Log reads the audit log from place from to its end.
func (k *Kit) Log(t testing.TB, from int64) []Entry {
	t.Helper()
	var rows []store.AuditRow
	err := k.DB.View(context.Background(), func(r store.Reader) (err error) {
		rows, err = r.AuditEntries(from, 1<<30)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	entries := make([]Entry, len(rows))
	for i, row := range rows {
		e := &entries[i]
		d := json.NewDecoder(bytes.NewReader(row.Entry))
		d.UseNumber()
		if err := d.Decode(e); err != nil {
			t.Fatalf("audit entry %d: %v", row.Seq, err)
		}
		e.Seq, e.Raw = row.Seq, string(row.Entry)
		for _, m := range []map[string]any{e.Before, e.After} {
			for name, v := range m {
				m[name] = fmt.Sprint(v)
			}
		}
	}
	return entries
}

// LogSize is the number of entries in the audit log.
func (k *Kit) LogSize(t testing.TB) int64 {
	t.Helper()
	var n int64
	err := k.DB.View(context.Background(), func(r store.Reader) error {
		head, err := r.AuditHead()
		if err == nil {
			n = head.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// LastEntry is the newest line of the audit log.
func (k *Kit) LastEntry(t testing.TB) Entry {
	t.Helper()
	log := k.Log(t, k.LogSize(t)-1)
	if len(log) != 1 {
		t.Fatal("the audit log is empty")
	}
	return log[0]
}

// Dump gives the content of the database as text, but for the tables named.
func (k *Kit) Dump(t testing.TB, except ...string) string {
	t.Helper()
	db, err := sql.Open("sqlite", k.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	var b strings.Builder
	for _, table := range Rows(t, db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name") {
		// The index of the log follows it beside what is done.
		skip := table == "audit_segment" || table == "audit_block" || table == "audit_span" || table == "code_tally"
		for _, e := range except {
			skip = skip || table == e
		}
		if skip {
			continue
		}
		fmt.Fprintf(&b, "== %s\n", table)
		columns := "*"
		if table == "audit_head" {
			columns = "id, frontier" // its record counts commits, of which some change nothing
		}
		for _, row := range Rows(t, db, "SELECT "+columns+" FROM \""+table+"\" ORDER BY 1, 2") {
			b.WriteString(row + "\n")
		}
	}
	return b.String()
}

// Exec changes the database behind the server's back.
func (k *Kit) Exec(t testing.TB, query string) {
	t.Helper()
	k.PastLog()
	db, err := sql.Open("sqlite", k.Path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(query)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// Rows runs a query and gives each row as text.
func Rows(t testing.TB, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		values, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = textOf(v)
		}
		out = append(out, strings.Join(texts, " | "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func (k *Kit) sealed(t testing.TB, id token.ID, secret pskc.Secret) []byte {
	t.Helper()
	sealed, err := k.Keys.Seal(store.SecretBinding(id), seal.NewSecret(append([]byte(nil), secret...)))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// textOf shows a value; bytes that are no JSON in hexadecimal.
func textOf(v any) string {
	raw, ok := v.([]byte)
	switch {
	case !ok:
		return fmt.Sprint(v)
	case bytes.HasPrefix(raw, []byte("{")):
		return string(raw)
	}
	return fmt.Sprintf("%x", raw)
}

// Changes gives the lines by which two dumps differ.
func Changes(before, after string) string {
	var b strings.Builder
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	for _, line := range old {
		if !slices.Contains(now, line) {
			b.WriteString("- " + line + "\n")
		}
	}
	for _, line := range now {
		if !slices.Contains(old, line) {
			b.WriteString("+ " + line + "\n")
		}
	}
	return b.String()
}

// Count gives the number that a query of the database gives.
func (k *Kit) Count(t testing.TB, query string) (n int64) {
	t.Helper()
	db, err := sql.Open("sqlite", k.Path)
	if err != nil {
		t.Fatal(err)
	}
	err = db.QueryRow(query).Scan(&n)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
