package sqlite

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/mod/modfile"
)

// The SQLite driver is C translated to Go against one version of a C library,
// also in Go, whose interface is not stable: any other version may corrupt the
// file. The minimum that module selection takes is not enough; it has to be
// exactly the version that the driver names.
func TestDriverHasItsLibrary(t *testing.T) {
	t.Parallel()
	type module struct {
		Version, GoMod string
		Replace        *module
	}
	find := func(path string) (m module) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-json", path).Output()
		if err != nil {
			t.Fatalf("go list -m %s: %v", path, err)
		}
		if err := json.Unmarshal(out, &m); err != nil {
			t.Fatal(err)
		}
		if m.Replace != nil || m.Version == "" || m.GoMod == "" {
			t.Fatalf("module %s: %+v, want a released version that is not replaced", path, m)
		}
		return m
	}
	driver, library := find("modernc.org/sqlite"), find("modernc.org/libc")
	text, err := os.ReadFile(driver.GoMod)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.ParseLax(driver.GoMod, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		if r.Mod.Path != "modernc.org/libc" {
			continue
		}
		if r.Mod.Version != library.Version {
			t.Errorf("modernc.org/sqlite %s is made for modernc.org/libc %s, but go.mod selects %s", driver.Version,
				r.Mod.Version, library.Version)
		}
		return
	}
	t.Error("modernc.org/sqlite requires no modernc.org/libc any more: this test has lost its object")
}
