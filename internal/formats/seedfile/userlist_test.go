package seedfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/formats/seedfile"
)

// A list of users is a table as seed tables are: separators, quotes, encodings and titles
// are read by the same rules, and what is not about users is passed over and named.
func TestReadUsers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text   string
		names  string // line and name
		passed string
		bad    string
	}{
		"one column":        {"user\nanna\nbob\n", "2 anna, 3 bob", "", ""},
		"semicolons":        {"Name;Mail\r\nAnna Müller;a@example.com\r\n", "2 Anna Müller", "Mail", ""},
		"tabs and quotes":   {"mail\tUser Name\nx\t\"Lang, Eva\"\n", "2 Lang, Eva", "mail", ""},
		"sep=":              {"sep=|\nuid|ou\nanna|staff\n", "3 anna", "ou", ""},
		"blank rows":        {"login\n\nanna\n\n,\n", "3 anna", "", ""},
		"UTF-16":            {"\xff\xfeu\x00i\x00d\x00\n\x00\xfc\x00\n\x00", "2 ü", "", ""},
		"byte order mark":   {"\ufeffsAMAccountName\nanna\n", "2 anna", "", ""},
		"an empty name":     {"user,mail\n,x\nbob,\n", "3 bob", "mail", "line 2: cell A2 should contain the user, but is empty"},
		"a cell too many":   {"user\nanna,x\n", "", "", "line 2: cell B2 is outside the columns"},
		"Windows-1252":      {"user\nM\xfcller\nbob\n", "3 bob", "", "line 2: cell A2 is not UTF-8 text"},
		"an open quotation": {"user,mail\n\"anna,x\nbob,y\n", "3 bob", "mail", "line 2: cell A2: the quotation mark is not closed"},
	} {
		list, err := seedfile.ReadUsers(strings.NewReader(tt.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names, bad []string
		for _, u := range list.Users {
			names = append(names, fmt.Sprint(u.Line, " ", u.Name))
		}
		for _, r := range list.Refused {
			bad = append(bad, fmt.Sprintf("line %d: %s", r.Line, r.Reason))
		}
		if diff := cmp.Diff([]string{tt.names, tt.passed}, []string{strings.Join(names, ", "),
			strings.Join(list.PassedOver, ", ")}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got := strings.Join(bad, "; "); (tt.bad == "") != (got == "") || !strings.HasPrefix(got, tt.bad) {
			t.Errorf("%s: refused %q, want %q", name, got, tt.bad)
		}
	}
	for name, tt := range map[string][2]string{
		"empty":       {"", "the titles cannot be read"},
		"no titles":   {"anna\nbob\n", "no title says which column"},
		"two columns": {"upn,mail,login\na,b,c\n", "columns A and C may both contain the names"},
		"secrets":     {"user,serial,secret\na,b,c\n", "column C holds secrets"},
		"too long":    {"user\n" + strings.Repeat("x\n", seedfile.MaxUsers+1), "more than 100000 rows"},
	} {
		if _, err := seedfile.ReadUsers(strings.NewReader(tt[0])); err == nil || !strings.Contains(err.Error(), tt[1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
