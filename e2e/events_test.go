package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ostiary/internal/test/cluster"
	"ostiary/internal/test/testkit"
)

// notifying are the flags of a server that tells a receiver.
func notifying(t testing.TB, r *testkit.Receiver) []string {
	t.Helper()
	return []string{"--notify-url", r.URL + "/hook?token=sesame", "--notify-key-file",
		writeFile(t, "events.key", r.Key+"\n")}
}

// toldOf waits until a receiver was told of so many things, and gives them.
func toldOf(t testing.TB, r *testkit.Receiver, n int) (all []testkit.Told) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d events are told", n), func() bool {
		all = append(all, r.Take()...)
		return len(all) >= n
	})
	return all
}

// What happened before a server is killed is told after it, also if it was sent and nobody
// knows: then it comes again, as the same message. Nothing secret is in the log.
func TestEventsOutliveTheServer(t *testing.T) {
	t.Parallel()
	r := testkit.NewReceiver(t)
	flags := notifying(t, r)
	s := start(t, newData(t), flags...)
	a := hotp("94000001")
	s.imports(plain(t, a), 1)
	s.ok("user", "add", "anna")
	s.ok("token", "assign", a.Serial, "anna")
	if got := toldOf(t, r, 1); got[0].Kind != "token.assigned" || got[0].User != "anna" || got[0].Serial != a.Serial {
		t.Errorf("%+v", got)
	}
	if out := s.ok("events", "test"); !strings.Contains(out, "took the message") {
		t.Errorf("%s", out)
	}
	toldOf(t, r, 1)

	// Committed, and not sent: the receiver is down.
	r.Answer(func(int) int { return http.StatusServiceUnavailable })
	s.exits(1, "events", "test")
	s.ok("token", "state", a.Serial, "REVOKED_TOKEN_LOST", "--reason", "in the river")
	eventually(t, "it is tried", func() bool { return strings.Contains(s.ok("events", "list"), "503") })
	if out := s.ok("events", "list"); !strings.Contains(out, "token.lost") || !strings.Contains(out, "anna") {
		t.Errorf("%s", out)
	}
	s.kill()

	// Sent, and not known to be sent: the server dies before it has the answer.
	var dies atomic.Pointer[server]
	r.Answer(func(n int) int {
		if d := dies.Swap(nil); d != nil {
			d.kill()
		}
		return http.StatusOK
	})
	began := s
	s = launch(t, nil, s.data, append([]string{"--listen", "127.0.0.1:0"}, flags...)...)
	dies.Store(s)
	first := toldOf(t, r, 1)
	<-s.ended
	s = start(t, s.data, flags...)
	again := toldOf(t, r, 1) // when the claim of the dead server is over
	if first[0].ID != again[0].ID || first[0].Kind != "token.lost" || first[0].Reason != "in the river" {
		t.Errorf("%+v, then %+v", first, again)
	}
	eventually(t, "nothing is left", func() bool { return strings.Contains(s.ok("events", "list"), "No events wait") })
	s.auditOK()
	watcher := s.as(s.key("watcher", "super_admin"))
	eventually(t, "the metrics say so", func() bool {
		return strings.Contains(string(watcher.json(http.MethodGet, "/metrics", nil).body), "ostiary_events_waiting 0\n")
	})
	for _, log := range []string{began.log.String(), s.log.String()} {
		if strings.Contains(log, "sesame") || strings.Contains(log, strings.TrimPrefix(r.Key, "whsec_")) {
			t.Errorf("a secret is in the log:\n%s", log)
		}
	}
}

// Of two servers on a database one sends each event, and both send what the other one began.
func TestEventsOfTwoServers(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	r := testkit.NewReceiver(t)
	flags := notifying(t, r)
	url := cluster.Schema(t)
	a := start(t, newDataOnPostgres(t, url), flags...)
	b := a.another(url, append([]string{"--database", url, "--no-standby"}, flags...)...)
	const n = 12
	for i := range n {
		user := fmt.Sprint("user", i)
		a.ok("user", "add", user)
		[]*server{a, b}[i%2].ok("user", "unlock", user)
	}
	all := toldOf(t, r, n)
	time.Sleep(2 * time.Second) // for one that comes twice
	all = append(all, r.Take()...)
	seen := map[string]bool{}
	for _, e := range all {
		seen[e.User] = true
	}
	if len(all) != n || len(seen) != n {
		t.Errorf("%d messages of %d users", len(all), len(seen))
	}
}

// A receiver whose certificate nobody vouches for is told nothing, and nothing waits for it.
func TestEventsNeedACertificate(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	defer receiver.Close()
	key := writeFile(t, "events.key", strings.TrimSpace(string(must(exec.Command(program, "events", "new-key").Output()))))
	s := start(t, newData(t), "--notify-url", receiver.URL, "--notify-key-file", key)
	s.ok("user", "add", "anna")
	s.ok("user", "unlock", "anna")
	eventually(t, "it is tried", func() bool { return strings.Contains(s.ok("events", "list"), "certificate") })
	if seen.Load() != 0 {
		t.Error("it was told")
	}
}

func must(out []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return out
}
