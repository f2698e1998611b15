package archtest

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryActionIsLookedAt walks the catalogue of the audit log: every action is
// named in a test that looks at what the entry says, and not only whether it is
// there. To look is to read Subject, Before, After or Reason of an entry, its
// text as a whole (Raw), or to hand the action to a helper that compares them.
func TestEveryActionIsLookedAt(t *testing.T) {
	t.Parallel()
	all := files(t)
	actions := map[string]string{} // by the name of the constant
	for _, f := range all {
		if f.pkg == "internal/core/audit" && !f.test {
			constants(f.ast, "Action", actions)
		}
	}
	if len(actions) < 40 || actions["CodeVerified"] != "code.verified" {
		t.Fatalf("the catalogue was not found: %v", actions)
	}
	looked := map[string]bool{}
	for _, f := range all {
		if !f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !looks(fn) {
				continue
			}
			for name := range named(fn, actions) {
				looked[name] = true
			}
		}
	}
	for name, action := range actions {
		if !looked[name] {
			t.Errorf("no test looks at the fields of %s (audit.%s)", action, name)
		}
	}
}

// constants gathers the constants of a type, with their values.
func constants(f *ast.File, typ string, into map[string]string) {
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != typ {
			return true
		}
		for i, name := range spec.Names {
			if value, ok := spec.Values[i].(*ast.BasicLit); ok {
				into[name.Name], _ = strconv.Unquote(value.Value)
			}
		}
		return true
	})
}

// compares are the helpers of tests that look at an entry's fields.
var compares = []string{"written", "Recorded", "actions"}

// looks tells whether a function reads the fields of an entry.
func looks(fn *ast.FuncDecl) (found bool) {
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			found = found || slices.Contains([]string{"Subject", "Before", "After", "Reason", "Raw"}, n.Sel.Name)
		case *ast.CallExpr:
			switch by := n.Fun.(type) {
			case *ast.Ident:
				found = found || slices.Contains(compares, by.Name)
			case *ast.SelectorExpr:
				found = found || slices.Contains(compares, by.Sel.Name)
			}
		case *ast.IndexExpr: // of an entry as JSON
			key, ok := n.Index.(*ast.BasicLit)
			found = found || ok && slices.Contains([]string{`"subject"`, `"before"`, `"after"`, `"reason"`}, key.Value)
		}
		return !found
	})
	return found
}

// named gives the actions that a function names, by their constant or their word.
func named(fn *ast.FuncDecl, actions map[string]string) map[string]bool {
	found := map[string]bool{}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if from, ok := n.X.(*ast.Ident); ok && from.Name == "audit" && actions[n.Sel.Name] != "" {
				found[n.Sel.Name] = true
			}
		case *ast.BasicLit:
			if n.Kind != token.STRING {
				return true
			}
			for name, action := range actions {
				if strings.Contains(n.Value, action) {
					found[name] = true
				}
			}
		}
		return true
	})
	return found
}
