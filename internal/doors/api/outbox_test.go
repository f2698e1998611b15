package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"ostiary/internal/doors/api"
	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
)

// Events are listed page by page, those that wait and those that were given up, and sent
// again one by one or all.
func TestEvents(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.HOTP("1"))
	const events = "/api/v1/events"
	a := s.Do(t, testkit.SuperAdmin, "GET", events, nil)
	if strings.TrimSpace(a.Body) != `{"events":[],"next":null}` {
		t.Errorf("an empty list is %s", a.Body)
	}
	status(t, s.Do(t, testkit.SuperAdmin, "POST", events+"/test", nil), http.StatusConflict, "no_receiver")
	status(t, s.Do(t, testkit.SuperAdmin, "POST", events+"/NONE/retry", nil), http.StatusNotFound, "event_not_found")
	status(t, s.Do(t, testkit.SuperAdmin, "GET", events+"?after=x", nil), http.StatusUnprocessableEntity, "cursor")
	for n := range 3 {
		s.Exec(t, fmt.Sprintf("INSERT INTO event (message, way, subject, created, expires, due, tries, dead, ended, problem, "+
			"body) VALUES ('M%d', 'webhook', 'user anna', 1, 2, 3, 4, %d, 5, '<b>', x'00')", n, n/2))
	}
	var first, rest, dead wire.EventList
	s.Do(t, testkit.SuperAdmin, "GET", events+"?limit=1", nil).JSON(t, &first)
	if len(first.Events) != 1 || first.Next == nil || first.Events[0].ID != "M1" || !first.Events[0].Unreadable ||
		first.Events[0].Due == nil || first.Events[0].GivenUp != nil || first.Events[0].Tries != 4 {
		t.Fatalf("%+v", first)
	}
	s.Do(t, testkit.SuperAdmin, "GET", events+"?limit=1&after="+*first.Next, nil).JSON(t, &rest)
	if len(rest.Events) != 1 || rest.Next != nil || rest.Events[0].ID != "M0" {
		t.Errorf("%+v", rest)
	}
	s.Do(t, testkit.SuperAdmin, "GET", events+"?dead=true", nil).JSON(t, &dead)
	if len(dead.Events) != 1 || dead.Events[0].ID != "M2" || dead.Events[0].GivenUp == nil ||
		dead.Events[0].Problem != "<b>" {
		t.Errorf("%+v", dead)
	}
	status(t, s.Do(t, testkit.SuperAdmin, "POST", events+"/M2/retry", nil), http.StatusConflict, "event_unreadable")
	var again wire.EventRetry
	s.Do(t, testkit.SuperAdmin, "POST", events+"/M0/retry", nil).JSON(t, &again)
	if again.Retried != 1 {
		t.Errorf("%+v", again)
	}
	s.Exec(t, "DELETE FROM event")
	if s.Do(t, testkit.SuperAdmin, "POST", events+"/retry", nil).JSON(t, &again); again.Retried != 0 {
		t.Errorf("%+v", again)
	}
}

// A test is sent at once, and its answer told.
func TestTestingTheReceiver(t *testing.T) {
	t.Parallel()
	r := testkit.NewReceiver(t)
	r.Answer(func(n int) int { return map[int]int{1: http.StatusNoContent, 2: http.StatusInternalServerError}[n] })
	s := testkit.NewServer(t, func(cfg *api.Config) {
		k := testkit.New(t)
		r.Tell(t, k)
		cfg.Events = k.Events
	})
	var tests wire.EventTestList
	s.Do(t, testkit.SuperAdmin, "POST", "/api/v1/events/test", nil).JSON(t, &tests)
	got := r.Take()
	if len(tests.Tests) != 1 || !tests.Tests[0].Taken || len(got) != 1 || got[0].ID != tests.Tests[0].ID ||
		got[0].Kind != "test" || got[0].User != "" {
		t.Errorf("%+v %+v", tests, got)
	}
	s.Do(t, testkit.SuperAdmin, "POST", "/api/v1/events/test", nil).JSON(t, &tests)
	if tests.Tests[0].Taken || !strings.Contains(tests.Tests[0].Problem, "500") {
		t.Errorf("%+v", tests)
	}
}
