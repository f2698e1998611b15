package main

import (
	"os"
	"strings"
	"testing"
)

// A small module whose tests hold one line and not the other.
func house(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"go.mod": "module house\n\ngo 1.26\n",
		"a.go":   "package house\n\nfunc above(a, b int) bool { return a > b }\n\nfunc wipe(b []byte) { clear(b) }\n",
		"a_test.go": "package house\n\nimport \"testing\"\n\nfunc TestAbove(t *testing.T) {\n\tif above(1, 1) " +
			"{\n\t\tt.Error(\"equal\")\n\t}\n}\n\n" +
			"func TestWipe(t *testing.T) { wipe(nil) }\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func row(old, with, test string) string {
	return "promise: p\nfile: a.go\nold: " + old + "\nnew: " + with + "\ntest: " + test + " .\n\n"
}

func TestSurvivorsAndStaleRowsFail(t *testing.T) {
	for name, c := range map[string]struct {
		table string
		code  int
		err   string
	}{
		"killed":          {row("a > b", "a >= b", "TestAbove"), 0, ""},
		"survived":        {row("{ clear(b) }", "{}", "TestWipe"), 1, ""},
		"does not build":  {row("{ clear(b) }", "{ clear(c) }", "TestWipe"), 1, ""},
		"stale":           {row("a < b", "a >= b", "TestAbove") + row("a > b", "a >= b", "TestAbove"), 1, ""},
		"not once":        {row("b", "c", "TestAbove"), 1, ""},
		"no such test":    {row("a > b", "a >= b", "TestBelow"), 2, "no test of . is called TestBelow"},
		"changes nothing": {row("a > b", "a > b", "TestAbove"), 2, "changes nothing"},
		"incomplete":      {"promise: p\nfile: a.go\n", 2, `has no "old"`},
		"unknown word":    {"promis: p\n", 2, `has no "promis"`},
		"empty":           {"# nothing\n", 2, "no such row"},
	} {
		t.Run(name, func(t *testing.T) {
			house(t)
			if err := os.WriteFile("table", []byte(c.table), 0o600); err != nil {
				t.Fatal(err)
			}
			code, err := mutate(t.Context(), "table", 2, func(mutation) bool { return true })
			if code != c.code || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("code %d, %v", code, err)
			}
		})
	}
}
