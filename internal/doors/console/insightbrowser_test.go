package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/formats/profilefile"
	browsers "ostiary/internal/test/browser"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// TestInsightInBrowser: the dashboard and where its numbers lead, the log, types, series,
// profiles, batches and moves, in Chromium. What strangers wrote is a script everywhere.
func TestInsightInBrowser(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	account(t, s, "sue", authz.SuperAdmin, false)
	deliver(t, s, hostile, 60)
	var keys []*pskc.Key
	for i := range 8 {
		keys = append(keys, testkit.HOTP(fmt.Sprint(260021450880+7*i)))
	}
	s.Import(t, append(keys, testkit.TOTP("880"))...)
	s.User(t, "bea")
	for _, key := range keys[:5] {
		s.Assign(t, key.Serial, "bea")
	}
	for day := range 12 {
		for i := range 1 + day*day%5 {
			try(t, s, keys[i%4].Serial, testkit.Code(t, keys[i%4], uint64(100*day+10*i)))
		}
		if day%4 == 0 {
			try(t, s, keys[4].Serial, testkit.Wrong(t, keys[4], 0, 1)[0])
		}
		s.Clock.Advance(24 * time.Hour)
	}
	try(t, s, keys[0].Serial, testkit.Code(t, keys[0], 0))
	p, err := profilefile.ParseProfile(strings.NewReader(exampleProfile(t)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Profiles.Create(t.Context(), "example", p, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if a := s.Do(t, testkit.SuperAdmin, http.MethodPost, "/api/v1/exports", map[string]any{
		"passphrase": "correct horse battery", "type": "totp", "move": true}); a.Status != http.StatusOK {
		t.Fatalf("export: %d %s", a.Status, a.Body)
	}
	browsers.Run(t, "insight.mjs", s.URL, "sue", chosen)
}
