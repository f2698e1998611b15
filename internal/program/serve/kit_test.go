package serve

import (
	"encoding/json"
	"fmt"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/seal"
)

// credentialsAnew reads the API keys as the database has them now.
func credentialsAnew(t *testing.T, s *Server) (*credentials.Keys, error) {
	t.Helper()
	h, err := s.database.Hasher(seal.KeyHash)
	if err != nil {
		t.Fatal(err)
	}
	return credentials.OpenKeys(t.Context(), s.db, h, s.cfg.Now)
}

// entry gives the newest entry of an action, as JSON.
func (s *Server) entry(t *testing.T, action audit.Action) (e map[string]any) {
	t.Helper()
	for _, row := range s.entries(t) {
		var one map[string]any
		if err := json.Unmarshal(row.Entry, &one); err != nil {
			t.Fatal(err)
		}
		if one["action"] == string(action) {
			e = one
		}
	}
	if e == nil {
		t.Fatalf("no entry %s", action)
	}
	return e
}

// The log says what was taken on trust, and what was put back and why.
func TestEntriesOfTheBeginningAndOfARestore(t *testing.T) {
	t.Parallel()
	data := former(t)
	s, closed := opened(t, data)
	begun, _ := s.entry(t, audit.IntegrityBegun)["after"].(map[string]any)
	if begun["entries"] != float64(formerEntries) || begun["integrity_key"] != float64(1) ||
		len(fmt.Sprint(begun["genesis"])) != 32 || begun["rows"] == float64(0) {
		t.Errorf("integrity.begun has %v", begun)
	}
	closed()
	if _, err := Accept(t.Context(), Config{Data: data}, "a reason", true); err != nil {
		t.Fatal(err)
	}
	s, _ = opened(t, data)
	e := s.entry(t, audit.DatabaseRestored)
	after, _ := e["after"].(map[string]any)
	before, _ := e["before"].(map[string]any)
	if e["reason"] != "a reason" || after["fenced"] != true || after["entries"] == nil ||
		len(fmt.Sprint(after["root"])) != 64 ||
		before["entries"] == nil || len(fmt.Sprint(before["root"])) != 64 {
		t.Errorf("database.restored is %v", e)
	}
}
