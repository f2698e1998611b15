package codes_test

import (
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// Every try of a fenced token's code is in the log, also where an administrator is told
// openly why it was refused.
func TestTriesOfAFencedTokenAreRecorded(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	pending := k.Create(t, "app-hotp")
	k.PastLog()
	if err := k.DB.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Fence(k.Clock.Now())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	last := func(action audit.Action, serial string, from int64) {
		t.Helper()
		entries := k.Log(t, from)
		if len(entries) != 1 {
			t.Fatalf("%d new entries", len(entries))
		}
		e := entries[0]
		if e.Action != string(action) || e.Outcome != "refused" || e.Reason != string(token.NeedsTwo) ||
			e.Subject["serial"] != serial || e.Actor != testkit.Origin.Actor {
			t.Errorf("the entry is %s", e.Raw)
		}
	}
	from := k.LogSize(t)
	_, err := k.Engine.Verify(t.Context(), codes.Request{Lookup: lookup("1"), OTP: testkit.Code(t, key, 0),
		MayList: true, Origin: testkit.Origin})
	isFault(t, err, fault.Conflict, "two_codes")
	last(audit.CodeVerified, "1", from)

	from = k.LogSize(t)
	accepted(t, k, "1", testkit.Code(t, key, 0), false)
	last(audit.CodeVerified, "1", from)

	from = k.LogSize(t)
	_, err = k.Engine.Confirm(t.Context(), codes.ConfirmRequest{Lookup: lookup(pending.Serial),
		OTP: testkit.Code(t, pending, 0), Origin: testkit.Origin})
	isFault(t, err, fault.Conflict, "two_codes")
	last(audit.TokenConfirmed, pending.Serial, from)
	failures(t, k, "1", 0)

	// A revoked one is refused for that, and nothing is said of two codes.
	k.SetState(t, "1", token.RevokedLost)
	if _, err = k.Engine.Verify(t.Context(), codes.Request{Lookup: lookup("1"), OTP: testkit.Code(t, key, 0),
		MayList: true, Origin: testkit.Origin}); err != nil {
		t.Error(err)
	}
	recorded(t, k, token.Revoked)
}

// The same of a token whose row somebody else wrote.
func TestTriesOfAForgedTokenAreRecorded(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	k.Exec(t, "UPDATE token SET tag = zeroblob(32)")
	try := func(action audit.Action, try func() error) {
		t.Helper()
		from := k.LogSize(t)
		isFault(t, try(), fault.Conflict, "row_forged")
		for _, e := range k.Log(t, from) {
			if e.Action == string(action) && e.Outcome == "refused" && e.Reason == string(token.RowForged) {
				return
			}
		}
		t.Errorf("no entry of %s: %v", action, k.Log(t, from))
	}
	code := testkit.Code(t, key, 0)
	try(audit.CodeVerified, func() error {
		_, err := k.Engine.Verify(t.Context(), codes.Request{Lookup: lookup("1"), OTP: code, MayList: true,
			Origin: testkit.Origin})
		return err
	})
	try(audit.TokenConfirmed, func() error {
		_, err := k.Engine.Confirm(t.Context(), codes.ConfirmRequest{Lookup: lookup("1"), OTP: code,
			Origin: testkit.Origin})
		return err
	})
	try(audit.TokenResynced, func() error {
		_, err := k.Engine.Resync(t.Context(), codes.ResyncRequest{Lookup: lookup("1"), OTP1: code,
			OTP2: testkit.Code(t, key, 1), Origin: testkit.Origin})
		return err
	})
}
