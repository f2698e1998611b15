package derive

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/test/compiled"
)

// Every action of the catalogue either says what it means for the state, or why the
// state does not follow from it.
func TestEveryActionIsDerivedOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), compiled.File("../entry.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	catalogue := map[audit.Action]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Action" {
			return true
		}
		name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		catalogue[audit.Action(name)] = true
		return true
	})
	if len(catalogue) < 40 {
		t.Fatalf("only %d actions were found in the catalogue", len(catalogue))
	}
	for action := range catalogue {
		derived, why, ok := Derived(action)
		if !ok || derived == (why != "") {
			t.Errorf("%s: known %t, derived %t, because %q", action, ok, derived, why)
		}
	}
	for action := range rules {
		if !catalogue[action] {
			t.Errorf("%s is in no catalogue", action)
		}
	}
}
