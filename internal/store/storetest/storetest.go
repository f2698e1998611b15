// Package storetest is the conformance suite of the storage contract: what
// package store promises, as tests that every database must pass unchanged.
// It knows nothing of any database; it speaks to the contract only.
//
// Besides what each test looks at, the audit log of every database is
// recomputed when its test ends: the head must be that of the entries. And every row
// must carry its tag then, whatever the test has done, if the database has a key.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// Run holds a database to the contract. open gives a new, empty one for each
// test and closes it when that test ends.
func Run(t *testing.T, open func(t *testing.T) store.DB) { RunBut(t, open) }

// RunBut is Run without some groups, by their names.
func RunBut(t *testing.T, open func(t *testing.T) store.DB, without ...string) {
	for _, group := range []group{
		{"Transactions", transactionTests},
		{"Contexts", contextTests},
		{"Records", recordTests},
		{"Nodes", nodeTests},
		{"Sessions", sessionTests},
		{"Admins", adminTests},
		{"Events", eventTests},
		{"Tokens", tokenTests},
		{"Dates", dateTests},
		{"Lists", listTests},
		{"Sorted", sortedTests},
		{"Runs", runTests},
		{"Imports", importTests},
		{"Jobs", jobTests},
		{"Moves", moveTests},
		{"Activations", activationTests()},
		{"Adoption", adoptTests},
		{"Types", typeTests},
		{"Profiles", profileTests},
		{"Series", seriesTests},
		{"Creation", creationTests},
		{"Enrolment", enrolmentTests},
		{"Candidates", candidateTests},
		{"Gathered", gatheredTests},
		{"Coherence", coherenceTests},
		{"Audit", auditTests},
		{"Archive", archiveTests},
		{"AuditSearch", auditSearchTests},
		{"Acceptance", acceptanceTests},
		{"Predicates", predicateTests(slices.Concat(predicates, lonePredicates), about{})},
		{"Secrets", secretTests},
		{"Twins", twinTests},
		{"TwinPredicates", predicateTests(slices.Concat(predicates, twinPredicates), about{twin: true})},
		{"Applications", applicationTests},
		{"ApplicationPredicates", predicateTests(slices.Concat(predicates, applicationPredicates),
			about{application: 3})},
		{"Proof", proofTests()},
		{"Failures", failureTests},
		{"Users", userAttemptTests},
		{"Temporary", temporaryTests()},
		{"Quiet", quietTests},
		{"Concurrency", concurrencyTests},
	} {
		if !slices.Contains(without, group.name) {
			group.run(t, open)
		}
	}
}

// RunAudit is Run for what concerns the audit log alone.
func RunAudit(t *testing.T, open func(t *testing.T) store.DB) {
	group{"Audit", auditTests}.run(t, open)
	group{"AuditSearch", auditSearchTests}.run(t, open)
	group{"Archive", archiveTests}.run(t, open)
}

type group struct {
	name  string
	tests []test
}

func (g group) run(t *testing.T, open func(t *testing.T) store.DB) {
	t.Run(g.name, func(t *testing.T) {
		t.Parallel()
		for _, tt := range g.tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				r := &rig{T: t, db: open(t)}
				defer r.checkLog()
				tt.run(r)
			})
		}
	})
}

type test struct {
	name string
	run  func(*rig)
}

// start is the time at which the tests happen.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// limit is the number of failures that locks, where a test names no other.
const limit = 10

// rig is a database under test with what the tests keep doing to it.
type rig struct {
	*testing.T
	db     store.DB
	serial atomic.Int64
}

// ctx is the context of calls that are not to be cancelled. It is no test
// context, which ends before the clean-up.
func (*rig) ctx() context.Context { return context.Background() }

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// same compares with go-cmp, which takes times by the instant.
func (r *rig) same(what string, got, want any) {
	r.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		r.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (r *rig) update(fn func(store.Tx) error) {
	r.Helper()
	r.must(r.db.Update(r.ctx(), fn))
}

func (r *rig) view(fn func(store.Reader) error) {
	r.Helper()
	r.must(r.db.View(r.ctx(), fn))
}

// hotp is a token of a new serial, not staged yet.
func (r *rig) hotp() store.Candidate {
	serial := fmt.Sprintf("%08d", r.serial.Add(1))
	return store.Candidate{
		Token: token.Token{
			Kind:     token.Hardware,
			Identity: token.Identity{Type: "hotp", Manufacturer: "ACME", Serial: serial, KeyID: serial},
			Spec:     token.Spec{Algorithm: token.HOTP, Hash: "SHA1", Digits: 6},
			// Imported, so proven from the start.
			Condition: token.Condition{Epoch: 1},
			Model:     "Fob 1",
			Issuer:    "Example",
			Created:   start,
		},
		// To the store a sealed secret is bytes.
		Sealed: []byte("sealed secret of " + serial),
	}
}

// begin opens a run and stages tokens under it; their ID and Run are filled in.
func (r *rig) stage(cs ...*store.Candidate) (run int64) {
	r.Helper()
	r.update(func(tx store.Tx) (err error) {
		if run, err = tx.BeginRun(store.Run{Opened: start, Label: "test"}); err != nil {
			return err
		}
		id, err := tx.NextTokenID(len(cs))
		if err != nil {
			return err
		}
		for i, c := range cs {
			c.Token.ID, c.Token.Run = id+token.ID(i), run
			if err := tx.StageToken(run, *c); err != nil {
				return err
			}
		}
		return nil
	})
	return run
}

// publish stages tokens and publishes them.
func (r *rig) publish(cs ...*store.Candidate) (run int64) {
	r.Helper()
	run = r.stage(cs...)
	r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
	return run
}

// one publishes a token, changed by edit where that is not nil.
func (r *rig) one(edit func(*store.Candidate)) token.Token {
	r.Helper()
	c := r.hotp()
	if edit != nil {
		edit(&c)
	}
	r.publish(&c)
	return c.Token
}

// several publishes n tokens of a user.
func (r *rig) several(n int, owner int64) []token.Token {
	r.Helper()
	cs := make([]*store.Candidate, n)
	for i := range cs {
		c := r.hotp()
		c.Token.Condition.Owner = owner
		cs[i] = &c
	}
	r.publish(cs...)
	tokens := make([]token.Token, n)
	for i, c := range cs {
		tokens[i] = c.Token
	}
	return tokens
}

func (r *rig) user(name string) (u store.User) {
	r.Helper()
	r.update(func(tx store.Tx) (err error) {
		u, err = tx.AddUser(name, start)
		return err
	})
	return u
}

// userNow reads a user.
func (r *rig) userNow(name string) (u store.User) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		u, err = rd.User(name)
		return err
	})
	return u
}

// condition reads a token's condition.
func (r *rig) condition(id token.ID) token.Condition {
	r.Helper()
	var found []token.Token
	r.view(func(rd store.Reader) (err error) {
		found, err = rd.Tokens(store.TokenFilter{ID: id})
		return err
	})
	if len(found) != 1 {
		r.Fatalf("token %d: found %d rows", id, len(found))
	}
	return found[0].Condition
}

func (r *rig) candidates(l store.Lookup, fresh bool) store.Found {
	r.Helper()
	f, err := r.db.Candidates(r.ctx(), l, fresh)
	r.must(err)
	return f
}

// log reads all entries.
func (r *rig) log() (entries []string) {
	r.Helper()
	r.view(func(rd store.Reader) error {
		rows, err := rd.AuditEntries(0, 1_000_000)
		for _, row := range rows {
			entries = append(entries, string(row.Entry))
		}
		return err
	})
	return entries
}

func (r *rig) quiet() (counts map[string]int64) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		counts, err = rd.QuietRefusals()
		return err
	})
	return counts
}

// checkLog recomputes the audit log.
func (r *rig) checkLog() {
	r.Helper()
	if r.Failed() {
		return
	}
	r.view(func(rd store.Reader) error {
		rows, err := rd.AuditEntries(0, 1_000_000)
		if err != nil {
			return err
		}
		head, err := rd.AuditHead()
		if err != nil {
			return err
		}
		seams, err := rd.Seams()
		if err != nil {
			return err
		}
		var f audit.Frontier
		if len(seams) > 0 {
			f = *seams[len(seams)-1].Frontier.Clone()
		}
		for i, row := range rows {
			if row.Seq != f.Size() {
				return fmt.Errorf("audit entry %d stands at place %d", f.Size(), row.Seq)
			}
			if len(row.Entry) == 0 {
				return fmt.Errorf("audit entry %d is empty", i)
			}
			f.Append(row.Entry)
		}
		if f.Size() != head.Size() || f.Root() != head.Root() {
			return fmt.Errorf("the audit head has %d entries, the log %d; roots equal: %t", head.Size(), f.Size(),
				f.Root() == head.Root())
		}
		c, err := rd.CheckIntegrity()
		if errors.Is(err, store.ErrNotFound) {
			return nil // the database has no integrity key
		}
		if len(c.Problems) > 0 || len(c.Forged) > 0 {
			r.Errorf("after the test: %+v", c)
		}
		return err
	})
}

// entry is an audit entry as far as the store is concerned.
func entry(text string) []byte { return fmt.Appendf(nil, "{%q:%q}", "test", text) }

// record is what the attempts of the tests record.
func record(o store.Outcome) []byte {
	return entry(fmt.Sprintf("verdict %d index %d before %d/%d failures %d counted %t refusal %q",
		o.Verdict, o.Index, o.Before.Next, o.Before.Failures, o.Failures, o.Counted, o.Refusal))
}

func noDelay(int) time.Duration { return 0 }

// attempt is an attempt with these proposals.
func attempt(ps ...store.Proposal) store.Attempt {
	return store.Attempt{Now: start, Lock: token.Lock{Limit: limit}, Delay: noDelay,
		Proposals: ps, Authentication: true, Record: record}
}

// right proposes that the code is the one for counter.
func right(t token.Token, counter uint64) store.Proposal {
	return store.Proposal{ID: t.ID, Seen: t.Condition, Spec: t.Spec, Tested: true, Matched: true, Counter: counter}
}

// wrong proposes that the code is none of the token's.
func wrong(t token.Token) store.Proposal {
	return store.Proposal{ID: t.ID, Seen: t.Condition, Spec: t.Spec, Tested: true}
}

// try makes an attempt and checks what is so for every one: a decision is
// recorded once, with the outcome that the caller gets, or counted quietly;
// a stale one leaves nothing behind; and the outcome tells of every row that was
// changed. That is left out of what try gives.
func (r *rig) try(a store.Attempt) store.Outcome {
	r.Helper()
	var recorded []store.Outcome
	inner := a.Record
	a.Record = func(o store.Outcome) []byte {
		recorded = append(recorded, o)
		return inner(o)
	}
	before, quietBefore, rows := r.log(), r.quiet(), r.standings(a)
	o, err := r.db.Attempt(r.ctx(), a)
	r.must(err)
	r.told(a, o, rows, r.standings(a))
	after, quietAfter := r.log(), r.quiet()
	quietly := a.QuietFor != "" && o.Verdict == store.Refused && !o.Counted
	if o.Verdict == store.Stale || quietly {
		r.same("the audit log", after, before)
	} else {
		if len(after) != len(before)+1 || !bytes.Equal([]byte(after[len(after)-1]), inner(o)) {
			r.Errorf("the outcome %+v is not the newest entry of %d, %d before", o, len(after), len(before))
		}
		if len(recorded) == 0 {
			r.Error("Record was not called")
		} else {
			r.same("what Record was told", recorded[len(recorded)-1], o)
		}
	}
	if quietly {
		quietBefore[a.QuietFor]++
	}
	r.same("quiet refusals", quietAfter, quietBefore)
	return plain(o)
}

// accepted makes an attempt that must be accepted.
func (r *rig) accepted(a store.Attempt) store.Outcome {
	r.Helper()
	o := r.try(a)
	if o.Verdict != store.Accepted {
		r.Fatalf("outcome %+v, want Accepted", o)
	}
	return o
}

// unchanged runs fn and demands that the tokens are as they were before.
func (r *rig) unchanged(fn func(), ids ...token.ID) {
	r.Helper()
	before := make([]token.Condition, len(ids))
	for i, id := range ids {
		before[i] = r.condition(id)
	}
	fn()
	for i, id := range ids {
		r.same(fmt.Sprintf("token %d", id), r.condition(id), before[i])
	}
}
