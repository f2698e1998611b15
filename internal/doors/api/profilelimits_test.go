package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
)

// The limits of a profile are seen by whoever sees profiles, and set by whoever makes
// them: what is given changes, 0 gives one back, and nothing else is touched.
func TestLimitsOfAProfile(t *testing.T) {
	t.Parallel()
	s := server(t)
	createProfile(t, s, "bank", sample(t, "bank"))
	const path = "/api/v1/profiles/bank/limits"
	ofServer := func(n int64) wire.Limit { return wire.Limit{Value: n, From: "server", Server: n} }
	want := wire.ProfileLimits{Profile: "bank", Expiry: ofServer(7 * 86_400), Tries: ofServer(5),
		Reactivations: ofServer(5), Failures: ofServer(15), Window: ofServer(30 * 86_400), Interval: ofServer(600)}
	is := func(what string, a testkit.Answer) {
		t.Helper()
		status(t, a, http.StatusOK, "")
		var got wire.ProfileLimits
		a.JSON(t, &got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	is("at first", s.Do(t, testkit.HelpDesk, http.MethodGet, path, nil))
	status(t, s.Do(t, testkit.Operator, http.MethodGet, path, nil), http.StatusForbidden, "forbidden")
	change := func(by string, o object) testkit.Answer { return s.Do(t, by, http.MethodPatch, path, o) }
	for _, by := range []string{testkit.HelpDesk, testkit.Operator, testkit.Verifier, testkit.Portal} {
		status(t, change(by, object{"tries": 1}), http.StatusForbidden, "forbidden")
	}
	is("nobody has set them", s.Do(t, testkit.Admin, http.MethodGet, path, nil))

	want.Tries = wire.Limit{Value: 3, From: "profile", Server: 5}
	want.Window = wire.Limit{Value: 129_600, From: "profile", Server: 30 * 86_400}
	want.Reactivations = wire.Limit{Value: 50, From: "profile", Server: 5}
	is("set", change(testkit.Admin, object{"tries": 3, "reactivation_window_seconds": 129_600, "reactivations": 50}))
	want.Expiry = wire.Limit{Value: 60, From: "profile", Server: 7 * 86_400}
	want.Failures = wire.Limit{Value: 1, From: "profile", Server: 15}
	want.Interval = wire.Limit{Value: 61, From: "profile", Server: 600}
	want.Reactivations = ofServer(5)
	is("the others set, and one given back", change(testkit.SuperAdmin, object{"expiry_seconds": 60,
		"reactivation_failures": 1, "reactivation_interval_seconds": 61, "reactivations": 0}))
	is("shown", s.Do(t, testkit.Admin, http.MethodGet, path, nil))

	for code, o := range map[string]object{"limit_bounds": {"expiry_seconds": 59}, "limits_unchanged": {"tries": 3}} {
		a := change(testkit.Admin, o)
		var p struct{ Code string }
		if a.JSON(t, &p); p.Code != code || a.Status/100 != 4 {
			t.Errorf("%v: %d %s, want %s", o, a.Status, a.Body, code)
		}
	}
	for _, o := range []object{{"tries": 100}, {"tries": -1}, {"reactivations": 1_000_001}, {"expiry_seconds": 1.5},
		{"colour": 1}, {"expiry_seconds": 31_536_001}} {
		status(t, change(testkit.Admin, o), http.StatusUnprocessableEntity, "invalid_request")
	}
	status(t, s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/profiles/none/limits", nil), http.StatusNotFound,
		"profile_not_found")
	status(t, s.Do(t, testkit.Admin, http.MethodPatch, "/api/v1/profiles/none/limits", object{"tries": 1}),
		http.StatusNotFound, "profile_not_found")
	is("after what was refused", s.Do(t, testkit.Admin, http.MethodGet, path, nil))
}
