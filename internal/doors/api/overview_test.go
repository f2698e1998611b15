package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
)

func TestOverviewOfTokens(t *testing.T) {
	t.Parallel()
	used, ending, lost := testkit.TOTP("1"), testkit.HOTP("2"), testkit.HOTP("3")
	ending.NotAfter = testkit.Start.Add(10 * 24 * time.Hour)
	s := server(t, used, ending, lost, testkit.HOTP("4"))
	s.User(t, "anna")
	s.Assign(t, "1", "anna")
	s.Assign(t, "2", "anna")
	s.SetState(t, "3", 1)
	step := uint64(testkit.Start.Unix() / 30)
	valid(t, verify(t, s, testkit.Verifier, "1", testkit.Code(t, used, step+1)), true)
	for _, otp := range testkit.Wrong(t, testkit.HOTP("4"), 0, s.Config.Verifier.Policy().FailureLimit) {
		verify(t, s, testkit.Verifier, "4", otp)
		s.Clock.Advance(time.Hour)
	}
	c, err := client.New(client.Config{Server: s.URL, Key: s.Bearer[testkit.HelpDesk]})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.CountTokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := func(typeName, state string, assigned bool) wire.TokenSum {
		return wire.TokenSum{Kind: "hardware", Type: typeName, State: state, Assigned: assigned, Number: 1}
	}
	want := wire.TokenOverview{AsOf: s.Clock.Now(), Whole: true, Locked: 1,
		Tokens: []wire.TokenSum{sum("hotp", "REVOKED_TOKEN_LOST", false), sum("hotp", "VALID", true),
			sum("hotp", "VALID", false), sum("totp", "VALID", true)},
		Ends: wire.TokenEnds{Within30: 1, Within90: 1},
		Use:  []wire.UseOfSome{{Drift: 1, Number: 1}, {Never: true, Number: 1}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	s.Clock.Advance(100 * 24 * time.Hour)
	if got, err = c.CountTokens(t.Context()); err != nil || got.Ends != (wire.TokenEnds{Expired: 1}) ||
		!cmp.Equal(got.Use, []wire.UseOfSome{{UnusedDays: 90, Drift: 1, Number: 1}, {Never: true, Number: 1}}) {
		t.Errorf("after 100 days: %+v, %v", got, err)
	}
}

func TestOverviewOfCodes(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	s := server(t, key)
	valid(t, verify(t, s, testkit.Verifier, "1", testkit.Code(t, key, 0)), true)
	s.Clock.Advance(25 * time.Hour)
	valid(t, verify(t, s, testkit.Verifier, "1", testkit.Code(t, key, 0)), false)
	valid(t, verify(t, s, testkit.Verifier, "2", testkit.Code(t, key, 0)), false)
	c, err := client.New(client.Config{Server: s.URL, Key: s.Bearer[testkit.Operator]})
	if err != nil {
		t.Fatal(err)
	}
	start := testkit.Start.UTC()
	for by, period := range map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour} {
		got, err := c.CountCodes(t.Context(), start.Add(-time.Hour), start.Add(25*time.Hour), by)
		want := wire.CodeOverview{Whole: true, Periods: []wire.CodeTally{{Begin: start.Truncate(period), Accepted: 1},
			{Begin: start.Add(25 * time.Hour).Truncate(period), Refused: 2,
				Reasons: map[string]int64{"replayed": 1, "unknown": 1}}}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("by %s: %v, -want +got:\n%s", by, err, diff)
		}
	}
	for _, span := range []string{"from=2026-01-01T00:00:00Z&to=2027-02-01T00:00:00Z",
		"from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"} {
		status(t, s.Do(t, testkit.Operator, "GET", "/api/v1/overview/codes?"+span, nil), http.StatusUnprocessableEntity,
			"range")
	}
}
