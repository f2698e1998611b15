package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/engine/activations"
)

// listener takes what a hook posts, after it has refused some.
type listener struct {
	mu      sync.Mutex
	refuses int
	status  int
	bodies  []string
	keys    []string
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuses > 0 {
		l.refuses--
		w.WriteHeader(l.status)
		return
	}
	l.bodies = append(l.bodies, string(body))
	l.keys = append(l.keys, r.Header.Get("Authorization"))
}

func (l *listener) got() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bodies
}

var confirmedEvent = activations.Event{Kind: activations.Confirmed, Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	Serial: "MT10000001", Type: "mobile-totp", User: "ann", Route: activations.Online, Again: true,
	DeviceType: activation.IOS, DeviceName: "Ann's phone"}

// Each event is posted, in order, until it is taken: a server that is down, that refuses,
// or that sends elsewhere does not lose it.
func TestUsersAreToldOfEachActivation(t *testing.T) {
	t.Parallel()
	for _, status := range []int{503, 302, 404} {
		l := &listener{refuses: 2, status: status}
		server := httptest.NewServer(l)
		var log bytes.Buffer
		h := newHook(Config{ActivationHook: server.URL + "?token=sesame", ActivationHookKey: []byte("open")},
			slog.New(slog.NewTextHandler(&log, nil)))
		h.first = time.Millisecond
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { h.run(ctx) })
		h.told(confirmedEvent)
		second := confirmedEvent
		second.Kind, second.DeviceName, second.User = activations.Begun, "", ""
		h.told(second)
		for deadline := time.Now().Add(10 * time.Second); len(l.got()) < 2 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		cancel()
		done.Wait()
		server.Close()
		want := []string{`{"event":"activation.confirmed","time":"2026-03-01T12:00:00Z","serial":"MT10000001",` +
			`"type":"mobile-totp","user":"ann","route":"online","again":true,"self_service":false,"device_type":"iOS",` +
			`"device_name":"Ann's phone"}`, `{"event":"activation.begun","time":"2026-03-01T12:00:00Z",` +
			`"serial":"MT10000001","type":"mobile-totp","route":"online","again":true,"self_service":false}`}
		// What is cut off by the end is posted once more, so the last may come twice.
		got := slices.Compact(l.got())
		if len(got) != 2 || got[0] != want[0] || got[1] != want[1] || l.keys[0] != "Bearer open" {
			t.Errorf("status %d: %q", status, got)
		}
		if text := log.String(); !strings.Contains(text, "does not answer") || strings.Contains(text, "sesame") ||
			strings.Contains(text, "open") {
			t.Errorf("%s", text)
		}
	}
}

// What could not be told is in the log when the server stops, and nothing waits for it.
func TestWhatWasNotToldIsLogged(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	address := server.URL
	server.Close()
	var log bytes.Buffer
	h := newHook(Config{ActivationHook: address}, slog.New(slog.NewJSONHandler(&log, nil)))
	for range hookQueue + 1 {
		h.told(confirmedEvent)
	}
	if n := strings.Count(log.String(), "was not informed"); n != 1 {
		t.Errorf("%d are lost by a full queue", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.run(ctx)
	if n := strings.Count(log.String(), "was not informed"); n != hookQueue+1 {
		t.Errorf("%d are in the log", n)
	}
	var entry map[string]any
	line, _, _ := strings.Cut(log.String(), "\n")
	if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["serial"] != "MT10000001" {
		t.Errorf("%v %v", entry, err)
	}
	var none *hook // without an address nothing is told, and nothing waits
	none.told(confirmedEvent)
	none.run(ctx)
	none.drain(ctx)
}

func TestHookAddress(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{"": true, "https://intranet.example.com/hook?x=1": true,
		"http://127.0.0.1:99/": true, "http://[::1]/": true, "http://intranet.example.com": false, "ftp://x": false,
		"intranet": false, "https://a:b@x": false, "https://x#y": false} {
		if err := checkHook(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}
