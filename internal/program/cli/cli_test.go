package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"ostiary/internal/core/fault"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

// result is what a command line left behind.
type result struct {
	Code        int
	Out, Errors string
}

// run runs a command line against a server that a test plays.
func run(t *testing.T, h http.Handler, stdin string, args ...string) result {
	t.Helper()
	env := map[string]string{}
	if h != nil {
		s := httptest.NewServer(h)
		defer s.Close()
		env = map[string]string{envServer: s.URL, envKey: "ostiary_test"}
	}
	var out, errs bytes.Buffer
	code := Main(args, &Env{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs,
		Getenv: func(name string) string { return env[name] }})
	return result{code, out.String(), errs.String()}
}

// reply answers every request with one JSON document.
func reply(status int, v any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if status >= 300 {
			w.Header().Set("Content-Type", "application/problem+json")
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	})
}

// TestEveryCommandExplainsItself: a long help and an example for each, and a
// sentence in the list.
func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Long == "" || cmd.Short == "" || cmd.Example == "" {
			t.Errorf("%s lacks a help or an example", cmd.CommandPath())
		}
		if cmd.Args == nil {
			t.Errorf("%s takes any arguments", cmd.CommandPath())
		}
		for _, line := range strings.Split(cmd.Long+"\n"+cmd.Example, "\n") {
			if len(line) > 100 {
				t.Errorf("%s: a line of %d columns in its help", cmd.CommandPath(), len(line))
			}
		}
		var help bytes.Buffer
		cmd.SetOut(&help)
		cmdline.PrintHelp(cmd, nil)
		if !strings.Contains(help.String(), "Example") ||
			!strings.Contains(help.String(), "Usage:\n  "+cmd.CommandPath()) {
			t.Errorf("%s --help:\n%s", cmd.CommandPath(), help.String())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&Env{}, nil))
}

func TestProblemsAreLaidOut(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		problem wire.Problem
		want    string
	}{
		{"a hint", wire.Problem{Detail: "It broke.", Hint: "Mend it."}, "ostiary: It broke.\nhint: Mend it.\n"},
		{"its code", wire.Problem{Status: 409, Code: "row_forged", Detail: "It broke.", Hint: "Mend it.",
			Fields: []string{"a: x"}}, "ostiary: It broke. (row_forged)\n  a: x\nhint: Mend it.\n"},
		{"a request id for a defect", wire.Problem{Status: 500, Detail: "It broke.", Instance: "ab-1"},
			"ostiary: It broke.\nrequest: ab-1\n"},
		{"candidates", wire.Problem{Status: 409, Detail: "Ambiguous.",
			Code: "serial_ambiguous", Hint: "Say which.", Candidates: []wire.Identity{
				{Type: "hotp", KeyID: "1"}, {Type: "totp", Manufacturer: "It's", KeyID: "k 2"}}},
			"ostiary: 2 tokens have the serial (serial_ambiguous). Choose one with:\n" +
				"  --type hotp --manufacturer '' --key-id 1\n" +
				"  --type totp --manufacturer 'It'\\''s' --key-id 'k 2'\n"},
		{"fields", wire.Problem{Status: 422, Detail: "Validation failed.", Fields: []string{"body.a: x", "body.b: y"}},
			"ostiary: Validation failed.\n  body.a: x\n  body.b: y\n"},
		{"what would act on a terminal", wire.Problem{Detail: "No \x1b[2Jtoken.", Fields: []string{"a\nb"}},
			"ostiary: No \\x1b[2Jtoken.\n  a\\nb\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.problem.Status == 0 {
				c.problem.Status = 409
			}
			if diff := cmp.Diff(result{2, "", c.want}, run(t, reply(c.problem.Status, c.problem), "", "token", "show",
				"1")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestErrorsAsJSON: with --json an error is one object with its code, on standard error.
func TestErrorsAsJSON(t *testing.T) {
	t.Parallel()
	broke := wire.Problem{Type: "urn:x", Title: "Conflict", Status: 409, Code: "row_forged", Detail: "It <broke>.",
		Hint: "Mend it."}
	cases := []struct {
		name, want string
		h          http.Handler
		args       []string
	}{
		{"of the server", `{"type":"urn:x","title":"Conflict","status":409,"detail":"It <broke>.","hint":"Mend it.",` +
			`"code":"row_forged"}`, reply(409, broke), []string{"token", "show", "1"}},
		{"a mistake", `{"code":"usage","detail":"token show takes one argument, SERIAL, not 0",` +
			`"hint":"see ostiary token show --help"}`, reply(409, broke), []string{"token", "show"}},
		{"of a file", `{"code":"failed","detail":"open missing: no such file or directory"}`, reply(409, broke),
			[]string{"audit", "verify", "--checkpoint", "missing"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := run(t, c.h, "", append(c.args, "--json")...)
			if diff := cmp.Diff(result{2, "", c.want + "\n"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	hinted := fault.New(fault.Conflict, "database_older", "It is older.").WithHint("Put it back.")
	if diff := cmp.Diff([]string{"database x: It is older. (database_older)", "hint: Put it back."},
		errorLines(fmt.Errorf("database x: %w", hinted))); diff != "" {
		t.Error(diff)
	}
	var out bytes.Buffer
	printErrorJSON(&out, hinted)
	if got := out.String(); got != `{"code":"database_older","detail":"It is older.","hint":"Put it back."}`+"\n" {
		t.Error(got)
	}
}

// TestAuditSkipsEmptyPages: a filtered page may be empty before the end.
func TestAuditSkipsEmptyPages(t *testing.T) {
	t.Parallel()
	pages := map[string]string{
		"":  `{"entries":[],"next":"9"}`,
		"9": `{"entries":[],"next":"5"}`,
		"5": `{"entries":[{"seq":4,"entry":{"action":"code.verified","outcome":"refused","reason":"wrong","time":"2026-01-02T03:04:05.000Z","actor":"key:a","subject":{"serial":"1","user":"bob"}}}],"next":null}`,
	}
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, pages[r.FormValue("after")])
	})
	got := run(t, serve, "", "audit", "list", "--serial", "1")
	when := cmdline.LocalTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	want := "TIME                     ACTION         OUTCOME  REASON  SUBJECT  ACTOR\n" + when +
		"  code.verified  refused  wrong   1 (bob)  key:a\n"
	if diff := cmp.Diff(result{0, want, ""}, got); diff != "" {
		t.Error(diff)
	}
}

func TestListsEveryPage(t *testing.T) {
	t.Parallel()
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.FormValue("limit") != "1000" {
			t.Errorf("limit %q", r.FormValue("limit"))
		}
		if r.FormValue("after") == "" {
			fmt.Fprint(w, `{"users":[{"name":"a<b","created":"2026-01-02T03:04:05Z"}],"next":"a<b"}`)
			return
		}
		fmt.Fprint(w, `{"users":[{"name":"c","created":"2026-01-02T03:04:05Z"}],"next":null}`)
	})
	want := `{"users":[{"name":"a<b","tokens":0,"failures":0,"locked":false,"created":"2026-01-02T03:04:05Z"},` +
		`{"name":"c","tokens":0,"failures":0,"locked":false,"created":"2026-01-02T03:04:05Z"}],"next":null}` + "\n"
	if diff := cmp.Diff(result{0, want, ""}, run(t, serve, "", "user", "list", "--all", "--json")); diff != "" {
		t.Error(diff)
	}
}

// TestReportIsShort: many rows of one reason are summed up.
func TestReportIsShort(t *testing.T) {
	t.Parallel()
	rep := wire.ImportReport{Import: wire.Import{ID: 7, Imported: 1, Conflict: 99, Refused: 1, DryRun: true}}
	for i := range 99 {
		rep.Rows = append(rep.Rows, wire.ImportRow{Serial: fmt.Sprint(i), Outcome: "conflict", Reason: "another secret",
			Line: i + 1})
	}
	rep.Rows = append(rep.Rows, wire.ImportRow{Serial: "x", Outcome: "refused", Reason: "broken"})
	got := run(t, report(rep), "<x/>", "token", "import", "-")
	lines := strings.Split(strings.TrimSpace(got.Out), "\n")
	if got.Code != exitNo || len(lines) != 1+1+shownRows+1+1 ||
		lines[0] != "1 would be imported, 0 duplicate, 99 in conflict, 1 refused" ||
		lines[len(lines)-2] != "-     x       -       refused   broken" ||
		lines[len(lines)-1] != "and 79 more rows: another secret" ||
		!strings.Contains(got.Errors, "ostiary import rows 7 --all") {
		t.Errorf("%d\n%s%s", got.Code, got.Out, got.Errors)
	}
	if got = run(t, report(rep), "<x/>", "token", "import", "-", "--json"); strings.Count(
		got.Out, "another secret") != 99 {
		t.Error("--json leaves rows out")
	}
	failed := wire.ImportReport{Import: wire.Import{State: "failed", Failure: "the server stopped"}}
	if got = run(t, reply(200, failed), "", "import", "show", "7"); got.Code != exitNo ||
		!strings.Contains(got.Out, "It failed: the server stopped") {
		t.Errorf("a failed import: %d\n%s", got.Code, got.Out)
	}
}

func TestImportCancelAndOldReports(t *testing.T) {
	t.Parallel()
	rep := wire.ImportReport{Import: wire.Import{ID: 7, State: "failed", File: "seeds.pskc"}}
	if got := run(t, reply(200, rep), "", "import", "cancel", "7"); got.Code != exitYes ||
		got.Out != "Import 7 of seeds.pskc is cancelled: nothing was imported.\n" {
		t.Errorf("%d\n%s%s", got.Code, got.Out, got.Errors)
	}
	if got := run(t, reply(200, rep), "", "import", "cancel", "7", "--json"); got.Code != exitYes ||
		!strings.Contains(got.Out, `"file":"seeds.pskc"`) && !strings.Contains(got.Out, `"file": "seeds.pskc"`) {
		t.Errorf("%d\n%s%s", got.Code, got.Out, got.Errors)
	}
	for _, args := range [][]string{{"import", "cancel"}, {"import", "cancel", "x"},
		{"serve", "--data", "x", "--import-report-days", "-1"}} {
		if got := run(t, reply(200, rep), "", args...); got.Code != exitError {
			t.Errorf("%q: %d\n%s", args, got.Code, got.Errors)
		}
	}
	old := wire.ImportReport{Import: wire.Import{ID: 7, State: "done", Removed: new(time.Now())}}
	if got := run(t, reply(200, old), "", "import", "show", "7"); !strings.Contains(got.Errors, "at the end of their "+
		"retention period") {
		t.Errorf("%d\n%s%s", got.Code, got.Out, got.Errors)
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	j := wire.Job{ID: 7, Kind: "state", State: "VALID", Status: "stopped", Stopped: "Cancelled by key:duty.", Total: 9,
		Changed: 2, Refused: 1, Actor: "account:anna"}
	for _, command := range []string{"show", "cancel"} {
		if got := run(t, reply(200, j), "", "job", command, "7"); got.Code != exitYes || got.Out != "Job 7, state VALID, by "+
			"account:anna, is stopped. Cancelled by key:duty. 3 of 9: 2 changed, 0 unchanged, 1 refused\n" {
			t.Errorf("%s: %d\n%s%s", command, got.Code, got.Out, got.Errors)
		}
	}
	labelled := wire.Job{ID: 8, Kind: "label", Label: "a b", Status: "running"}
	if got := run(t, reply(200, wire.JobList{Jobs: []wire.Job{labelled, j, {ID: 3, Kind: "delete"}}}), "", "job",
		"list"); got.Code != exitYes || !strings.Contains(got.Out, `label "a b"`) || !strings.Contains(got.Out, "delete") {
		t.Errorf("%d\n%s%s", got.Code, got.Out, got.Errors)
	}
	rows := wire.JobRows{Rows: []wire.JobRow{{N: 1, Line: 2, Serial: "77", Outcome: "refused", Reason: "why"}, {N: 2}}}
	if got := run(t, reply(200, rows), "", "job", "rows", "7", "--csv"); got.Code != exitYes ||
		!strings.Contains(got.Out, "1,2,77,,,refused,why") {
		t.Errorf("%d\n%s%s", got.Code, got.Out, got.Errors)
	}
	for _, command := range []string{"show", "rows", "cancel"} {
		if got := run(t, reply(200, j), "", "job", command, "x"); got.Code != exitError ||
			!strings.Contains(got.Errors, "job list") {
			t.Errorf("%s: %d\n%s", command, got.Code, got.Errors)
		}
	}
}

// report answers an upload with the events of an import.
func report(rep wire.ImportReport) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		raw, err := json.Marshal(rep)
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "event: begun\ndata: {\"id\":7}\n\nevent: progress\ndata: {\"keys\":1}\n\nevent: "+
			"report\ndata: %s\n\n", raw)
	}
}

func TestProgressLine(t *testing.T) {
	t.Parallel()
	cases := []struct {
		sent, size int64
		took       time.Duration
		want       string
	}{
		{0, 1000, time.Second, "0 % of 1.0 kB sent, 0 bytes/s"},
		{5_000_000, 20_000_000, 2 * time.Second, "25 % of 20.0 MB sent, 2.5 MB/s"},
		{20_000_000, 20_000_000, 2 * time.Second, "100 % of 20.0 MB sent, the server is finishing"},
		{3_000_000_000, 0, 3 * time.Second, "3.0 GB sent, 1.0 GB/s"},
		{0, 0, 0, "0 bytes sent, 0 bytes/s"},
	}
	for _, c := range cases {
		if got := progressLine(c.sent, c.size, c.took); got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	startProgress(&out, (&sending{sent: new(atomic.Int64), size: 10}).line).stop() // before the first second is over
	if out.Len() > 0 {
		t.Errorf("a quick upload shows %q", out.String())
	}
	p := &progress{w: &out, single: true}
	p.show("1 %")
	p.clear()
	if got := out.String(); got != "\r\x1b[K1 %\r\x1b[K" {
		t.Errorf("%q", got)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	if got := errorLines(fmt.Errorf("GET /x: %w", context.Canceled)); !cmp.Equal(got, []string{"interrupted"}) {
		t.Errorf("%q", got)
	}
	err := place{server: "https://a"}.explain(
		fmt.Errorf("GET /x: %w", &tls.CertificateVerificationError{Err: context.DeadlineExceeded}))
	if got := errorLines(err); len(got) != 2 || !strings.Contains(got[1], "SSL_CERT_FILE") {
		t.Errorf("%q", got)
	}
}
