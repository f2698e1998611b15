package connlimit

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ostiary/internal/core/peer"
)

// place is a server with limits, and its log.
type place struct {
	*testing.T
	address string
	log     *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func limited(t *testing.T, limits Limits) place {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &syncBuffer{}
	l := Listen(tcp, limits, slog.New(slog.NewTextHandler(log, nil)))
	s := &http.Server{Handler: Timed(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("here"))
	})), ConnState: l.State}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return place{t, tcp.Addr().String(), log}
}

// client is one connection.
type client struct {
	net.Conn
	in *bufio.Reader
}

// from connects from an address of the loopback network.
func (p place) from(address string) *client {
	p.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	c, err := d.Dial("tcp", p.address)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return &client{c, bufio.NewReader(c)}
}

// ask sends a request and tells whether it was answered; if not, the connection was
// closed.
func (c *client) ask(t *testing.T) bool {
	t.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			t.Fatal("neither an answer nor the end of the connection")
		}
		return false
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return err == nil && string(body) == "here"
}

// begin sends half a request, so that the connection is not idle.
func (c *client) begin(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // until the server has seen it
}

// One address has its number of connections, and others have theirs.
func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	t.Parallel()
	p := limited(t, Limits{Total: 100, PerAddress: 3})
	var held []*client
	for range 3 {
		c := p.from("127.0.0.1")
		c.begin(t)
		held = append(held, c)
	}
	if p.from("127.0.0.1").ask(t) {
		t.Error("one address has a connection too many")
	}
	if !p.from("127.0.0.2").ask(t) {
		t.Error("another address has none")
	}
	if log := p.log.String(); !strings.Contains(log, "too many connections of one address") ||
		!strings.Contains(log, "127.0.0.1") {
		t.Errorf("the log does not say who was refused: %s", log)
	}
	_ = held[0].Close()
	for deadline := time.Now().Add(time.Minute); !p.from("127.0.0.1").ask(t); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a connection that was closed is counted for ever")
		}
	}
}

func TestConnectionsInAllAreBounded(t *testing.T) {
	t.Parallel()
	p := limited(t, Limits{Total: 3})
	for range 3 {
		p.from("127.0.0.1").begin(t)
	}
	if p.from("127.0.0.2").ask(t) {
		t.Error("there is a connection too many")
	}
	if log := p.log.String(); !strings.Contains(log, "too many connections\"") {
		t.Errorf("the log does not say that one was refused: %s", log)
	}
}

// Connections that are only kept open keep nobody out: the one that is idle longest
// makes room.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]Limits{"in all": {Total: 3}, "of one address": {Total: 100, PerAddress: 3}} {
		p := limited(t, limits)
		others := p.from("127.0.0.2") // idle longer than all
		if limits.PerAddress > 0 && !others.ask(t) {
			t.Fatalf("%s: no answer within the limits", name)
		}
		if limits.PerAddress == 0 {
			_ = others.Close()
		}
		time.Sleep(20 * time.Millisecond)
		busy := p.from("127.0.0.1")
		busy.begin(t)
		idle := []*client{p.from("127.0.0.1"), p.from("127.0.0.1")}
		for _, c := range idle {
			if !c.ask(t) {
				t.Fatalf("%s: no answer within the limits", name)
			}
			time.Sleep(20 * time.Millisecond) // until the server has it idle
		}
		if !p.from("127.0.0.1").ask(t) {
			t.Errorf("%s: idle connections keep others out", name)
		}
		if idle[0].ask(t) {
			t.Errorf("%s: the connection that was idle longest is still there", name)
		}
		if !idle[1].ask(t) {
			t.Errorf("%s: the connection that was idle less long is gone", name)
		}
		if limits.PerAddress > 0 && !others.ask(t) {
			t.Errorf("%s: the connection of another address made room", name)
		}
		if _, err := io.WriteString(busy, "Host: x\r\n\r\n"); err != nil {
			t.Errorf("%s: the busy connection is gone: %v", name, err)
		}
		res, err := http.ReadResponse(busy.in, nil)
		if err != nil {
			t.Errorf("%s: the busy connection is not answered: %v", name, err)
			continue
		}
		if _ = res.Body.Close(); res.StatusCode != http.StatusOK {
			t.Errorf("%s: the busy connection is answered with %s", name, res.Status)
		}
	}
}

// failing accepts nothing.
type failing struct {
	net.Listener
	err error
}

func (f failing) Accept() (net.Conn, error) { return nil, f.err }

// What cannot be accepted is logged: else a server out of descriptors says nothing.
func TestAcceptErrorsAreLogged(t *testing.T) {
	t.Parallel()
	for err, logged := range map[error]bool{syscall.EMFILE: true, net.ErrClosed: false} {
		log := &syncBuffer{}
		_, got := Listen(failing{nil, err}, Limits{}, slog.New(slog.NewTextHandler(log, nil))).Accept()
		if !errors.Is(got, err) || strings.Contains(log.String(), "level=ERROR") != logged {
			t.Errorf("%v: returned %v, logged %q", err, got, log.String())
		}
	}
}

// Idle connections of TLS make room, too.
func TestIdleConnectionsOfTLSMakeRoom(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(Timed(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	l := Listen(s.Listener, Limits{Total: 1}, slog.New(slog.DiscardHandler))
	s.Listener, s.Config.ConnState = l, l.State
	s.StartTLS()
	defer s.Close()
	for range 3 {
		transport := s.Client().Transport.(*http.Transport).Clone() // a connection of its own, left idle
		defer transport.CloseIdleConnections()
		res, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Get(s.URL)
		if err != nil {
			t.Fatalf("an idle connection keeps others out: %v", err)
		}
		_ = res.Body.Close()
		time.Sleep(20 * time.Millisecond) // until the server has it idle
	}
}

// A trusted proxy speaks for many: it is bound by the total alone.
func TestTrustedProxiesHaveNoLimitOfTheirOwn(t *testing.T) {
	t.Parallel()
	for proxies, want := range map[string]string{"127.0.0.0/8": "", "192.0.2.0/24": perAddress} {
		l := Listen(nil, Limits{PerAddress: 1, Proxies: peer.Proxies{netip.MustParsePrefix(proxies)}},
			slog.New(slog.DiscardHandler))
		of := peer.Network(netip.MustParseAddr("127.0.0.1"))
		l.of[of] = 1
		if got := l.excess(of, "127.0.0.1:4711"); got != want {
			t.Errorf("trusting %s: %q, want %q", proxies, got, want)
		}
	}
}
