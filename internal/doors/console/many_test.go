package console_test

import (
	"bytes"
	"fmt"
	"html"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

var hiddens = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

// fields are what a page's form sends without being typed.
func fields(a testkit.Answer) url.Values {
	form := url.Values{}
	for _, m := range hiddens.FindAllStringSubmatch(a.Body, -1) {
		form.Add(m[1], html.UnescapeString(m[2]))
	}
	return form
}

// send sends a form with more fields.
func (b *browser) send(t testing.TB, path string, form url.Values, pairs ...string) testkit.Answer {
	t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.ask(t, http.MethodPost, path, form)
}

// over waits for the end of the job that an answer leads to, and gives its page.
func (b *browser) over(t testing.TB, a testkit.Answer) testkit.Answer {
	t.Helper()
	where := a.Header.Get("Location")
	if a.Status != http.StatusSeeOther || !strings.HasPrefix(where, "/jobs/") {
		t.Fatalf("answer %d leads to %q\n%s", a.Status, where, a.Body)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if page := b.get(t, where); !strings.Contains(page.Body, "Running") {
			return page
		}
	}
	t.Fatal("the job does not end")
	return a
}

func many(n int) (keys []*pskc.Key) {
	for i := range n {
		keys = append(keys, testkit.HOTP(fmt.Sprint(1001+i)))
	}
	return keys
}

// ticks gives the values of the boxes of a page.
func ticks(a testkit.Answer) (all []string) {
	for _, m := range regexp.MustCompile(`name="token" value="([^"]*)" aria`).FindAllStringSubmatch(a.Body, -1) {
		all = append(all, html.UnescapeString(m[1]))
	}
	return all
}

// The ticked tokens of a page are changed, and no others.
func TestTickedTokens(t *testing.T) {
	t.Parallel()
	s, b := admin(t, many(4)...)
	page := b.get(t, "/tokens")
	boxes := ticks(page)
	if len(boxes) != 4 {
		t.Fatalf("%d boxes\n%s", len(boxes), page.Body)
	}
	form := url.Values{"kind": {"state"}, "token": boxes[1:3], "view": {""}}
	preview := b.send(t, "/many", form)
	has(t, preview, 200, "Change the status of 2 tokens", "The tokens that you selected", "1002", "1003", "!1004",
		"!Number of tokens")
	has(t, b.send(t, "/many/start", fields(preview)), 422, "Choose a status.")
	done := b.over(t, b.send(t, "/many/start", fields(preview), "state", "REVOKED_TOKEN_BROKEN", "reason", "<b>wet"))
	has(t, done, 200, "Revoked, token broken", "Done", "&lt;b&gt;wet", "1002", "changed")
	for serial, want := range map[string]token.State{"1001": token.Valid, "1002": token.RevokedBroken,
		"1003": token.RevokedBroken, "1004": token.Valid} {
		if is := s.Token(t, serial).Condition.State; is != want {
			t.Errorf("token %s is %s", serial, is)
		}
	}
	has(t, b.get(t, "/jobs"), 200, "Job 1", "Change status: Revoked, token broken", "anna", "Assign by a list")
	csv := b.get(t, "/jobs/1/report.csv")
	has(t, csv, 200, "n,line,serial,type,user,outcome,reason\r\n1,,1002,hotp,,changed,\r\n2,,1003,hotp,,changed,\r\n")
	has(t, b.send(t, "/jobs/1/cancel", nil), 409, "already ended")

	// A label for one, which is then taken away from nobody else.
	preview = b.send(t, "/many", url.Values{"kind": {"label"}, "token": boxes[:1]})
	has(t, b.over(t, b.send(t, "/many/start", fields(preview), "label", "box 1")), 200, "Label: box 1")
	if label := s.Token(t, "1001").Label; label != "box 1" {
		t.Errorf("the label is %q", label)
	}
	for _, bad := range []url.Values{{"kind": {"state"}}, {"kind": {"export"}, "token": boxes}, {"token": boxes},
		{"all": {"state"}, "view": {"sort=x"}}, {"kind": {"assign"}, "lines": {"x"}}, {"kind": {"label"}, "token": {"%"}}} {
		has(t, b.send(t, "/many", bad), 422, "This was not done")
	}
	has(t, b.get(t, "/jobs/x"), 404)
	has(t, b.get(t, "/jobs/99"), 404, "There is no job 99")
}

// All that match are those of the filter when the job begins, as the preview showed them; and
// beyond 50, and for each delete, the number is typed.
func TestAllThatMatch(t *testing.T) {
	t.Parallel()
	s, b := admin(t, many(70)...)
	s.Import(t, testkit.HOTP("2001"))
	page := b.get(t, "/tokens?serial=10&size=10&sort=-serial")
	has(t, page, 200, "All 70 that match", `name="view" value="serial=10&amp;size=10&amp;sort=-serial"`)
	form := fields(page)
	form.Set("all", "state")
	preview := b.send(t, "/many", form)
	has(t, preview, 200, "Change the status of 70 tokens", "Serial: 10", "The first 20", "Type 70 to say", "!2001")
	wrong := b.send(t, "/many/start", fields(preview), "state", "REVOKED_TOKEN_OTHER", "typed", "69", "reason",
		"old stock")
	has(t, wrong, 422, "is not that of the tokens", `value="old stock"`, `!value="69"`,
		`value="REVOKED_TOKEN_OTHER" required checked`)

	// Another administrator adds a match.
	s.Import(t, testkit.HOTP("1099"))
	stale := b.send(t, "/many/start", fields(preview), "state", "REVOKED_TOKEN_OTHER", "typed", "70")
	has(t, stale, 409, "Nothing was changed", "Change the status of 71 tokens")
	if is := s.Token(t, "1001").Condition.State; is != token.Valid {
		t.Errorf("token 1001 is %s", is)
	}
	has(t, b.over(t, b.send(t, "/many/start", fields(stale), "state", "REVOKED_TOKEN_OTHER", "typed", "71")), 200,
		"50 of 71", "<dd>71</dd>")
	if s.Token(t, "2001").Condition.State != token.Valid || s.Token(t, "1099").Condition.State != token.RevokedOther {
		t.Error("not exactly what matched is revoked")
	}

	// Deletes.
	preview = b.send(t, "/many", url.Values{"kind": {"delete"}, "token": ticks(b.get(t, "/tokens?serial=2001"))})
	has(t, preview, 200, "Delete 1 token", "Type 1 to say")
	has(t, b.send(t, "/many/start", fields(preview)), 422, "is not that of the tokens")
	s.Clock.Advance(credentials.FreshFor)
	has(t, b.over(t, b.send(t, "/many/start", fields(preview), "typed", "1")), 200, "Done")
	preview = b.send(t, "/many", url.Values{"all": {"delete"}, "view": {"serial=1099"}})
	has(t, preview, 200, "Delete 1 token")
	preview = b.send(t, "/many", url.Values{"all": {"delete"}, "view": {"serial=10"}})
	has(t, b.send(t, "/many/start", fields(preview), "typed", "71"), 403, "proof")
	if n := s.Count(t, "SELECT count(*) FROM token"); n != 71 {
		t.Errorf("%d tokens are left", n)
	}
}

// A list assigns tokens, typed or as a file.
func TestAssignByAList(t *testing.T) {
	t.Parallel()
	s, b := admin(t, many(3)...)
	s.User(t, "bea")
	has(t, b.get(t, "/assign-list"), 200, "loginName", `type="file"`)
	has(t, b.post(t, "/assign-list", "text", "nonsense"), 422, "There is a problem", "nonsense")
	preview := b.post(t, "/assign-list", "text", "loginName,serial\nbea,1001\nnobody,1002\n<i>,1003\n")
	has(t, preview, 200, "Assign 1 token", "2 left out", "There is no user nobody", "!<i>")
	has(t, b.over(t, b.send(t, "/many/start", fields(preview))), 200, "1001", "for bea", "changed", "Line 3: ")
	if owner := s.Token(t, "1001").OwnerName; owner != "bea" {
		t.Errorf("the token is %q's", owner)
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	file, err := w.CreateFormFile("file", "list.csv")
	if err == nil {
		_, err = file.Write([]byte("loginName;serial\nbea;1002\n"))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	b.header = []string{"Content-Type", w.FormDataContentType()}
	has(t, b.askRaw(t, http.MethodPost, "/assign-list", body.String()), 200, "Assign 1 token", "1002")
}

// Who may change no tokens sees no boxes and no jobs.
func TestManyIsForAdministrators(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	s.Import(t, testkit.HOTP("1001"))
	account(t, s, "desk", authz.Operator, true)
	b := as(t, s, "desk")
	has(t, b.get(t, "/tokens"), 200, "1001", `!name="token"`, "!/many", `!href="/jobs"`)
	has(t, b.send(t, "/many", url.Values{"kind": {"label"}, "all": {""}}), 403)
}
