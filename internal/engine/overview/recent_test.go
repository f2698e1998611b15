package overview_test

import (
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/overview"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// The days of the last month are there, also those without a code; what was counted is shown
// for a minute. The first steps are done one by one, and stay done.
func TestRecent(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	counts := s.Config.Overview
	recent := func() overview.Recent {
		t.Helper()
		s.Clock.Advance(time.Minute)
		got, err := counts.Recent(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	steps := overview.FirstSteps{Key: true} // the kit has keys
	check := func(what string, got overview.Recent) {
		t.Helper()
		if got.First != steps {
			t.Errorf("%s: %+v, want %+v", what, got.First, steps)
		}
	}
	check("at first", recent())
	if _, err := s.Config.Root.SetPassword(t.Context(), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	steps.RootPassword = true
	check("with another password", recent())
	if _, _, err := s.Config.Accounts.Add(t.Context(), authz.Principal{Role: authz.Root},
		credentials.AdminRequest{Name: "anna", Role: authz.Admin}, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	steps.Administrator = true
	check("with an administrator", recent())
	s.Import(t, testkit.HOTP("1001"))
	steps.Imported = true
	check("with a token", recent())
	s.User(t, "bea")
	s.Assign(t, "1001", "bea")
	steps.Assigned = true
	check("with a token of somebody", recent())
	verify := func(otp string) {
		t.Helper()
		if _, err := s.Engine.Verify(t.Context(), codes.Request{Lookup: store.Lookup{Serial: "1001"}, OTP: otp,
			Origin: testkit.Origin}); err != nil {
			t.Fatal(err)
		}
	}
	verify(testkit.Wrong(t, testkit.HOTP("1001"), 0, 1)[0])
	check("after a wrong code", recent())
	s.Clock.Advance(time.Hour)
	before := recent()
	verify(testkit.Oathtool(t, testkit.SecretOf("1001"), "-c", "0")[0])
	if got, err := counts.Recent(t.Context()); err != nil || got.First != before.First || !got.AsOf.Equal(before.AsOf) {
		t.Errorf("within a minute it was counted again: %+v, %v", got, err)
	}
	steps.Verified = true
	check("after a right code", recent())
	if _, _, err := s.Ledger.Latest(t.Context()); err != nil {
		t.Fatal(err)
	}
	steps.Checkpoint = true
	got := recent()
	if check("with a checkpoint", got); !got.First.Done() {
		t.Error("not all is done")
	}
	var accepted, refused, wrong int64
	for i, p := range got.Codes {
		accepted, refused, wrong = accepted+p.Accepted, refused+p.Refused, wrong+p.Reasons["wrong"]
		if i > 0 && !p.Begin.Equal(got.Codes[i-1].Begin.AddDate(0, 0, 1)) {
			t.Errorf("after %v comes %v", got.Codes[i-1].Begin, p.Begin)
		}
	}
	if len(got.Codes) != overview.RecentDays || accepted != 1 || refused != 1 || wrong != 1 || !got.Whole {
		t.Errorf("%d days, %d accepted, %d refused, %d wrong", len(got.Codes), accepted, refused, wrong)
	}
	if got.OpenActivations != (store.Count{}) {
		t.Errorf("open activations: %+v", got.OpenActivations)
	}
}
