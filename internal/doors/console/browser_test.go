package console_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/engine/credentials"
	browsers "ostiary/internal/test/browser"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// TestConsoleInBrowser: an administrator's first day, in Chromium: signs in, assigns a fob,
// checks its code, resynchronizes it, marks it lost and takes that back, replaces and deletes
// it, with the mouse and with the keys.
func TestConsoleInBrowser(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	keys := []*pskc.Key{testkit.TOTP("2001")}
	for i := range 25 {
		keys = append(keys, testkit.HOTP("10"+string(rune('a'+i))))
	}
	s.Import(t, keys...)
	s.User(t, "bea")
	_, first, err := s.Config.Accounts.Add(t.Context(), authz.Principal{Role: authz.Root},
		credentials.AdminRequest{Name: "anna", Role: authz.Admin}, testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	codes := testkit.Oathtool(t, testkit.SecretOf("10b"), "-w", "30")
	browsers.Run(t, "console.mjs", s.URL, "anna", first, strings.Join(codes, " "))
}

// TestManyInBrowser: tokens are selected and changed at once, in Chromium, with scripts and
// without.
func TestManyInBrowser(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	s.Import(t, append(many(60), testkit.HOTP("2001"))...)
	s.User(t, "bea")
	account(t, s, "anna", authz.Admin, false)
	browsers.Run(t, "many.mjs", s.URL, "anna", chosen)
}

// TestAccountsInBrowser: passkeys (Chromium's virtual authenticator), fresh proofs, and the
// pages of administrators, keys and settings.
func TestAccountsInBrowser(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	account(t, s, "sue", authz.SuperAdmin, false)
	s.Public = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	later := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		s.Clock.Advance(6 * time.Minute)
	}))
	t.Cleanup(later.Close)
	browsers.Run(t, "accounts.mjs", s.Public, s.URL, "sue", chosen, later.URL)
	unlogged(t, s, chosen)
}

// TestSoftwareTokensInBrowser: an app is activated with the authenticator of the command line,
// its phone is lost, and another one takes its place.
func TestSoftwareTokensInBrowser(t *testing.T) {
	t.Parallel()
	s, _ := phones(t)
	s.Config.PublicURL = s.URL
	folder := t.TempDir()
	authenticator := filepath.Join(folder, "ostiary-authenticator")
	if out, err := exec.Command("go", "build", "-o", authenticator, "ostiary/cmd/ostiary-authenticator").
		CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	browsers.Run(t, "software.mjs", s.URL, "anna", chosen, authenticator, folder)
}

// TestImportInBrowser: a file comes in, in Chromium, with the wrong and the right passphrase,
// and a code of its token is right; once with the keyboard alone; and a long import is watched.
func TestImportInBrowser(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	folder := t.TempDir()
	others := strings.Replace(fobs, "3132", "4142", 1) // no secret of the letter's
	for name, text := range map[string]string{"letter.pskc": seedFile(t, "figure7"), "fobs.csv": others + "7003,3332\n",
		"large.csv": large(40_000)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	codes := testkit.Oathtool(t, []byte("12345678901234567890"), "-d", "8", "-w", "3")
	browsers.Run(t, "import.mjs", s.URL, s.RootPassword, folder, strings.Join(codes, " "))
}
