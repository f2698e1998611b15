package serve

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/engine/credentials"
)

// A database of before has keys without an end, and the metric says when the first of
// those that have one ends.
func TestKeyExpiryIsToldToWhoeverWatches(t *testing.T) {
	t.Parallel()
	s, _ := opened(t, former(t))
	gauge := func() float64 {
		t.Helper()
		g, ok := keyExpiry(s.keys).(prometheus.GaugeFunc)
		if !ok {
			t.Fatal("no gauge")
		}
		reg := prometheus.NewRegistry()
		reg.MustRegister(g)
		all, err := reg.Gather()
		if err != nil || len(all) != 1 || all[0].GetName() != "ostiary_api_key_next_expiry_timestamp_seconds" {
			t.Fatalf("gathered %v, %v", all, err)
		}
		return all[0].GetMetric()[0].GetGauge().GetValue()
	}
	if _, ok := s.keys.Principal(formerKey); !ok {
		t.Error("the key of before is refused")
	}
	if v := gauge(); v != 0 {
		t.Errorf("without an end: %v", v)
	}
	end := formerTime.Add(time.Hour)
	if _, _, err := s.keys.Create(t.Context(), authz.Principal{Role: authz.Root}, credentials.KeyRequest{Name: "short",
		Role: authz.Verifier, Expires: end}, audit.Origin{Actor: "test"}); err != nil {
		t.Fatal(err)
	}
	if v := gauge(); v != float64(end.Unix()) {
		t.Errorf("with one: %v, want %d", v, end.Unix())
	}
}
