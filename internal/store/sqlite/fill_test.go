package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/storetest"
)

// stocked opens a protected database with tokens, of which each third has an owner, in a
// file where nothing is cached; one is revoked.
func stocked(t *testing.T, cfg Config, n int) (*DB, []token.ID, *alarms) {
	t.Helper()
	cfg.Path = filepath.Join(t.TempDir(), "a.db")
	db := open(t, cfg)
	protect(t, db)
	update(t, db, func(tx store.Tx) error { return tx.BeginIntegrity() })
	ids := tokens(t, db, n)
	update(t, db, func(tx store.Tx) error {
		for i := 0; i < n; i += 3 {
			u, err := tx.AddUser(fmt.Sprint("user ", i), time.Now())
			if err := errors.Join(err, tx.SetOwner(ids[i], 0, u.ID)); err != nil {
				return err
			}
		}
		return tx.SetState(ids[0], token.Valid, token.RevokedLost, "")
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, cfg)
	return db, ids, protect(t, db)
}

// fillAll puts into the cache what it has room for, without pauses.
func fillAll(t *testing.T, db *DB) {
	t.Helper()
	for below := token.ID(1 << 62); below > 0; {
		var err error
		if below, err = db.fillPage(t.Context(), below); err != nil {
			t.Fatal(err)
		}
	}
}

// After a start the cache is filled with the tokens that take codes, under their serials
// and their users' names, and has what a query would find.
func TestFill(t *testing.T) {
	t.Parallel()
	const n = 100
	db, _, raised := stocked(t, Config{}, n)
	db.Fill()
	cached := func(l store.Lookup) bool {
		for range 500 {
			if _, ok := db.names.Found.Get(l); ok {
				return true
			}
			time.Sleep(10 * time.Millisecond)
		}
		return false
	}
	var ls []store.Lookup
	for i := range 26 {
		ls = append(ls, store.Lookup{Serial: string(rune('A' + i))})
	}
	for i := 3; i < n; i += 3 {
		ls = append(ls, store.Lookup{User: fmt.Sprint("user ", i)})
	}
	for _, l := range ls {
		if !cached(l) {
			t.Fatalf("%+v is not in the cache", l)
		}
		kept, err := db.Candidates(t.Context(), l, false)
		if err != nil || kept.Fresh {
			t.Errorf("%+v: fresh %t, %v", l, kept.Fresh, err)
		}
		found, err := db.Candidates(t.Context(), l, true)
		if diff := cmp.Diff(found.Candidates, kept.Candidates); err != nil || diff != "" {
			t.Errorf("%+v: %v (-found +kept)\n%s", l, err, diff)
		}
	}
	if _, ok := db.names.Found.Get(store.Lookup{User: "user 0"}); ok {
		t.Error("a user whose token is revoked is in the cache")
	}
	if rows := raised.rows(); len(rows) > 0 {
		t.Errorf("alarms %q", rows)
	}
}

// What does not fit is not read, and pushes nothing out.
func TestFillEndsWithTheRoom(t *testing.T) {
	t.Parallel()
	const size, used = 200, 190
	db, _, _ := stocked(t, Config{CachedTokens: size}, 4*filledAtOnce)
	var kept []store.Lookup
	for i := range used {
		l := store.Lookup{Serial: fmt.Sprint("used ", i)}
		found := store.Found{Candidates: []store.Candidate{{Token: token.Token{ID: token.ID(1000 + i)}}}}
		db.names.Found.Put(l, found, db.names.Found.Now())
		kept = append(kept, l)
	}
	fillAll(t, db)
	for _, l := range kept {
		if _, ok := db.names.Found.Get(l); !ok {
			t.Fatalf("%+v was pushed out", l)
		}
	}
	if n := db.names.Found.Len(); n > size {
		t.Errorf("%d lookups in a cache of %d", n, size)
	}
}

// A row that was forged is not kept.
func TestFillKeepsNoForgedRow(t *testing.T) {
	t.Parallel()
	db, ids, raised := stocked(t, Config{}, 40)
	forge(t, filepath.Join(db.disk.dir, "a.db"), "UPDATE token SET digits = 8 WHERE id = ?", ids[3])
	fillAll(t, db)
	for _, l := range []store.Lookup{{Serial: "D"}, {User: "user 3"}} {
		if f, ok := db.names.Found.Get(l); ok {
			t.Errorf("%+v is in the cache: %+v", l, f)
		}
	}
	if _, ok := db.names.Found.Get(store.Lookup{User: "user 6"}); !ok {
		t.Error("its neighbours are not in the cache")
	}
	if want := fmt.Sprint("token ", ids[3]); !slices.Contains(raised.rows(), want) {
		t.Errorf("alarms %q, want %q", raised.rows(), want)
	}
}

// What was changed after a lookup has read it does not come into the cache as it was. The
// alarm about a forged row is the moment between.
func TestLookupsKeepNothingThatWasChanged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, Config{Path: path})
	var ids []token.ID
	alarms := 0
	_, err := db.Protect(t.Context(), storetest.IntegrityKey(t, 1), func(store.Alarm) {
		alarms++
		update(t, db, func(tx store.Tx) error { return tx.SetState(ids[1], token.Valid, token.RevokedLost, "") })
	})
	if err != nil {
		t.Fatal(err)
	}
	update(t, db, func(tx store.Tx) error { return tx.BeginIntegrity() })
	ids = tokens(t, db, 3)
	forge(t, path, "UPDATE token SET digits = 8 WHERE id = ?", ids[2])
	fs, err := db.find(t.Context(), []store.Lookup{{Serial: "A"}, {Serial: "B"}, {Serial: "C"}})
	if err != nil || alarms != 1 || fs[1].Candidates[0].Token.Condition.State != token.Valid {
		t.Fatalf("%d alarms, found %+v, %v", alarms, fs, err)
	}
	if f, ok := db.names.Found.Get(store.Lookup{Serial: "B"}); ok {
		t.Errorf("kept %+v", f)
	}
}

// While codes are accepted and tokens change, no older row comes into the cache.
func TestFillBesideChanges(t *testing.T) {
	t.Parallel()
	const n = 52
	db, ids, _ := stocked(t, Config{}, n)
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				fillAll(t, db)
			}
		}
	})
	var codes sync.WaitGroup
	for k := range 4 {
		codes.Go(func() {
			for i := k; i < n; i += 4 {
				for counter := range uint64(3) {
					a := right(ids[i], counter)
					if i%3 == 0 {
						a.Proposals[0].Seen.Owner = 1
					}
					if _, err := db.Attempt(t.Context(), a); err != nil {
						t.Error(err)
					}
				}
				if i%5 == 0 {
					err := db.Update(t.Context(), func(tx store.Tx) error { return tx.ResetFailures(ids[i]) })
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	codes.Wait()
	close(done)
	wg.Wait()
	for i := range 26 {
		l := store.Lookup{Serial: string(rune('A' + i))}
		kept, err := db.Candidates(t.Context(), l, false)
		found, ferr := db.Candidates(t.Context(), l, true)
		if diff := cmp.Diff(found.Candidates, kept.Candidates); err != nil || ferr != nil || diff != "" {
			t.Errorf("%+v: %v, %v (-found +kept)\n%s", l, err, ferr, diff)
		}
	}
}

// Filling pauses longer while codes look up many tokens, but goes on even if they never end.
func TestFillGivesWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		each, busy uint64 // lookups in a pause, and how many pauses have so many
		want       int    // pauses
	}{
		"nobody asks":     {0, 0, 1},
		"few ask":         {askedMeanwhile - 1, 1 << 20, 1},
		"many ask":        {askedMeanwhile, 3, 4},
		"many always ask": {askedMeanwhile, 1 << 20, pauses},
	} {
		var asked atomic.Uint64
		n := 0
		again := giveWay(&asked, func() bool {
			if n++; uint64(n) <= c.busy {
				asked.Add(c.each)
			}
			return true
		})
		if n != c.want || !again {
			t.Errorf("%s: %d pauses, want %d", name, n, c.want)
		}
	}
	if giveWay(new(atomic.Uint64), func() bool { return false }) {
		t.Error("it goes on when the database is closed")
	}
}

// A database is closed while it fills its cache.
func TestCloseEndsFilling(t *testing.T) {
	t.Parallel()
	db, _, _ := stocked(t, Config{}, 300)
	release := db.names.Found.TestOnlyHold() // what fills it waits here
	db.Fill()
	time.Sleep(50 * time.Millisecond)
	time.AfterFunc(200*time.Millisecond, release)
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-db.filled:
	default:
		t.Error("the cache is filled further")
	}
}
