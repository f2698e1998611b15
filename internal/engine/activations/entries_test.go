package activations_test

import (
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/engine/activations"
	"ostiary/internal/test/testkit"
)

const phoneOfAlice = "map[serial:EX10000001 type:phone user:alice]"

// Whoever takes an offer stands in the log, with what the device calls itself.
func TestTakingIsRecorded(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	p := s.phone(s.offer())
	from := s.k.LogSize(t)
	p.activated(nil)
	s.k.Recorded(t, from, audit.ActivationTaken,
		`done "" `+phoneOfAlice+` map[] map[activation:1 device_name:Pixel of Ann device_type:Android]`)
	if e := s.k.LastEntry(t); e.Source != deviceOrigin.Source {
		t.Errorf("taken from %q", e.Source)
	}
}

// However an activation ends unconfirmed, the log says so, and how.
func TestEveryEndIsRecorded(t *testing.T) {
	t.Parallel()
	for reason, end := range map[string]func(s *scene) error{
		"cancelled": func(s *scene) error {
			_, err := s.k.Activations.Cancel(s.Context(), s.request("").Token, testkit.Origin)
			return err
		},
		"superseded": func(s *scene) error {
			_, err := s.k.Activations.Start(s.Context(), s.request(activations.Offline))
			return err
		},
		"expired": func(s *scene) error {
			s.k.Clock.Advance(365 * 24 * time.Hour)
			_, err := s.k.Activations.Expire(s.Context())
			return err
		},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			s := setUp(t)
			s.start(s.request(activations.Offline))
			from := s.k.LogSize(t)
			if err := end(s); err != nil {
				t.Fatal(err)
			}
			s.k.Recorded(t, from, audit.ActivationEnded, `done "`+reason+`" `+phoneOfAlice+` map[] map[activation:1]`)
		})
	}
}

func TestUnbindingIsRecorded(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.activate()
	from := s.k.LogSize(t)
	if _, err := s.k.Activations.Unbind(t.Context(), s.request("").Token, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	s.k.Recorded(t, from, audit.TokenUnbound, `done "" `+phoneOfAlice+` map[epoch:1 state:VALID] map[activation:1 device: state:PENDING]`)
}

func TestResetIsRecorded(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.activate()
	from := s.k.LogSize(t)
	_, err := s.k.Activations.Reset(t.Context(), s.request("").Token, activations.Counts{Failures: true},
		testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	s.k.Recorded(t, from, audit.ActivationReset, `done "" `+phoneOfAlice+
		` map[failures:0 successes:0] map[failures:true interval:false successes:false]`)
}
