package serve

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// garbage are columns of the tagged tables of which the data directory of former has a
// row. What the schema itself refuses is left out.
var garbage = map[string][]string{
	"token": {"kind", "type", "manufacturer", "serial", "key_id", "algorithm", "hash", "digits", "period", "t0", "suite",
		"model", "issuer", "label", "profile", "created", "secret", "mark", "tag"},
	"condition": {"owner", "state", "epoch", "not_before", "not_after", "twin"},
	"user":      {"name", "tag"},
	"enrolment": {"hash", "expires", "shown", "tag"},
	"activation": {"route", "counters", "secret", "device", "locator", "registration", "password", "tries",
		"answer", "tag"},
}

// One column of a tagged row is emptied or filled with garbage while the server is
// stopped. Then it starts, and the row is forged wherever it is met; or the start is
// refused as one on a database that was tampered with, and says what to do.
func TestGarbageInOneColumn(t *testing.T) {
	t.Parallel()
	data := former(t)
	_, closed := opened(t, data)
	closed()
	for table, columns := range garbage {
		for _, column := range columns {
			for _, value := range []string{"NULL", "''", "x'00ff'", "-1"} {
				t.Run(fmt.Sprintf("%s.%s=%s", table, column, value), func(t *testing.T) {
					spoiled(t, data, table, column, value)
				})
			}
		}
	}
}

// spoiled changes one row, starts the server, and puts the row back.
func spoiled(t *testing.T, data, table, column, value string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(data, "ostiary.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var it, before, after any
	if err := db.QueryRow(fmt.Sprintf("SELECT rowid, %s FROM %s ORDER BY rowid LIMIT 1", column, table)).
		Scan(&it, &before); err != nil {
		t.Fatal(err)
	}
	set := fmt.Sprintf("UPDATE %s SET %s = ? WHERE rowid = ?", table, column)
	if _, err := db.Exec(strings.Replace(set, "?", value, 1), it); err != nil {
		return // the schema refuses it
	}
	defer func() {
		if _, err := db.Exec(set, before, it); err != nil {
			t.Error(err)
		}
	}()
	if err := db.QueryRow(fmt.Sprintf("SELECT %s FROM %s WHERE rowid = ?", column, table), it).Scan(&after); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(after) == fmt.Sprint(before) {
		return // it was that before
	}
	s, err := Open(t.Context(), Config{Data: data})
	if err != nil {
		f, ok := errors.AsType[*fault.Error](err)
		if !errors.Is(err, ErrRefused) || !ok || f.Hint == "" || !strings.Contains(f.Text, table) {
			t.Errorf("the start fails with %v", err)
		}
		return
	}
	defer func() { _ = s.Close() }()
	s.expire(t.Context())
	rep, err := s.ledger.Verify(t.Context())
	if err != nil || rep.Problem != "" || rep.Whole() {
		t.Errorf("verify: %v, %q, %v", err, rep.Problem, rep.State.Findings)
	}
	if table != "token" && table != "condition" || column == "serial" { // no code names it any more
		return
	}
	err = s.db.View(t.Context(), func(r store.Reader) error {
		all, err := r.Tokens(store.TokenFilter{})
		if err != nil {
			return err
		}
		found, err := s.db.Candidates(t.Context(), store.Lookup{Serial: all[0].Identity.Serial}, true)
		if err == nil && (len(found.Candidates) == 0 || !found.Candidates[0].Forged) {
			t.Errorf("a code would be judged by %+v", found)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
