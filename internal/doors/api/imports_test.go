package api_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/doors/api"
	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
)

// vector reads a file of the RFC's examples.
func vector(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../../pskc/testdata/vectors/" + name + ".pskc")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func report(t *testing.T, a testkit.Answer) (rep wire.ImportReport) {
	t.Helper()
	status(t, a, http.StatusOK, "")
	a.JSON(t, &rep)
	return rep
}

func part(name, value string) testkit.Part { return testkit.Part{Name: name, Value: value} }

func TestImport(t *testing.T) {
	t.Parallel()
	s := server(t)
	file := part("file", vector(t, "figure10"))
	var dry wire.ImportReport
	unchanged(t, s, func() { dry = report(t, s.Upload(t, testkit.Admin, part("dry_run", "true"), file)) }, "import_run",
		"import_row", "sqlite_sequence")
	if !dry.DryRun || dry.State != "done" || dry.Imported != 4 {
		t.Errorf("the dry run says %+v", dry)
	}
	rep := report(t, s.Upload(t, testkit.Admin, part("dry_run", "false"), part("skip_bad", "false"), file))
	if rep.DryRun || rep.State != "done" || rep.Ended == nil || rep.Format != "pskc" || rep.Keys != 4 ||
		rep.Imported != 4 || rep.Duplicate != 0 || rep.Refused != 0 {
		t.Errorf("the import says %+v", rep)
	}
	if diff := cmp.Diff(rep.Rows, dry.Rows); diff != "" {
		t.Errorf("the dry run differs (-real +dry):\n%s", diff)
	}
	if e := s.LastEntry(t); e.Action != "import.published" || e.Actor != "key:admin" ||
		e.Subject["other"] != "seeds.pskc" {
		t.Errorf("the log says %s", e.Raw)
	}
	if rep := report(t, s.Upload(t, testkit.Admin, file)); rep.Duplicate != 4 || rep.Imported != 0 ||
		len(rep.Rows) != 4 {
		t.Errorf("the same again says %+v", rep)
	}
	if n := strings.Count(s.Do(t, testkit.Admin, "GET", "/api/v1/tokens", nil).Body, `"serial":`); n != 4 {
		t.Errorf("%d tokens, want 4", n)
	}
}

func TestImportEncrypted(t *testing.T) {
	t.Parallel()
	s := server(t)
	psk, phrase := part("file", vector(t, "figure6")), part("file", vector(t, "figure7"))
	const key = "12345678901234567890123456789012"
	for name, c := range map[string]struct {
		parts []testkit.Part
		code  string
	}{
		"no key":           {[]testkit.Part{psk}, "key_needed"},
		"no passphrase":    {[]testkit.Part{phrase}, "key_needed"},
		"wrong key":        {[]testkit.Part{part("key_hex", strings.Repeat("00", 16)), psk}, "wrong_key"},
		"wrong passphrase": {[]testkit.Part{part("passphrase", "qwertz"), phrase}, "wrong_key"},
		"short key":        {[]testkit.Part{part("key_hex", "1234"), psk}, "key_length"},
		"key no hex":       {[]testkit.Part{part("key_hex", "secret-word"), psk}, "key_hex"},
		"both": {[]testkit.Part{part("key_hex", key), part("passphrase", "qwerty"), psk},
			"key_or_passphrase"},
	} {
		before := s.Dump(t, marks...)
		a := s.Upload(t, testkit.Admin, c.parts...)
		status(t, a, http.StatusUnprocessableEntity, c.code)
		for _, secret := range []string{key, "qwert", "secret-word"} {
			if strings.Contains(a.Body, secret) {
				t.Errorf("%s: the answer repeats the key: %s", name, a.Body)
			}
		}
		if after := s.Dump(t, marks...); after != before {
			t.Errorf("%s changed the database:\n%s", name, testkit.Changes(before, after))
		}
	}
	if rep := report(t, s.Upload(t, testkit.Admin, part("key_hex", key), psk)); rep.Imported != 1 {
		t.Errorf("with the key: %+v", rep)
	}
	// The same device and secret under a passphrase.
	if rep := report(t, s.Upload(t, testkit.Admin, part("passphrase", "qwerty"), phrase)); rep.Imported+
		rep.Duplicate+rep.Twin != 1 {
		t.Errorf("with the passphrase: %+v", rep)
	}
	if text := s.Log.String() + s.Dump(t); strings.Contains(text, "qwerty") || strings.Contains(text, key) {
		t.Error("the key of the file is in the log or the database")
	}
}

// marks are what an import may leave behind when nothing of it is published.
var marks = []string{"audit_entry", "audit_head", "sqlite_sequence", "setting", "import_run", "import_row"}

// What cannot be imported changes nothing and says why.
func TestRefusedImports(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t, func(c *api.Config) { c.MaxUpload = 1 << 20 })
	good := vector(t, "figure10")
	file := part("file", good)
	bomb := `<!DOCTYPE a [<!ENTITY b "` + strings.Repeat("x", 1000) + `"><!ENTITY c "&b;&b;&b;&b;">]>` + good[strings.Index(good, "<KeyContainer"):]
	for name, c := range map[string]struct {
		parts  []testkit.Part
		status int
		code   string
	}{
		"nothing":    {nil, 422, "no_file"},
		"no file":    {[]testkit.Part{part("dry_run", "true")}, 422, "no_file"},
		"empty file": {[]testkit.Part{part("file", "")}, 422, "unreadable_file"},
		"no XML":     {[]testkit.Part{part("file", "what is this\n")}, 422, "format_unknown"},
		"HTML": {[]testkit.Part{part("file", "<html><body>Not found</body></html>")}, 422,
			"unreadable_file"},
		"truncated":           {[]testkit.Part{part("file", good[:len(good)-200])}, 422, "malformed_file"},
		"entities":            {[]testkit.Part{part("file", bomb)}, 422, "unsupported_file"},
		"no keys":             {[]testkit.Part{part("file", `<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc"></KeyContainer>`)}, 422, ""},
		"dry_run too late":    {[]testkit.Part{file, part("dry_run", "true")}, 422, "form_part"},
		"skip_bad too late":   {[]testkit.Part{file, part("skip_bad", "true")}, 422, "form_part"},
		"two files":           {[]testkit.Part{file, file}, 422, "form_part"},
		"unknown part":        {[]testkit.Part{part("force", "true"), file}, 422, "form_part"},
		"flag of other words": {[]testkit.Part{part("dry_run", "yes"), file}, 422, "form_flag"},
		"flag empty":          {[]testkit.Part{part("dry_run", ""), file}, 422, "form_flag"},
		"big field": {[]testkit.Part{part("passphrase", strings.Repeat("p", 20_000)), file}, 413,
			"too_large"},
		"big file": {[]testkit.Part{part("file", good+strings.Repeat(" ", 2<<20))}, 413, "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.Dump(t, marks...)
			a := s.Upload(t, testkit.Admin, c.parts...)
			if p := a.Problem(t); a.Status != c.status || (c.code != "" && p.Code != c.code) {
				t.Errorf("answer %d, want %d %s: %s", a.Status, c.status, c.code, a.Body)
			}
			if after := s.Dump(t, marks...); after != before {
				t.Errorf("the database changed:\n%s", testkit.Changes(before, after))
			}
		})
	}
	post := func(body any, contentType string) testkit.Answer {
		return s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/imports", body, "Content-Type", contentType)
	}
	status(t, post(good, "application/xml"), 422, "not_multipart")
	status(t, post(good, "multipart/form-data"), 422, "not_multipart")
	status(t, post(object{}, "application/json"), 422, "not_multipart")
	body, contentType := testkit.Form(t, file)
	status(t, post(body[:20], contentType), 422, "no_file")
	// The connection breaks in the middle of the file.
	status(t, post(body[:len(body)/2], contentType), 422, "upload_broken")
	if rep := report(t, s.Upload(t, testkit.Admin, file)); rep.Imported != 4 {
		t.Errorf("after all that: %+v", rep)
	}
}

// Bad keys among good ones are refused alone only when that is asked for.
func TestImportSkipBad(t *testing.T) {
	t.Parallel()
	s := server(t)
	good := vector(t, "figure10")
	file := part("file", strings.Replace(good, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "MTIzNA==", 1))
	if rep := report(t, s.Upload(t, testkit.Admin, file)); rep.Imported != 0 || rep.Refused != 1 || rep.HeldBack != 3 {
		t.Errorf("without skip_bad: %+v", rep)
	}
	rep := report(t, s.Upload(t, testkit.Admin, part("skip_bad", "true"), file))
	if rep.Imported != 3 || rep.Refused != 1 || rep.Rows[0].Outcome != "refused" || rep.Rows[0].Line == 0 {
		t.Errorf("with skip_bad: %+v", rep)
	}
}
