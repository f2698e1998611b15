package audit

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ostiary/internal/test/compiled"
)

// TestCatalogueDescribesEveryAction: each constant of the type Action stands in the
// catalogue once, and docs/operate.md shows the catalogue as it is.
func TestCatalogueDescribesEveryAction(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), compiled.File("entry.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var constants []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Action" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			constants = append(constants, text)
		}
		return true
	})
	var described []string
	rows := "| action | tells that |\n|---|---|\n"
	for _, action := range Actions() {
		described = append(described, string(action))
		rows += fmt.Sprintf("| `%s` | %s |\n", action, action.Tells())
	}
	slices.Sort(constants)
	if sorted := slices.Sorted(slices.Values(described)); !slices.Equal(sorted, constants) {
		t.Errorf("the catalogue describes\n%s\nand the actions are\n%s", strings.Join(sorted, " "),
			strings.Join(constants, " "))
	}
	page, err := os.ReadFile("../../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "\n"+rows+"\n") {
		t.Errorf("docs/operate.md does not show this table:\n%s", rows)
	}
	if Action("token.assign").Tells() != "" {
		t.Error("an action that is not known tells something")
	}
}

func TestIsCheckpoint(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "hello\n": false, "ostiary audit/x\n1\n": false, "ostiary audit/x\n\nhello\n": false,
		"ostiary audit/x\n1\nAA==\ntime x\n\n\u2014 x AAAA\n": true,
		"another log\n1\n\n\u2014 x AAAA\n":                   false,
	} {
		if IsCheckpoint(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}
