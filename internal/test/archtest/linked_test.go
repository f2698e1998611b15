package archtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// programs are what is released.
var programs = []string{"./cmd/ostiary", "./cmd/ostiary-authenticator"}

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
