// Package archtest holds the rules of the house as tests: who may import whom,
// which technology has which owner, and what is never linked into the program.
// A new arrow is a decision, and is made here.
package archtest

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "ostiary"
	root   = "../.."
)

// programs are what is released.
var programs = []string{"./cmd/ostiary", "./cmd/ostiary-authenticator"}

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
			if name != root && (base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || merr == nil) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		f := file{path: rel, pkg: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), lines: strings.Count(string(text), "\n"), ast: parsed}
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

// layer is how far from the pure core a package stands. A package imports its
// own layer only where the table says so, and those below.
var layer = map[string]int{
	"oath": 0, "pskc": 0, "pskc/xmlsig": 0, "activation": 0, "authenticator": 0, "internal/token": 0, "internal/authz": 0, "internal/fault": 0, "internal/wire": 0, "internal/lru": 0,
	"internal/qr": 0, "internal/qr/scan": 0,
	"internal/cbor": 0, "internal/kdf": 0, "internal/shown": 0, "internal/typedcode": 0,

	"internal/auth": 1, "internal/lifecycle": 1, "internal/audit": 1, "internal/seal": 1, "internal/session": 1,
	"internal/directory": 1, "internal/ledger": 1, "internal/profiles": 1, "internal/store": 1, "internal/seedfile": 1, "internal/temporary": 1, "internal/activations": 1, "internal/throttle": 1,

	"internal/letter": 2, "internal/profilefile": 2, "internal/vaultdir": 2,
	"internal/store/sqlite": 2, "internal/store/migrate": 2, "internal/seal/filekek": 2, "internal/api": 2, "internal/client": 2,

	"internal/serve": 3, "internal/cli": 3, "internal/authenticatorcli": 3, "internal/cmdline": 3,

	"cmd/ostiary": 4, "cmd/ostiary-authenticator": 4,
}

// beside are the arrows inside a layer, but for layer 1, whose packages import
// each other as they need, without a circle.
var beside = map[string][]string{
	"pskc/xmlsig":               {"pskc"},
	"activation":                {"oath", "internal/cbor", "internal/kdf", "internal/shown", "internal/typedcode"},
	"authenticator":             {"activation", "oath", "internal/cbor", "internal/kdf", "internal/shown"},
	"internal/token":            {"internal/fault"},
	"internal/api":              {"internal/profilefile"},
	"internal/store/sqlite":     {"internal/store/migrate"},
	"internal/cli":              {"internal/cmdline", "internal/serve"},
	"internal/authenticatorcli": {"internal/cmdline"},
}

// helpers are packages that only tests import.
var helpers = []string{"internal/store/storetest", "internal/testkit", "internal/activationkit", "internal/wasmtest", "internal/archtest", "e2e"}

// outside are programs that are no part of the product: measurements.
var outside = []string{"bench"}

func TestLayers(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		if f.test || slices.Contains(helpers, f.pkg) || holdsAny(outside, f.pkg) {
			continue
		}
		mine, known := layer[f.pkg]
		if !known {
			t.Errorf("%s: package %s has no layer; give it one in this test", f.path, f.pkg)
			continue
		}
		for _, p := range f.imports {
			pkg, ok := own(p)
			if !ok {
				continue
			}
			theirs, known := layer[pkg]
			switch {
			case slices.Contains(helpers, pkg):
				t.Errorf("%s imports %s, which is for tests", f.path, p)
			case !known:
				t.Errorf("%s imports %s, which has no layer", f.path, p)
			case theirs > mine:
				t.Errorf("%s (layer %d) imports %s (layer %d)", f.path, mine, p, theirs)
			case theirs == mine && mine != 1 && !slices.Contains(beside[f.pkg], pkg):
				t.Errorf("%s imports %s beside it", f.path, p)
			}
		}
	}
}

// The table above stays true only as long as it names what there is.
func TestTablesAreCurrent(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	imported := map[string]bool{}
	for _, f := range files(t) {
		there[f.pkg] = true
		for _, p := range f.imports {
			imported[f.pkg+" "+p] = true
		}
	}
	for pkg := range layer {
		if !there[pkg] {
			t.Errorf("there is no package %s any more", pkg)
		}
	}
	for from, tos := range beside {
		for _, to := range tos {
			if !imported[from+" "+module+"/"+to] {
				t.Errorf("%s does not import %s any more", from, to)
			}
		}
	}
}

// builtOn are modules that several packages use and that a package of the pure
// core is built on, besides the standard library and what it owns alone.
var builtOn = map[string]string{
	"activation":    "golang.org/x/crypto/argon2",
	"authenticator": "golang.org/x/crypto/argon2",
}

// The pure core does no I/O and is built on the standard library, and on the
// technology that a package is there for.
func TestPureCore(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		if l, known := layer[f.pkg]; f.test || !known || l != 0 {
			continue
		}
		for _, p := range f.imports {
			if _, ok := own(p); !ok && !std(p) && !ownsAlone(f.pkg, p) && builtOn[f.pkg] != p {
				t.Errorf("%s imports %s, and is to import the standard library alone", f.path, p)
			}
			if f.pkg == "pskc" && p == "crypto/rand" {
				continue // crypto.Decrypter asks for it, to blind RSA
			}
			if holdsAny([]string{"net", "os", "database", "syscall", "log", "plugin", "math/rand", "crypto/rand"}, p) {
				t.Errorf("%s imports %s, and is to do no I/O", f.path, p)
			}
		}
	}
}

// What is pure stands in the engine too: databases, HTTP and files are the
// adapters' business.
func TestEngineKnowsNoTechnology(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		if l, known := layer[f.pkg]; f.test || !known || l != 1 {
			continue
		}
		for _, p := range f.imports {
			if holdsAny([]string{"database", "net/http", "os", "syscall", "html", "text/template", "embed"}, p) {
				t.Errorf("%s imports %s", f.path, p)
			}
		}
	}
}

// What goes into the software authenticator is small: every kilobyte is fetched by
// a phone. These would come in by any door, so all that is linked is looked at.
func TestPhonePackagesAreSmall(t *testing.T) {
	t.Parallel()
	large := []string{"encoding/json", "encoding/xml", "net/url", "math/big", "regexp", "text/template", "net", "net/http"}
	for pkg, large := range map[string][]string{
		"oath":          append([]string{"fmt"}, large...),
		"activation":    large, // its HPKE brings fmt
		"authenticator": large,
	} {
		for _, p := range deps(t, "./"+pkg) {
			if slices.Contains(large, p.ImportPath) {
				t.Errorf("%s links %s", pkg, p.ImportPath)
			}
		}
	}
}

// The software authenticator runs in a browser, too; its tests say what it does there.
func TestPhonePackagesBuildForTheBrowser(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "vet", "./oath", "./activation", "./authenticator")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=js", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// owners says which packages may import a technology: a module other than this
// one, or a part of the standard library.
var owners = map[string][]string{
	"github.com/danielgtaylor/huma/v2":    {"internal/api"},
	"codeberg.org/go-pdf/fpdf":            {"internal/letter"},
	"github.com/gofrs/flock":              {"internal/serve", "internal/vaultdir"},
	"github.com/makiuchi-d/gozxing":       {"internal/qr/scan"},
	"github.com/pelletier/go-toml/v2":     {"internal/profilefile"},
	"github.com/prometheus/client_golang": {"internal/api", "internal/serve"},
	"github.com/spf13/cobra":              {"internal/cli", "internal/authenticatorcli", "internal/cmdline"},
	"github.com/spf13/pflag":              {"internal/cli", "internal/cmdline"},
	"golang.org/x/crypto":                 {"activation", "authenticator", "internal/session"},
	"golang.org/x/image":                  {"internal/letter"},
	"golang.org/x/mod":                    {"internal/audit"},
	"golang.org/x/term":                   {"internal/cmdline"},
	"golang.org/x/sync":                   {"internal/activations"},
	"golang.org/x/time":                   {"internal/session", "internal/throttle"},
	"modernc.org/sqlite":                  {"internal/store/sqlite"},
	"rsc.io/qr":                           {"internal/qr"},
	"database/sql":                        {"internal/store/sqlite"},
	"net/http":                            {"internal/api", "internal/authenticatorcli", "internal/client", "internal/serve"},
	"encoding/xml":                        {"pskc", "pskc/xmlsig", "internal/seedfile"},
	"html/template":                       {},
	"text/template":                       {},
	"os/exec":                             {},
	"plugin":                              {},
	"unsafe":                              {},
	"C":                                   {},
	"math/rand":                           {}, // what is random here is secret
	"math/rand/v2":                        {},
	"encoding/gob":                        {},
	"crypto/md5":                          {},
	"golang.org/x/exp":                    {},
	"github.com/google/go-cmp":            {}, // tests only
	"github.com/rogpeppe/go-internal":     {}, // tests only
	"pgregory.net/rapid":                  {}, // tests only
	"testing":                             {}, // tests only

	"github.com/beevik/etree":                       {"pskc/xmlsig"},
	"github.com/mattermost/xml-roundtrip-validator": {"pskc/xmlsig"},
	"github.com/russellhaering/goxmldsig":           {"pskc/xmlsig"},
}

// ownsAlone tells whether an import is a part of a technology that is this
// package's and nobody else's.
func ownsAlone(pkg, p string) bool {
	for tech, by := range owners {
		if holds(tech, p) {
			return slices.Equal(by, []string{pkg})
		}
	}
	return false
}

func TestTechnologiesHaveOwners(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		if f.test || slices.Contains(helpers, f.pkg) || holdsAny(outside, f.pkg) {
			continue
		}
		for _, p := range f.imports {
			if _, ok := own(p); ok {
				continue
			}
			found := false
			for tech, by := range owners {
				if !holds(tech, p) {
					continue
				}
				found = true
				if !slices.Contains(by, f.pkg) {
					t.Errorf("%s imports %s, which belongs to %q", f.path, p, by)
				}
			}
			if !found && !std(p) {
				t.Errorf("%s imports %s, which has no owner; name one in this test", f.path, p)
			}
		}
	}
}

// linked is a package as the go command lists it.
type linked struct {
	ImportPath string
	Standard   bool
	CgoFiles   []string
	Module     *struct{ Path, Version, Dir string }
}

// deps lists a package and all it links, without cgo, as it is released.
func deps(t *testing.T, patterns ...string) (all []linked) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps", "-json=ImportPath,Standard,CgoFiles,Module"}, patterns...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p linked
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list %q gives %d packages", patterns, len(all))
	}
	return all
}

// What tests need stays out of the program.
func TestProgramLinksNoTestCode(t *testing.T) {
	t.Parallel()
	for _, p := range deps(t, programs...) {
		if holdsAny([]string{"testing", "github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "pgregory.net/rapid"}, p.ImportPath) {
			t.Errorf("the program links %s", p.ImportPath)
		}
		if pkg, ok := own(p.ImportPath); ok && (holdsAny(helpers, pkg) || holdsAny(outside, pkg)) {
			t.Errorf("the program links %s", p.ImportPath)
		}
	}
}

// No module in the program has a licence that asks for more than a notice.
func TestLicences(t *testing.T) {
	t.Parallel()
	seen, found := map[string]bool{}, []string{}
	for _, p := range deps(t, programs...) {
		if p.Module == nil || p.Module.Path == module || seen[p.Module.Path] {
			continue
		}
		seen[p.Module.Path] = true
		names, err := filepath.Glob(filepath.Join(p.Module.Dir, "[LC][IO][CP][EY][NI]*"))
		if err != nil || len(names) == 0 {
			t.Errorf("%s has no licence file (%v)", p.Module.Path, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			// The licence itself stands in the first lines; a file of third
			// parties' licences is about what they gave.
			head := strings.ToUpper(string(text[:min(len(text), 400)]))
			if strings.Contains(head, "MOZILLA PUBLIC") || strings.Contains(head, "GNU ") || strings.Contains(head, "ECLIPSE PUBLIC") ||
				strings.Contains(head, "BUSINESS SOURCE") || strings.Contains(head, "SERVER SIDE PUBLIC") {
				found = append(found, p.Module.Path)
			}
		}
	}
	if len(seen) < 5 {
		t.Fatalf("%d modules were looked at", len(seen))
	}
	for _, m := range found {
		t.Errorf("the program links %s, whose licence is copyleft", m)
	}
}

// One static binary: nothing of ours asks for a C compiler.
func TestNoCgo(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,CgoFiles", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	n := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); n++ {
		var p linked
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo in %q", p.ImportPath, p.CgoFiles)
		}
	}
	if n < 20 {
		t.Fatalf("%d packages were looked at", n)
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	said := map[string]int{}
	for _, f := range files(t) {
		if f.test && f.pkg != "internal/archtest" && f.pkg != "e2e" {
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
// system that lacks what it is about, and it says why.
func TestNoTestIsSkipped(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		var guards []*ast.IfStmt
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.IfStmt); ok && (mentions(s.Cond, "testing", "Short") || mentions(s.Cond, "runtime", "GOOS")) {
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
			guarded := slices.ContainsFunc(guards, func(g *ast.IfStmt) bool { return g.Body.Pos() <= call.Pos() && call.End() <= g.Body.End() })
			if !guarded || len(call.Args) == 0 {
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
