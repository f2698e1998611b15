package connlimit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// streaming is serving over HTTP/2.
func streaming(t *testing.T, h http.HandlerFunc, do func(t *testing.T, c *http.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{make(chan net.Conn), make(chan struct{})}
		var two http.Protocols
		two.SetUnencryptedHTTP2(true)
		s := &http.Server{Handler: Timed(h), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Hour,
			Protocols: &two}
		go func() { _ = s.Serve(p) }()
		transport := &http.Transport{Protocols: &two,
			DialContext: func(context.Context, string, string) (net.Conn, error) { return p.dial(), nil }}
		do(t, &http.Client{Transport: transport})
		transport.CloseIdleConnections()
		_ = s.Close()
	})
}

// An HTTP/2 request whose body never comes ends.
func TestStreamWhoseBodyNeverComesEnds(t *testing.T) {
	t.Parallel()
	var after time.Duration
	streaming(t, func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		_, err := io.ReadAll(r.Body)
		after = time.Since(begun)
		fmt.Fprint(w, r.Proto, err != nil)
	}, func(t *testing.T, c *http.Client) {
		body, never := io.Pipe()
		res, err := c.Post("http://x/", "", body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err != nil || string(got) != "HTTP/2.0true" || after < 9*time.Second || after > 11*time.Second {
			t.Errorf("the answer is %q, %v; the body was waited for %s", got, err, after)
		}
		_ = never.Close()
		_ = res.Body.Close()
	})
}

// The deadline of a write ends no HTTP/2 operation that takes long or pauses between
// the parts of its answer.
func TestLongStreamIsNotCutOff(t *testing.T) {
	t.Parallel()
	streaming(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		for range 3 {
			select {
			case <-time.After(10 * time.Minute):
				fmt.Fprint(w, "part ")
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				fmt.Fprint(w, "cut off")
				return
			}
		}
	}, func(t *testing.T, c *http.Client) {
		res, err := c.Get("http://x/")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if got, err := io.ReadAll(res.Body); err != nil || string(got) != "part part part " {
			t.Errorf("the answer is %q, %v", got, err)
		}
	})
}

// An HTTP/2 answer that nobody reads is given up.
func TestStreamThatNobodyReadsIsGivenUp(t *testing.T) {
	t.Parallel()
	var ended chan error
	streaming(t, func(w http.ResponseWriter, _ *http.Request) {
		var err error
		for err == nil {
			_, err = w.Write(make([]byte, 1<<20))
		}
		ended <- err
	}, func(t *testing.T, c *http.Client) {
		ended = make(chan error, 1)
		begun := time.Now()
		res, err := c.Get("http://x/")
		if err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("the writing ends with %v", err)
		}
		if took := time.Since(begun); took < stall/2 || took > 2*stall {
			t.Errorf("the writing ends after %s", took)
		}
		_ = res.Body.Close()
	})
}
