package archtest

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	said := map[string]int{}
	for _, f := range files(t) {
		if f.test && f.pkg != "internal/test/archtest" && f.pkg != "e2e" {
			continue
		}
		said[f.pkg] += 0
		if f.ast.Doc == nil {
			continue
		}
		said[f.pkg]++
		want := "Package " + f.ast.Name.Name + " "
		if f.ast.Name.Name == "main" {
			want = ""
		}
		if !strings.HasPrefix(f.ast.Doc.Text(), want) {
			t.Errorf("%s: the package comment does not begin with %q", f.path, want)
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(said)) {
		if said[pkg] != 1 {
			t.Errorf("package %s has %d package comments, want 1", pkg, said[pkg])
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		if f.lines > 700 {
			t.Errorf("%s has %d lines, and 700 is the stop", f.path, f.lines)
		}
	}
}

// A test that is skipped proves nothing. It may be so for a short run, and on a
// system that lacks what it is about, and it says why. PostgreSQL, which make tools
// installs, may be absent, too: then package cluster alone skips what needs it, and package
// browser where there is none. And where
// package e2e is run once more with another database, one file skips what is of one of them.
func TestNoTestIsSkipped(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		var guards []*ast.IfStmt
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.IfStmt); ok &&
				(mentions(s.Cond, "testing", "Short") || mentions(s.Cond, "runtime", "GOOS")) {
				guards = append(guards, s)
			}
			return true
		})
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); !ok || !slices.Contains([]string{"t", "b", "f", "tb"}, x.Name) {
				return true
			}
			guarded := slices.ContainsFunc(
				guards, func(g *ast.IfStmt) bool { return g.Body.Pos() <= call.Pos() && call.End() <= g.Body.End() })
			allowed := f.pkg == "internal/test/cluster" || f.pkg == "internal/test/browser" || f.path == "e2e/postgres_test.go"
			if !guarded && !allowed || len(call.Args) == 0 {
				t.Errorf("%s skips a test, and not for a short run or another system, or does not say why", f.path)
			}
			return true
		})
	}
}

// mentions tells whether an expression uses a name of a package.
func mentions(e ast.Expr, pkg, name string) (found bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == name {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == pkg {
				found = true
			}
		}
		return true
	})
	return found
}
