package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ostiary/internal/doors/api"
	"ostiary/internal/doors/upload"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/imports"
	"ostiary/internal/test/testkit"
)

// openUpload sends an upload up to its last part, of which it sends what it is told to.
type openUpload struct {
	w    *io.PipeWriter
	done chan *http.Response
	err  error // in place of a response
}

func startUpload(t *testing.T, s *testkit.Server) *openUpload {
	t.Helper()
	// As long as is looked at before an import begins.
	file := strings.Replace(vector(t, "figure10"), "</KeyContainer>", strings.Repeat(" ", 200_000)+"</KeyContainer>", 1)
	body, contentType := testkit.Form(t, part("file", file))
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api/v1/imports", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+s.Bearer[testkit.Admin])
	u := &openUpload{w: w, done: make(chan *http.Response, 1)}
	go func() {
		res, err := http.DefaultClient.Do(req) //nolint:bodyclose // answer closes it
		if u.err = err; err != nil {
			close(u.done)
			return
		}
		u.done <- res
	}()
	if _, err := w.Write(body[:len(body)*2/3]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return u
}

// answer waits for the server's.
func (u *openUpload) answer(t *testing.T) testkit.Answer {
	t.Helper()
	res, ok := <-u.done
	if !ok {
		t.Fatal(u.err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return testkit.Answer{Status: res.StatusCode, Body: string(text), Header: res.Header}
}

// trickle uploads slowly until the server answers. A client that still writes may find
// the connection reset before it has read the answer; then it tries once more.
func trickle(t *testing.T, s *testkit.Server) testkit.Answer {
	t.Helper()
	for again := true; ; again = false {
		u := startUpload(t, s)
		go func() {
			for {
				if _, err := u.w.Write([]byte(" ")); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		res, ok := <-u.done
		if ok {
			return testkit.ReadAnswer(t, res)
		}
		if !again || !errors.Is(u.err, syscall.ECONNRESET) {
			t.Fatal(u.err)
		}
	}
}

// An upload that brings too little is ended, however steadily it comes, and says what to
// do; then others can import. One that is fast enough is not.
func TestTricklingUpload(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t, func(cfg *api.Config) {
		cfg.Pace = upload.Pace{Grace: 300 * time.Millisecond, Rate: 1 << 20, Longest: 10 * time.Second}
	})
	start := time.Now()
	a := trickle(t, s)
	status(t, a, http.StatusUnprocessableEntity, "upload_slow")
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it was ended after %s", took)
	}
	if p := a.Problem(t); !strings.Contains(p.Hint, "--data") || !strings.Contains(p.Hint, "1048576 bytes a second") {
		t.Errorf("the hint is %q", p.Hint)
	}
	if rep := report(t, s.Upload(t, testkit.Admin, part("file", vector(t, "figure10")))); rep.Imported != 4 {
		t.Errorf("the next import says %+v", rep)
	}
}

// No upload lasts longer than it may, whatever it brings.
func TestUploadHasALongestTime(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t, func(cfg *api.Config) {
		cfg.Pace = upload.Pace{Grace: time.Hour, Rate: 1, Longest: 300 * time.Millisecond}
	})
	status(t, startUpload(t, s).answer(t), http.StatusUnprocessableEntity, "upload_slow")
}

// An import that waits for its upload is cancelled at once, by whoever may import.
func TestCancelImport(t *testing.T) {
	t.Parallel()
	s := server(t)
	u := startUpload(t, s)
	var list wire.ImportList
	for deadline := time.Now().Add(10 * time.Second); len(list.Imports) == 0; time.Sleep(10 * time.Millisecond) {
		if s.Do(t, testkit.Admin, "GET", "/api/v1/imports", nil).JSON(t, &list); time.Now().After(deadline) {
			t.Fatal("no import has begun")
		}
	}
	path := fmt.Sprintf("/api/v1/imports/%d/cancel", list.Imports[0].ID)
	status(t, s.Do(t, testkit.HelpDesk, "POST", path, nil), http.StatusForbidden, "forbidden")
	start := time.Now()
	rep := report(t, s.Do(t, testkit.Admin, "POST", path, nil))
	if rep.State != "failed" || rep.Failure != "The import was cancelled by key:admin." || rep.Imported != 0 ||
		time.Since(start) > 10*time.Second {
		t.Errorf("after %s: %+v", time.Since(start), rep)
	}
	status(t, u.answer(t), http.StatusConflict, "import_cancelled")
	if e := s.LastEntry(t); e.Action != "import.cancelled" || e.Actor != "key:admin" {
		t.Errorf("the log says %s", e.Raw)
	}
	status(t, s.Do(t, testkit.Admin, "POST", path, nil), http.StatusConflict, "import_ended")
	status(t, s.Do(t, testkit.Admin, "POST", "/api/v1/imports/99/cancel", nil), http.StatusNotFound,
		"import_not_found")
	if rep := report(t, s.Upload(t, testkit.Admin, part("file", vector(t, "figure10")))); rep.Imported != 4 {
		t.Errorf("the next import says %+v", rep)
	}
}

// A signed file whose turn does not come is told when to come again, and nothing is read
// of it.
func TestSignedFileWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	s := server(t)
	svc, err := imports.New(imports.Config{DB: s.DB, Keys: s.Keys, Marks: s.Marks, Now: s.Clock.Now,
		Wait: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	const dir = "../../../pskc/xmlsig/testdata/"
	file, err := os.ReadFile(dir + "good/rsa-sha256.pskc")
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(dir + "rsa.pem")
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.Config
	cfg.Imports, cfg.Metrics = svc, prometheus.NewRegistry()
	impatient, err := api.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := httptest.NewServer(impatient)
	t.Cleanup(l.Close)
	s.URL = l.URL
	signers, err := imports.Signers(pem)
	if err != nil {
		t.Fatal(err)
	}
	open, err := svc.OpenFile(t.Context(), bytes.NewReader(file), imports.FileOptions{Signers: signers})
	if err != nil {
		t.Fatal(err)
	}
	upload := func() testkit.Answer {
		return s.Upload(t, testkit.Admin, part("dry_run", "true"), part("signer_certificate", string(pem)),
			part("file", string(file)))
	}
	a := upload()
	if status(t, a, http.StatusServiceUnavailable, "imports_busy"); a.Header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
	}
	if err := open.Close(); err != nil {
		t.Fatal(err)
	}
	if rep := report(t, upload()); rep.Imported == 0 {
		t.Errorf("in its turn: %+v", rep)
	}
}

// What a report said of single keys is gone when its time is over, and that is said.
func TestRowsOfOldReportsAreGone(t *testing.T) {
	t.Parallel()
	s := server(t)
	file := part("file", vector(t, "figure10"))
	report(t, s.Upload(t, testkit.Admin, file))
	rep := report(t, s.Upload(t, testkit.Admin, file))
	path := fmt.Sprintf("/api/v1/imports/%d", rep.ID)
	s.Clock.Advance(time.Hour)
	// The first one has rows, too: it says which keys have one secret.
	if n, err := s.Imports.RemoveReports(t.Context(), s.Clock.Now()); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	after := report(t, s.Do(t, testkit.Admin, "GET", path, nil))
	if after.Removed == nil || len(after.Rows) != 0 || after.Duplicate != 4 {
		t.Errorf("the report is %+v", after)
	}
	status(t, s.Do(t, testkit.Admin, "GET", path+"/rows", nil), http.StatusNotFound, "rows_removed")
}
