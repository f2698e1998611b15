package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// patience is when a wait is given up. No correct run comes near it.
const patience = 60 * time.Second

// stream reads server-sent events.
type stream struct {
	t    *testing.T
	resp *http.Response
	in   *bufio.Scanner
}

func openStream(t *testing.T, s *testkit.Server, method, path string, body io.Reader, contentType string) *stream {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+s.Bearer[testkit.Admin])
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{}} // a connection of its own
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	t.Cleanup(func() {
		_ = resp.Body.Close()
		client.CloseIdleConnections()
	})
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || ct != "text/event-stream" {
		t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, ct)
	}
	in := bufio.NewScanner(resp.Body)
	in.Buffer(nil, 1<<20)
	return &stream{t, resp, in}
}

// next gives an event; at the end of the stream an empty name.
func (s *stream) next(into any) (name string) {
	s.t.Helper()
	for s.in.Scan() {
		line := s.in.Text()
		if event, ok := strings.CutPrefix(line, "event: "); ok {
			name = event
		} else if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), into); err != nil {
				s.t.Fatalf("event %s: %v: %s", name, err, data)
			}
		} else if line == "" {
			return name
		} else {
			s.t.Fatalf("not a line of an event: %q", line)
		}
	}
	return ""
}

// rest reads to the end and gives the names of the events and the last report.
func (s *stream) rest() (names []string, last wire.ImportReport) {
	s.t.Helper()
	for {
		var rep wire.ImportReport
		name := s.next(&rep)
		if name == "" {
			return names, last
		}
		names, last = append(names, name), rep
	}
}

// slowUpload is an import whose file is sent in pieces.
type slowUpload struct {
	*stream
	t    *testing.T
	rest []byte
	body *io.PipeWriter
	id   int64
}

// slowly begins an import of n keys and returns when it has said so, with more
// than half of the upload still to be sent.
func slowly(t *testing.T, s *testkit.Server, first, n int) *slowUpload {
	t.Helper()
	var file bytes.Buffer
	w, err := pskc.NewWriter(&file, pskc.WriterOptions{Unprotected: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := w.Write(testkit.HOTP(fmt.Sprintf("%06d", first+i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	body, contentType := testkit.Form(t, part("file", file.String()))
	in, out := io.Pipe()
	u := &slowUpload{t: t, body: out, rest: body}
	sent := make(chan error, 1)
	go func() {
		_, err := out.Write(body[:len(body)*2/5])
		sent <- err
	}()
	u.stream = openStream(t, s, http.MethodPost, "/api/v1/imports", in, contentType)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	u.rest = body[len(body)*2/5:]
	var begun struct{ ID int64 }
	if name := u.next(&begun); name != "begun" || begun.ID < 1 {
		t.Fatalf("the first event is %s %+v", name, begun)
	}
	u.id = begun.ID
	return u
}

// finish sends what is left, or breaks off.
func (u *slowUpload) finish() {
	u.t.Helper()
	if _, err := u.body.Write(u.rest); err != nil {
		u.t.Fatal(err)
	}
	_ = u.body.Close()
}

func (u *slowUpload) path() string { return fmt.Sprintf("/api/v1/imports/%d", u.id) }

// shown is the run as it can be looked at by its number.
func (u *slowUpload) shown(s *testkit.Server) wire.ImportReport {
	u.t.Helper()
	return report(u.t, s.Do(u.t, testkit.Admin, http.MethodGet, u.path(), nil))
}

// An import is answered while its file is still being sent, and others can
// watch it meanwhile.
func TestImportEvents(t *testing.T) {
	t.Parallel()
	const keys = 3000
	s := server(t)
	u := slowly(t, s, 0, keys)
	var progress wire.Import
	if name := u.next(&progress); name != "progress" || progress.Imported == 0 || progress.Imported >= keys ||
		progress.Keys != progress.Imported {
		t.Fatalf("the second event is %s %+v", name, progress)
	}
	if now := u.shown(s); now.State != "running" || now.Imported < progress.Imported || now.Imported >= keys ||
		now.Ended != nil {
		t.Errorf("while the file is sent the run is %+v", now)
	}
	watched := openStream(t, s, http.MethodGet, u.path()+"/events", nil, "")
	if name := watched.next(&progress); name != "progress" || progress.Imported == 0 || progress.State != "running" ||
		progress.ID != u.id {
		t.Errorf("who watches is told %s %+v", name, progress)
	}
	if body := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/tokens", nil).Body; strings.Contains(body, `"serial"`) {
		t.Errorf("tokens of an import under way are listed: %.200s", body)
	}

	u.finish()
	names, rep := u.stream.rest()
	orderly(t, names)
	if rep.ID != u.id || rep.State != "done" || rep.Imported != keys || rep.Keys != keys || rep.Ended == nil {
		t.Errorf("the report says %+v", rep)
	}
	names, seen := watched.rest()
	orderly(t, names)
	if diff := cmp.Diff(rep, seen); diff != "" {
		t.Errorf("who watches sees another report (-upload +watched):\n%s", diff)
	}
	// Who comes late is told the end at once.
	names, seen = openStream(t, s, http.MethodGet, u.path()+"/events", nil, "").rest()
	if len(names) != 1 || names[0] != "report" || seen.Imported != keys {
		t.Errorf("after the end: %v %+v", names, seen)
	}
}

// orderly checks that there is nothing but progress before the report, and
// nothing behind it.
func orderly(t *testing.T, names []string) {
	t.Helper()
	for i, name := range names {
		if want := map[bool]string{true: "report", false: "progress"}[i == len(names)-1]; name != want {
			t.Errorf("the events are %v", names)
			return
		}
	}
	if len(names) == 0 {
		t.Error("there is no report")
	}
}

// An upload that breaks off leaves a run that failed and says so, and no token.
func TestImportBrokenOff(t *testing.T) {
	t.Parallel()
	s := server(t)
	u := slowly(t, s, 0, 3000)
	watched := openStream(t, s, http.MethodGet, u.path()+"/events", nil, "")
	_ = u.body.CloseWithError(io.ErrUnexpectedEOF)
	names, seen := watched.rest()
	orderly(t, names)
	if seen.State != "failed" || !strings.Contains(seen.Failure, "was interrupted") || seen.Ended == nil {
		t.Errorf("who watches is told %+v", seen)
	}
	if diff := cmp.Diff(seen, u.shown(s)); diff != "" {
		t.Errorf("by its number it is another one (-watched +shown):\n%s", diff)
	}
	if body := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/tokens", nil).Body; strings.Contains(body, `"serial"`) {
		t.Errorf("tokens of an import that broke off are listed: %.200s", body)
	}
	// The next one is not in its way.
	again := slowly(t, s, 0, 3000)
	again.finish()
	if _, rep := again.stream.rest(); rep.State != "done" || rep.Imported != 3000 || rep.Duplicate != 0 {
		t.Errorf("the same file again: %+v", rep)
	}
}

// A file that is no good is told by an event once the run has begun, and before
// that by an answer of its own.
func TestImportEventsOfABadFile(t *testing.T) {
	t.Parallel()
	s := server(t)
	u := slowly(t, s, 0, 600)
	u.rest = bytes.Replace(u.rest, []byte("</"), []byte("<<"), 1)
	u.finish()
	for {
		var p wire.Problem
		switch name := u.next(&p); name {
		case "progress":
			continue
		case "problem":
			if p.Code != "malformed_file" || p.Status != http.StatusUnprocessableEntity {
				t.Errorf("the problem is %+v", p)
			}
			if now := u.shown(s); now.State != "failed" || now.Failure == "" {
				t.Errorf("the run is %+v", now)
			}
		default:
			t.Errorf("the stream ends with %q", name)
		}
		break
	}
	body, contentType := testkit.Form(t, part("file", "no seed file\n"))
	status(t, s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/imports", body, "Content-Type", contentType, "Accept",
		"text/event-stream"),
		http.StatusUnprocessableEntity, "format_unknown")
}
