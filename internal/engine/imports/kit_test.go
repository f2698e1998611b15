package imports_test

import (
	"testing"

	"ostiary/internal/engine/imports"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

func makeUsers(r *imports.Request) { r.CreateUsers = true }

// counts checks how many keys ended how.
func counts(t *testing.T, rep testkit.Report, imported, duplicate, refused int) {
	t.Helper()
	testkit.Ended(t, rep, store.RunCounts{Imported: imported, Duplicate: duplicate, Refused: refused})
}

// marks are what an import may leave behind when nothing of it is published:
// its story in the log, the numbers it used up, and the key of fingerprints.
var marks = []string{"audit_entry", "audit_head", "sqlite_sequence", "setting", "import_run", "import_row"}
