package archtest

import (
	"slices"
	"strings"
	"testing"
)

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
	{"pskc/...", []string{"pskc/..."}, true},
	{"activation", []string{"oath", "internal/codec/...", "internal/core/printable"}, true},
	{"authenticator", []string{"activation", "oath", "internal/codec/...", "internal/core/printable"}, true},
	{"internal/seal", nil, false},
	{"internal/seal/filekek", []string{"internal/seal"}, false},
	{"internal/store", []string{"internal/core/...", "internal/seal", "activation"}, false},
	{"internal/store/migrate", nil, false},
	{"internal/store/query", nil, false},
	{"internal/store/gather", []string{"internal/store"}, false},
	{"internal/store/health", []string{"internal/store"}, false},
	{"internal/store/auditlog", []string{"internal/core/...", "internal/store", "internal/store/query"}, false},
	{"internal/store/proof", []string{"internal/core/...", "internal/seal", "internal/store", "internal/store/query",
		"internal/store/auditlog"}, false},
	{"internal/store/tables", []string{"internal/core/...", "internal/seal", "internal/store", "internal/store/query",
		"internal/store/auditlog", "internal/store/proof"}, false},
	{"internal/store/decide", []string{"internal/core/...", "internal/store", "internal/store/query",
		"internal/store/proof", "internal/store/tables"}, false},
	{"internal/store/line", []string{"internal/store"}, false},
	{"internal/store/cache", []string{"internal/core/...", "internal/store", "internal/store/decide",
		"internal/store/tables"}, false},
	{"internal/store/sqlite", []string{"internal/core/...", "internal/seal", "internal/store", "internal/store/query",
		"internal/store/auditlog", "internal/store/cache", "internal/store/decide", "internal/store/gather",
		"internal/store/health", "internal/store/line", "internal/store/migrate", "internal/store/proof",
		"internal/store/tables"}, false},
	{"internal/store/postgres", []string{"internal/core/...", "internal/seal", "internal/store", "internal/store/query",
		"internal/store/auditlog", "internal/store/cache", "internal/store/decide", "internal/store/gather",
		"internal/store/health", "internal/store/line",
		"internal/store/migrate", "internal/store/proof", "internal/store/tables"}, false},
	{"internal/store/copying", []string{"internal/store", "internal/store/query", "internal/store/proof",
		"internal/store/tables"}, false},
	{"internal/formats/qr/...", nil, true},
	{"internal/formats/...", []string{"oath", "pskc/...", "activation", "internal/formats/qr"}, false},
	{"internal/engine/tokens", []string{"internal/core/...", "internal/seal", "internal/store"}, false},
	{"internal/engine/secrets", []string{"internal/core/...", "oath", "internal/seal", "internal/store"}, false},
	{"internal/engine/transfer", []string{"internal/core/token", "pskc", "internal/engine/tokens"}, false},
	{"internal/engine/events", []string{"internal/core/...", "internal/seal", "internal/store"}, false},
	{"internal/engine/nodes", []string{"internal/core/...", "internal/store"}, false},
	{"internal/engine/imports", []string{"internal/core/...", "oath", "pskc/...", "internal/seal", "internal/store",
		"internal/formats/seedfile", "internal/engine/tokens", "internal/engine/secrets", "internal/engine/transfer",
		"internal/engine/users", "internal/engine/carry", "internal/engine/nodes", "activation"}, false},
	{"internal/engine/carry", []string{"internal/core/...", "activation", "pskc", "internal/seal", "internal/store",
		"internal/engine/profiles"}, false},
	{"internal/engine/integrity", []string{"internal/core/...", "internal/seal", "internal/store",
		"internal/engine/ledger", "internal/engine/credentials", "internal/engine/secrets", "internal/engine/nodes"}, false},
	{"internal/engine/selfservice", []string{"internal/core/...", "internal/seal", "internal/store",
		"internal/engine/tokens", "internal/engine/users", "internal/engine/codes", "internal/engine/lifecycle",
		"internal/engine/activations", "internal/engine/ledger"}, false},
	{"internal/engine/overview", []string{"internal/core/...", "internal/store", "internal/engine/ledger"}, false},
	{"internal/engine/...", []string{"internal/core/...", "oath", "pskc", "activation", "internal/seal",
		"internal/store", "internal/engine/tokens", "internal/engine/secrets", "internal/engine/transfer",
		"internal/engine/users", "internal/engine/profiles", "internal/engine/carry", "internal/engine/codes",
		"internal/engine/credentials", "internal/engine/lifecycle", "internal/engine/nodes", "internal/engine/events",
		"internal/formats/passkey"}, false},
	{"internal/doors/wire", nil, true},
	{"internal/doors/look", nil, false},
	{"internal/doors/look/chart", nil, true},
	{"internal/doors/words", nil, false},
	{"internal/doors/upload", []string{"internal/core/fault", "oath", "pskc", "internal/formats/seedfile",
		"internal/engine/imports"}, false},
	{"internal/doors/client", []string{"internal/doors/wire"}, false},
	{"internal/doors/...", []string{"internal/core/...", "pskc/...", "activation", "internal/seal",
		"internal/store", "internal/formats/...",
		"internal/engine/...", "internal/doors/wire", "internal/doors/look/...", "internal/doors/words",
		"internal/doors/upload", "internal/doors/drafts"}, false},
	{"internal/program/cmdline", []string{"internal/core/fault"}, false},
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

// outside are programs that are no part of the product: measurements, and what
// guards the house.
var outside = []string{"bench", "tools"}

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
