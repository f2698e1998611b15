package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
)

// aheadServer makes tokens ahead.
type aheadServer struct {
	known     string // the serial by which the app knows the first token, if it is another one
	t         *testing.T
	passwords bool
	fails     int // this request for tokens is refused, from 1
	asked     []wire.ActivationsRequest
	made      int
}

func (s *aheadServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, v any) {
		w.Header().Set(
			"Content-Type", map[bool]string{true: "application/json", false: "application/problem+json"}[status < 300])
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /api/v1/types/phones":
		answer(200, wire.TokenType{Name: "phones", Profile: "sheet"})
	case "GET /api/v1/profiles/sheet", "GET /api/v1/profiles/other":
		answer(200, wire.Profile{Name: "sheet", Activation: wire.ProfileActivation{Password: s.passwords}})
	case "POST /api/v1/activations":
		var req wire.ActivationsRequest
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			s.t.Error(err)
		}
		if s.asked = append(s.asked, req); len(s.asked) == s.fails {
			answer(503, wire.Problem{Status: 503, Code: "unavailable", Detail: "The database is full."})
			return
		}
		made := s.some(req.Count + len(req.Serials))
		made[0].DeviceSerial = s.known
		answer(201, wire.Activations{Activations: made})
	default:
		answer(404, wire.Problem{Status: 404, Code: "not_found", Detail: "There is no " + r.URL.Path + "."})
	}
}

func (s *aheadServer) some(n int) []wire.Activation {
	made := make([]wire.Activation, n)
	for i := range made {
		s.made++
		serial, code := fmt.Sprintf("EX%08d", s.made), strings.Repeat("0123456789", 3)
		made[i] = wire.Activation{Serial: serial, Issuer: "Example Works", Title: "Phones",
			Code: "01234-56789-01234-56789-01234-56789", Expires: time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC),
			QRBody: "<QRCode><SN>" + serial + "</SN><AC>" + code + "</AC></QRCode>", NeedsPass: s.passwords}
		if s.passwords {
			made[i].Password = fmt.Sprintf("ABCDE-%05d", s.made)
		}
	}
	return made
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v, %v", file, info.Mode(), err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func TestBatchTables(t *testing.T) {
	t.Parallel()
	s, dir := &aheadServer{t: t, passwords: true}, t.TempDir()
	codes, words := filepath.Join(dir, "codes.csv"), filepath.Join(dir, "words.csv")
	got := run(t, s, "", "activation", "batch", "--type", "phones", "--count", "45", "--out", codes, "--passwords",
		words, "--label", "night", "--days", "9", "--json")
	want := result{0, fmt.Sprintf(`{"file":%q,"passwords":%q,"made":45,"first":"EX00000001","last":"EX00000045"}`+"\n", codes, words), ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	part := wire.ActivationsRequest{Type: "phones", Count: 20, Label: "night", Days: 9}
	rest := part
	rest.Count = 5
	if diff := cmp.Diff([]wire.ActivationsRequest{part, part, rest}, s.asked); diff != "" {
		t.Error(diff)
	}
	table, secret := lines(t, codes), lines(t, words)
	if len(table) != 46 || table[0] != "serial,activation_code,expires" ||
		table[45] != "EX00000045,01234-56789-01234-56789-01234-56789,2026-03-01T12:00:00Z" {
		t.Errorf("%d lines: %q", len(table), table)
	}
	if len(secret) != 46 || secret[0] != "serial,activation_password" || secret[45] != "EX00000045,ABCDE-00045" {
		t.Errorf("%d lines: %q", len(secret), secret)
	}
	if strings.Contains(strings.Join(table, ""), "ABCDE") || strings.Contains(strings.Join(secret, ""), "01234-") {
		t.Error("code and password stand in one file")
	}
	again := run(t, s, "", "activation", "batch", "--type", "phones", "--count", "1", "--out", codes, "--passwords",
		words+".csv")
	if again.Code != 2 || len(s.asked) != 3 || !cmp.Equal(table, lines(t, codes)) {
		t.Errorf("a file that is there: %+v, %d requests", again, len(s.asked))
	}
	other := filepath.Join(dir, "other.csv")
	if again = run(t, s, "", "activation", "batch", "--type", "phones", "--count", "1", "--out", other, "--passwords",
		words); again.Code != 2 || len(s.asked) != 3 {
		t.Errorf("a password file that is there: %+v", again)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("an empty file is left")
	}
}

// Codes that are made anew stand beside the serials that the apps know, which a move may
// have made others than those here.
func TestBatchTableOfTokensThatWereThere(t *testing.T) {
	t.Parallel()
	s, codes := &aheadServer{t: t, known: "EX00000701"}, filepath.Join(t.TempDir(), "codes.csv")
	if got := run(t, s, "", "activation", "batch", "--type", "phones", "--serials", "EX00000001-EX00000002", "--out",
		codes); got.Code != 0 {
		t.Errorf("%+v", got)
	}
	const rest = ",01234-56789-01234-56789-01234-56789,2026-03-01T12:00:00Z,"
	want := []string{"serial,activation_code,expires,app_serial", "EX00000001" + rest + "EX00000701",
		"EX00000002" + rest + "EX00000002"}
	if diff := cmp.Diff(want, lines(t, codes)); diff != "" {
		t.Error(diff)
	}
}

func TestBatchLetters(t *testing.T) {
	t.Parallel()
	s, file := &aheadServer{t: t}, filepath.Join(t.TempDir(), "letters.pdf")
	got := run(t, s, "", "activation", "batch", "--type", "phones", "--profile", "other", "--count", "22", "--out",
		file, "--page", "https://bank.example")
	if strings.HasPrefix(got.Errors, "codes of ") {
		got.Errors = "" // a busy machine shows how far it is
	}
	want := result{0, file + " contains the codes of 22 tokens, EX00000001 to EX00000022.\n", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s.asked[0].Profile != "other" {
		t.Errorf("asked for %+v", s.asked[0])
	}
	if text := lines(t, file)[0]; !strings.HasPrefix(text, "%PDF-") {
		t.Errorf("the letters begin with %q", text)
	}
}

// What was made before something broke is in the files, and is told.
func TestBatchBreaks(t *testing.T) {
	t.Parallel()
	for _, ending := range []string{".csv", ".pdf"} {
		s, dir := &aheadServer{t: t, passwords: true, fails: 2}, t.TempDir()
		file, words := filepath.Join(dir, "codes"+ending), filepath.Join(dir, "words.csv")
		got := run(t, s, "", "activation", "batch", "--type", "phones", "--count", "30", "--out", file, "--passwords",
			words)
		if got.Code != 2 || !strings.Contains(got.Out, "20 tokens, EX00000001 to EX00000020") ||
			// A busy machine shows first how far it is.
			!strings.Contains(got.Errors, "ostiary: 20 tokens exist, 10 missing: The database is full.\nhint: "+
				"write the rest to another file") {
			t.Errorf("%s: %+v", ending, got)
		}
		if n := len(lines(t, words)); n != 21 {
			t.Errorf("%d lines of passwords", n)
		}
		if text := lines(t, file); ending == ".csv" && len(text) != 21 || ending == ".pdf" &&
			!strings.HasPrefix(text[0], "%PDF-") {
			t.Errorf("%s has %d lines", file, len(text))
		}
	}
	s, dir := &aheadServer{t: t, fails: 1}, t.TempDir()
	got := run(t, s, "", "activation", "batch", "--type", "phones", "--count", "30", "--out",
		filepath.Join(dir, "x.csv"))
	if left, err := os.ReadDir(dir); got.Code != 2 || got.Out != "" || err != nil || len(left) != 0 {
		t.Errorf("nothing was made: %+v, %v", got, left)
	}
}

// An interrupt keeps the answer that is under way, and ends the command then.
func TestBatchInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	made := &aheadServer{t: t}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		interrupt()
		made.ServeHTTP(w, r)
	}))
	defer server.Close()
	c, err := client.New(client.Config{Server: server.URL, Key: "ostiary_test"})
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	a := &app{Env: &Env{Stdout: &out, Stderr: &errs}}
	b := activationBatch{req: wire.ActivationsRequest{Type: "phones", Count: 50},
		out: filepath.Join(t.TempDir(), "codes.csv")}
	err = a.activateAhead(ctx, c, &b)
	if err == nil || err.Error() != "20 tokens exist, 30 missing: interrupted" {
		t.Errorf("it ends with %v", err)
	}
	if n := len(lines(t, b.out)); n != 21 || len(made.asked) != 1 || !strings.Contains(out.String(), "20 tokens") {
		t.Errorf("%d lines after %d requests, and %q", n, len(made.asked), out.String())
	}
}

// Nothing is made before all is known to be right.
func TestBatchRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	cases := []struct {
		name      string
		passwords bool
		args      []string
		says      string
	}{
		{"no place for passwords", true, []string{"--type", "phones", "--count", "3", "--out", file("a.csv")},
			"has activation passwords: add --passwords FILE.csv"},
		{"no place beside letters", true, []string{"--type", "phones", "--count", "3", "--out", file("a.pdf")},
			"has activation passwords"},
		{"of a profile named", true, []string{"--type", "phones", "--profile", "other", "--count", "3", "--out",
			file("a.csv")}, "profile other has"},
		{"no passwords", false, []string{"--type", "phones", "--count", "3", "--out", file("a.csv"), "--passwords",
			file("b.csv")}, "profile sheet has no activation passwords"},
		{"one file for both", true, []string{"--type", "phones", "--count", "3", "--out", file("a.csv"), "--passwords",
			file("a.csv")}, "are the same file"},
		{"passwords as letters", true, []string{"--type", "phones", "--count", "3", "--out", file("a.csv"),
			"--passwords", file("b.pdf")}, "passwords go to FILE.csv"},
		{"no type", false, []string{"--count", "3", "--out", file("a.csv")}, "--type is missing"},
		{"no count", false, []string{"--type", "phones", "--out", file("a.csv")}, "--count 0: it must be at least 1"},
		{"another ending", false, []string{"--type", "phones", "--count", "3", "--out", file("a.txt")},
			"codes go to FILE.csv"},
		{"no file", false, []string{"--type", "phones", "--count", "3"}, "codes go to FILE.csv"},
		{"too many letters", false, []string{"--type", "phones", "--count", "1001", "--out", file("a.pdf")},
			"at most 1000 letters"},
		{"a page in a table", false, []string{"--type", "phones", "--count", "3", "--out", file("a.csv"), "--page",
			"x"}, "--page is for letters"},
		{"too long", false, []string{"--type", "phones", "--count", "3", "--out", file("a.csv"), "--days", "366"},
			"it must be 1 to 365"},
		{"no such type", false, []string{"--type", "fobs", "--count", "3", "--out", file("a.csv")},
			"There is no /api/v1/types/fobs."},
		{"no such profile", false, []string{"--type", "phones", "--profile", "none", "--count", "3", "--out",
			file("a.csv")}, "There is no /api/v1/profiles/none."},
	}
	for _, c := range cases {
		s := &aheadServer{t: t, passwords: c.passwords}
		got := run(t, s, "", append([]string{"activation", "batch"}, c.args...)...)
		if got.Code != 2 || got.Out != "" || !strings.Contains(got.Errors, c.says) || len(s.asked) != 0 {
			t.Errorf("%s: %+v, %d requests", c.name, got, len(s.asked))
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("files are left: %v", left)
	}
}

func TestSerialList(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"MT10000003":                    "[MT10000003]",
		"mt10000009-MT10000011, MT0999": "[MT10000009 MT10000010 MT10000011 MT0999]",
		"7-9":                           "[7 8 9]",
		"1A008-1A010":                   "[1A008 1A009 1A010]",
		"":                              "error",
		"MT":                            "error",
		"MT2-MT1":                       "error",
		"MT8-MT10":                      "error",
		"MT1-EX2":                       "error",
		"MT1-2":                         "error",
		"MT00000001-MT99999999":         "error",
		"MT000001-MT099999,MT200000":    "100000",
		"MT000001-MT099999,MT2-MT9":     "error",
		"MT1,,MT2":                      "error",
		"MT99999999999999999999999":     "error",
		"MT9223372036854775807":         "[MT9223372036854775807]",
		"MT9223372036854775806-MT9223372036854775807": "[MT9223372036854775806 MT9223372036854775807]",
	} {
		all, err := serialList(text)
		got := fmt.Sprint(all)
		if err != nil {
			got = "error"
		} else if len(all) > 10 {
			got = fmt.Sprint(len(all))
		}
		if got != want {
			t.Errorf("%q: %s (%v), want %s", text, got, err, want)
		}
	}
}
