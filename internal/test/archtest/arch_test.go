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
	root   = "../../.."
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
			if name != root && (base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") ||
				merr == nil) {
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

// floor is a layer of the house: a folder, and what its rooms may import beside the
// standard library. A room is named by its path; "a/..." is a folder and all below it.
type floor struct {
	rooms string
	may   []string
	pure  bool // no I/O, and no technology but what the room is there for
}

// house holds one line a layer, from the ground up. A room belongs to the first line
// that names it. Arrows go to lines above, or to rooms of the own layer that the line
// names; the compiler sees to it that no circle closes.
var house = []floor{
	{"internal/core/...", []string{"internal/core/..."}, true},
	{"internal/codec/...", nil, true},
	{"oath", nil, true},
	{"pskc/...", []string{"pskc"}, true},
	{"activation", []string{"oath", "internal/codec/...", "internal/core/printable"}, true},
	{"authenticator", []string{"activation", "oath", "internal/codec/...", "internal/core/printable"}, true},
	{"internal/seal", nil, false},
	{"internal/seal/filekek", []string{"internal/seal"}, false},
	{"internal/store", []string{"internal/core/...", "internal/seal", "activation"}, false},
	{"internal/store/migrate", nil, false},
	{"internal/store/sqlite", []string{"internal/core/...", "internal/seal", "internal/store",
		"internal/store/migrate"}, false},
	{"internal/formats/qr/...", nil, true},
	{"internal/formats/...", []string{"oath", "pskc/...", "activation", "internal/formats/qr"}, false},
	{"internal/engine/...", []string{"internal/core/...", "oath", "pskc/...", "activation", "internal/seal",
		"internal/store",
		"internal/formats/seedfile", "internal/engine/..."}, false},
	{"internal/doors/wire", nil, true},
	{"internal/doors/client", []string{"internal/doors/wire"}, false},
	{"internal/doors/...", []string{"internal/core/...", "oath", "pskc/...", "activation", "internal/seal",
		"internal/store", "internal/formats/...",
		"internal/engine/...", "internal/doors/wire"}, false},
	{"internal/program/cmdline", nil, false},
	{"internal/device/...", []string{"activation", "authenticator", "internal/core/printable",
		"internal/formats/qr/...", "internal/device/...",
		"internal/program/cmdline"}, false},
	{"internal/program/...", []string{"..."}, false},
	{"cmd/ostiary", []string{"internal/program/cli"}, false},
	{"cmd/ostiary-authenticator", []string{"internal/device/authenticatorcli"}, false},
}

// within tells whether a room is what a line names.
func within(line, pkg string) bool {
	if folder, all := strings.CutSuffix(line, "..."); all {
		return strings.HasPrefix(pkg+"/", folder)
	}
	return pkg == line
}

// floorOf gives the line that a room belongs to.
func floorOf(pkg string) (floor, bool) {
	i := slices.IndexFunc(house, func(f floor) bool { return within(f.rooms, pkg) })
	if i < 0 {
		return floor{}, false
	}
	return house[i], true
}

// helpers are packages that only tests import.
var helpers = []string{"internal/store/storetest", "internal/test", "e2e"}

// outside are programs that are no part of the product: measurements.
var outside = []string{"bench"}

func TestLayers(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		if f.test || holdsAny(helpers, f.pkg) || holdsAny(outside, f.pkg) {
			continue
		}
		mine, known := floorOf(f.pkg)
		if !known {
			t.Errorf("%s: package %s stands in no layer; put it into a folder that has one", f.path, f.pkg)
			continue
		}
		for _, p := range f.imports {
			pkg, ok := own(p)
			switch {
			case !ok:
			case holdsAny(helpers, pkg):
				t.Errorf("%s imports %s, which is for tests", f.path, p)
			case !slices.ContainsFunc(mine.may, func(line string) bool { return within(line, pkg) }):
				t.Errorf("%s imports %s, and rooms of %s may not", f.path, p, mine.rooms)
			}
		}
	}
}

// The table above stays true only as long as it names what there is: each line has a
// room, and each arrow that it allows is used.
func TestLayersAreCurrent(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, f := range files(t) {
		mine, known := floorOf(f.pkg)
		if f.test || !known {
			continue
		}
		used[mine.rooms] = true
		for _, p := range f.imports {
			if pkg, ok := own(p); ok {
				for _, line := range mine.may {
					used[mine.rooms+" "+line] = used[mine.rooms+" "+line] || within(line, pkg)
				}
			}
		}
	}
	for _, f := range house {
		if !used[f.rooms] {
			t.Errorf("there is no package %s any more", f.rooms)
		}
		for _, line := range f.may {
			if !used[f.rooms+" "+line] {
				t.Errorf("%s does not import %s any more", f.rooms, line)
			}
		}
	}
}

// builtOn are modules that several packages use and that a package of the pure
// core is built on, besides the standard library and what it owns alone.
var builtOn = map[string]string{
	"activation":             "golang.org/x/crypto/argon2",
	"authenticator":          "golang.org/x/crypto/argon2",
	"internal/core/throttle": "golang.org/x/time/rate",
}

// The pure core does no I/O and is built on the standard library, and on the
// technology that a package is there for.
func TestPureCore(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		if l, _ := floorOf(f.pkg); f.test || !l.pure {
			continue
		}
		for _, p := range f.imports {
			if _, ok := own(p); !ok && !std(p) && !ownsAlone(f.pkg, p) && builtOn[f.pkg] != p {
				t.Errorf("%s imports %s, and is to import the standard library alone", f.path, p)
			}
			if p == "crypto/rand" && (f.pkg == "pskc" || f.pkg == "internal/core/audit") {
				continue // crypto.Decrypter asks for it, to blind RSA; a signing key is drawn
			}
			if holdsAny([]string{"net", "os", "database", "syscall", "log", "plugin", "math/rand", "crypto/rand"}, p) {
				t.Errorf("%s imports %s, and is to do no I/O", f.path, p)
			}
		}
	}
}

// The engine and its contracts know no technology: databases, HTTP and files are the
// adapters' business.
func TestEngineKnowsNoTechnology(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		if f.test || !holds("internal/engine", f.pkg) && f.pkg != "internal/store" && f.pkg != "internal/seal" {
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
	large := []string{"encoding/json", "encoding/xml", "net/url", "math/big", "regexp", "text/template", "net",
		"net/http"}
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
	"github.com/danielgtaylor/huma/v2":    {"internal/doors/api"},
	"github.com/go-pdf/fpdf":              {"internal/formats/letter"},
	"github.com/gofrs/flock":              {"internal/program/serve", "internal/device/vaultdir"},
	"github.com/makiuchi-d/gozxing":       {"internal/formats/qr/scan"},
	"github.com/pelletier/go-toml/v2":     {"internal/formats/profilefile"},
	"github.com/prometheus/client_golang": {"internal/doors/api", "internal/program/serve"},
	"github.com/spf13/cobra": {"internal/program/cli", "internal/device/authenticatorcli",
		"internal/program/cmdline"},
	"github.com/spf13/pflag": {"internal/program/cli", "internal/program/cmdline"},
	"golang.org/x/crypto":    {"activation", "authenticator", "internal/engine/credentials"},
	"golang.org/x/image":     {"internal/formats/letter"},
	"golang.org/x/mod":       {"internal/core/audit"},
	"golang.org/x/term":      {"internal/program/cmdline"},
	"golang.org/x/sync":      {"internal/engine/activations"},
	"golang.org/x/time":      {"internal/engine/credentials", "internal/core/throttle"},
	"modernc.org/sqlite":     {"internal/store/sqlite", "bench/lists"},
	"rsc.io/qr":              {"internal/formats/qr"},
	"database/sql":           {"internal/store/sqlite", "bench/lists"},
	"net/http": {"internal/doors/api", "internal/device/authenticatorcli",
		"internal/doors/client", "internal/doors/enrol", "internal/program/serve"},
	"encoding/xml":                    {"pskc", "pskc/xmlsig", "internal/formats/seedfile"},
	"html/template":                   {},
	"text/template":                   {},
	"os/exec":                         {},
	"plugin":                          {},
	"unsafe":                          {},
	"C":                               {},
	"math/rand":                       {}, // what is random here is secret
	"math/rand/v2":                    {},
	"encoding/gob":                    {},
	"crypto/md5":                      {},
	"golang.org/x/exp":                {},
	"github.com/google/go-cmp":        {}, // tests only
	"github.com/rogpeppe/go-internal": {}, // tests only
	"pgregory.net/rapid":              {}, // tests only
	"testing":                         {}, // tests only

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
		if f.test || holdsAny(helpers, f.pkg) || holdsAny(outside, f.pkg) {
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
	cmd := exec.CommandContext(t.Context(), "go",
		append([]string{"list", "-deps", "-json=ImportPath,Standard,CgoFiles,Module"}, patterns...)...)
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
		if holdsAny([]string{"testing", "github.com/google/go-cmp", "github.com/rogpeppe/go-internal",
			"pgregory.net/rapid"}, p.ImportPath) {
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
			if strings.Contains(head, "MOZILLA PUBLIC") || strings.Contains(head, "GNU ") ||
				strings.Contains(head, "ECLIPSE PUBLIC") ||
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
// system that lacks what it is about, and it says why.
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
