package lifecycle_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/test/testkit"
)

func replaceToken(k *testkit.Kit, serial string, more ...func(*lifecycle.ReplaceRequest)) (lifecycle.Replacement,
	error) {
	req := lifecycle.ReplaceRequest{Selector: testkit.Serial(serial), Origin: testkit.Origin}
	for _, m := range more {
		m(&req)
	}
	return k.Lifecycle.Replace(background(), req)
}

func by(serial string) func(*lifecycle.ReplaceRequest) {
	return func(r *lifecycle.ReplaceRequest) { r.By = serial }
}

func ofType(name string) func(*lifecycle.ReplaceRequest) {
	return func(r *lifecycle.ReplaceRequest) { r.Type = name }
}

func both(one, other func(*lifecycle.ReplaceRequest)) func(*lifecycle.ReplaceRequest) {
	return func(r *lifecycle.ReplaceRequest) { one(r); other(r) }
}

func becomes(s token.State, reason string) func(*lifecycle.ReplaceRequest) {
	return func(r *lifecycle.ReplaceRequest) { r.State, r.Reason = s, reason }
}

// A software token is replaced by a new one, time and again, although its user
// may hold one only.
func TestReplaceSoftware(t *testing.T) {
	t.Parallel()
	k := kit(t)
	if err := changeType(k, "app-totp", func(t *token.Type) { t.MaxPerUser = 1 }); err != nil {
		t.Fatal(err)
	}
	create(t, k, "app-totp", forUser("anna"), func(r *lifecycle.CreateRequest) { r.Label = "phone" })
	for i, c := range []struct {
		set    token.State
		become token.State
		reason string
	}{
		{0, token.RevokedOther, ""},
		{token.RevokedLost, token.RevokedLost, "left on a train"},
		{token.RevokedBroken, token.RevokedBroken, ""},
	} {
		old, made := fmt.Sprint("AT", 10_000_001+i), fmt.Sprint("AT", 10_000_002+i)
		size := k.LogSize(t)
		r, err := replaceToken(k, old, becomes(c.set, c.reason))
		if err != nil {
			t.Fatal(err)
		}
		if was := k.Token(t, old); was != r.Old || was.Condition.State != c.become || was.OwnerName != "" ||
			was.StateReason != c.reason {
			t.Errorf("the old one is %+v, said to be %+v", was, r.Old)
		}
		is := k.Token(t, made)
		if is != r.New.Token || is.OwnerName != "anna" || is.Label != "phone" || is.Condition.State != token.Pending ||
			r.New.Link.Len() < 26 ||
			!r.New.Expires.Equal(testkit.Start.Add(30*time.Minute)) {
			t.Errorf("the new one is %+v, said to be %+v", is, r.New)
		}
		log := k.Log(t, size)
		if len(log) != 3 || log[1].Action != string(audit.TokenCreated) ||
			log[2].Action != string(audit.TokenReplaced) || log[2].Reason != c.reason ||
			log[2].Subject["serial"] != old || log[2].Subject["user"] != "anna" ||
			fmt.Sprint(log[2].Before, log[2].After) != fmt.Sprintf("map[owner:anna state:PENDING] map[owner: "+
				"replaced_by:%s state:%s]", made, c.become) {
			t.Errorf("the log says %+v", log)
		}
		if _, err := k.Lifecycle.ShowSecret(t.Context(), string(r.New.Link.Bytes()), testkit.Origin); err != nil {
			t.Errorf("the link: %v", err)
		}
	}
	if held := k.Serials(t, lifecycle.Filter{User: "anna"}); fmt.Sprint(held) != "[AT10000004]" {
		t.Errorf("anna holds %v", held)
	}
}

// Hardware is replaced by a token of stock; a code of the old one is worth
// nothing any more, nor one of its user.
func TestReplaceHardware(t *testing.T) {
	t.Parallel()
	old, spare := testkit.HOTP("1"), testkit.HOTP("2")
	k := kit(t, old, spare)
	k.Assign(t, "1", "anna")
	if !k.VerifyUser(t, "anna", testkit.Code(t, old, 0)) {
		t.Fatal("a right code is refused")
	}
	size := k.LogSize(t)
	r, err := replaceToken(k, "1", by("2"), becomes(token.RevokedBroken, "no display"))
	if err != nil {
		t.Fatal(err)
	}
	if r.New.Link.Len() != 0 || r.New.Token != k.Token(t, "2") || r.New.Token.OwnerName != "anna" ||
		r.Old.Condition.State != token.RevokedBroken {
		t.Errorf("replaced %+v", r)
	}
	log := k.Log(t, size)
	if len(log) != 2 || log[0].Action != string(audit.TokenAssigned) || log[0].Subject["serial"] != "2" ||
		fmt.Sprint(log[0].After) != "map[owner:anna]" ||
		fmt.Sprint(log[1].Before, log[1].After) != "map[owner:anna state:VALID] map[owner: replaced_by:2 "+
			"state:REVOKED_TOKEN_BROKEN]" {
		t.Errorf("the log says %+v", log)
	}
	if k.Verify(t, "1", testkit.Code(t, old, 1)) || k.VerifyUser(t, "anna", testkit.Code(t, old, 1)) {
		t.Error("a code of the old one is accepted")
	}
	if !k.VerifyUser(t, "anna", testkit.Code(t, spare, 0)) {
		t.Error("a code of the new one is refused")
	}
}

// The new token may count otherwise than the old one, and be of another kind. No code of
// the old one is accepted, whatever takes its place.
func TestReplaceByAnotherType(t *testing.T) {
	t.Parallel()
	counts, times := testkit.HOTP("1"), testkit.TOTP("2")
	k := kit(t, counts, times, testkit.HOTP("2"))
	k.Assign(t, "1", "anna")
	if !k.VerifyUser(t, "anna", testkit.Code(t, counts, 0)) {
		t.Fatal("a right code is refused")
	}
	// Hardware that counts presses by hardware that counts time; a serial that stands
	// under several types is of the type that is named.
	r, err := replaceToken(k, "1", both(by("2"), ofType("totp")))
	if err != nil || r.New.Token.Identity.Type != "totp" || r.New.Token.OwnerName != "anna" ||
		r.Old.Condition.State != token.RevokedOther {
		t.Fatalf("%+v, %v", r, err)
	}
	step := uint64(k.Clock.Now().Unix() / 30)
	if k.VerifyUser(t, "anna", testkit.Code(t, counts, 1)) || !k.VerifyUser(t, "anna", testkit.Code(t, times, step)) {
		t.Error("the old one works, or the new one does not")
	}
	// Hardware by software, its own type being no software type.
	held := r.New.Token.Identity
	r, err = k.Lifecycle.Replace(t.Context(), lifecycle.ReplaceRequest{Selector: tokens.Selector{Serial: "2",
		Type: held.Type}, Type: "app-hotp", Origin: testkit.Origin})
	if err != nil || r.New.Token.Identity.Serial != "AH10000001" || r.New.Link.Len() == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if k.Clock.Advance(time.Hour); k.VerifyUser(t, "anna", testkit.Code(t, times, step+120)) {
		t.Error("the fob works beside the app")
	}
	// The advice for tokens that drift: HOTP by TOTP, in an app; and back.
	for _, c := range []struct{ old, typ, made string }{
		{"AH10000001", "app-totp", "AT10000001"}, {"AT10000001", "app-hotp", "AH10000002"},
	} {
		if r, err = replaceToken(k, c.old, ofType(c.typ)); err != nil || r.New.Token.Identity.Serial != c.made ||
			r.New.Token.Condition.State != token.Pending || r.Old.Condition.State != token.RevokedOther {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	// Software by hardware, of the one type that has the serial free.
	if r, err = replaceToken(k, "AH10000002", both(by("2"), ofType("hotp"))); err != nil ||
		r.New.Token.OwnerName != "anna" || r.New.Link.Len() != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if held := k.Serials(t, lifecycle.Filter{User: "anna"}); fmt.Sprint(held) != "[2]" {
		t.Errorf("anna holds %v", held)
	}
}

// What was said of a revoked token stands.
func TestReplaceARevokedToken(t *testing.T) {
	t.Parallel()
	k := kit(t, testkit.HOTP("1"), testkit.HOTP("2"), testkit.HOTP("3"))
	k.Assign(t, "1", "anna")
	if _, err := k.Lifecycle.SetState(t.Context(), testkit.Serial("1"), token.RevokedLost, "on a train",
		testkit.Origin); err != nil {
		t.Fatal(err)
	}
	r, err := replaceToken(k, "1", by("2"), becomes(0, "a new one"))
	if err != nil || r.Old.Condition.State != token.RevokedLost || r.Old.StateReason != "on a train" {
		t.Errorf("the old one is %+v, %v", r.Old, err)
	}
	k.SetState(t, "2", token.RevokedLost)
	r, err = replaceToken(k, "2", by("3"), becomes(token.RevokedBroken, "it was found"))
	if err != nil || r.Old.Condition.State != token.RevokedBroken || r.Old.StateReason != "it was found" {
		t.Errorf("the old one is %+v, %v", r.Old, err)
	}
}

func TestReplaceIsRefused(t *testing.T) {
	t.Parallel()
	ended := testkit.HOTP("ended")
	ended.NotAfter = testkit.Start
	twin := testkit.HOTP("twin")
	twin.Secret = testkit.HOTP("1").Secret
	k := kit(t, testkit.HOTP("1"), testkit.HOTP("free"), testkit.HOTP("taken"), testkit.HOTP("lost"),
		testkit.TOTP("timed"), ended, twin)
	k.Assign(t, "1", "anna")
	k.Assign(t, "taken", "bert")
	k.SetState(t, "lost", token.RevokedLost)
	addType(t, k, app("old", "O"))
	create(t, k, "old", forUser("anna"))
	create(t, k, "app-totp", forUser("anna"))
	create(t, k, "app-hotp", count(2), forUser("bert"))
	create(t, k, "app-hotp")
	if _, err := k.Lifecycle.RetireType(t.Context(), "old", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if err := changeType(k, "app-hotp", func(t *token.Type) { t.MaxPerUser = 1 }); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		serial string
		edit   func(*lifecycle.ReplaceRequest)
		kind   fault.Kind
		code   string
	}{
		"none":                       {"nonesuch", by(""), fault.NotFound, "token_not_found"},
		"a free one":                 {"free", by(""), fault.Conflict, "token_free"},
		"a free one of software":     {"AH10000003", by(""), fault.Conflict, "token_free"},
		"of a retired type":          {"O10000001", by(""), fault.Conflict, "type_retired"},
		"above the limit":            {"AH10000001", by(""), fault.Conflict, "too_many_of_type"},
		"hardware by nothing":        {"1", by(""), fault.Invalid, "by"},
		"by a software token":        {"1", by("AH10000003"), fault.Invalid, "by"},
		"by nothing of hardware":     {"AT10000001", ofType("totp"), fault.Invalid, "by"},
		"of a type there is not":     {"AT10000001", ofType("nonesuch"), fault.NotFound, "type_not_found"},
		"of another retired type":    {"AT10000001", ofType("old"), fault.Conflict, "type_retired"},
		"by none":                    {"1", by("nonesuch"), fault.NotFound, "token_not_found"},
		"by one of another type":     {"1", both(by("timed"), ofType("hotp")), fault.NotFound, "token_not_found"},
		"by one of somebody else's":  {"1", by("taken"), fault.Conflict, "token_taken"},
		"by itself":                  {"1", by("1"), fault.Conflict, "token_taken"},
		"by a lost one":              {"1", by("lost"), fault.Conflict, "token_refuses"},
		"by one that ended":          {"1", by("ended"), fault.Conflict, "token_expired"},
		"by its twin":                {"1", by("twin"), fault.Conflict, "twin"},
		"into PENDING":               {"1", becomes(token.Pending, ""), fault.Invalid, "state"},
		"with a reason that is long": {"1", becomes(0, strings.Repeat("x", 501)), fault.Invalid, "reason"},
	} {
		k.Unchanged(t, func() {
			r, err := replaceToken(k, c.serial, c.edit)
			if r.New.Token.ID != 0 || r.New.Link.Len() != 0 {
				t.Errorf("%s: made %+v", name, r.New)
			}
			t.Log(name)
			testkit.IsFault(t, err, c.kind, c.code)
		})
	}
}

// Nobody needs a replacement for a token that nobody has; the hint names commands that can
// be typed as they stand there.
func TestReplaceOfAFreeTokenHelps(t *testing.T) {
	t.Parallel()
	k := kit(t)
	k.Import(t, testkit.HOTP("free"))
	_, err := replaceToken(k, "free")
	f, ok := errors.AsType[*fault.Error](err)
	if want := "Revoke this one: ostiary token state free REVOKED_TOKEN_OTHER"; !ok || !strings.HasSuffix(f.Hint, want) {
		t.Errorf("the hint is %+v, and does not end with %q", f, want)
	}
}

// Several who replace one token at once: one does.
func TestReplaceTogether(t *testing.T) {
	t.Parallel()
	k := kit(t)
	create(t, k, "app-totp", forUser("anna"))
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wg.Go(func() { _, errs[i] = replaceToken(k, "AT10000001") })
	}
	wg.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else {
			testkit.IsFault(t, err, fault.Conflict, "token_free")
		}
	}
	if held := k.Serials(t, lifecycle.Filter{User: "anna"}); done != 1 || fmt.Sprint(held) != "[AT10000002]" {
		t.Errorf("%d replaced it, anna holds %v", done, held)
	}
}
