// Package archtest holds the rules of the house as tests: who may import whom,
// which technology has which owner, and what is never linked into the program.
// A new arrow is a decision, and is made here.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ostiary/internal/test/compiled"
)

const (
	module = "ostiary"
	root   = "../../.."
)

// file is a Go file of the tree, for whatever system it is built.
type file struct {
	path    string // from the root
	pkg     string // folder from the root, which is the import path without the module
	test    bool
	lines   int
	ast     *ast.File
	imports []string
}

// files are all Go files of the module.
func files(t *testing.T) (all []file) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			base := d.Name()
			_, merr := os.Stat(filepath.Join(name, "go.mod"))
			if name != root && (base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") ||
				strings.HasPrefix(base, "_") || merr == nil) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(compiled.File(name))
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, text,
			parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		f := file{path: rel, pkg: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"),
			lines: strings.Count(string(text), "\n"), ast: parsed}
		for _, spec := range parsed.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, p)
		}
		all = append(all, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("only %d Go files were found", len(all))
	}
	return all
}

// Within an import path: "a/b" holds "a/b" and what is below it.
func holds(prefix, p string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }

func holdsAny(prefixes []string, p string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return holds(prefix, p) })
}

// own tells what an import of this module's names, and whether it is one.
func own(p string) (pkg string, ok bool) { return strings.CutPrefix(p, module+"/") }

// std tells an import of the standard library.
func std(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".") && first != module
}
