package testkit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/doors/webhook"
)

// Receiver takes the events that a server posts, and checks their signatures as
// docs/events.md says, with no code of the server.
type Receiver struct {
	*httptest.Server
	Key string // in text form

	mu     sync.Mutex
	answer func(n int) int
	seen   int
	got    []Told
}

// Told is an event that was taken.
type Told struct {
	ID, Kind, User, Type, Serial, Reason, Password string
	Time                                           time.Time
	Source                                         struct{ Actor, Address string }
	Details                                        map[string]any
	Body                                           string `json:"-"`
}

// NewReceiver starts a Receiver.
func NewReceiver(t testing.TB) *Receiver {
	r := &Receiver{Key: string(webhook.NewKey().Bytes()), answer: func(int) int { return http.StatusNoContent }}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Key, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		id, at := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + at + "."))
		mac.Write(body)
		sum := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		told := Told{Body: string(body)}
		if json.Unmarshal(body, &told) != nil || err != nil || told.ID != id ||
			!slices.Contains(strings.Fields(req.Header.Get("webhook-signature")), sum) {
			t.Errorf("a message that is not as it should be: %s %v", body, req.Header)
		}
		r.mu.Lock()
		r.seen++
		n, answer := r.seen, r.answer
		r.mu.Unlock()
		status := answer(n)
		if status/100 == 2 {
			r.mu.Lock()
			r.got = append(r.got, told)
			r.mu.Unlock()
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

// Way posts to the receiver.
func (r *Receiver) Way(t testing.TB) *webhook.Hook {
	t.Helper()
	keys, err := webhook.ParseKeys([]byte(r.Key))
	if err != nil {
		t.Fatal(err)
	}
	hook, err := webhook.New(webhook.Config{URL: r.URL, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return hook
}

// Answer says with which status the receiver answers message n from now on, from 1.
func (r *Receiver) Answer(status func(n int) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen, r.answer = 0, status
}

// Seen counts the messages since Answer.
func (r *Receiver) Seen() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// Take gives what was taken since the last time.
func (r *Receiver) Take() []Told {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// Tell has a kit tell the receiver from now on.
func (r *Receiver) Tell(t testing.TB, k *Kit) {
	t.Helper()
	k.Ways = append(k.Ways, r.Way(t))
	k.Reopen(t)
}
