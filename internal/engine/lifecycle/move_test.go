package lifecycle_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/transfer"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

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
	file, n, err := testkit.Export(t, a, testkit.Move, func(r *lifecycle.ExportRequest) {
		r.Serials, r.Begun = []string{"1"},
			func(m string, _ int) { id = m }
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
		_, err := a.Lifecycle.SetState(t.Context(), testkit.Serial("1"), to, "", testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "token_moving")
	}
	_, _, err = testkit.Export(t, a)
	testkit.IsFault(t, err, fault.Conflict, "moving_already")

	// The server that wrote the file does not take it in, whatever is asked for.
	_, err = testkit.Try(a, testkit.OpenExport(t, file), testkit.Replace, testkit.SkipBad)
	testkit.IsFault(t, err, fault.Conflict, "own_export")

	testkit.Take(t, b, testkit.OpenExport(t, file), testkit.DryRun)
	rep := testkit.Take(t, b, testkit.OpenExport(t, file))
	testkit.Ended(t, rep, store.RunCounts{Imported: 1})
	if c := b.Token(t, "1").Condition; c.State != token.Valid || c.Next != 3 {
		t.Errorf("it arrived as %+v", c)
	}
	if b.Verify(t, "1", testkit.Code(t, key, 2)) || !b.Verify(t, "1", testkit.Code(t, key, 3)) {
		t.Error("on the other server it does not go on where it stood")
	}
	_, _, err = b.Imports.Receipt(t.Context(), 1)
	testkit.IsFault(t, err, fault.NotFound, "no_receipt") // of the dry run
	_, _, err = b.Imports.Receipt(t.Context(), 77)
	testkit.IsFault(t, err, fault.NotFound, "import_not_found")

	r := b.Receipt(t, rep.ID)
	for name, change := range map[string]func(*transfer.Receipt){
		"another token": func(r *transfer.Receipt) { r.Tokens = append(r.Tokens, 2) },
		"no token":      func(r *transfer.Receipt) { r.Tokens = nil },
		"the MAC":       func(r *transfer.Receipt) { r.MAC = strings.Repeat("0", 64) },
		"no MAC":        func(r *transfer.Receipt) { r.MAC = "" },
		"the import":    func(r *transfer.Receipt) { r.Import++ },
		"the version":   func(r *transfer.Receipt) { r.Version = 2 },
	} {
		bad := r
		bad.Tokens = append([]token.ID(nil), r.Tokens...)
		change(&bad)
		_, err := a.Lifecycle.ConfirmMove(t.Context(), bad, testkit.Origin)
		if testkit.IsFault(t, err, fault.Invalid, "receipt_wrong"); a.Token(t, "1").Condition.State != token.Moving {
			t.Errorf("%s changed: the token is gone", name)
		}
	}
	for range 2 { // the same again changes nothing
		m, err := a.Lifecycle.ConfirmMove(t.Context(), r, testkit.Origin)
		if err != nil || m.ID != id || m.Moving != 0 || m.Moved != 1 {
			t.Errorf("confirmed: %+v, %v", m, err)
		}
	}
	if got := a.Serials(t, lifecycle.Filter{}); strings.Join(got, " ") != "2" {
		t.Errorf("left are %v", got)
	}
	if e := a.LastEntry(t); e.Action != "token.moved" || e.Subject["serial"] != "1" || e.After["move"] != id {
		t.Errorf("the log says %s", e.Raw)
	}
	_, err = b.Lifecycle.ConfirmMove(t.Context(), r, testkit.Origin)
	testkit.IsFault(t, err, fault.NotFound, "move_not_found")

	// And home again, by a move the other way: it stands where it stood.
	back, _, err := testkit.Export(t, b, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Ended(t, testkit.Take(t, a, testkit.OpenExport(t, back)), store.RunCounts{Imported: 1})
	if a.Verify(t, "1", testkit.Code(t, key, 3)) || !a.Verify(t, "1", testkit.Code(t, key, 4)) {
		t.Error("back home it does not go on where it stood")
	}
	if text := fmt.Sprint(a.Log(t, 0), b.Log(t, 0)); strings.Contains(text, testkit.ExportPhrase) ||
		strings.Contains(text, string(key.Secret)) {
		t.Error("a secret is in the log")
	}
}

// No command changes a token that is on its way: the file has it as it left, and a token
// that came back to life here would take codes on both servers.
func TestNothingChangesATokenThatMoves(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	k.Import(t, testkit.HOTP("1"), testkit.HOTP("2"), testkit.HOTP("3"))
	k.User(t, "alice")
	k.User(t, "bob")
	k.Assign(t, "1", "alice")
	if _, _, err := testkit.Export(t, k, testkit.Move, func(r *lifecycle.ExportRequest) {
		r.Serials = []string{"1", "3"}
	}); err != nil {
		t.Fatal(err)
	}
	before := []token.Token{k.Token(t, "1"), k.Token(t, "3")}
	until := k.Clock.Now().Add(time.Hour)
	for what, change := range map[string]func() error{
		"assign": func() error {
			_, err := k.Lifecycle.Assign(t.Context(), testkit.Serial("3"), "bob", testkit.Origin)
			return err
		},
		"unassign": func() error {
			_, err := k.Lifecycle.Unassign(t.Context(), testkit.Serial("1"), testkit.Origin)
			return err
		},
		"label": func() error {
			_, err := k.Lifecycle.SetLabel(t.Context(), testkit.Serial("1"), "a label", testkit.Origin)
			return err
		},
		"dates": func() error {
			_, err := k.Lifecycle.SetDates(t.Context(), testkit.Serial("1"), lifecycle.DatesRequest{Until: &until},
				testkit.Origin)
			return err
		},
		"delete": func() error {
			_, err := k.Lifecycle.Delete(t.Context(), testkit.Serial("1"), testkit.Origin)
			return err
		},
		"replace": func() error {
			_, err := k.Lifecycle.Replace(t.Context(), lifecycle.ReplaceRequest{Selector: testkit.Serial("1"), By: "2",
				Origin: testkit.Origin})
			return err
		},
		"replace as lost": func() error {
			_, err := k.Lifecycle.Replace(t.Context(), lifecycle.ReplaceRequest{Selector: testkit.Serial("1"), By: "2",
				State: token.RevokedLost, Origin: testkit.Origin})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) { testkit.IsFault(t, change(), fault.Conflict, "token_moving") })
	}
	_, err := k.Engine.Resync(t.Context(), codes.ResyncRequest{Lookup: store.Lookup{Serial: "1"}, OTP1: "123456",
		OTP2: "654321", Origin: testkit.Origin})
	testkit.IsFault(t, err, fault.Conflict, "token_refuses")
	_, err = k.Engine.Confirm(t.Context(), codes.ConfirmRequest{Lookup: store.Lookup{Serial: "1"}, OTP: "123456",
		Origin: testkit.Origin})
	testkit.IsFault(t, err, fault.Conflict, "token_refuses")
	if after := []token.Token{k.Token(t, "1"), k.Token(t, "3")}; !slices.Equal(before, after) {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// A token that a receipt names is on the other server. It does not come back here, also
// where the server broke off between the receipt and its deletion.
func TestCancelLeavesWhatAReceiptNames(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	a.Import(t, testkit.HOTP("1"))
	var id string
	file, _, err := testkit.Export(t, a, testkit.Move, func(r *lifecycle.ExportRequest) {
		r.Begun = func(m string, _ int) { id = m }
	})
	if err != nil {
		t.Fatal(err)
	}
	r := b.Receipt(t, testkit.Take(t, b, testkit.OpenExport(t, file)).ID)
	if err := a.DB.Update(t.Context(), func(tx store.Tx) error { // what the server does first
		_, err := tx.TakeReceipt(store.MoveReceipt{Move: r.Move, Digest: r.Digest(), Import: r.Import,
			Taken: a.Clock.Now()}, r.Tokens)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	_, err = a.Lifecycle.CancelMove(t.Context(), id, testkit.Origin)
	testkit.IsFault(t, err, fault.Conflict, "receipt_taken")
	if a.Token(t, "1").Condition.State != token.Moving {
		t.Error("the token is on both servers")
	}
	if m, err := a.Lifecycle.ConfirmMove(t.Context(), r, testkit.Origin); err != nil || m.Moved != 1 {
		t.Errorf("the receipt again: %+v, %v", m, err)
	}
}

// A token is not deleted on its way: its move could be cancelled later, and this server takes
// no file of its own. The error says what ends a move; afterwards it is deleted as ever.
func TestMovingTokenIsNotDeleted(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	key := testkit.HOTP("1")
	k.Import(t, key)
	var id string
	if _, _, err := testkit.Export(t, k, testkit.Move, func(r *lifecycle.ExportRequest) {
		r.Begun = func(m string, _ int) { id = m }
	}); err != nil {
		t.Fatal(err)
	}
	before := k.LogSize(t)
	_, err := k.Lifecycle.Delete(t.Context(), testkit.Serial("1"), testkit.Origin)
	testkit.IsFault(t, err, fault.Conflict, "token_moving")
	for _, way := range []string{"ostiary move confirm RECEIPT", "ostiary move cancel MOVE --yes", "ostiary move list"} {
		if hint := fault.Of(err).Hint; !strings.Contains(hint, way) {
			t.Errorf("the hint %q does not say %s", hint, way)
		}
	}
	if got := k.LogSize(t); got != before {
		t.Errorf("%d entries tell of a deletion that was refused", got-before)
	}
	if _, err := k.Lifecycle.CancelMove(t.Context(), id, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if !k.Verify(t, "1", testkit.Code(t, key, 0)) {
		t.Error("the token that came back takes no code")
	}
	if _, err := k.Lifecycle.Delete(t.Context(), testkit.Serial("1"), testkit.Origin); err != nil {
		t.Error(err)
	}
}

// A token that was deleted on its way, as a forged one is, keeps no move
// open: the receipt ends it.
func TestReceiptOfADeletedTokenEndsItsMove(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	a.Import(t, testkit.HOTP("1"), testkit.HOTP("2"))
	file, _, err := testkit.Export(t, a, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	a.Exec(t, "UPDATE token SET label = 'forged' WHERE serial = '1'")
	if _, err := a.Lifecycle.Delete(t.Context(), testkit.Serial("1"), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	r := b.Receipt(t, testkit.Take(t, b, testkit.OpenExport(t, file)).ID)
	for range 2 {
		m, err := a.Lifecycle.ConfirmMove(t.Context(), r, testkit.Origin)
		if err != nil || m.Moving != 0 || m.Moved != 1 || m.Back != 1 {
			t.Errorf("confirmed: %+v, %v", m, err)
		}
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
	begun := func(r *lifecycle.ExportRequest) { r.Begun = func(m string, _ int) { id = m } }
	if _, _, err := testkit.Export(t, k, testkit.Move, begun); err != nil {
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
	testkit.IsFault(t, err, fault.NotFound, "move_not_found")
}

// A flipped bit anywhere in the file brings nothing in.
func TestMoveOfAFlippedFile(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	a.Import(t, testkit.HOTP("1"), testkit.HOTP("2"))
	file, _, err := testkit.Export(t, a, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	// Each takes a key derivation: some places over the whole of it.
	for at := 60; at < len(file); at += len(file) / 12 {
		bad := bytes.Clone(file)
		bad[at] ^= 1
		f, err := imports.OpenFile(bytes.NewReader(bad),
			imports.FileOptions{PSKC: pskc.Options{Passphrase: pskc.Secret(testkit.ExportPhrase)}})
		if err != nil {
			continue // it is no PSKC file any more
		}
		if run, err := testkit.Try(b, f, testkit.SkipBad); err == nil && run.Counts.Imported > 0 {
			t.Errorf("byte %d flipped: %+v", at, run.Counts)
		}
	}
	if got := b.Serials(t, lifecycle.Filter{}); len(got) != 0 {
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
	file, _, err := testkit.Export(t, a, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Lifecycle.ShowSecret(t.Context(), string(made.Tokens[0].Link.Bytes()), testkit.Origin); err == nil {
		t.Error("the old link still shows the secret")
	}
	testkit.Ended(t, testkit.Take(t, b, testkit.OpenExport(t, file)), store.RunCounts{Imported: 2})
	serial := made.Tokens[0].Token.Identity.Serial
	if got := b.Token(t, serial).Condition; got.State != token.Pending || got.Proven() {
		t.Errorf("it arrived as %+v", got)
	}
	link, _, err := b.Lifecycle.RenewLink(t.Context(), testkit.Serial(serial), testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := b.Lifecycle.ShowSecret(t.Context(), string(link.Bytes()), testkit.Origin)
	if err != nil || shown.Token.Identity.Serial != serial {
		t.Errorf("shown %+v, %v", shown.Token, err)
	}
	_, _, err = b.Lifecycle.RenewLink(t.Context(), testkit.Serial(opened.Token.Identity.Serial), testkit.Origin)
	testkit.IsFault(t, err, fault.Conflict, "secret_shown")
}
