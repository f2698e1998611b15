package activations_test

import (
	"strings"
	"testing"
	"time"

	"ostiary/internal/engine/activations"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// However many activations a token had, each counts on: what has no room in the file one
// by one goes as a number.
func TestLongHistoryIsCountedOn(t *testing.T) {
	t.Parallel()
	d := setUp(t).activate()
	for n := range 45 {
		if n%9 == 4 {
			d.k.Clock.Advance(time.Hour)
			d.start(d.request(activations.Offline))
			if _, err := d.confirm(d.wrongOTP()); err != nil {
				t.Fatal(err)
			}
		}
		d = d.activateAgain(d)
	}
	show := func(d *device) activations.Standing {
		t.Helper()
		return must[activations.Overview](t)(d.k.Activations.Show(t.Context(), testkit.Serial(d.serial))).Standing
	}
	was := show(d)
	moved, _ := d.move()
	if now := show(moved); now != was || now.Successes != 45 || now.Failures != 5 {
		t.Errorf("counted are %+v, before the move %+v", now, was)
	}
	if !moved.logsIn() {
		t.Error("the phone is refused at the target")
	}
}

// A number of past activations that no server writes is refused.
func TestForgedHistoryIsRefused(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.activate()
	file, k := s.leave(), s.other()
	for _, more := range []string{`"more":201,"more_ended":1`, `"more":-1,"more_ended":1`, `"more":1`, `"more_ended":1`} {
		key := exported(t, file)[0]
		key.Record = append(key.Record, pskc.Property{Name: "activations", Value: `[{"route":"offline","status":1,"again":1,` +
			`"opened":1,"ended":1,"tries":0,"last_try":0,` + more + `}]`})
		rep := testkit.Take(t, k, testkit.Keys(key), createUsers)
		testkit.Ended(t, rep, store.RunCounts{Refused: 1})
		if got := rep.Rows[0].Reason; !strings.Contains(got, "past activations") {
			t.Errorf("%s: refused because %q", more, got)
		}
	}
}
