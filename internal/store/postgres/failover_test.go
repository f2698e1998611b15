package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
)

// Two nodes, and two who present each code of 64 tokens at the same time, one at each node.
// Meanwhile the server is killed and its standby takes over. Nothing that was answered is
// lost, so nothing is accepted a second time.
func TestFailOver(t *testing.T) {
	t.Parallel()
	r := newRace(t)
	r.present(200)
	r.server.Stop(t)
	r.standby.Promote(t)
	r.present(200)
	r.end()
}

// The same where somebody ends the wait of commits for the standby before: those are
// answered as ones of which nothing is known. The nodes may end then, because the head that
// they have seen is lost with the server.
func TestFailOverAfterCancelledCommits(t *testing.T) {
	t.Parallel()
	r := newRace(t)
	r.present(100)
	r.server.Pause(t, r.standby)
	watcher := connect(t, r.server.URL())
	for until := r.answers() + 200; r.answers() < until; time.Sleep(time.Millisecond) {
		if _, err := watcher.Exec(t.Context(), "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE "+
			"wait_event = 'SyncRep'"); err != nil {
			t.Fatal(err)
		}
	}
	r.server.Stop(t)
	r.standby.Promote(t)
	r.end()
	if r.uncertain.Load() == 0 {
		t.Error("no commit was uncertain")
	}
}

// race is two who present the codes of tokens, and what they were answered.
type race struct {
	*testing.T
	server, standby *cluster.Cluster
	nodes           [2]*DB
	tokens          []token.ID
	uncertain       atomic.Int64

	stop context.CancelFunc
	wg   sync.WaitGroup

	mu       sync.Mutex
	accepted map[code]int
	all      int
}

type code struct {
	of      token.ID
	counter uint64
}

func newRace(t *testing.T) *race {
	t.Helper()
	r := &race{T: t, server: cluster.Start(t), accepted: map[code]int{}}
	r.nodes[0] = guardedAt(t, r.server.URL())
	r.standby = r.server.Replica(t)
	url := cluster.Either(r.server, r.standby)
	if err := r.nodes[0].Close(); err != nil {
		t.Fatal(err)
	}
	r.nodes = [2]*DB{second(t, url), second(t, url)}
	r.make(64, token.Condition{Epoch: 1})
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	t.Cleanup(stop)
	for _, id := range r.tokens {
		r.wg.Go(func() { r.presentAll(ctx, id) })
	}
	return r
}

// make makes tokens of a condition.
func (r *race) make(n int, c token.Condition) {
	r.Helper()
	err := r.nodes[0].Update(r.Context(), func(tx store.Tx) error {
		r.tokens = nil
		run, err := tx.BeginRun(store.Run{Opened: time.Unix(1, 0), Label: "race"})
		if err != nil {
			return err
		}
		first, err := tx.NextTokenID(n)
		for i := range n {
			serial := fmt.Sprint("S", i)
			id := first + token.ID(i)
			r.tokens = append(r.tokens, id)
			err = errors.Join(err, tx.StageToken(run, store.Candidate{Sealed: []byte("sealed"), Token: token.Token{ID: id,
				Run: run, Kind: token.Hardware, Identity: token.Identity{Type: "hotp", Manufacturer: "A", Serial: serial,
					KeyID: serial}, Created: time.Unix(1, 0), Condition: c,
				Spec: token.Spec{Algorithm: token.HOTP, Hash: "SHA1", Digits: 6}}}))
		}
		return errors.Join(err, tx.PublishRun(run, time.Unix(1, 0)))
	})
	if err != nil {
		r.Fatal(err)
	}
}

// presentAll presents one code of a token after the other, each to both nodes at once, until
// ctx ends.
func (r *race) presentAll(ctx context.Context, id token.ID) {
	for ctx.Err() == nil {
		c, err := r.condition(id)
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		var both sync.WaitGroup
		for _, db := range r.nodes {
			both.Go(func() { r.one(db, id, c) })
		}
		both.Wait()
	}
}

func (r *race) condition(id token.ID) (c token.Condition, err error) {
	for _, db := range r.nodes {
		err = db.View(context.Background(), func(rd store.Reader) error {
			found, err := rd.Tokens(store.TokenFilter{ID: id})
			if err == nil {
				c = found[0].Condition
			}
			return err
		})
		if err == nil {
			return c, nil
		}
	}
	return c, err
}

// one presents the next code of a token as it was seen.
func (r *race) one(db *DB, id token.ID, seen token.Condition) {
	a := presentedTo(0, int64(id), true)
	a.Proposals[0].Seen, a.Proposals[0].Counter = seen, seen.Next
	a.Record = func(o store.Outcome) []byte {
		return fmt.Appendf(nil, `{"token":%d,"counter":%d,"verdict":%d}`, id, seen.Next, o.Verdict)
	}
	o, err := db.Attempt(context.Background(), a)
	switch {
	case errors.Is(err, store.ErrUncertain):
		r.uncertain.Add(1)
	case err == nil && o.Verdict == store.Accepted:
		r.mu.Lock()
		r.accepted[code{id, seen.Next}]++
		r.all++
		r.mu.Unlock()
	}
	if err != nil {
		time.Sleep(time.Millisecond)
	}
}

// present waits until so many more codes are accepted.
func (r *race) present(n int) {
	r.Helper()
	begun := time.Now()
	for until := r.taken() + n; r.taken() < until; time.Sleep(time.Millisecond) {
		if time.Since(begun) > time.Minute {
			r.Fatalf("%d codes were accepted in a minute, want %d", r.taken(), until)
		}
	}
}

// taken is how many codes were accepted, and answers also has those of which nobody knows.
func (r *race) taken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

func (r *race) answers() int { return r.taken() + int(r.uncertain.Load()) }

// end stops the race, and holds what was answered against the database that is left.
func (r *race) end() {
	r.Helper()
	r.stop()
	r.wg.Wait()
	on := connect(r.T, r.standby.URL())
	lost, twice := 0, 0
	for c, n := range r.accepted {
		if n > 1 {
			twice++
		}
		var next uint64
		var entries int
		if err := on.QueryRow(r.Context(), "SELECT next FROM condition WHERE token = $1", int64(c.of)).Scan(&next); err != nil {
			r.Fatal(err)
		}
		entry := fmt.Appendf(nil, `{"token":%d,"counter":%d,"verdict":%d}`, c.of, c.counter, store.Accepted)
		if err := on.QueryRow(r.Context(), "SELECT (SELECT count(*) FROM audit_entry WHERE entry = $1) + "+
			"(SELECT count(*) FROM audit_arrival WHERE entry = $1)", entry).Scan(&entries); err != nil {
			r.Fatal(err)
		}
		if next <= c.counter || entries != 1 {
			lost++
		}
	}
	if lost > 0 || twice > 0 {
		r.Errorf("of %d codes that were accepted, %d are lost and %d were accepted twice", len(r.accepted), lost, twice)
	}
	r.Logf("%d codes were accepted, %d answers were uncertain", len(r.accepted), r.uncertain.Load())
}
