package imports_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// A user whom an import makes stands in the log.
func TestStagedUserIsRecorded(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	key := testkit.HOTP("1")
	key.DeviceUserID = "anna"
	from := k.LogSize(t)
	rep := testkit.Take(t, k, testkit.Keys(key), makeUsers)
	k.Recorded(t, from, audit.UserStaged, fmt.Sprintf(`done "" map[user:anna] map[] map[run:%d]`, rep.ID))
}

// A move that is cancelled leaves an entry for each token that is back.
func TestCancelledMoveIsRecorded(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	k.Import(t, testkit.HOTP("1"))
	var id string
	begun := func(r *lifecycle.ExportRequest) { r.Begun = func(m string, _ int) { id = m } }
	if _, _, err := testkit.Export(t, k, testkit.Move, begun); err != nil {
		t.Fatal(err)
	}
	from := k.LogSize(t)
	if _, err := k.Lifecycle.CancelMove(t.Context(), id, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	k.Recorded(t, from, audit.TokenStateChanged, `done "move `+id+` cancelled" map[key_id:1 manufacturer:`+
		testkit.Manufacturer+` serial:1 type:hotp] map[state:MOVING] map[state:VALID]`)
}

// away makes a token of type app-totp on another server, and gives the keys of the
// file in which it moves.
func away(t *testing.T) (serial string, keys []any) {
	t.Helper()
	k := testkit.New(t)
	serial = k.Create(t, "app-totp").Serial
	file, _, err := testkit.Export(t, k, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	for f := testkit.OpenExport(t, file); ; {
		key, err := f.Next()
		if errors.Is(err, io.EOF) {
			return serial, keys
		} else if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
}

// An import raises the series above the serials that came in, and says so: no
// serial is made twice.
func TestImportRaisesTheSeries(t *testing.T) {
	t.Parallel()
	serial, keys := away(t)
	k := testkit.New(t)
	from := k.LogSize(t)
	testkit.Ended(t, testkit.Take(t, k, testkit.NewSource(keys...)), store.RunCounts{Imported: 1})
	// The next serial before is that from before the import, although its token is in stock
	// already, staged, when the run is published.
	k.Recorded(t, from, audit.SeriesAdvanced,
		`done "" map[other:app-totp] map[highest:0 issued:0 next:AT10000001 number:10000001] `+
			`map[highest:10000001 issued:0 next:AT10000002 number:10000002]`)
	if _, err := k.Lifecycle.Delete(t.Context(), testkit.Serial(serial), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if next := k.Create(t, "app-totp").Serial; next != "AT10000002" {
		t.Errorf("%s came in, was deleted, and then %s was made", serial, next)
	}
}

// A token that is given a serial of this server takes it from the series, and the log
// tells both: so the series follows from it.
func TestRenumberedSerialIsToldToTheLog(t *testing.T) {
	t.Parallel()
	serial, keys := away(t)
	k := testkit.New(t)
	if here := k.Create(t, "app-totp").Serial; here != serial {
		t.Fatalf("%s is not %s", here, serial)
	}
	from := k.LogSize(t)
	rep := testkit.Take(t, k, testkit.NewSource(keys...), renumber)
	testkit.Ended(t, rep, store.RunCounts{Imported: 1, Renumbered: 1})
	k.Recorded(t, from, audit.SeriesAdvanced,
		`done "" map[other:app-totp] map[highest:10000001 issued:1 next:AT10000002 number:10000002] `+
			`map[highest:10000002 issued:2 next:AT10000003 number:10000003]`)
}

// The secret of a token that was not proven yet is not replaced, whatever is asked
// for: whoever has the link would have another one than the token.
func TestUnprovenSecretIsNotReplaced(t *testing.T) {
	t.Parallel()
	serial, keys := away(t)
	k := testkit.New(t)
	if here := k.Create(t, "app-totp").Serial; here != serial {
		t.Fatalf("%s is not %s", here, serial)
	}
	rep := testkit.Take(t, k, testkit.NewSource(keys...), testkit.Replace)
	testkit.Ended(t, rep, store.RunCounts{Conflict: 1})
	if !strings.Contains(rep.Rows[0].Reason, "not yet confirmed") {
		t.Errorf("reason %q", rep.Rows[0].Reason)
	}
}

// Keys of two moves in one file are refused from the second on: its receipt would
// be of the first alone.
func TestTwoMovesInOneFile(t *testing.T) {
	t.Parallel()
	var all []any
	for serial := range 2 {
		k := testkit.New(t)
		k.Import(t, testkit.HOTP(fmt.Sprint(serial)))
		file, _, err := testkit.Export(t, k, testkit.Move)
		if err != nil {
			t.Fatal(err)
		}
		key, err := testkit.OpenExport(t, file).Next()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, key)
	}
	k := testkit.New(t)
	rep := testkit.Take(t, k, testkit.NewSource(all...), testkit.SkipBad)
	testkit.Ended(t, rep, store.RunCounts{Imported: 1, Refused: 1})
	if len(k.Receipt(t, rep.ID).Tokens) != 1 {
		t.Error("the receipt is not of the one token that came in")
	}
}
