package console_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/api"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/test/testkit"
)

// upload sends a form with a file; an empty name sends none.
func (b *browser) upload(t testing.TB, path, name, file string, pairs ...string) testkit.Answer {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", `form-data; name="file"; filename="`+strings.ReplaceAll(name, `"`, "%22")+`"`)
	part, err := w.CreatePart(h)
	if err == nil {
		_, err = part.Write([]byte(file))
	}
	for i := 0; i+1 < len(pairs) && err == nil; i += 2 {
		err = w.WriteField(pairs[i], pairs[i+1])
	}
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.sendBody(t, path, w.FormDataContentType(), &body)
}

// follow opens the page that an answer leads to, until what goes on there has ended.
func (b *browser) follow(t testing.TB, a testkit.Answer) (page testkit.Answer, where string) {
	t.Helper()
	where = a.Header.Get("Location")
	if a.Status != http.StatusSeeOther {
		t.Fatalf("answer %d\n%s", a.Status, a.Body)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		page = b.get(t, where)
		if page.Status == http.StatusSeeOther {
			where = page.Header.Get("Location")
		} else if !strings.Contains(page.Body, "<o-live") {
			return page, where
		}
	}
	t.Fatal("it does not end")
	return page, where
}

func seedFile(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../../pskc/testdata/vectors/" + name + ".pskc")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

const fobs = "serial,secret\n7001,3132333435363738393031323334353637383930\n7002,3232333435363738393031323334353637383930\n"

// An encrypted file is sent once: with a wrong passphrase, with the right one, and imported.
func TestImportEncryptedFile(t *testing.T) {
	t.Parallel()
	s, b := admin(t)
	has(t, b.get(t, "/tokens"), 200, `href="/import-new">Import a file`)
	has(t, b.get(t, "/imports"), 200, "Nothing was imported yet", `href="/import-new"`)
	has(t, b.get(t, "/import-new"), 200, `enctype="multipart/form-data"`, "up to 1 GiB", `type="password"`)
	page, where := b.follow(t, b.upload(t, "/import-new", "letter.pskc", seedFile(t, "figure7"), "passphrase", "tiramisu",
		"batch", "order 4711"))
	has(t, page, 200, "There is a problem", `href="#passphrase"`, "!tiramisu", `value="order 4711"`, "letter.pskc",
		"!Import 1 token")
	page, again := b.follow(t, b.upload(t, where, "", "", "passphrase", "qwerty", "batch", "order 4711"))
	if again != where {
		t.Errorf("another look is at %s", again)
	}
	has(t, page, 200, "Nothing is imported yet: 1 token would be", "encrypted under a passphrase", "pskc", "!qwerty",
		">Import 1 token<", "Empty: the key that was given before")
	if n := s.Count(t, "SELECT count(*) FROM token"); n != 0 {
		t.Errorf("a look has imported %d tokens", n)
	}
	who, _, err := s.Config.Accounts.Session(t.Context(), b.cookies[session], credentials.Page)
	if err != nil {
		t.Fatal(err)
	}
	kept, ok := s.Drafts.Find(who.Principal.Name+" "+who.Principal.ID, strings.TrimPrefix(where, "/import-files/"))
	if !ok || kept.Values()["batch"] != "order 4711" || kept.Values()["passphrase"] != "" {
		t.Errorf("of the form is kept, to be shown: %v", kept.Values())
	}
	page, where = b.follow(t, b.post(t, where+"/import"))
	has(t, page, 200, "1 token is imported", "order 4711", `href="/check"`, "!Remainder")
	if !regexp.MustCompile(`^/imports/\d+$`).MatchString(where) {
		t.Errorf("the import is at %s", where)
	}
	has(t, b.get(t, "/imports"), 200, "letter.pskc", "1 imported", "dry run", "1 would be imported", "Failed",
		"account:anna")
	if e := s.LastEntry(t); e.Action != "import.published" || e.Actor != "account:anna" {
		t.Errorf("the log says %s", e.Raw)
	}
	for _, secret := range []string{"tiramisu", "qwerty"} {
		if strings.Contains(s.Log.String()+s.Dump(t), secret) {
			t.Errorf("%s is in the log or the database", secret)
		}
	}
}

// A table is compared with a device, a bad key is left out, reported and left over.
func TestImportTable(t *testing.T) {
	t.Parallel()
	s, b := admin(t)
	const evil = `"><img src=x onerror=alert(1)>` + "\u202exslx.csv"
	bad := fobs + "=1+1,3332\n"
	page, where := b.follow(t, b.upload(t, "/import-new", evil, bad, "kind", "hotp"))
	has(t, page, 200, "Nothing is imported: 1 key of 3 cannot be", "!<img", "!\u202e", "&gt;&lt;img src=x",
		"Compare with the device", "for the counter 0", "Import the good keys alone: 2 tokens", "Keys with a remark",
		`value="hotp" selected`, "oath-csv", "none: the secrets are open")
	page, run := b.follow(t, b.post(t, where+"/import", "skip_bad", "true"))
	has(t, page, 200, "2 tokens are imported", "Remainder", "Report (CSV)", "<dt>Refused</dt><dd>1</dd>", "!<img")
	csv := b.get(t, run+"/report.csv")
	has(t, csv, 200, "outcome,reason", ",'=1+1,", "refused")
	rest := b.get(t, run+"/remainder")
	has(t, rest, 200, "=1+1,3332", "!7001")
	for _, a := range []testkit.Answer{csv, rest} {
		if d := a.Header.Get("Content-Disposition"); !strings.HasPrefix(d, `attachment; filename="import-`) ||
			strings.Contains(d, "img") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("the file is sent with %v", a.Header)
		}
	}
	leads(t, b.post(t, where+"/import"), run) // sent twice
	account(t, s, "bert", authz.Admin, false)
	other := as(t, s, "bert")
	has(t, other.get(t, run), 200, "2 tokens are imported", "!Remainder")
	has(t, other.get(t, run+"/remainder"), 404, "not on this server any more")
	has(t, other.get(t, where), 404, "not on this server any more")
	has(t, other.post(t, where+"/import"), 404)
	leads(t, b.post(t, where+"/discard"), "/imports")
	has(t, b.get(t, where), 404)
	has(t, b.get(t, run+"/remainder"), 404)
	has(t, b.get(t, "/imports/99"), 404)
	has(t, b.get(t, "/imports/x"), 422)
	has(t, b.get(t, "/imports?before=x"), 422)
	has(t, b.post(t, run+"/cancel"), 409, "already ended")

	page, where = b.follow(t, b.upload(t, "/import-new", "again.csv", fobs, "kind", "hotp"))
	has(t, page, 200, "Every key of the file is here already", "!/import\"")
	page, _ = b.follow(t, b.upload(t, where, "", "", "kind", "totp", "period", "60"))
	has(t, page, 200, "No key of the file can be imported")
	s.Clock.Advance(time.Hour)
	if _, err := s.Imports.RemoveReports(t.Context(), s.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	b = as(t, s, "anna")
	has(t, b.get(t, run), 200, "The rows were removed on", "!Report (CSV)")
	has(t, b.get(t, run+"/report.csv"), 404)
}

// What is no file of tokens says so, and what to do, in the words of the page.
func TestImportRefused(t *testing.T) {
	t.Parallel()
	s, b := admin(t)
	has(t, b.upload(t, "/import-new", "", ""), 422, `href="#file">Choose a file.`)
	has(t, b.post(t, "/import-new"), 422, "There is a problem")
	has(t, b.upload(t, "/import-new", "a.pskc", seedFile(t, "figure6"), "key_hex", "secret-word", "note", "kept"), 422,
		`href="#key_hex"`, "!secret-word", `value="kept"`)
	has(t, b.upload(t, "/import-new", "a.csv", fobs, "passphrase", strings.Repeat("p", 20_000)), 413)
	has(t, b.upload(t, "/import-new", "a.csv", fobs, "force", "true"), 422)
	for _, c := range []struct {
		file  string
		pairs []string
		texts []string
	}{
		{"what is this\n", nil, []string{"“Format”", "!--format"}},
		{"", nil, []string{"There is a problem"}},
		{"<html><body>Not found</body></html>", nil, []string{"There is a problem"}},
		{seedFile(t, "figure6"), nil, []string{"“Passphrase”", "!--passphrase"}},
		{seedFile(t, "figure6"), []string{"passphrase", "x", "key_hex", "00"}, []string{"Give only one of"}},
		{fobs, []string{"passphrase", "x"}, []string{"only PSKC files are encrypted"}},
	} {
		page, where := b.follow(t, b.upload(t, "/import-new", "a.file", c.file, c.pairs...))
		has(t, page, 200, append(c.texts, "There is a problem", "Look again")...)
		has(t, b.upload(t, where, "", "", "digits", "5"), 422, `href="#digits"`)
		has(t, b.upload(t, where, "more.csv", fobs), 422, "one file too many")
		has(t, b.post(t, where+"/import"), 409, "Look at the file first") // what was found is no good
	}
	if n := s.Count(t, "SELECT count(*) FROM token"); n != 0 {
		t.Errorf("%d tokens were imported", n)
	}
}

// A file that is too large is refused.
func TestImportTooLarge(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t, func(c *api.Config) { c.MaxUpload = 100_000 })
	account(t, s, "anna", authz.Admin, false)
	b := as(t, s, "anna")
	has(t, b.get(t, "/import-new"), 200, "up to 97.7 KiB")
	has(t, b.upload(t, "/import-new", "a.csv", fobs+strings.Repeat(" ", 150_000)), 413, "larger than 100000 bytes")
	page, _ := b.follow(t, b.upload(t, "/import-new", "a.csv", fobs+strings.Repeat("\n", 50_000), "kind", "hotp"))
	has(t, page, 200, "Import 2 tokens")
}

// Nothing of a file is read before it is known who sends it, and from where.
func TestUploadIsGated(t *testing.T) {
	t.Parallel()
	s, b := admin(t)
	runs := s.Count(t, "SELECT count(*) FROM import_run")
	account(t, s, "desk", authz.Operator, true)
	has(t, as(t, s, "desk").upload(t, "/import-new", "a.csv", fobs), http.StatusForbidden)
	leads(t, open(s).upload(t, "/import-new", "a.csv", fobs), "/sign-in")
	b.site = "cross-site"
	has(t, b.upload(t, "/import-new", "a.csv", fobs), http.StatusForbidden, "a form of another site")
	if n := s.Count(t, "SELECT count(*) FROM import_run"); n != runs {
		t.Errorf("%d files were read", n-runs)
	}
}

// large is a file that takes a while.
func large(n int) string {
	var b strings.Builder
	b.WriteString("serial,secret\n")
	for i := range n {
		fmt.Fprintf(&b, "%08d,%040x\n", 20_000_000+i, i+1<<40)
	}
	return b.String()
}

// underway begins an import that takes a while.
func underway(t testing.TB, b *browser) (run string) {
	t.Helper()
	for n := 30_000; n < 2_000_000; n *= 3 {
		_, draft := b.follow(t, b.upload(t, "/import-new", "large.csv", large(n), "kind", "hotp"))
		run = b.post(t, draft+"/import").Header.Get("Location")
		if strings.Contains(b.get(t, run).Body, "<o-live") {
			return run
		}
	}
	t.Fatal("no file is large enough for this machine")
	return run
}

// Of two imports at once the second is told; the first goes on when the page is closed, shows
// how far it is, and is cancelled by a button. The second file need not be sent again.
func TestTwoImportsAtOnce(t *testing.T) {
	t.Parallel()
	_, b := admin(t)
	_, second := b.follow(t, b.upload(t, "/import-new", "small.csv", fobs, "kind", "hotp"))
	run := underway(t, b)
	page := b.get(t, run)
	has(t, page, 200, "so far", "<progress", "<noscript><meta http-equiv=\"refresh\"", "Cancel the import")
	refused, _ := b.follow(t, b.post(t, second+"/import"))
	has(t, refused, 200, "Another import is running", "small.csv")
	leads(t, b.post(t, run+"/cancel"), run)
	has(t, b.get(t, run), 200, "The import failed", "cancelled by account:anna", "!<o-live")
	page, _ = b.follow(t, b.upload(t, second, "", "", "kind", "hotp"))
	has(t, page, 200, "Import 2 tokens")
	page, _ = b.follow(t, b.post(t, second+"/import"))
	has(t, page, 200, "2 tokens are imported")
}

// A server that stops in the middle has imported nothing; the page says so.
func TestServerStopsDuringImport(t *testing.T) {
	t.Parallel()
	s, b := admin(t)
	run := underway(t, b)
	tokens := s.Count(t, "SELECT count(*) FROM token t JOIN import_run r ON r.id = t.run WHERE r.published > 0")
	s.Drafts.Close()
	has(t, b.get(t, run), 200, "The import failed", "The server was stopped. Nothing was imported.")
	if n := s.Count(t, "SELECT count(*) FROM token"); n != tokens {
		t.Errorf("%d tokens of it are there", n-tokens)
	}
	has(t, b.upload(t, "/import-new", "small.csv", fobs), 503, "The server was stopped.")
}

// The list of imports has pages.
func TestImportList(t *testing.T) {
	t.Parallel()
	s, b := admin(t)
	for i := range 23 {
		s.Import(t, testkit.HOTP(fmt.Sprint(5000+i)))
	}
	page := b.get(t, "/imports")
	has(t, page, 200, "20 shown", "!>First<", ">23 · test<")
	has(t, b.get(t, link(t, page, `rel="next" href="([^"]+)"`)), 200, "3 shown", ">First<", "!>Next<")
}
