package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/nodes"
	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
	"ostiary/internal/test/twonodes"
)

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// clock is moved by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A node is known while it says that it lives, and not after it has stopped, or another one is
// certain that it is gone.
func TestNodesLive(t *testing.T) {
	t.Parallel()
	twonodes.Run(t, func(t *testing.T, dbA, dbB store.DB) {
		c := &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		none, all := func(store.Node) bool { return false }, func(store.Node) bool { return true }
		join := func(db store.DB, gone func(store.Node) bool) *nodes.Node {
			n, err := nodes.Join(t.Context(), db, "host", gone, c.Now)
			must(t, err)
			return n
		}
		living := func() (ids []int64) {
			must(t, dbA.View(t.Context(), func(r store.Reader) error {
				all, err := r.Nodes(time.Time{})
				for _, n := range all {
					if nodes.Lives(n.Seen, c.Now()) {
						ids = append(ids, n.ID)
					}
				}
				return err
			}))
			slices.Sort(ids)
			return ids
		}
		check := func(when string, want ...int64) {
			t.Helper()
			if got := living(); !slices.Equal(got, want) {
				t.Errorf("%s the nodes %v live, want %v", when, got, want)
			}
		}
		a, b := join(dbA, none), join(dbB, none)
		check("at first", a.ID(), b.ID())
		c.now = c.now.Add(30*time.Second - time.Millisecond)
		check("shortly before 30 seconds", a.ID(), b.ID())
		must(t, a.Beat(t.Context()))
		c.now = c.now.Add(time.Millisecond)
		check("after 30 seconds in which B said nothing", a.ID())
		must(t, b.Beat(t.Context()))
		check("when B is back", a.ID(), b.ID())
		must(t, a.Leave(t.Context()))
		check("when A has stopped", b.ID())
		again := join(dbA, all)
		check("beside one that is alone", again.ID())
		third := join(dbB, none)
		last := join(dbB, func(n store.Node) bool { return n.ID == again.ID() && n.Name == "host" })
		check("when one is known to be gone", third.ID(), last.ID())
		if again.ID() == a.ID() || again.ID() == b.ID() {
			t.Errorf("node %d has the number of another one", again.ID())
		}
	})
}

// told is what a follower has told.
type told struct {
	read     int
	unlocked []string
	fails    error
}

func follower(db store.DB, c *clock) (*nodes.Follower, *told) {
	to := &told{}
	return &nodes.Follower{DB: db, Now: c.Now,
		Settings: []func(context.Context) error{func(context.Context) error { to.read++; return to.fails }},
		Unlocked: func(user int64, id token.ID) { to.unlocked = append(to.unlocked, fmt.Sprint(user, " ", id)) }}, to
}

// What follows from settings is read again once after each change of another node, and again
// if it could not be read.
func TestSettingsAreReadAgain(t *testing.T) {
	t.Parallel()
	twonodes.Run(t, func(t *testing.T, dbA, dbB store.DB) {
		c := &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		f, to := follower(dbB, c)
		turn := func() {
			t.Helper()
			must(t, f.Turn(t.Context()))
		}
		change := func(fn func(store.Tx) error) {
			t.Helper()
			must(t, dbA.Update(t.Context(), fn))
		}
		turn()
		turn()
		if to.read != 1 {
			t.Errorf("read %d times in the beginning", to.read)
		}
		change(func(tx store.Tx) error { return tx.SetSetting("a", []byte("b")) })
		turn()
		turn()
		if to.read != 2 {
			t.Errorf("read %d times after one change", to.read)
		}
		change(func(tx store.Tx) error { _, err := tx.AddUser("alice", c.now); return err })
		turn()
		if to.read != 2 {
			t.Error("read after what is no setting")
		}
		change(func(tx store.Tx) error { return tx.SetSetting("a", []byte("c")) })
		to.fails = errors.New("of the test's own")
		for range 2 {
			if err := f.Turn(t.Context()); !errors.Is(err, to.fails) {
				t.Errorf("Turn = %v, want the error of who reads", err)
			}
		}
		to.fails = nil
		turn()
		turn()
		if to.read != 5 {
			t.Errorf("read %d times, want 5", to.read)
		}
	})
}

// Whom one node unlocks, the other is told of, once for each time.
func TestUnlocksAreTold(t *testing.T) {
	t.Parallel()
	twonodes.Run(t, func(t *testing.T, dbA, dbB store.DB) {
		c := &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		f, to := follower(dbB, c)
		for _, step := range []struct {
			user  int64
			id    token.ID
			after time.Duration
			want  []string
		}{
			{user: 3, want: []string{"3 0"}},
			{user: 3, id: 7, after: time.Second, want: []string{"3 7"}},
			{user: 3, after: time.Second, want: []string{"3 0"}},
			{user: 3, after: time.Hour, want: []string{"3 0"}}, // the others are over
		} {
			c.now = c.now.Add(step.after)
			must(t, dbA.Update(t.Context(), func(tx store.Tx) error {
				return nodes.TellUnlocked(tx, step.user, step.id, c.now)
			}))
			to.unlocked = nil
			must(t, f.Turn(t.Context()))
			must(t, f.Turn(t.Context()))
			if !slices.Equal(to.unlocked, step.want) {
				t.Errorf("after %+v it was told of %q", step, to.unlocked)
			}
		}
		// What cannot be read keeps nobody from reading the settings.
		must(t, dbA.Update(t.Context(), func(tx store.Tx) error {
			return errors.Join(tx.SetSetting("a", []byte("b")),
				tx.SetMemo(store.Memo{What: "unlocked", About: "nonsense", Until: c.now.Add(time.Hour)}, c.now))
		}))
		read := to.read
		if err := f.Turn(t.Context()); err == nil || to.read != read+1 {
			t.Errorf("Turn = %v, and the settings were read %d times", err, to.read-read)
		}
	})
}
