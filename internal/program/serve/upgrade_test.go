package serve

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/store"
)

// testdata/before-integrity is what the last version without an integrity key left:
// tokens 15000001 (alice's, the secret of RFC 4226, counter 0 used) and 15000002, a
// deleted one, a link and an offer for bob, a temporary code for alice, two API keys.
const (
	formerPassword  = "CAMS4ZKBUPGHOSBBA7W3EKNY67"
	formerKey       = "ostiary_utq5e2r47i_WAZDP4PSJI7EYNDO4JUEWCXICT"
	formerLink      = "VEKNTYQKFCIBUT5WQCFM6F7CH2"
	formerTemporary = "46975960"
	formerEntries   = 26
)

var formerTime = time.Date(2026, 11, 28, 21, 55, 0, 0, time.UTC)

var origin = audit.Origin{Actor: "test"}

// former unpacks the data directory of the former version.
func former(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	kek, err := os.ReadFile("testdata/before-integrity/kek")
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile("testdata/before-integrity/ostiary.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	db, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"kek": kek, "ostiary.db": db} {
		if err := os.WriteFile(filepath.Join(data, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

// change changes the database of a stopped server.
func change(t *testing.T, data, query string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(data, "ostiary.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// opened opens a server; it is closed when the test ends, or before.
func opened(t *testing.T, data string) (s *Server, closed func()) {
	t.Helper()
	s, err := Open(t.Context(), Config{Data: data, Now: func() time.Time { return formerTime }})
	if err != nil {
		t.Fatal(err)
	}
	done := false
	closed = func() {
		if !done {
			done = true
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(closed)
	return s, closed
}

func (s *Server) verify(t *testing.T, l store.Lookup, otp string) bool {
	t.Helper()
	valid, err := s.engine.Verify(t.Context(), codes.Request{Lookup: l, OTP: otp, Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	return valid
}

// entries gives the whole log.
func (s *Server) entries(t *testing.T) (rows []store.AuditRow) {
	t.Helper()
	if err := s.db.View(t.Context(), func(r store.Reader) (err error) {
		rows, err = r.AuditEntries(0, 1000)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return rows
}

// whole demands that the log and all rows are whole.
func (s *Server) whole(t *testing.T) ledger.Report {
	t.Helper()
	report, err := s.ledger.Verify(t.Context())
	if err != nil || report.Problem != "" {
		t.Errorf("audit verify: %+v, %v", report, err)
	}
	return report
}

// What a database of the former version holds goes on working, and proves itself from
// then on.
func TestUpgradeKeepsWhatWorks(t *testing.T) {
	t.Parallel()
	data := former(t)
	s, closed := opened(t, data)
	if report := s.whole(t); report.Entries <= formerEntries {
		t.Errorf("%d entries", report.Entries)
	}
	if p, ok := s.keys.Principal(formerKey); !ok || p != (authz.Principal{Name: "key:radius", ID: "utq5e2r47i",
		Role:     authz.Operator,
		HelpDesk: true}) {
		t.Errorf("the API key is %+v, %t", p, ok)
	}
	if _, _, err := s.root.Start(t.Context(), formerPassword, origin); err != nil {
		t.Errorf("ROOT's password: %v", err)
	}
	if s.verify(t, store.Lookup{User: "alice"}, "755224") {
		t.Error("a code that was used before works")
	}
	if !s.verify(t, store.Lookup{User: "alice"}, "287082") {
		t.Error("the next code does not work")
	}
	if s.verify(t, store.Lookup{User: "alice"}, formerTemporary) {
		t.Error("a temporary code of the former version works; its key is no more")
	}
	shown, err := s.lifecycle.ShowSecret(t.Context(), formerLink, origin)
	if err != nil || shown.Token.OwnerName != "bob" {
		t.Errorf("the link shows %+v, %v", shown.Token, err)
	}
	begun := 0
	for _, row := range s.entries(t) {
		if bytes.Contains(row.Entry, []byte(`"action":"integrity.begun"`)) {
			begun++
			if row.Seq != formerEntries || !strings.Contains(string(row.Entry), `"entries":26`) {
				t.Errorf("entry %d: %s", row.Seq, row.Entry)
			}
		}
	}
	if begun != 1 {
		t.Errorf("%d entries of the beginning", begun)
	}
	closed()
	s, closed = opened(t, data)
	s.whole(t)
	if !s.verify(t, store.Lookup{Serial: "15000001"}, "359152") {
		t.Error("a code after the second start does not work")
	}
	closed()
	if err := os.Remove(filepath.Join(data, "kek.mark")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Data: data}); !errors.Is(err, ErrRefused) {
		t.Errorf("without its mark: %v", err)
	}
}

// A backup of the former version that is put back is refused like any older copy, and
// taken by the command, which the log tells. An empty database is never taken.
func TestFormerBackupIsAccepted(t *testing.T) {
	t.Parallel()
	data := former(t)
	packed, err := os.ReadFile(filepath.Join(data, "ostiary.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, closed := opened(t, data)
	closed()
	file := filepath.Join(data, "ostiary.db")
	mark, err := os.ReadFile(filepath.Join(data, "kek.mark"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Data: data}); !errors.Is(err, ErrRefused) {
		t.Errorf("an empty database: %v", err)
	}
	if r, err := Accept(t.Context(), Config{Data: data}, "test", false); err == nil {
		t.Errorf("an empty database is accepted: %+v", r)
	}
	if now, err := os.ReadFile(filepath.Join(data, "kek.mark")); err != nil || !bytes.Equal(now, mark) {
		t.Errorf("the mark is another one: %v", err)
	}
	if err := os.WriteFile(file, packed, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ostiary.db-wal", "ostiary.db-shm"} {
		_ = os.Remove(filepath.Join(data, name)) // of the empty one, if it is there
	}
	if _, err := Open(t.Context(), Config{Data: data}); !errors.Is(err, ErrRefused) {
		t.Errorf("a backup of the former version: %v", err)
	}
	r, err := Accept(t.Context(), Config{Data: data}, "test", false)
	if err != nil || r.Marked || r.Entries != formerEntries+1 {
		t.Fatalf("accepted as %+v, %v", r, err)
	}
	s, _ := opened(t, data)
	s.whole(t)
	told := false
	for _, row := range s.entries(t) {
		told = told || bytes.Contains(row.Entry, []byte(`"action":"database.restored"`))
	}
	if !told {
		t.Error("the log does not tell of it")
	}
}

// What is missing from a former database, or was changed in its log, is not taken on
// trust.
func TestUpgradeOfATamperedDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{
		"the signing key":     "DELETE FROM setting WHERE name = 'audit_signing_key'",
		"the verifier key":    "DELETE FROM setting WHERE name = 'audit_verifier_key'",
		"all audit settings":  "DELETE FROM setting WHERE name LIKE 'audit_%'",
		"the fingerprint key": "DELETE FROM setting WHERE name = 'fingerprint_key'",
		"the data key":        "DELETE FROM data_key",
		"an entry":            "DELETE FROM audit_entry WHERE seq = 7",
		"a letter of one": "UPDATE audit_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'alice', " +
			"'malice') AS BLOB)",
		"the end":  "DELETE FROM audit_entry WHERE seq > 20",
		"the head": "UPDATE audit_head SET frontier = x'0000000000000000'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := former(t)
			change(t, data, query)
			s, err := Open(t.Context(), Config{Data: data})
			if !errors.Is(err, ErrRefused) {
				t.Errorf("without %s: %v", name, err)
			}
			if err == nil {
				_ = s.Close()
			}
			if _, err := os.Stat(filepath.Join(data, "kek.mark")); name != "the fingerprint key" && err == nil {
				t.Error("a refused database has a mark")
			}
		})
	}
}

// An upgrade that was interrupted goes on where it was, under the same key.
func TestInterruptedUpgradeGoesOn(t *testing.T) {
	t.Parallel()
	data := former(t)
	cancelled, cancel := context.WithCancel(t.Context())
	steps := 0
	_, err := Open(cancelled, Config{Data: data, Now: func() time.Time {
		if steps++; steps == 2 { // the key is made; its rows are still to be tagged
			cancel()
		}
		return formerTime
	}})
	if err == nil {
		t.Fatal("the upgrade was not interrupted")
	}
	s, _ := opened(t, data)
	s.whole(t)
	if _, ok := s.keys.Principal(formerKey); !ok {
		t.Error("the API key does not work")
	}
	if !s.verify(t, store.Lookup{Serial: "15000001"}, "287082") {
		t.Error("the next code does not work")
	}
}

// A row that is put in with SQL opens nothing; see also package sqlite.
func TestForgedCredentialsOpenNothing(t *testing.T) {
	t.Parallel()
	data := former(t)
	s, closed := opened(t, data)
	_, own, err := s.keys.Create(t.Context(), authz.Principal{Role: authz.Root},
		credentials.KeyRequest{Name: "weak", Role: authz.Verifier}, origin)
	if err != nil {
		t.Fatal(err)
	}
	closed()
	// The small tables are bound to the head, so such a server does not even start.
	for name, query := range map[string]string{
		"a stronger role": "UPDATE api_key SET role = 'super_admin' WHERE name = 'weak'",
		"a password": "UPDATE setting SET value = CAST('$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" +
			"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' AS BLOB) WHERE name = 'root_password'",
	} {
		copied := copyOf(t, data)
		change(t, copied, query)
		if _, err := Open(t.Context(), Config{Data: copied}); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// While it runs, what it reads again must be as it wrote it.
	s, _ = opened(t, data)
	change(t, data, "UPDATE api_key SET role = 'super_admin' WHERE name = 'weak'")
	if _, err := credentialsAnew(t, s); !errors.Is(err, store.ErrTampered) {
		t.Errorf("the keys are read again: %v", err)
	}
	if p, ok := s.keys.Principal(own); !ok || p.Role != authz.Verifier || !s.alarms.degraded() {
		t.Errorf("the key is %+v, %t; degraded %t", p, ok, s.alarms.degraded())
	}
}

func copyOf(t *testing.T, data string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kek", "kek.mark", "ostiary.db"} {
		content, err := os.ReadFile(filepath.Join(data, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// Whoever changed an owner with SQL gets in as nobody; it is told once in the log and
// the health of the server is degraded.
func TestForgedOwnerIsRefusedAndTold(t *testing.T) {
	t.Parallel()
	data := former(t)
	s, _ := opened(t, data)
	change(t, data, "UPDATE condition SET owner = (SELECT id FROM user WHERE name = 'bob') WHERE owner = "+
		"(SELECT id FROM user WHERE name = 'alice')")
	if s.alarms.degraded() {
		t.Error("degraded before anything was met")
	}
	for _, otp := range []string{"287082", "359152"} {
		if s.verify(t, store.Lookup{User: "bob"}, otp) || s.verify(t, store.Lookup{Serial: "15000001"}, otp) {
			t.Error("a forged owner gets in")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go s.alarms.record(ctx, s.ledger)
	defer cancel()
	told := 0
	for deadline := time.Now().Add(10 * time.Second); told == 0 && time.Now().Before(deadline); {
		told = 0
		refused := 0
		for _, row := range s.entries(t) {
			if bytes.Contains(row.Entry, []byte(`"action":"row.forged"`)) {
				told++
			}
			if bytes.Contains(row.Entry, []byte(`"reason":"row_forged"`)) {
				refused++
			}
		}
		if refused != 4 {
			t.Fatalf("%d refusals for the forged row", refused)
		}
	}
	if told != 1 || !s.alarms.degraded() {
		t.Errorf("told %d times, degraded %t", told, s.alarms.degraded())
	}
	report, err := s.ledger.Verify(t.Context())
	if err != nil || report.Problem != "" || report.Whole() ||
		!strings.Contains(report.State.Findings[0].String(), "row 1 of table token") {
		t.Errorf("audit verify says %+v, %v", report, err)
	}
}
