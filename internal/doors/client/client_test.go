package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/doors/wire"
)

func newTest(t *testing.T, cfg Config, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	cfg.Server, cfg.Key = s.URL, "ostiary_test"
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func answer(kind, body string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const problem, jsonKind = "application/problem+json", "application/json; charset=utf-8"
	cases := []struct {
		name    string
		serve   http.HandlerFunc
		want    string        // in the error's text
		problem *wire.Problem // of the *Error; nil if it is none
	}{
		{"a cut answer", answer(jsonKind, `{"name":"al`, 200), "the answer was cut off", nil},
		{"a foreign error page", answer("text/html", "<h1>no</h1>", 502), "The answer was 502 Bad Gateway",
			&wire.Problem{Status: 502, Title: "Bad Gateway",
				Detail: "The answer was 502 Bad Gateway, but not in the form of an Ostiary server.",
				Code:   "foreign_answer",
				Hint:   "Check the server address, and any proxy in front of the server."}},
		{"a foreign success", answer("text/html", "<h1>hello</h1>", 200), "is this the address of an Ostiary server?",
			nil},
		{"a problem", answer(problem, `{"status":404,"detail":"There is no user x.","hint":"List them.","code":"user_not_found","fields":["a"],
			"candidates":[{"type":"hotp","manufacturer":"","key_id":"1"}]}`, 404), "There is no user x. List them.",
			&wire.Problem{Status: 404, Detail: "There is no user x.", Hint: "List them.", Code: "user_not_found",
				Fields:     []string{"a"},
				Candidates: []wire.Identity{{Type: "hotp", KeyID: "1"}}}},
		{"a problem without words", answer(problem, `{}`, 500), "The answer was 500", &wire.Problem{Status: 500, Title: "Internal Server Error",
			Detail: "The answer was 500 Internal Server Error, but not in the form of an Ostiary server.",
			Code:   "foreign_answer",
			Hint:   "Check the server address, and any proxy in front of the server."}},
		{"a redirect",
			func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "https://elsewhere.example", 307) },
			`redirects to "https://elsewhere.example"`, &wire.Problem{Status: 307, Title: "Temporary Redirect", Code: "foreign_answer",
				Detail: `The server redirects to "https://elsewhere.example", which is not followed.`, Hint: "If that is the right server, give its address."}},
		{"an answer of another shape", answer(jsonKind, `{"name":7}`, 200), "read the answer", nil},
		{"no answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"GET /api/v1/users/x at http://127.0.0.1", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := newTest(t, Config{}, c.serve).User(t.Context(), "x")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, not one with %q", err, c.want)
			}
			refused, ok := errors.AsType[*Error](err)
			if ok != (c.problem != nil) {
				t.Fatalf("%T %v", err, err)
			}
			if ok {
				if diff := cmp.Diff(*c.problem, refused.Problem); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestAnswerLimit(t *testing.T) {
	t.Parallel()
	c := newTest(t, Config{}, answer("application/json", `{"name":"`+strings.Repeat("a", 1000)+`"}`, 200))
	for limit, ok := range map[int64]bool{100: false, 1010: false, 1011: true, 0: true} {
		var u wire.User
		err := c.call(t.Context(), request{method: http.MethodGet, path: []string{"users", "a"}, answer: &u,
			limit: limit})
		if ok != (err == nil) || err != nil && !strings.Contains(err.Error(), "the answer is larger than") {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c := newTest(t, Config{Timeout: time.Millisecond}, func(http.ResponseWriter, *http.Request) { <-release })
	_, err := c.Keys(t.Context())
	close(release)
	if err == nil || !strings.Contains(err.Error(), "no answer within 1ms") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Keys(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct{ server, key, want string }{
		{"", "k", "must begin with https://"},
		{"example.com:8080", "k", "must begin with https://"},
		{"ftp://example.com", "k", "must begin with https://"},
		{"http://127.0.0.1.example.com", "k", "unencrypted"},
		{"http://192.0.2.1", "k", "unencrypted"},
		{"https://", "k", "must begin with https://"},
		{"https://a:secret@example.com", "k", "nothing else"},
		{"https://example.com", "", "no API key"},
		{"https://example.com", "a\nb", "no key has"},
		{"https://example.com/?a=b", "k", "nothing else"},
		{"https://exa mple.com:secret", "k", "not a URL"},
	}
	for _, c := range cases {
		_, err := New(Config{Server: c.server, Key: c.key})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", c.server, err)
		}
	}
	for _, server := range []string{"https://example.com", "http://localhost:1/", "http://127.0.0.1:1",
		"http://[::1]:1"} {
		if _, err := New(Config{Server: server, Key: "k"}); err != nil {
			t.Errorf("%q: %v", server, err)
		}
	}
	if _, err := New(Config{Server: "http://192.0.2.1", Key: "k", AllowInsecure: true}); err != nil {
		t.Error(err)
	}
}

// TestAddress checks that any serial reaches the server as it is.
func TestAddress(t *testing.T) {
	t.Parallel()
	got := make(chan [2]string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /base/api/v1/tokens/{serial}", func(w http.ResponseWriter, r *http.Request) {
		got <- [2]string{r.PathValue("serial"), r.URL.RawQuery}
		answer("application/json", `{}`, 200)(w, r)
	})
	c := newTest(t, Config{}, mux.ServeHTTP)
	c.base = c.base.JoinPath("base")
	empty := ""
	for _, serial := range []string{"1001", ".", "..", "a/b", "../x", "a b", "50%", "ü", "?x#y", "a;b", "%2F"} {
		if _, err := c.Token(t.Context(), Selector{Serial: serial, Type: "hotp", Manufacturer: &empty}); err != nil {
			t.Fatalf("%q: %v", serial, err)
		}
		if want := [2]string{serial, "manufacturer=&type=hotp"}; <-got != want {
			t.Errorf("%q did not arrive as itself", serial)
		}
	}
}

func TestKeepsLargeNumbers(t *testing.T) {
	t.Parallel()
	c := newTest(t, Config{}, answer("application/json", `{"entries":[{"seq":1,"entry":{"next":4611686018427387903}}],"next":null}`, 200))
	list, err := c.Audit(t.Context(), AuditFilter{}, Page{})
	if err != nil {
		t.Fatal(err)
	}
	if got := list.Entries[0].Entry["next"]; got == nil ||
		got.(interface{ String() string }).String() != "4611686018427387903" {
		t.Errorf("%v", got)
	}
}

func TestImportForm(t *testing.T) {
	t.Parallel()
	type part struct{ Name, File, Value string }
	var got []part
	c := newTest(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		parts, err := r.MultipartReader()
		if err != nil {
			t.Error(err)
			return
		}
		for {
			p, err := parts.NextPart()
			if err != nil {
				break
			}
			value, _ := io.ReadAll(p)
			got = append(got, part{p.FormName(), p.FileName(), string(value)})
		}
		answer("application/json", `{"imported":1,"rows":[]}`, 200)(w, r)
	})
	rep, err := c.Import(t.Context(), Upload{File: strings.NewReader("<x/>"), Name: `a "b".pskc`, Passphrase: []byte("p"), KeyHex: []byte("00"),
		DryRun: true, SkipBad: true, AllowUnauthenticated: true})
	if err != nil || rep.Imported != 1 {
		t.Fatal(rep, err)
	}
	want := []part{{"passphrase", "", "p"}, {"key_hex", "", "00"}, {"dry_run", "", "true"}, {"skip_bad", "", "true"},
		{"allow_unauthenticated", "", "true"}, {"file", `a "b".pskc`, "<x/>"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// endless is a file that is never read to its end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// TestImportEarlyAnswer: a server that refuses a file answers while it is being
// sent and hangs up. What it said must arrive.
func TestImportEarlyAnswer(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ost") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(dir, "s")} {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go refuseEarly(l)
		c := Local(address)
		if network == "tcp" {
			if c, err = New(Config{Server: "http://" + l.Addr().String(), Key: "k"}); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			_, err := c.Import(t.Context(), Upload{File: endless{}, Name: "f"})
			if refused, ok := errors.AsType[*Error](err); !ok || refused.Code != "wrong_key" {
				t.Fatalf("%s: %v", network, err)
			}
		}
	}
}

// refuseEarly answers after the first bytes of the body, lets the client run
// into the closed connection, and leaves what it sent unread.
func refuseEarly(l net.Listener) {
	const problem = `{"status":422,"code":"wrong_key","detail":"The passphrase is wrong."}`
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.ReadFull(conn, make([]byte, 100<<10))
		_, _ = io.WriteString(conn, "HTTP/1.1 422 No\r\nContent-Type: application/problem+json\r\nConnection: "+
			"close\r\n\r\n"+problem)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
			_, _ = io.CopyN(io.Discard, conn, 1<<20)
		}
		_ = conn.Close()
	}
}

// TestAnswerConn: a failed write does not hide the answer.
func TestAnswerConn(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var dialer net.Dialer
	conn, err := dialFunc(dialer.DialContext).preferAnswer(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.(*net.TCPConn).SetLinger(0); err != nil { // a reset, at once
		t.Fatal(err)
	}
	_ = server.Close()
	for !conn.(*answerConn).hungUp.Load() {
		if _, err := conn.Write(make([]byte, 1<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := conn.Write(make([]byte, 7)); n != 7 || err != nil {
		t.Error(n, err)
	}
}

func TestImportFileError(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	c := newTest(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	})
	_, err := c.Import(t.Context(), Upload{File: io.MultiReader(strings.NewReader("x"), failing{broken}), Name: "f"})
	if err != broken {
		t.Errorf("%v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
