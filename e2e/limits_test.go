package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
)

// rawConn is a connection to a server on which a test writes what it likes.
type rawConn struct {
	net.Conn
	in *bufio.Reader
}

// dial connects to the server's address on the network.
func (s *server) dial() (*rawConn, error) {
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return &rawConn{c, bufio.NewReader(c)}, c.SetDeadline(time.Now().Add(patience))
}

// write connects and writes.
func (s *server) write(text string) *rawConn {
	s.t.Helper()
	c, err := s.dial()
	if err == nil {
		_, err = io.WriteString(c, text)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// verifying is the head of a request that checks a code and declares a body.
func verifying(key string, length string) string {
	return "POST /api/v1/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + key +
		"\r\n" + length + "\r\n\r\n"
}

// TestRequestsThatNeverEndAreEnded sends requests of which a part never comes, of
// every kind that keeps a server waiting: each connection is closed by the server.
func TestRequestsThatNeverEndAreEnded(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	key := s.key("v", "verifier")
	const half = `{"serial":"1",`
	for name, text := range map[string]string{
		"nothing at all":               "",
		"half a request line":          "GET /hea",
		"half a header":                "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A",
		"half a body":                  verifying(key, "Content-Length: 60") + half,
		"half a body without a right":  verifying("none", "Content-Length: 60") + half,
		"half a body for no operation": "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n" + half,
		"half a body of a GET":         "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n" + half,
		"half a body without a content": "POST /api/v1/audit/verify HTTP/1.1\r\nHost: " +
			"x\r\nContent-Length: 60\r\n\r\n",
		"a chunk of which half comes":      verifying(key, "Transfer-Encoding: chunked") + "40\r\n" + half,
		"chunks that do not end":           verifying(key, "Transfer-Encoding: chunked") + "e\r\n" + half + "\r\n",
		"a body of a terabyte, not begun":  verifying("none", "Content-Length: 1099511627776"),
		"a body that waits for a continue": verifying(key, "Content-Length: 60\r\nExpect: 100-continue"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.write(text)
			if _, err := io.Copy(io.Discard, c); err != nil {
				if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
					t.Errorf("after %s the connection is still open", patience)
				}
			}
		})
	}
}

// TestStopDoesNotHangOnSlowClients stops a server while requests are under way whose
// bodies never come: it ends with status 0, and its last checkpoint is there.
func TestStopDoesNotHangOnSlowClients(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	key := s.key("v", "verifier")
	for range 5 {
		s.write(verifying(key, "Content-Length: 60") + "{")
		s.write("POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n{")
	}
	time.Sleep(100 * time.Millisecond) // until the requests are under way
	begun := time.Now()
	s.stop()
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the stop takes %s", took)
	}
	checkLastEntry(t, s.data)
}

// TestLengthAndTransferEncodingTogetherEndTheConnection hides a request behind one
// that gives two ends of its body. It must not be taken for a request.
func TestLengthAndTransferEncodingTogetherEndTheConnection(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	key := s.key("v", "verifier")
	const hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, lengths := range map[string]string{
		"the length first": "Content-Length: 6\r\nTransfer-Encoding: chunked",
		"the length last":  "Transfer-Encoding: chunked\r\nContent-Length: 6",
	} {
		c := s.write(verifying(key, lengths) + "0\r\n\r\n" + hidden)
		all, err := io.ReadAll(c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := strings.Count(string(all), "HTTP/1.1 "); n != 1 || !strings.Contains(string(all), "Connection: close") {
			t.Errorf("%s: %d answers:\n%s", name, n, all)
		}
	}
}

// TestMalformedChunksAreABadRequest breaks the form of a body.
func TestMalformedChunksAreABadRequest(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	c := s.write(verifying(s.key("v", "verifier"), "Transfer-Encoding: chunked") + "zz\r\n{}\r\n0\r\n\r\n")
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	if p := (answer{res.StatusCode, res.Header, body}).problem(t); p.Status != http.StatusBadRequest {
		t.Errorf("the answer is %d: %s", res.StatusCode, body)
	}
	if strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("the log calls it an error: %s", s.log.String())
	}
}

// TestDescriptorsDoNotRunOut connects more often than the process may open files: the
// server refuses what is too much, and goes on working for those who come in by the
// socket.
func TestDescriptorsDoNotRunOut(t *testing.T) {
	t.Parallel()
	few := []string{"/bin/sh", "-c", `ulimit -n 200; exec "$@"`, "sh"}
	s := startBy(t, few, newData(t))
	for range 300 {
		if c, err := s.dial(); err == nil {
			fmt.Fprint(c, "GET /healthz HTTP/1.1\r\n") // and no more
		}
	}
	s.ok("user", "add", "alice")
	if log := s.log.String(); !strings.Contains(log, "a connection was refused") ||
		!strings.Contains(log, "may open too few files") ||
		strings.Contains(log, "too many open files") {
		t.Errorf("the log does not tell of it: %s", log)
	}
	if n := strings.Count(s.log.String(), "a connection was refused"); n > 20 {
		t.Errorf("refused connections are %d lines in the log", n)
	}
	s.stop()
}

// TestConnectionsOfOneAddress takes all that one address may have; another one has its
// own.
func TestConnectionsOfOneAddress(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t), "--max-connections", "50", "--max-connections-per-address", "5")
	for range 5 {
		s.write("GET /healthz HTTP/1.1\r\n")
	}
	time.Sleep(100 * time.Millisecond) // until they are accepted
	const ask = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	if got, _ := io.ReadAll(s.write(ask)); strings.Contains(string(got), "200 OK") {
		t.Error("one address has a connection too many")
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	other, err := d.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	fmt.Fprint(other, ask)
	if got, err := io.ReadAll(other); err != nil || !strings.Contains(string(got), "200 OK") {
		t.Errorf("another address is not answered: %q, %v", got, err)
	}
}

// TestClientThatLeavesIsNoError hangs up while a code is decided.
func TestClientThatLeavesIsNoError(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	key := s.key("v", "verifier")
	body := string(encode(t, wire.VerifyRequest{Serial: "1", OTP: "123456"}))
	for range 200 {
		_ = s.write(verifying(key, fmt.Sprintf("Content-Length: %d", len(body))) + body).Close()
	}
	eventually(t, "all are decided", func() bool { return s.as(key).raw("GET", "/readyz", "", "").status == 200 })
	s.signal(syscall.SIGTERM)
	s.wait()
	if log := s.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("clients that leave are errors: %s", log)
	}
}
