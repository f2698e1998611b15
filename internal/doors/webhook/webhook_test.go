package webhook_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ostiary/internal/doors/webhook"
	"ostiary/internal/engine/events"
)

const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func keys(t *testing.T, text string) webhook.Keys {
	t.Helper()
	k, err := webhook.ParseKeys([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The example of the specification (standard-webhooks, its reference libraries' tests).
func TestSignatureOfTheSpecification(t *testing.T) {
	t.Parallel()
	got := keys(t, key).Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// While a key is replaced, both sign.
func TestKeys(t *testing.T) {
	t.Parallel()
	drawn := string(webhook.NewKey().Bytes())
	two := keys(t, drawn+"\r\n\n"+key+"\n")
	got := strings.Fields(two.Sign("a", 1, nil))
	if len(got) != 2 || got[1] != keys(t, key).Sign("a", 1, nil) || got[0] != keys(t, drawn).Sign("a", 1, nil) {
		t.Errorf("%q", got)
	}
	of := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for text, good := range map[string]bool{of(24): true, of(64): true, of(23): false, of(65): false, "": false,
		key[6:]: false, "whsec_!!": false, strings.Repeat(key+"\n", 3): true, strings.Repeat(key+"\n", 4): false} {
		if _, err := webhook.ParseKeys([]byte(text)); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		} else if err != nil && strings.Contains(err.Error(), key[6:]) {
			t.Errorf("%q is in its error", text)
		}
	}
	if string(webhook.NewKey().Bytes()) == drawn {
		t.Error("each key is the same")
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{"": false, "https://intranet.example.com/hook?x=1": true,
		"http://127.0.0.1:99/": true, "http://[::1]/": true, "http://localhost/": true,
		"http://intranet.example.com": false, "ftp://x": false, "intranet": false, "https://a:b@x": false,
		"https://x#y": false, "http://127.0.0.1.example.com/": false, "https://sesame%zz/": false} {
		err := webhook.CheckURL(text)
		if (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("the error has the address: %v", err)
		}
	}
	if _, err := webhook.New(webhook.Config{URL: "http://localhost/"}); err == nil {
		t.Error("a hook without a key")
	}
}

// post posts a message to a server.
func post(t *testing.T, cfg webhook.Config) error {
	t.Helper()
	cfg.Keys, cfg.Now = keys(t, key), func() time.Time { return time.Unix(1614265330, 0) }
	hook, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer end()
	return hook.Send(ctx, events.Message{ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", Body: []byte(`{"test": 2432232314}`)})
}

// What is posted names itself and its time, and is signed. Any status of success takes it.
func TestSend(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 204, 301, 302, 307, 400, 404, 410, 429, 500, 503} {
		var elsewhere, seen int
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/hook" {
				elsewhere++
				return
			}
			seen++
			h := r.Header
			if r.Method != http.MethodPost || h.Get("webhook-id") != "msg_p5jXN8AQM9LWM0D4loKWxJek" ||
				h.Get("webhook-timestamp") != "1614265330" || h.Get("Content-Type") != "application/json" ||
				h.Get("webhook-signature") != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
				t.Errorf("%s %v", r.Method, h)
			}
			w.Header().Set("Location", "/other")
			w.WriteHeader(status)
			fmt.Fprint(w, "sesame")
		}))
		err := post(t, webhook.Config{URL: server.URL + "/hook?token=sesame"})
		if (err == nil) != (status < 300) || seen != 1 || elsewhere != 0 {
			t.Errorf("status %d: %v, %d times, %d elsewhere", status, err, seen, elsewhere)
		}
		if err != nil && (!strings.Contains(err.Error(), fmt.Sprint(status)) || strings.Contains(err.Error(), "sesame")) {
			t.Errorf("status %d: %v", status, err)
		}
		server.Close()
	}
}

// A certificate that nobody vouches for, or that is of another host, is refused.
func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	var seen int
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen++ }))
	defer server.Close()
	server.Config.ErrorLog = nil
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	if err := post(t, webhook.Config{URL: server.URL + "/sesame", Roots: roots}); err != nil || seen != 1 {
		t.Errorf("a good certificate: %v, %d", err, seen)
	}
	other := strings.Replace(server.URL, "127.0.0.1", "localhost", 1) // which it does not name
	for what, cfg := range map[string]webhook.Config{"unknown": {URL: server.URL + "/sesame"},
		"of another host": {URL: other + "/sesame", Roots: roots}} {
		err := post(t, cfg)
		if err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if seen != 1 {
		t.Errorf("%d messages went to a server that was not proven", seen-1)
	}
}

// A receiver that hangs, or is not there, costs a try, and its address is not told.
func TestSlowAndAbsent(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer slow.Close()
	defer close(stop)
	gone := httptest.NewServer(nil)
	gone.Close()
	for want, url := range map[string]string{"in time": slow.URL, "refused": gone.URL} {
		begun := time.Now()
		err := post(t, webhook.Config{URL: url + "/hook?token=sesame"})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") ||
			time.Since(begun) > 10*time.Second {
			t.Errorf("%s: %v after %v", want, err, time.Since(begun))
		}
	}
}

// The proxies of the environment are for those who ask for them.
func TestNoProxy(t *testing.T) {
	var seen int
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen++ }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	_ = post(t, webhook.Config{URL: "https://receiver.invalid/"})
	if seen != 0 {
		t.Error("a proxy was asked")
	}
}
