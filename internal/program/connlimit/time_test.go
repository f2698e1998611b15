package connlimit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are in memory, so that a test's clock
// runs through what takes minutes.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.accept <- server
	return client
}

// serving runs do beside a server of h, on a clock of its own.
func serving(t *testing.T, h http.HandlerFunc, do func(t *testing.T, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{make(chan net.Conn), make(chan struct{})}
		s := &http.Server{Handler: Timed(h), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Hour}
		go func() { _ = s.Serve(p) }()
		do(t, p)
		_ = s.Close()
	})
}

const (
	post = "POST / HTTP/1.1\r\nHost: x\r\n"
	get  = "GET / HTTP/1.1\r\nHost: x\r\n"
)

// send writes a request and gives what the server answers until it hangs up, and
// after how long that was.
func send(t *testing.T, p *pipes, request string) (answer string, after time.Duration) {
	t.Helper()
	c, begun := p.dial(), time.Now()
	defer func() { _ = c.Close() }()
	go func() { _, _ = io.WriteString(c, request) }()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("%q: %v", request, err)
	}
	return string(got), time.Since(begun)
}

// A body that never comes ends the connection, whether or not the operation reads it,
// and whatever it declares.
func TestBodyThatNeverComesEndsTheConnection(t *testing.T) {
	t.Parallel()
	reads := func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			t.Error("a body that never came was read")
		}
		w.WriteHeader(http.StatusRequestTimeout)
	}
	ignores := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		header  string
		within  time.Duration
	}{
		"read":               {reads, post + "Content-Length: 10\r\n\r\n{", 12 * time.Second},
		"not read":           {ignores, post + "Content-Length: 10\r\n\r\n{", 12 * time.Second},
		"of a GET":           {ignores, get + "Content-Length: 10\r\n\r\n", 12 * time.Second},
		"chunked":            {reads, post + "Transfer-Encoding: chunked\r\n\r\n1\r\n", 12 * time.Second},
		"chunked, not read":  {ignores, post + "Transfer-Encoding: chunked\r\n\r\n", 12 * time.Second},
		"of a megabyte":      {reads, post + "Content-Length: 1048576\r\n\r\n", 76 * time.Second},
		"of a terabyte":      {reads, post + "Content-Length: 1099511627776\r\n\r\n", 302 * time.Second},
		"of all there is":    {reads, post + "Content-Length: 9223372036854775807\r\n\r\n", 302 * time.Second},
		"that is waited for": {reads, post + "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n", 12 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			serving(t, c.handler, func(t *testing.T, p *pipes) {
				if _, after := send(t, p, c.header); after > c.within || after < 5*time.Second {
					t.Errorf("the connection is closed after %s, want within %s", after, c.within)
				}
			})
		})
	}
}

// A body that comes slowly and steadily has the time that its size needs.
func TestLargeBodyHasTimeBySize(t *testing.T) {
	t.Parallel()
	serving(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	}, func(t *testing.T, p *pipes) {
		c := p.dial()
		defer func() { _ = c.Close() }()
		go func() {
			fmt.Fprintf(c, post+"Content-Length: %d\r\nConnection: close\r\n\r\n", 1<<20)
			for range 32 { // in 32 seconds
				time.Sleep(time.Second)
				_, _ = c.Write(make([]byte, 1<<15))
			}
		}()
		if got, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(got), "1048576 <nil>") {
			t.Errorf("the answer is %q, %v", got, err)
		}
	})
}

// The deadline of the body is not one of the operation.
func TestLongOperationIsNotCutOff(t *testing.T) {
	t.Parallel()
	serving(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		select {
		case <-time.After(10 * time.Minute):
			fmt.Fprint(w, "done")
		case <-r.Context().Done():
			fmt.Fprint(w, "cut off")
		}
	}, func(t *testing.T, p *pipes) {
		c := p.dial()
		defer func() { _ = c.Close() }()
		in := bufio.NewReader(c)
		for range 2 { // on one connection
			go func() { _, _ = io.WriteString(c, post+"Content-Length: 2\r\n\r\n{}") }()
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			if _ = res.Body.Close(); err != nil || string(got) != "done" {
				t.Errorf("the answer is %q, %v", got, err)
			}
		}
	})
}

// An answer that nobody reads does not keep the operation for ever.
func TestAnswerThatNobodyReadsIsGivenUp(t *testing.T) {
	t.Parallel()
	var ended chan error
	serving(t, func(w http.ResponseWriter, _ *http.Request) {
		var err error
		for err == nil {
			_, err = w.Write(make([]byte, 1<<16))
		}
		ended <- err
	}, func(t *testing.T, p *pipes) {
		ended = make(chan error, 1)
		c, begun := p.dial(), time.Now()
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, get+"\r\n")
		err := <-ended
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
			t.Errorf("the writing ends with %v", err)
		}
		if took := time.Since(begun); took > 2*stall {
			t.Errorf("the writing ends after %s", took)
		}
	})
}

// A request without a length may have had one all the same, which others went by. Its
// connection is not used again, so that nothing behind it is taken for a request.
func TestTransferEncodingClosesTheConnection(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]string{
		"with a length": "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
		"alone":         "Transfer-Encoding: chunked\r\n"} {
		requests := 0
		serving(t, func(w http.ResponseWriter, r *http.Request) {
			requests++
			_, _ = io.ReadAll(r.Body)
			fmt.Fprint(w, r.URL.Path)
		}, func(t *testing.T, p *pipes) {
			got, _ := send(t, p, "POST /first HTTP/1.1\r\nHost: x\r\n"+header+
				"\r\n0\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n")
			if requests != 1 || !strings.Contains(got, "/first") || !strings.Contains(got, "Connection: close") ||
				strings.Contains(got, "/second") {
				t.Errorf("%s: %d requests are served: %q", name, requests, got)
			}
		})
	}
}

// A client that goes away ends the operation.
func TestClientThatLeavesEndsTheOperation(t *testing.T) {
	t.Parallel()
	var ended chan error
	serving(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		<-r.Context().Done()
		ended <- r.Context().Err()
	}, func(t *testing.T, p *pipes) {
		ended = make(chan error, 1)
		c := p.dial()
		_, _ = io.WriteString(c, post+"Content-Length: 2\r\n\r\n{}")
		_ = c.Close()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the operation ended with %v", err)
		}
	})
}
