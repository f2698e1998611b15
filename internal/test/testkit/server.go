package testkit

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/api"
	"ostiary/internal/doors/console"
	"ostiary/internal/doors/drafts"
	"ostiary/internal/doors/enrol"
	"ostiary/internal/doors/self"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/overview"
	"ostiary/internal/engine/selfservice"
	"ostiary/internal/seal"
)

// The callers of a Server, by the names under which it knows their keys.
const (
	Nobody     = ""
	Verifier   = "verifier"
	Portal     = "portal"
	Operator   = "operator"
	HelpDesk   = "help-desk"
	Admin      = "admin"
	SuperAdmin = "super-admin"
	Root       = "root" // a session
)

// Callers lists them all.
func Callers() []string {
	return []string{Nobody, Verifier, Portal, Operator, HelpDesk, Admin, SuperAdmin, Root}
}

// Principals are the same callers as authz knows them, but for Nobody.
func Principals() map[string]authz.Principal {
	return map[string]authz.Principal{
		Verifier: {Role: authz.Verifier}, Portal: {Role: authz.Portal}, Operator: {Role: authz.Operator},
		HelpDesk: {Role: authz.Operator, HelpDesk: true},
		Admin:    {Role: authz.Admin}, SuperAdmin: {Role: authz.SuperAdmin}, Root: {Role: authz.Root},
	}
}

// Server is the REST API on a Kit, behind a real listener.
type Server struct {
	*Kit
	URL          string
	API          *api.API
	Config       api.Config
	Drafts       *drafts.Drafts // of the console
	Log          *Buffer        // what the server wrote to its log
	RootPassword string
	// Public is where passkeys think that the server is.
	Public string
	// Bearer gives the credential of each caller.
	Bearer map[string]string
}

// Buffer is a bytes.Buffer that several goroutines may write to.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String gives what was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// NewServer starts the API. adjust may change its configuration.
func NewServer(t testing.TB, adjust ...func(*api.Config)) *Server {
	t.Helper()
	ctx := context.Background()
	k := New(t)
	s := &Server{Kit: k, Log: &Buffer{}, Bearer: map[string]string{}}
	keys, err := credentials.OpenKeys(ctx, k.DB, k.Hasher(seal.KeyHash), k.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	root := credentials.NewRoot(k.DB, k.Hasher(seal.Password), k.Hasher(seal.Session), k.Clock.Now)
	if s.RootPassword, err = root.SetPassword(ctx, Origin); err != nil {
		t.Fatal(err)
	}
	accounts, err := credentials.NewAccounts(credentials.AccountsConfig{DB: k.DB, Root: root, Codes: k.Engine,
		PublicURL: func() string { return cmp.Or(s.Public, "https://tokens.example.com") }, Now: k.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	counts, err := overview.New(overview.Config{DB: k.DB, Holds: k.Engine.Holds, Now: k.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	own, err := selfservice.New(selfservice.Config{DB: k.DB, Hasher: k.Hasher(seal.Session), Codes: k.Engine,
		Lifecycle: k.Lifecycle, Activations: k.Activations, Ledger: k.Ledger,
		Policy: selfservice.Policy{AppType: "app-totp", ShowPassword: true}, Now: k.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.Config = api.Config{Version: "dev", Verifier: k.Engine, Lifecycle: k.Lifecycle, Imports: k.Imports, Jobs: k.Jobs,
		Activations: k.Activations, Profiles: k.Profiles, Users: k.Users, Temporary: k.Temporary,
		Keys: keys, Root: root, Accounts: accounts, Ledger: k.Ledger, Overview: counts, Events: k.Events,
		SelfService: own,
		Log:         slog.New(slog.NewTextHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics:     prometheus.NewRegistry(), Ready: k.DB.Check, Pages: enrol.Pages(),
		Settings: []wire.Setting{{Name: "listen", Value: "<b>:8443", Source: "flag", Means: "Where it listens."}}}
	for _, f := range adjust {
		f(&s.Config)
	}
	if s.API, err = api.New(s.Config); err != nil {
		t.Fatal(err)
	}
	if s.Drafts, err = drafts.New(drafts.Config{Imports: s.Config.Imports, Folder: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Drafts.Close)
	pages, err := console.New(console.Config{Rest: s.API, Verifier: s.Config.Verifier, Lifecycle: s.Config.Lifecycle,
		Imports: s.Config.Imports, Drafts: s.Drafts,
		Users: s.Config.Users, Jobs: s.Config.Jobs, Accounts: s.Config.Accounts,
		Keys: s.Config.Keys, Settings: s.Config.Settings,
		Activations: s.Config.Activations, Profiles: s.Config.Profiles, Temporary: s.Config.Temporary,
		Ledger: s.Config.Ledger, Overview: s.Config.Overview, PublicURL: func() string { return s.Config.PublicURL },
		Now: k.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.API.Mount(pages.Pages())
	working, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { k.Jobs.Run(working, func(err error) { s.Config.Log.Error("jobs", "error", err) }) })
	t.Cleanup(func() { stop(); work.Wait() })
	server := httptest.NewUnstartedServer(s.API)
	address := "http://" + server.Listener.Addr().String()
	me, err := self.New(self.Config{Rest: s.API, Service: s.Config.SelfService, Help: "call 4711",
		PublicURL: func() string { return cmp.Or(s.Config.PublicURL, address) }, Now: k.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.API.Mount(me.Pages())
	server.Start()
	t.Cleanup(server.Close)
	s.URL = server.URL
	for name, p := range Principals() {
		if name == Root {
			continue
		}
		if _, s.Bearer[name], err = keys.Create(ctx, authz.Principal{Role: authz.Root}, credentials.KeyRequest{Name: name,
			Role: p.Role, HelpDesk: p.HelpDesk}, Origin); err != nil {
			t.Fatal(err)
		}
	}
	if s.Bearer[Root], _, err = root.Start(ctx, s.RootPassword, Origin); err != nil {
		t.Fatal(err)
	}
	return s
}

// Answer is an HTTP answer with its body read.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// JSON decodes the body.
func (a Answer) JSON(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), into); err != nil {
		t.Fatalf("answer %d: %v: %s", a.Status, err, a.Body)
	}
}

// Problem decodes a problem document and checks that it is a whole one.
func (a Answer) Problem(t testing.TB) wire.Problem {
	t.Helper()
	var p wire.Problem
	if ct := a.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("answer %d has content type %q, want a problem document: %s", a.Status, ct, a.Body)
		return p
	}
	a.JSON(t, &p)
	if p.Status != a.Status || p.Title != http.StatusText(a.Status) || p.Detail == "" || p.Code == "" ||
		p.Type != "urn:ostiary:problem:"+p.Code {
		t.Errorf("answer %d is an incomplete problem document: %s", a.Status, a.Body)
	}
	if id := a.Header.Get("X-Request-Id"); id == "" || p.Instance != id {
		t.Errorf("answer %d has instance %q and request id %q: %s", a.Status, p.Instance, id, a.Body)
	}
	if challenge := a.Header.Get("Www-Authenticate"); (a.Status == http.StatusUnauthorized) != (challenge == "Bearer") {
		t.Errorf("answer %d has WWW-Authenticate %q", a.Status, challenge)
	}
	return p
}

// Do sends a request. A body that is a string or bytes is sent as it is,
// another one as JSON; nil sends none.
func (s *Server) Do(t testing.TB, caller, method, path string, body any, header ...string) Answer {
	t.Helper()
	var text io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		text = strings.NewReader(b)
	case []byte:
		text = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, s.URL+path, text)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if caller != Nobody {
		req.Header.Set("Authorization", "Bearer "+s.Bearer[caller])
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req) //nolint:bodyclose // ReadAnswer closes it
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return ReadAnswer(t, res)
}

// ReadAnswer reads a response to its end.
func ReadAnswer(t testing.TB, res *http.Response) Answer {
	t.Helper()
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Answer{Status: res.StatusCode, Header: res.Header, Body: string(raw)}
}

// Part is a part of an upload.
type Part struct{ Name, Value string }

// Upload sends parts as multipart/form-data; the one named file is sent as a
// file.
func (s *Server) Upload(t testing.TB, caller string, parts ...Part) Answer {
	t.Helper()
	body, contentType := Form(t, parts...)
	return s.Do(t, caller, http.MethodPost, "/api/v1/imports", body, "Content-Type", contentType)
}

// Form makes a multipart body.
func Form(t testing.TB, parts ...Part) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		var part io.Writer
		var err error
		if p.Name == "file" {
			part, err = w.CreateFormFile("file", "seeds.pskc")
		} else {
			part, err = w.CreateFormField(p.Name)
		}
		if err == nil {
			_, err = io.WriteString(part, p.Value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}
