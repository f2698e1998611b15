package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/jobs"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// kit makes a database with so many tokens of the serials 1001, 1002 ..., and three users.
func kit(t *testing.T, n int) *testkit.Kit {
	t.Helper()
	k := testkit.New(t)
	for _, name := range []string{"anna", "bert", "carl"} {
		k.User(t, name)
	}
	keys := make([]*pskc.Key, n)
	for i := range keys {
		keys[i] = testkit.HOTP(serial(i + 1))
	}
	k.Import(t, keys...)
	return k
}

func serial(n int) string { return fmt.Sprint(1000 + n) }

// all are the hardware tokens that are VALID.
func all() *lifecycle.Filter {
	valid := token.Valid
	return &lifecycle.Filter{Kind: token.Hardware, State: &valid}
}

func revoke(f *lifecycle.Filter) jobs.Request {
	return jobs.Request{Kind: jobs.State, State: token.RevokedOther, Reason: "lost box", Filter: f, Origin: testkit.Origin}
}

func named(kind jobs.Kind, serials ...string) jobs.Request {
	r := jobs.Request{Kind: kind, State: token.RevokedOther, Label: "spare", Origin: testkit.Origin}
	for _, s := range serials {
		r.Tokens = append(r.Tokens, tokens.Selector{Serial: s})
	}
	return r
}

// start previews a request and begins it.
func start(t *testing.T, s *jobs.Service, r jobs.Request) store.Job {
	t.Helper()
	p, err := s.Preview(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	j, err := s.Start(t.Context(), r, p.Number, p.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// done works at all jobs and gives one as it ended.
func done(t *testing.T, s *jobs.Service, id int64) store.Job {
	t.Helper()
	if err := s.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	j, err := s.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if j.Ended.IsZero() {
		t.Errorf("job %d has not ended", id)
	}
	return j
}

// outcomes gives the outcomes of all rows, with reasons.
func outcomes(t *testing.T, s *jobs.Service, id int64) (all []string) {
	t.Helper()
	rows, err := s.Rows(t.Context(), id, 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		all = append(all, strings.TrimSpace(r.Serial+" "+r.Outcome+" "+r.Reason))
	}
	return all
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v\nwant %v", what, got, want)
	}
}

// Of a thousand tokens that a filter chooses exactly those of the preview are revoked: when
// another administrator adds a match, nothing is, until somebody has looked again.
func TestRevokeAFilteredThousand(t *testing.T) {
	t.Parallel()
	k := kit(t, 1000)
	k.SetState(t, serial(7), token.RevokedLost)
	r := revoke(all())
	p, err := k.Jobs.Preview(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "preview", fmt.Sprint(p.Number, p.States, len(p.First), p.First[6].Token.Identity.Serial),
		"999 [{VALID 999}] 201008")

	for what, change := range map[string]struct{ do, undo func() }{
		"another token matches": {func() { k.SetState(t, serial(7), token.Valid) },
			func() { k.SetState(t, serial(7), token.RevokedLost) }},
		"as many, and others": {func() { k.SetState(t, serial(7), token.Valid); k.SetState(t, serial(8), token.RevokedLost) },
			func() { k.SetState(t, serial(7), token.RevokedLost); k.SetState(t, serial(8), token.Valid) }},
		"one has a user now": {func() { k.Assign(t, serial(9), "anna") }, func() {
			if _, err := k.Lifecycle.Unassign(t.Context(), testkit.Serial(serial(9)), testkit.Origin); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		change.do()
		size := k.LogSize(t)
		_, err = k.Jobs.Start(t.Context(), r, p.Number, p.Digest)
		testkit.IsFault(t, err, fault.Conflict, "job_changed")
		if err := k.Jobs.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := k.LogSize(t) - size; n != 0 {
			t.Errorf("%s: %d entries", what, n)
		}
		change.undo()
	}
	j, err := k.Jobs.Start(t.Context(), r, p.Number, p.Digest)
	if err != nil {
		t.Fatal(err)
	}
	k.Recorded(t, k.LogSize(t)-1, audit.JobStarted, `done "lost box" map[other:job 1] map[] `+
		`map[kind:state state:REVOKED_TOKEN_OTHER tokens:999]`)
	k.SetState(t, serial(7), token.Valid) // too late for this job
	from := k.LogSize(t)
	j = done(t, k.Jobs, j.ID)
	same(t, "counts", j.JobCounts, store.JobCounts{Changed: 999})
	changedOnce(t, k.Log(t, from), 999)
	if n := k.Count(t, "SELECT count(*) FROM condition WHERE state = 3"); n != 999 {
		t.Errorf("%d tokens are revoked", n)
	}
	if s := k.Token(t, serial(7)).Condition.State; s != token.Valid {
		t.Errorf("the token that came later is %s", s)
	}
	e := k.LastEntry(t)
	same(t, "the end", fmt.Sprint(e.Action, e.Subject, e.After), fmt.Sprint("job.ended", map[string]any{"other": "job 1"},
		map[string]any{"changed": 999, "kind": "state", "refused": 0, "unchanged": 0}))
}

// Each kind does to each token what the operation for one does, with its entry, its reason and
// who began the job.
func TestKinds(t *testing.T) {
	t.Parallel()
	k := kit(t, 6)
	k.Assign(t, serial(1), "anna")
	k.SetState(t, serial(2), token.RevokedOther)
	run := func(what string, r jobs.Request, want ...string) {
		t.Helper()
		from := k.LogSize(t)
		j := start(t, k.Jobs, r)
		j = done(t, k.Jobs, j.ID)
		same(t, what, outcomes(t, k.Jobs, j.ID), want)
		entries := k.Log(t, from)
		if n := len(entries) - 2; n != j.Changed {
			t.Errorf("%s: %d entries for %d changes", what, n, j.Changed)
		}
		for _, e := range entries {
			if e.Actor != testkit.Origin.Actor || e.Request != testkit.Origin.Request || e.Source != testkit.Origin.Source {
				t.Errorf("%s: the entry %s does not say who it was", what, e.Raw)
			}
		}
	}
	run("state", named(jobs.State, "1001", "1002", "77"), "1001 changed", "1002 unchanged",
		"77 refused There is no token with serial 77.")
	run("label", named(jobs.Label, "1001", "1001", "1002"), "1001 changed", "1002 changed")
	same(t, "label", k.Token(t, "1001").Label, "spare")
	run("unassign", named(jobs.Unassign, "1001", "1002"), "1001 changed", "1002 unchanged")
	run("delete", named(jobs.Delete, "1001", "1002"), "1001 changed", "1002 changed")
	if n := k.Count(t, "SELECT count(*) FROM token"); n != 4 {
		t.Errorf("%d tokens are left", n)
	}
	k.Assign(t, "1003", "carl")
	list := jobs.Request{Kind: jobs.Assign, Origin: testkit.Origin, List: []jobs.Line{
		{Line: 2, Serial: "1003", User: "carl"}, {Line: 3, Serial: "1004", Type: "hotp", User: "Bert"},
		{Line: 4, Serial: "1004", User: "carl"}, {Line: 5, Serial: "1005", User: "nobody"},
		{Line: 6, Refused: "cell B6 is bad"}, {Line: 7, Serial: "1003", User: "anna"}}}
	run("assign", list, "1003 unchanged", "1004 changed", "1004 refused Since the preview the token was assigned to bert.",
		"1005 refused There is no user nobody.", "refused cell B6 is bad", "1003 refused Token 1003 is assigned to carl.")
	same(t, "owner", k.Token(t, "1004").OwnerName, "bert")
}

// What is no job is refused before anything is looked at.
func TestRequestsAreChecked(t *testing.T) {
	t.Parallel()
	k := kit(t, 1)
	for code, edit := range map[string]func(*jobs.Request){
		"job_kind":   func(r *jobs.Request) { r.Kind = "export" },
		"job_tokens": func(r *jobs.Request) { r.Filter = all() },
		"state":      func(r *jobs.Request) { r.State = token.Pending },
		"reason":     func(r *jobs.Request) { r.Reason = strings.Repeat("a", tokens.MaxReason+1) },
		"label":      func(r *jobs.Request) { r.Kind, r.Label = jobs.Label, "a\x00" },
		"job_empty":  func(r *jobs.Request) { r.Tokens = []tokens.Selector{{Serial: "9"}} },
	} {
		r := named(jobs.State, "1001")
		edit(&r)
		p, err := k.Jobs.Preview(t.Context(), r)
		if err == nil {
			_, err = k.Jobs.Start(t.Context(), r, p.Number, p.Digest)
		}
		testkit.IsFault(t, err, fault.Invalid, code)
	}
	for _, r := range []jobs.Request{{Kind: jobs.State}, {Kind: jobs.Assign, Filter: all()},
		{Kind: jobs.Delete, List: []jobs.Line{{Serial: "1001", User: "anna"}}}} {
		_, err := k.Jobs.Preview(t.Context(), r)
		testkit.IsFault(t, err, fault.Invalid, "job_tokens")
	}
	if n := k.Count(t, "SELECT count(*) FROM job"); n != 0 {
		t.Errorf("%d jobs are left of those that did not begin", n)
	}
}

// A token that changes between the preview and its row is left as it is.
func TestATokenThatChangedIsLeft(t *testing.T) {
	t.Parallel()
	k := kit(t, 4)
	k.Assign(t, "1003", "anna")
	f := all()
	f.SerialPrefix, f.LabelPart = "100", "box"
	for n := range 3 {
		if _, err := k.Lifecycle.SetLabel(t.Context(), testkit.Serial(serial(n+1)), "box 1", testkit.Origin); err != nil {
			t.Fatal(err)
		}
	}
	j := start(t, k.Jobs, jobs.Request{Kind: jobs.Delete, Filter: f, Origin: testkit.Origin})
	if _, err := k.Lifecycle.SetLabel(t.Context(), testkit.Serial("1001"), "kept", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	k.Assign(t, "1002", "bert")
	if _, err := k.Lifecycle.Delete(t.Context(), testkit.Serial("1003"), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	done(t, k.Jobs, j.ID)
	same(t, "outcomes", outcomes(t, k.Jobs, j.ID), []string{"1001 refused The token does not match the filter any more.",
		"1002 refused Since the preview the token was assigned to bert.", "1003 refused The token is not there any more."})

	j = start(t, k.Jobs, named(jobs.Unassign, "1002"))
	if _, err := k.Lifecycle.Unassign(t.Context(), testkit.Serial("1002"), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	state := start(t, k.Jobs, named(jobs.State, "1002", "1004"))
	k.SetState(t, "1004", token.RevokedLost)
	done(t, k.Jobs, state.ID)
	same(t, "outcomes", append(outcomes(t, k.Jobs, j.ID), outcomes(t, k.Jobs, state.ID)...), []string{
		"1002 refused Since the preview the token was unassigned.", "1002 changed",
		"1004 refused Since the preview the token became REVOKED_TOKEN_LOST."})
}

// A job that is cancelled does nothing more, and its report says what it has done.
func TestCancel(t *testing.T) {
	t.Parallel()
	k := kit(t, 120)
	j := start(t, k.Jobs, revoke(all()))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := another(t, k, &counting{DB: k.DB, after: 2, then: stop}, 0)
	if err := s.Work(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	by := audit.Origin{Actor: "key:duty", Role: "admin"}
	j, err := k.Jobs.Cancel(t.Context(), j.ID, by)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the job", fmt.Sprint(j.Changed, j.Stopped, jobs.Status(j)), "50Cancelled by key:duty.stopped")
	if e := k.LastEntry(t); e.Action != "job.ended" || e.Actor != "key:duty" || e.Reason != "Cancelled by key:duty" {
		t.Errorf("the log says %s", e.Raw)
	}
	if err := k.Jobs.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := k.Count(t, "SELECT count(*) FROM condition WHERE state = 3"); n != 50 {
		t.Errorf("%d tokens are revoked", n)
	}
	_, err = k.Jobs.Cancel(t.Context(), j.ID, by)
	testkit.IsFault(t, err, fault.Conflict, "job_ended")
	_, err = k.Jobs.Cancel(t.Context(), 99, by)
	testkit.IsFault(t, err, fault.NotFound, "job_not_found")
}

// What another program writes among the rows of a job is not done.
func TestForgedRowsAreNotDone(t *testing.T) {
	t.Parallel()
	k := kit(t, 6)
	k.PastLog()
	j := start(t, k.Jobs, named(jobs.Delete, "1001", "1002", "1003"))
	k.Exec(t, fmt.Sprintf("UPDATE job_row SET token = (SELECT id FROM token WHERE serial = '1004') WHERE job = %d "+
		"AND n = 1", j.ID))
	k.Exec(t, "UPDATE condition SET state = 0, owner = 1 WHERE token = (SELECT id FROM token WHERE serial = '1002')")
	k.Exec(t, fmt.Sprintf(`INSERT INTO job_row SELECT job, 4, (SELECT id FROM token WHERE serial = '1005'), line, '1005', type,
		"user", state, owner, '', '', proof FROM job_row WHERE job = %d AND n = 3`, j.ID))
	done(t, k.Jobs, j.ID)
	const forged = " refused This row of the job is not as this server wrote it in the database."
	got := outcomes(t, k.Jobs, j.ID)
	if got[0] != "1001"+forged || got[3] != "1005"+forged || got[2] != "1003 changed" ||
		!strings.Contains(got[1], "refused") {
		t.Errorf("outcomes %q", got)
	}
	same(t, "what is left", k.Count(t, "SELECT count(*) FROM token"), 5)

	j = start(t, k.Jobs, named(jobs.Label, "1004"))
	k.Exec(t, fmt.Sprintf("UPDATE job SET kind = 'delete' WHERE id = %d", j.ID))
	j = done(t, k.Jobs, j.ID)
	same(t, "the job", j.Stopped, "The job is not as this server wrote it in the database.")
	same(t, "what is left", k.Count(t, "SELECT count(*) FROM token"), 5)
}

// Jobs are kept for 30 days after their end.
func TestOldJobsAreRemoved(t *testing.T) {
	t.Parallel()
	k := kit(t, 2)
	j := start(t, k.Jobs, named(jobs.Label, "1001", "1002"))
	j = done(t, k.Jobs, j.ID)
	remove := func(want int) {
		t.Helper()
		if n, err := k.Jobs.RemoveOld(t.Context()); err != nil || n != want {
			t.Errorf("%d jobs are removed, %v; want %d", n, err, want)
		}
	}
	k.Clock.Advance(jobs.KeepFor - time.Second)
	remove(0)
	k.Clock.Advance(2 * time.Second)
	remove(1)
	_, err := k.Jobs.Job(t.Context(), j.ID)
	testkit.IsFault(t, err, fault.NotFound, "job_not_found")
	same(t, "rows", k.Count(t, "SELECT count(*) FROM job_row"), 0)
}

// counting counts the changes of a database, and does something after some of them.
type counting struct {
	store.DB
	after int
	then  func()
}

func (c *counting) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := c.DB.Update(ctx, fn)
	if c.after--; c.after == 0 {
		c.then()
	}
	return err
}

// another makes a service on a database, as another start or another node has one.
func another(t *testing.T, k *testkit.Kit, db store.DB, node int64) *jobs.Service {
	t.Helper()
	s, err := jobs.New(jobs.Config{DB: db, Tokens: k.Lifecycle, Hasher: k.Hasher("job"), Node: node, Now: k.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// changedOnce demands that each of so many tokens has one entry of a change of state, and
// its row says so.
func changedOnce(t *testing.T, entries []testkit.Entry, n int) {
	t.Helper()
	var serials []string
	for _, e := range entries {
		if e.Action == string(audit.TokenStateChanged) {
			serials = append(serials, fmt.Sprint(e.Subject["serial"]))
		}
	}
	if slices.Sort(serials); len(serials) != n || len(slices.Compact(serials)) != n {
		t.Errorf("%d changes of %d tokens, want one of each of %d", len(serials), len(slices.Compact(serials)), n)
	}
}

// A server that is killed in the middle goes on when it starts again, and does no row twice:
// also where it died behind a commit, and in the middle of one.
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	k := kit(t, 230)
	from := k.LogSize(t)
	j := start(t, k.Jobs, revoke(all()))
	for n := range 3 {
		ctx, kill := context.WithCancel(t.Context())
		s := another(t, k, &counting{DB: k.DB, after: 2 + n%2, then: kill}, 0)
		if err := s.Work(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("start %d: %v", n, err)
		}
		k.Reopen(t)
	}
	now, err := k.Jobs.Job(t.Context(), j.ID)
	if err != nil || now.Changed == 0 || now.Changed >= 230 || !now.Ended.IsZero() {
		t.Fatalf("in the middle: %+v, %v", now, err)
	}
	j = done(t, k.Jobs, j.ID)
	same(t, "counts", j.JobCounts, store.JobCounts{Changed: 230})
	changedOnce(t, k.Log(t, from), 230)
}
