package postgres

import (
	"errors"
	"testing"

	"ostiary/internal/store"
	"ostiary/internal/store/storetest"
	"ostiary/internal/test/cluster"
)

// After a commit of which nobody knows, the head tells: also where the first transaction
// behind it fails before it has looked. Whichever head is there, it is this server's own.
func TestDoubtStaysUntilTheHeadWasSeen(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t)
	url := server.Schema(t)
	db := node(t, Config{URL: url})
	if _, err := db.Protect(t.Context(), storetest.IntegrityKey(t, 1), func(a store.Alarm) {
		t.Errorf("the alarm: %v", a.Err)
	}); err != nil {
		t.Fatal(err)
	}
	setting := func(name string) error {
		return db.Update(t.Context(), func(tx store.Tx) error { return tx.SetSetting(name, []byte("1")) })
	}
	if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.BeginIntegrity() }); err != nil {
		t.Fatal(err)
	}
	watcher := connect(t, url)
	change := func(sql string) {
		t.Helper()
		if _, err := watcher.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	server.Set(t, map[string]string{"synchronous_standby_names": "nobody"})
	done := make(chan error)
	go func() { done <- setting("doubted") }()
	if err := endWaiting(t, watcher, "pg_cancel_backend", done); !errors.Is(err, store.ErrUncertain) {
		t.Fatalf("the commit: %v", err)
	}
	server.Set(t, map[string]string{"synchronous_standby_names": ""})
	change("ALTER TABLE audit_head RENAME TO elsewhere")
	if err := setting("refused"); err == nil {
		t.Error("a change without a head")
	}
	change("ALTER TABLE elsewhere RENAME TO audit_head")
	if err := setting("after"); err != nil {
		t.Errorf("after the doubt: %v", err)
	}
	for name, want := range map[string]error{"doubted": nil, "refused": store.ErrNotFound, "after": nil} {
		err := db.View(t.Context(), func(r store.Reader) error { _, err := r.Setting(name); return err })
		if !errors.Is(err, want) {
			t.Errorf("setting %s: %v, want %v", name, err, want)
		}
	}
}
