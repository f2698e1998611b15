package lifecycle_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

func move(r *lifecycle.ExportRequest) { r.Move = true }

// receipt gives that of an import.
func receipt(t *testing.T, k *testkit.Kit, run int64) (r lifecycle.Receipt) {
	t.Helper()
	text, err := k.Lifecycle.Receipt(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// A token that moves is on one server at any time: no code of it is taken twice.
func TestMove(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	key, other := testkit.HOTP("1"), testkit.HOTP("2")
	a.Import(t, key, other)
	if !a.Verify(t, "1", testkit.Code(t, key, 2)) {
		t.Fatal("the code is refused")
	}
	var id string
	file, n, err := export(t, a, move, func(r *lifecycle.ExportRequest) {
		r.Serials, r.Begun = []string{"1"},
			func(m string) { id = m }
	})
	if err != nil || n != 1 {
		t.Fatalf("%d exported, %v", n, err)
	}
	if a.Verify(t, "1", testkit.Code(t, key, 3)) || a.Token(t, "1").Condition.State != token.Moving {
		t.Error("a token on its way takes a code")
	}
	if !a.Verify(t, "2", testkit.Code(t, other, 0)) {
		t.Error("another token takes none")
	}
	for _, to := range []token.State{token.Valid, token.RevokedLost} {
		_, err := a.Lifecycle.SetState(t.Context(), selector("1"), to, "", testkit.Origin)
		isFault(t, err, fault.Conflict, "token_moving")
	}
	_, _, err = export(t, a)
	isFault(t, err, fault.Conflict, "moving_already")

	// The server that wrote the file does not take it in, whatever is asked for.
	_, err = try(a, open(t, file), replace, skipBad)
	isFault(t, err, fault.Conflict, "own_export")

	take(t, b, open(t, file), dryRun)
	rep := take(t, b, open(t, file))
	ended(t, rep, store.RunCounts{Imported: 1})
	if c := b.Token(t, "1").Condition; c.State != token.Valid || c.Next != 3 {
		t.Errorf("it arrived as %+v", c)
	}
	if b.Verify(t, "1", testkit.Code(t, key, 2)) || !b.Verify(t, "1", testkit.Code(t, key, 3)) {
		t.Error("on the other server it does not go on where it stood")
	}
	_, err = b.Lifecycle.Receipt(t.Context(), 1)
	isFault(t, err, fault.NotFound, "no_receipt") // of the dry run

	r := receipt(t, b, rep.ID)
	for name, change := range map[string]func(*lifecycle.Receipt){
		"another token": func(r *lifecycle.Receipt) { r.Tokens = append(r.Tokens, 2) },
		"no token":      func(r *lifecycle.Receipt) { r.Tokens = nil },
		"the MAC":       func(r *lifecycle.Receipt) { r.MAC = strings.Repeat("0", 64) },
		"no MAC":        func(r *lifecycle.Receipt) { r.MAC = "" },
		"the import":    func(r *lifecycle.Receipt) { r.Import++ },
		"the version":   func(r *lifecycle.Receipt) { r.Version = 2 },
	} {
		bad := r
		bad.Tokens = append([]token.ID(nil), r.Tokens...)
		change(&bad)
		_, err := a.Lifecycle.ConfirmMove(t.Context(), bad, testkit.Origin)
		if isFault(t, err, fault.Invalid, "receipt_wrong"); a.Token(t, "1").Condition.State != token.Moving {
			t.Errorf("%s changed: the token is gone", name)
		}
	}
	for range 2 { // the same again changes nothing
		m, err := a.Lifecycle.ConfirmMove(t.Context(), r, testkit.Origin)
		if err != nil || m.ID != id || m.Moving != 0 || m.Moved != 1 {
			t.Errorf("confirmed: %+v, %v", m, err)
		}
	}
	if got := list(t, a, lifecycle.Filter{}); strings.Join(got, " ") != "2" {
		t.Errorf("left are %v", got)
	}
	if e := a.LastEntry(t); e.Action != "token.moved" || e.Subject["serial"] != "1" || e.After["move"] != id {
		t.Errorf("the log says %s", e.Raw)
	}
	_, err = b.Lifecycle.ConfirmMove(t.Context(), r, testkit.Origin)
	isFault(t, err, fault.NotFound, "move_not_found")

	// And home again, by a move the other way: it stands where it stood.
	back, _, err := export(t, b, move)
	if err != nil {
		t.Fatal(err)
	}
	ended(t, take(t, a, open(t, back)), store.RunCounts{Imported: 1})
	if a.Verify(t, "1", testkit.Code(t, key, 3)) || !a.Verify(t, "1", testkit.Code(t, key, 4)) {
		t.Error("back home it does not go on where it stood")
	}
	if text := fmt.Sprint(a.Log(t, 0), b.Log(t, 0)); strings.Contains(text, exportPhrase) ||
		strings.Contains(text, string(key.Secret)) {
		t.Error("a secret is in the log")
	}
}

// A move of which nothing came ends as if it had not begun.
func TestMoveCancelled(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	key := testkit.HOTP("1")
	k.Import(t, key, testkit.HOTP("2"))
	k.SetState(t, "2", token.RevokedBroken)
	var id string
	begun := func(r *lifecycle.ExportRequest) { r.Begun = func(m string) { id = m } }
	if _, _, err := export(t, k, move, begun); err != nil {
		t.Fatal(err)
	}
	m, err := k.Lifecycle.CancelMove(t.Context(), id, testkit.Origin)
	if err != nil || m.Back != 2 || m.Moving != 0 {
		t.Errorf("cancelled: %+v, %v", m, err)
	}
	if k.Token(t, "2").Condition.State != token.RevokedBroken || !k.Verify(t, "1", testkit.Code(t, key, 0)) {
		t.Error("the tokens are not as they were")
	}
	_, err = k.Lifecycle.CancelMove(t.Context(), "no such move", testkit.Origin)
	isFault(t, err, fault.NotFound, "move_not_found")
}

// A flipped bit anywhere in the file brings nothing in.
func TestMoveOfAFlippedFile(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	a.Import(t, testkit.HOTP("1"), testkit.HOTP("2"))
	file, _, err := export(t, a, move)
	if err != nil {
		t.Fatal(err)
	}
	// Each takes a key derivation: some places over the whole of it.
	for at := 60; at < len(file); at += len(file) / 12 {
		bad := bytes.Clone(file)
		bad[at] ^= 1
		f, err := lifecycle.OpenFile(bytes.NewReader(bad),
			lifecycle.FileOptions{PSKC: pskc.Options{Passphrase: pskc.Secret(exportPhrase)}})
		if err != nil {
			continue // it is no PSKC file any more
		}
		if run, err := try(b, f, skipBad); err == nil && run.Counts.Imported > 0 {
			t.Errorf("byte %d flipped: %+v", at, run.Counts)
		}
	}
	if got := list(t, b, lifecycle.Filter{}); len(got) != 0 {
		t.Errorf("tokens %v came in", got)
	}
}

// A token whose link was not opened yet moves with its secret unshown: a link of
// the new server shows it, once.
func TestMoveOfAPendingToken(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	made, err := a.Lifecycle.Create(
		t.Context(), lifecycle.CreateRequest{Type: "app-totp", Count: 2, Origin: testkit.Origin})
	if err != nil {
		t.Fatal(err)
	}
	opened := made.Tokens[1]
	if _, err := a.Lifecycle.ShowSecret(t.Context(), string(opened.Link.Bytes()), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	file, _, err := export(t, a, move)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Lifecycle.ShowSecret(t.Context(), string(made.Tokens[0].Link.Bytes()), testkit.Origin); err == nil {
		t.Error("the old link still shows the secret")
	}
	ended(t, take(t, b, open(t, file)), store.RunCounts{Imported: 2})
	serial := made.Tokens[0].Token.Identity.Serial
	if got := b.Token(t, serial).Condition; got.State != token.Pending || got.Proven() {
		t.Errorf("it arrived as %+v", got)
	}
	link, _, err := b.Lifecycle.RenewLink(t.Context(), selector(serial), testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := b.Lifecycle.ShowSecret(t.Context(), string(link.Bytes()), testkit.Origin)
	if err != nil || shown.Token.Identity.Serial != serial {
		t.Errorf("shown %+v, %v", shown.Token, err)
	}
	_, _, err = b.Lifecycle.RenewLink(t.Context(), selector(opened.Token.Identity.Serial), testkit.Origin)
	isFault(t, err, fault.Conflict, "secret_shown")
}

// What once left a server in a file does not come back by it: neither by a plain
// export from before a move, nor by the file of a move that was taken in.
func TestNothingComesBackByAnOldFile(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	key := testkit.HOTP("1")
	a.Import(t, key)
	confirm := func(from, to *testkit.Kit, file []byte) {
		t.Helper()
		rep := take(t, to, open(t, file))
		if ended(t, rep, store.RunCounts{Imported: 1}); rep.Counts.Imported != 1 {
			t.FailNow()
		}
		if _, err := from.Lifecycle.ConfirmMove(t.Context(), receipt(t, to, rep.ID), testkit.Origin); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(k *testkit.Kit, file []byte, why string) {
		t.Helper()
		for _, more := range [][]func(*lifecycle.ImportRequest){{dryRun}, {skipBad, replace, renumber}} {
			rep := take(t, k, open(t, file), more...)
			if ended(t, rep, store.RunCounts{Refused: 1}); !strings.Contains(rep.Rows[0].Reason, why) {
				t.Errorf("refused because %q, want %q", rep.Rows[0].Reason, why)
			}
		}
	}
	plain, _, err := export(t, a)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := export(t, a, move)
	if err != nil {
		t.Fatal(err)
	}
	confirm(a, b, out)
	refused(a, plain, "moved to another server")
	if _, err := try(a, testkit.Keys(key), skipBad); err != nil { // the manufacturer's own file
		t.Fatal(err)
	}
	if got := list(t, a, lifecycle.Filter{}); len(got) != 0 {
		t.Errorf("tokens %v are back", got)
	}
	home, _, err := export(t, b, move)
	if err != nil {
		t.Fatal(err)
	}
	confirm(b, a, home)
	refused(b, out, "brought the token here before")
	refused(b, plain, "moved to another server")
	code := testkit.Code(t, key, 0)
	if b.Verify(t, "1", code) || !a.Verify(t, "1", code) || a.Verify(t, "1", code) {
		t.Error("the code does not count once, where the token lives")
	}
	// While it lives there, a file of it brings a duplicate, as ever.
	for _, more := range [][]func(*lifecycle.ImportRequest){{dryRun}, {}} {
		ended(t, take(t, a, open(t, plain), more...), store.RunCounts{Duplicate: 1})
	}
	// Once deleted where it lives, its old file brings it back there, as ever.
	if _, err := a.Lifecycle.Delete(t.Context(), selector("1"), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	ended(t, take(t, a, open(t, plain)), store.RunCounts{Imported: 1})
	if a.Verify(t, "1", code) {
		t.Error("a used code works again")
	}
}

// A copy that is on the other server already must not stand behind the token
// that moves there, or the codes used meanwhile would count again.
func TestMoveOntoAnOlderCopy(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	key := testkit.HOTP("1")
	a.Import(t, key)
	b.Import(t, key)
	code := testkit.Code(t, key, 4)
	if !a.Verify(t, "1", code) {
		t.Fatal("the code is refused")
	}
	file, _, err := export(t, a, move)
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]func(*lifecycle.ImportRequest){{dryRun, skipBad}, {skipBad, replace, renumber}} {
		rep := take(t, b, open(t, file), more...)
		if ended(t, rep, store.RunCounts{Conflict: 1}); !strings.Contains(rep.Rows[0].Reason, "earlier code") {
			t.Errorf("in conflict because %q", rep.Rows[0].Reason)
		}
		if _, err := b.Lifecycle.Receipt(t.Context(), rep.ID); err == nil {
			t.Error("a receipt for a token that was not taken in")
		}
	}
	if _, err := b.Lifecycle.Delete(t.Context(), selector("1"), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	ended(t, take(t, b, open(t, file)), store.RunCounts{Imported: 1})
	if b.Verify(t, "1", code) || !b.Verify(t, "1", testkit.Code(t, key, 5)) {
		t.Error("a code that was used before the move counts again")
	}
}

// A token that comes back under another serial, before the receipt of the move that
// took it away was handed in, waits for that: its secret is here once.
func TestMoveBackUnderAnotherSerial(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	software(t, a, "a", 10000001)
	software(t, b, "b", 10000001)
	out, _, err := export(t, a, move)
	if err != nil {
		t.Fatal(err)
	}
	there := take(t, b, open(t, out), renumber)
	ended(t, there, store.RunCounts{Imported: 1, Renumbered: 1})
	home, _, err := export(t, b, move, func(r *lifecycle.ExportRequest) { r.Serials = []string{"AT10000002"} })
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]func(*lifecycle.ImportRequest){{dryRun, renumber}, {renumber}, {skipBad, renumber}} {
		rep := take(t, a, open(t, home), more...)
		if ended(t, rep, store.RunCounts{Conflict: 1}); !strings.Contains(rep.Rows[0].Reason,
			"AT10000001, on its way") {
			t.Errorf("in conflict because %q", rep.Rows[0].Reason)
		}
	}
	if _, err := a.Lifecycle.ConfirmMove(t.Context(), receipt(t, b, there.ID), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	ended(t, take(t, a, open(t, home)), store.RunCounts{Imported: 1})
	if got := list(t, a, lifecycle.Filter{}); len(got) != 1 || got[0] != "AT10000002" {
		t.Errorf("tokens: %v", got)
	}
}
