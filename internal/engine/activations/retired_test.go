package activations_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/test/testkit"
)

// A retired profile has no new tokens and no first activations; what runs goes on, and
// is activated again. The profile is the same all the while.
func TestRetiredProfileIsNotForNewTokens(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	running := s.activate()
	idle, open, first := s.create(""), s.create(""), s.serial
	s.serial = open
	begun := s.start(s.request(activations.Offline))
	s.k.Clock.Advance(time.Hour)

	p := must[profiles.Profile](t)(s.k.Profiles.Retire(t.Context(), "phones", testkit.Origin))
	if !p.Retired.Equal(s.k.Clock.Now()) || !slices.Equal(p.UsedBy, []string{"phone"}) {
		t.Errorf("retired: %+v", p)
	}
	e := s.k.LastEntry(t)
	if e.Action != string(audit.ProfileRetired) || e.Subject["other"] != "phones" ||
		e.Before["retired_since"] != audit.None || e.After["retired_since"] != audit.Stamp(p.Retired) {
		t.Errorf("the log says %s", e.Raw)
	}
	size := s.k.LogSize(t)
	_, err := s.k.Profiles.Retire(t.Context(), "phones", testkit.Origin)
	refused(t, "retire again", err, "profile_retired")
	_, err = s.k.Profiles.Retire(t.Context(), "none", testkit.Origin)
	refused(t, "retire what is not there", err, "profile_not_found")
	_, err = s.k.Lifecycle.Create(t.Context(), lifecycle.CreateRequest{Type: "phone", Count: 1, Origin: testkit.Origin})
	refused(t, "a new token", err, "profile_retired")
	_, err = s.k.Lifecycle.Replace(t.Context(), lifecycle.ReplaceRequest{Selector: tokens.Selector{Serial: first},
		Origin: testkit.Origin})
	refused(t, "a token in place of another", err, "profile_retired")
	typ, err := s.k.Lifecycle.Type(t.Context(), "phone")
	if err != nil {
		t.Fatal(err)
	}
	typ.Name, typ.Prefix = "phone-2", "EX2"
	_, _, err = s.k.Lifecycle.CreateType(t.Context(), typ, testkit.Origin)
	refused(t, "a type that names it", err, "profile_retired")
	s.serial = idle
	for _, route := range []activations.Route{activations.Offline, activations.Online} {
		_, err = s.k.Activations.Start(t.Context(), s.request(route))
		refused(t, "a first activation", err, "profile_retired")
	}
	if n := s.k.LogSize(t); n != size {
		t.Errorf("%d entries of refusals", n-size)
	}

	s.serial = open
	if !s.typed(begun, begun.Password, nil).accepted().logsIn() {
		t.Error("the one that was begun does not work")
	}
	s.serial = first
	if !running.logsIn() {
		t.Error("what runs does not go on")
	}
	s.k.Clock.Advance(time.Hour)
	if !s.activate().logsIn() {
		t.Error("it is not activated again")
	}
	if _, err := s.k.Activations.Unbind(t.Context(), s.request("").Token, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	s.k.Clock.Advance(time.Hour)
	if !s.activate().logsIn() {
		t.Error("unbound, it is not activated again")
	}

	p = must[profiles.Profile](t)(s.k.Profiles.Restore(t.Context(), "phones", testkit.Origin))
	e = s.k.LastEntry(t)
	if e.Action != string(audit.ProfileRestored) || e.Before["retired_since"] == audit.None ||
		e.After["retired_since"] != audit.None || e.Subject["other"] != "phones" {
		t.Errorf("the log says %s", e.Raw)
	}
	if !p.Retired.IsZero() || !bytes.Equal(p.Vector.Bytes(), s.vector.Bytes()) {
		t.Errorf("restored: %+v", p)
	}
	_, err = s.k.Profiles.Restore(t.Context(), "phones", testkit.Origin)
	refused(t, "restore again", err, "profile_not_retired")
	s.serial = s.create("")
	s.activate()
}
