package ledger_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/audit/derive"
	"ostiary/internal/core/authz"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/seal"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// town is a server with some of everything.
type town struct {
	*testkit.Kit
	t     testing.TB
	key   *pskc.Key // of token 1, which is anna's
	keys  *credentials.Keys
	root  *credentials.Root
	codes []string // temporary ones of anna
}

func newTown(t testing.TB) *town {
	t.Helper()
	k := testkit.New(t)
	w := &town{Kit: k, t: t, key: testkit.HOTP("1"),
		root: credentials.NewRoot(k.DB, k.Hasher(seal.Password), k.Hasher(seal.Session), k.Clock.Now)}
	k.DefaultProfiles(t)
	k.User(t, "anna")
	k.User(t, "bob")
	k.Import(t, w.key, testkit.TOTP("2"), testkit.HOTP("3"))
	k.Assign(t, "1", "anna")
	k.Assign(t, "3", "bob")
	for c := range uint64(3) {
		w.login(c)
	}
	k.Verify(t, "2", "000000")
	var err error
	if w.keys, err = credentials.OpenKeys(t.Context(), k.DB, k.Hasher(seal.KeyHash), k.Clock.Now); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.keys.Create(t.Context(), authz.Principal{Role: authz.Root},
		credentials.KeyRequest{Name: "radius", Role: authz.Verifier},
		testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if _, err := w.root.SetPassword(t.Context(), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	issued, err := k.Temporary.Issue(t.Context(), tempcodes.Request{User: "anna", Count: 2, Hours: 24,
		Origin: testkit.Origin})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range issued.Codes {
		w.codes = append(w.codes, string(c.Bytes()))
	}
	if !k.VerifyUser(t, "anna", w.codes[0]) {
		t.Fatal("the temporary code is refused")
	}
	k.Create(t, "app-hotp")
	if _, err := k.Lifecycle.SetLabel(t.Context(), tokens.Selector{Serial: "3"}, "desk", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	return w
}

// login presents token 1's code of a counter, which must be right.
func (w *town) login(counter uint64) {
	w.t.Helper()
	if !w.Verify(w.t, "1", testkit.Code(w.t, w.key, counter)) {
		w.t.Fatalf("code %d is refused", counter)
	}
}

func (w *town) verify() ledger.Report {
	w.t.Helper()
	rep, err := w.Ledger.Verify(w.t.Context())
	// What the tags of rows and the head tell beside is not what these tests are about.
	n := len(rep.State.Findings)
	rep.State.Findings = slices.DeleteFunc(rep.State.Findings, func(f derive.Finding) bool {
		return strings.Contains(f.Text, "as this server wrote it")
	})
	rep.State.Count -= n - len(rep.State.Findings)
	if err != nil || rep.Problem != "" && !strings.Contains(rep.Problem, "as this server wrote it") {
		w.t.Fatalf("verify: %v, %s", err, rep.Problem)
	}
	return rep
}

// names demands one finding: the row, the action of the entry named, and what it says.
func (w *town) names(row, action, text string) {
	w.t.Helper()
	rep := w.verify()
	if rep.State.Count != 1 || rep.Whole() {
		w.t.Fatalf("%d findings, want one of %s: %v", rep.State.Count, row, rep.State.Findings)
	}
	f := rep.State.Findings[0]
	got := ""
	if f.Entry != derive.NoEntry {
		got = w.Log(w.t, f.Entry)[0].Action
	}
	if f.Row != row || got != action || !strings.Contains(f.Text, text) {
		w.t.Errorf("found %q at an entry %q, want row %s, entry %q, text %q", f, got, row, action, text)
	}
}

func TestStateFollowsFromTheLog(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	rep := w.verify()
	if !rep.Whole() || rep.State.Tokens != 4 || rep.State.Trusted != 0 || rep.State.Entries != w.LogSize(t) {
		t.Errorf("found %+v", rep.State)
	}
}

// Each derived column, edited in the file: the row is named, and the last entry about
// it.
func TestStateNamesTheRowAndTheEntry(t *testing.T) {
	t.Parallel()
	const (
		one      = "token hotp 1 of Acme"
		two      = "token totp 2 of Acme"
		app      = "token app-hotp AH10000001"
		verified = "code.verified"
	)
	condition := func(set, serial string) string {
		return "UPDATE condition SET " + set + " WHERE token = (SELECT id FROM token WHERE serial = '" + serial + "')"
	}
	for name, c := range map[string]struct{ query, row, action, text string }{
		"counter set back":    {condition("next = 0", "1"), one, verified, "the counter is 0, but according to the log 3"},
		"counter put forward": {condition("next = 9", "1"), one, verified, "the counter is 9"},
		"drift":               {condition("drift = 5", "2"), two, verified, "the drift is 5, but according to the log 0"},
		"epoch":               {condition("epoch = 2", "1"), one, verified, "the epoch is 2, but according to the log 1"},
		"failures forgotten":  {condition("failures = 0", "2"), two, verified, "failures is 0, but according to the log 1"},
		"delay":               {condition("retry_at = 77", "2"), two, verified, "the end of the delay is 77"},
		"state": {condition("state = 0", "AH10000001"), app, "token.created",
			"VALID, but according to the log PENDING"},
		"owner": {condition("owner = (SELECT id FROM user WHERE name = 'bob')", "1"), one, verified,
			`the owner is "bob"`},
		"owner taken":     {condition("owner = NULL", "1"), one, verified, `the owner is ""`},
		"beginning":       {condition("not_before = 1", "1"), one, verified, "validity is 1 to 0"},
		"end":             {condition("not_after = 1", "1"), one, verified, "validity is 0 to 1"},
		"a token deleted": {"DELETE FROM token WHERE serial = '2'", two, verified, "not in the database"},
		"a token renamed": {"UPDATE token SET serial = '4' WHERE serial = '2'", "", "", ""},
		"an application": {"INSERT INTO application (token, idx, mode, algorithm, hash, digits, period, " +
			"suite, next, drift, secret) SELECT id, 2, 1, 'HOTP', 'SHA1', 6, 0, '', 0, 0, x'' FROM token WHERE " +
			"serial = '1'", one, verified, "application 2 is in the database"},
		"a user added": {"INSERT INTO user (name, created) VALUES ('eve', 1)", "user eve", "",
			"no entry created"},
		"a user's failures": {"UPDATE user SET failures = 3 WHERE name = 'bob'", "user bob", "user.added",
			"failures is 3, but according to the log 0"},
		"a user's delay": {"UPDATE user SET retry_at = 9 WHERE name = 'bob'", "user bob", "user.added",
			"the end of the delay is 9"},
		"a used code unused": {"UPDATE temporary_code SET used = 0", "user anna", verified,
			"has been used: false; by the log: true"},
		"a code added": {"INSERT INTO temporary_code (user, fingerprint, expires) SELECT id, " +
			"x'0102030405', 1 FROM user WHERE name = 'bob'", "user bob", "", "code 01020304 is in the database"},
		"a used code removed": {"DELETE FROM temporary_code WHERE used > 0", "a temporary code of user anna",
			verified, "not in the database"},
		"a code for longer": {"UPDATE temporary_code SET expires = expires + 1 WHERE used = 0", "user anna",
			"codes.issued", "ends at"},
		"a label": {"UPDATE token SET label = 'drawer' WHERE serial = '3'", "token hotp 3 of Acme", "token.labelled",
			`the label is "drawer", but according to the log "desk"`},
		"a key inserted": {"INSERT INTO api_key VALUES ('evil', 'evil', 'super_admin', 0, x'00', 1, 0, 0)",
			"API key evil (evil)", "", "no entry created it"},
		"a key's role": {"UPDATE api_key SET role = 'super_admin'", "API key radius (ID)", "key.created",
			"the role is super_admin, but according to the log verifier"},
		"a key's help-desk set": {"UPDATE api_key SET help_desk = 1", "API key radius (ID)", "key.created",
			"help-desk"},
		"a key's secret": {"UPDATE api_key SET hash = x'00'", "API key radius (ID)", "key.created",
			"the hash of the secret in the database is not"},
		"a key's end": {"UPDATE api_key SET expires = 1", "API key radius (ID)", "key.created",
			"in the database its end is 1, but according to the log 0"},
		"a key revoked": {"UPDATE api_key SET revoked = 1", "API key radius (ID)", "key.created",
			"revoked is true"},
		"a key deleted": {"DELETE FROM api_key", "API key radius (ID)", "key.created", "not in the database"},
		"the password of ROOT": {"UPDATE setting SET value = x'00' WHERE name = 'root_password'",
			"the password of ROOT", "root.password_set", "not the one in the log"},
		"no password of ROOT": {"DELETE FROM setting WHERE name = 'root_password'", "the password of ROOT",
			"root.password_set", "set: false"},
		"a type's digits": {"UPDATE token_type SET digits = 8 WHERE name = 'app-hotp'", "type app-hotp", "series.advanced", `digits is "8"`},
		"a type added": {"INSERT INTO token_type (name, kind, algorithm) VALUES ('evil', 'hardware', 'HOTP')",
			"type evil", "", "no entry created it"},
		"a series set back": {"UPDATE token_series SET next = 1, highest = 0 WHERE type = 'app-hotp'",
			"series app-hotp", "series.advanced", "are 1, 0, 1"},
		"a profile": {"UPDATE profile SET vector = x'00' WHERE name = 'mobile-hotp'", "profile mobile-hotp",
			"profile.created", "damaged"},
		"a profile retired": {"UPDATE profile SET retired = 1 WHERE name = 'mobile-hotp'", "profile mobile-hotp",
			"profile.created", "in the database it is retired at 1, but according to the log at 0"},
		"a limit of a profile": {"UPDATE profile SET limit_tries = 99 WHERE name = 'mobile-hotp'", "profile mobile-hotp",
			"profile.created", "in the database the limit tries is 99, but according to the log 0"},
		"a time of a profile": {"UPDATE profile SET limit_window = 86400 WHERE name = 'mobile-hotp'",
			"profile mobile-hotp", "profile.created", "the limit reactivation_window_seconds is 86400, but according to the log 0"},
		"a profile added": {"INSERT INTO profile (name, vector, issuer, created) VALUES ('evil', x'00', x'00', 1)", "profile evil", "",
			"no entry created it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			w.PastLog()
			var id string
			w.query("SELECT id FROM api_key", &id)
			w.Exec(t, c.query)
			if c.row == "" { // one comes and one goes
				if rep := w.verify(); rep.State.Count != 2 {
					t.Errorf("found %v", rep.State.Findings)
				}
				return
			}
			w.names(strings.ReplaceAll(c.row, "ID", id), c.action, c.text)
		})
	}
}

func (w *town) query(query string, to any) {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.Path)
	if err == nil {
		err = db.QueryRow(query).Scan(to)
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// A counter that is set back, used, and set forward again stays visible for ever: the
// entry of the use names another state before than the entries.
func TestCounterSetBackAndForthStaysVisible(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	const set = "UPDATE condition SET next = %d WHERE token = (SELECT id FROM token WHERE serial = '1')"
	w.Exec(t, fmt.Sprintf(set, 0))
	w.Reopen(t) // with what it remembers of the token
	w.login(0)
	w.Exec(t, fmt.Sprintf(set, 3))
	w.Reopen(t)
	w.login(3)
	w.login(4)
	rep := w.verify()
	if rep.State.Count != 2 { // the use of the old code, and the one after it
		t.Fatalf("found %v", rep.State.Findings)
	}
	for i, says := range []string{"the counter was 0, but according to the earlier entries it was 3",
		"the counter was 3, but according to the earlier entries it was 1"} {
		f := rep.State.Findings[i]
		if e := w.Log(t, f.Entry)[0]; f.Row != "token hotp 1 of Acme" || !strings.Contains(f.Text, says) ||
			e.Action != "code.verified" || e.Subject["serial"] != "1" {
			t.Errorf("found %s, of %s", f, e.Raw)
		}
	}
}

// An older row, whole as it once was, does not follow from the log.
func TestOlderRowPutBackIsNamed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	var next, drift, failures, used int64
	const of = "FROM condition WHERE token = (SELECT id FROM token WHERE serial = '1')"
	for column, to := range map[string]*int64{"next": &next, "drift": &drift, "failures": &failures, "last_used": &used} {
		w.query("SELECT "+column+" "+of, to)
	}
	w.login(3)
	w.Unlock(t, "1")
	w.Exec(t, fmt.Sprintf("UPDATE condition SET next = %d, drift = %d, failures = %d, last_used = %d WHERE token = "+
		"(SELECT id FROM token WHERE serial = '1')", next, drift, failures, used))
	w.names("token hotp 1 of Acme", "token.unlocked", "the counter is 3, but according to the log 4")
}

// A user whose failures are forgotten in the file, and then logs in.
func TestUserFailuresForgottenPastTheLog(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	if w.VerifyUser(t, "anna", "000000") {
		t.Fatal("a wrong code is accepted")
	}
	w.Exec(t, "UPDATE user SET failures = 0, retry_at = 0")
	w.Exec(t, "UPDATE condition SET failures = 0, retry_at = 0 WHERE token = (SELECT id FROM token WHERE serial = '1')")
	w.Reopen(t)
	if w.VerifyUser(t, "anna", "000001") {
		t.Fatal("a wrong code is accepted")
	}
	var rows []string
	for _, f := range w.verify().State.Findings {
		rows = append(rows, f.Row)
	}
	if got := strings.Join(rows, ", "); got != "user anna, token hotp 1 of Acme" {
		t.Errorf("found %s", got)
	}
}

// Rows change while they are compared: each page is held against the entries of its own
// moment, so that nothing is found that is not so.
func TestStateIsVerifiedWhileItChanges(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	done := make(chan uint64)
	go func() {
		c := uint64(3)
		for ; ctx.Err() == nil; c++ {
			w.Verify(w.t, "1", testkit.Code(w.t, w.key, c))
			w.Verify(w.t, "2", "000000")
		}
		done <- c
	}()
	n := 0
	for ctx.Err() == nil {
		if rep := w.verify(); !rep.Whole() {
			t.Fatalf("found %v", rep.State.Findings)
		}
		n++
	}
	if c := <-done; n < 3 || c < 10 {
		t.Errorf("%d verifications beside %d codes", n, c)
	}
}

// The verification beside the server records what it found.
func TestVerifyBesideRecordsWhatItFound(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	if _, err := w.Ledger.VerifyBeside(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := w.LastEntry(t)
	if e.Action != string(audit.Verified) || e.Outcome != "done" || e.After["findings"] != "0" ||
		e.After["tokens"] != "4" {
		t.Errorf("recorded %s", e.Raw)
	}
	w.Exec(t, "UPDATE condition SET next = 0")
	if _, err := w.Ledger.VerifyBeside(t.Context()); err != nil {
		t.Fatal(err)
	}
	e = w.LastEntry(t)
	if e.Action != string(audit.Verified) || e.Outcome != "refused" || e.After["findings"] != "1" ||
		!strings.Contains(e.Reason, "token hotp 1 of Acme") {
		t.Errorf("recorded %s", e.Raw)
	}
}
