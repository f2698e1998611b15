package credentials

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// The log says that ROOT has another password, and nothing of it.
func TestPasswordEntryHoldsNothingElse(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	setPassword(t, NewRoot(db, hasher(t, seal.Password), hasher(t, seal.Session), newClock().Now))
	err := db.View(t.Context(), func(r store.Reader) error {
		rows, err := r.AuditEntries(0, 100)
		if err != nil {
			return err
		}
		var e map[string]any
		if err := json.Unmarshal(rows[len(rows)-1].Entry, &e); err != nil {
			return err
		}
		if e["action"] != "root.password_set" || e["actor"] != "ROOT" || e["subject"] != nil || e["before"] != nil ||
			e["reason"] != nil {
			t.Errorf("entry %v", e)
		}
		mark, err := PasswordMark(r) // 4 bytes of a hash of the stored hash
		if want := (map[string]any{"hash": mark}); len(mark) != 8 || !reflect.DeepEqual(e["after"], want) {
			t.Errorf("entry %v, want after %v", e, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Each hash of a password takes 19 MiB: two at once, and no more, whoever tries.
func TestHashesAtOnceAreBounded(t *testing.T) {
	db, _ := open(t)
	r := NewRoot(db, hasher(t, seal.Password), hasher(t, seal.Session), newClock().Now)
	setPassword(t, r)
	if cap(r.hashing) != 2 {
		t.Fatalf("%d hashes at once", cap(r.hashing))
	}
	r.hashing <- struct{}{}
	r.hashing <- struct{}{}
	checked := make(chan struct{})
	go func() {
		_, _, _ = r.Start(t.Context(), "x", audit.Origin{Source: "local"})
		close(checked)
	}()
	select {
	case <-checked:
		t.Error("a third hash was made while two were under way")
	case <-time.After(time.Second):
	}
	<-r.hashing
	<-checked
}
