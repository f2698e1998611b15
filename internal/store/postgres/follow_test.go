package postgres

import (
	"errors"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// kept has a node look up a token twice, and gives what it keeps.
func kept(t *testing.T, db *DB, serial string) store.Found {
	t.Helper()
	var f store.Found
	for _, fresh := range []bool{true, false} {
		var err error
		if f, err = db.Candidates(t.Context(), store.Lookup{Serial: serial}, fresh); err != nil || f.Fresh != fresh {
			t.Fatalf("fresh %t: found %+v, %v", fresh, f, err)
		}
	}
	return f
}

// keeps tells whether a node keeps a token.
func keeps(t *testing.T, db *DB, serial string) bool {
	t.Helper()
	f, err := db.Candidates(t.Context(), store.Lookup{Serial: serial}, false)
	if err != nil {
		t.Fatal(err)
	}
	return !f.Fresh
}

// judged is an attempt with the next code of a token, as it was found.
func judged(f store.Found) store.Attempt {
	c := f.Candidates[0].Token
	a := presentedTo(0, int64(c.ID), true)
	a.Kept = f.Kept
	a.Proposals[0].Seen, a.Proposals[0].Counter = c.Condition, c.Condition.Next
	return a
}

// followed gives two nodes with two tokens, S0 and S1, each of which has looked for changes.
func followed(t *testing.T) *race {
	t.Helper()
	a, b := pair(t)
	r := &race{T: t, nodes: [2]*DB{a, b}}
	r.make(2, token.Condition{Epoch: 1})
	for _, db := range r.nodes {
		if _, err := db.Attempt(t.Context(), ofNobody(1, "")); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *race) change(db *DB, serial string, state token.State) {
	r.Helper()
	err := db.Update(r.Context(), func(tx store.Tx) error {
		found, err := tx.Tokens(store.TokenFilter{Serial: serial})
		if err != nil {
			return err
		}
		entry := audit.Entry{Time: time.Unix(2, 0), Action: audit.CodeVerified, Outcome: audit.Refused}
		return errors.Join(tx.SetState(found[0].ID, found[0].Condition.State, state, ""), tx.AppendAudit(entry.Canonical()))
	})
	if err != nil {
		r.Fatal(err)
	}
}

func (r *race) decided(db *DB, a store.Attempt, want store.Verdict) {
	r.Helper()
	if o, err := db.Attempt(r.Context(), a); err != nil || o.Verdict != want {
		r.Errorf("outcome %+v, %v; want verdict %d", o, err, want)
	}
}

// Codes are decided by what is kept, and what is kept follows them.
func TestCodesAreDecidedByWhatIsKept(t *testing.T) {
	t.Parallel()
	r := followed(t)
	f := kept(t, r.nodes[0], "S0")
	for n := range uint64(3) {
		if next := f.Candidates[0].Token.Condition.Next; f.Fresh || next != n {
			t.Fatalf("code %d: found fresh %t, with the next code %d", n, f.Fresh, next)
		}
		r.decided(r.nodes[0], judged(f), store.Accepted)
		var err error
		if f, err = r.nodes[0].Candidates(t.Context(), store.Lookup{Serial: "S0"}, false); err != nil {
			t.Fatal(err)
		}
	}
}

// A change on another node makes stale what was judged by what was kept before it, of every
// token, and however long it has waited; one on this node only of the tokens that it touched.
func TestChangesAreFollowed(t *testing.T) {
	t.Parallel()
	r := followed(t)
	here, there := r.nodes[0], r.nodes[1]
	before := kept(t, here, "S0")
	r.change(there, "S1", token.RevokedLost)
	if !keeps(t, here, "S0") {
		t.Error("a node follows before it has asked")
	}
	r.decided(here, judged(before), store.Stale)
	if keeps(t, here, "S0") {
		t.Error("what was kept before the change is proposed further")
	}
	now := kept(t, here, "S0")
	r.decided(here, judged(before), store.Stale)
	r.decided(here, judged(now), store.Accepted)
	r.change(here, "S1", token.Valid)
	now = kept(t, here, "S0")
	kept(t, here, "S1")
	r.change(here, "S1", token.RevokedLost)
	r.decided(here, judged(now), store.Accepted)
	if !keeps(t, here, "S0") || keeps(t, here, "S1") {
		t.Error("a change on the node itself makes it forget what it did not touch, or nothing")
	}
}

// A code that another node has accepted makes what is kept of its token stale at once, also
// for a code that is still right: nothing is written, and it is judged anew.
func TestCodesOfOtherNodesAreFollowed(t *testing.T) {
	t.Parallel()
	r := followed(t)
	here, there := r.nodes[0], r.nodes[1]
	f := kept(t, here, "S0")
	r.decided(there, judged(kept(t, there, "S0")), store.Accepted)
	before, err := r.condition(r.tokens[0])
	if err != nil {
		t.Fatal(err)
	}
	a := judged(f)
	a.Proposals[0].Counter = 5
	r.decided(here, a, store.Stale)
	if after, err := r.condition(r.tokens[0]); err != nil || after != before {
		t.Errorf("%+v was %+v, %v", after, before, err)
	}
	r.decided(here, judged(kept(t, here, "S0")), store.Accepted)
}

// Entries that get their places are no change.
func TestPlacesAreNoChange(t *testing.T) {
	t.Parallel()
	r := followed(t)
	f := kept(t, r.nodes[0], "S0")
	for range 3 {
		r.decided(r.nodes[1], judged(kept(t, r.nodes[1], "S1")), store.Accepted)
		if _, err := r.nodes[1].integrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.nodes[0].Attempt(t.Context(), ofNobody(1, "")); err != nil {
			t.Fatal(err)
		}
	}
	r.decided(r.nodes[0], judged(f), store.Accepted)
}
