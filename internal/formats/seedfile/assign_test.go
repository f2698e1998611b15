package seedfile

import (
	"reflect"
	"strings"
	"testing"

	"ostiary/pskc"
)

func TestAssignments(t *testing.T) {
	text := testfile(t, "dualshield-assignments/users.csv")
	want := []Assignment{
		{2, "55000101", "a.lund", "corp.example", ProductCode{"DN", "ST"}, pskc.TOTP, "Deepnet Security",
			"SafeID/Time-Based"},
		{3, "55000103", "b.rahm", "corp.example", ProductCode{"DN", "SE"}, pskc.HOTP, "Deepnet Security",
			"SafeID/Event-Based"},
		{4, "55000104", "c.holm", "corp.example", ProductCode{"XX", "Q1"}, "", "", ""},
	}
	for _, text := range []string{
		text,
		"\ufeff" + strings.ReplaceAll(text, "\n", "\r\n"),
		strings.ReplaceAll(text, ",", ";"),
		strings.Replace(text, "domain,loginName,manufacturerCode,productCode,serial",
			"DOMAIN ,Login Name,\"MANUFACTURERCODE\", productcode , Serial", 1),
	} {
		list, refused, err := ReadAssignments(strings.NewReader(text), Options{})
		if refusals(t, refused); err != nil || !reflect.DeepEqual(list, want) {
			t.Errorf("%+v, error %v", list, err)
		}
	}
	list, refused, err := ReadAssignments(strings.NewReader("Serial Number,UPN\n55000101,a.lund@corp.example\n"),
		Options{})
	if refusals(t, refused); err != nil ||
		!reflect.DeepEqual(list, []Assignment{{Line: 2, Serial: "55000101", User: "a.lund@corp.example"}}) {
		t.Errorf("%+v, error %v", list, err)
	}

	bad := text +
		"corp,,DN,ST,55000105\ncorp,d,DN,ST,\ncorp,e,DN,ST,5.5E+7\ncorp,f,DN,ST,55000106,x\ncorp,\"g,DN,ST,55000107\ncorp,h,DN,ST,107\n"
	list, refused, err = ReadAssignments(strings.NewReader(bad), Options{})
	refusals(t, refused, "5: cell B5", "6: cell E6 should contain", "7: cell E7 contains a number",
		"8: cell F8 is outside the columns", "9: not closed", "10: cell E10 has fewer digits (3)")
	if err != nil || len(list) != 3 {
		t.Errorf("%+v, error %v", list, err)
	}
	for _, tt := range []struct{ text, part string }{
		{"serial,secret\na," + k1hex, "not an assignment list"},
		{"domain,loginName,secret,serial\n", "not an assignment list"},
		{"domain,loginName,colour,serial\n", `"colour"`},
	} {
		if _, _, err := ReadAssignments(strings.NewReader(tt.text), Options{}); err == nil ||
			!strings.Contains(err.Error(), tt.part) {
			t.Errorf("error %v, want %q", err, tt.part)
		}
	}
}
