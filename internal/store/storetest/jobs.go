package storetest

import (
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// job begins a job with so many rows that are still to be done.
func (r *rig) job(rows int, edit func(*store.Job)) (j store.Job) {
	r.Helper()
	j = store.Job{Kind: "state", Detail: []byte(`{"a":1}`), Total: rows, Opened: start, Begun: start, Proof: []byte("proof"),
		Origin: audit.Origin{Actor: "key:admin", ActorID: "7", Role: "admin", Source: "192.0.2.1:1", Request: "r-1"}}
	if edit != nil {
		edit(&j)
	}
	r.update(func(tx store.Tx) (err error) {
		if j.ID, err = tx.OpenJob(j); err != nil {
			return err
		}
		var all []store.JobRow
		for n := range rows {
			all = append(all, jobRow(n+1))
		}
		if err := tx.AddJobRows(j.ID, all); err != nil || j.Begun.IsZero() {
			return err
		}
		return tx.BeginJob(j)
	})
	return j
}

func jobRow(n int) store.JobRow {
	return store.JobRow{N: n, Token: token.ID(100 + n), Line: n + 1, Serial: "1", Type: "hotp", User: "anna",
		State: token.RevokedLost, Owner: 3, Proof: []byte("row")}
}

func (r *rig) jobs(list func(store.Reader) ([]store.Job, error)) (ids []int64) {
	r.Helper()
	r.view(func(rd store.Reader) error {
		all, err := list(rd)
		for _, j := range all {
			ids = append(ids, j.ID)
		}
		return err
	})
	return ids
}

func openJobs(rd store.Reader) ([]store.Job, error) { return rd.OpenJobs() }

func (r *rig) jobRows(list func(store.Reader) ([]store.JobRow, error)) (rows []store.JobRow) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		rows, err = list(rd)
		return err
	})
	return rows
}

var jobTests = []test{
	{"AJobIsThereOnceItHasBegun", func(r *rig) {
		hidden := r.job(2, func(j *store.Job) { j.Begun = time.Time{} })
		r.absent("a job that is prepared", func(rd store.Reader) error { _, err := rd.Job(hidden.ID); return err })
		first, second := r.job(2, nil), r.job(0, func(j *store.Job) { j.JobCounts = store.JobCounts{Refused: 2} })
		r.view(func(rd store.Reader) error {
			got, err := rd.Job(first.ID)
			r.same("the job", got, first)
			return err
		})
		r.same("the newest first", r.jobs(func(rd store.Reader) ([]store.Job, error) { return rd.Jobs(0, 10) }),
			[]int64{second.ID, first.ID})
		r.same("behind one", r.jobs(func(rd store.Reader) ([]store.Job, error) { return rd.Jobs(second.ID, 10) }),
			[]int64{first.ID})
		r.same("under way", r.jobs(openJobs), []int64{first.ID, second.ID})
		r.is(store.ErrConflict, "rows of a job that has begun", func(tx store.Tx) error {
			return tx.AddJobRows(first.ID, []store.JobRow{jobRow(3)})
		})
		r.is(store.ErrConflict, "begin it again", func(tx store.Tx) error { return tx.BeginJob(first) })
	}},
	{"ARowIsSettledOnce", func(r *rig) {
		j := r.job(3, nil)
		rows := func(rd store.Reader) ([]store.JobRow, error) { return rd.JobRows(j.ID, 0, 10) }
		open := func(rd store.Reader) ([]store.JobRow, error) { return rd.OpenJobRows(j.ID, 10) }
		settle := func(tx store.Tx) error { return tx.SettleJobRow(j.ID, 2, "refused", "why") }
		r.same("all", r.jobRows(rows), []store.JobRow{jobRow(1), jobRow(2), jobRow(3)})
		r.update(settle)
		r.is(store.ErrConflict, "settle it again", settle)
		r.is(store.ErrConflict, "a row that is not there", func(tx store.Tx) error {
			return tx.SettleJobRow(j.ID, 4, "changed", "")
		})
		settled := jobRow(2)
		settled.Outcome, settled.Reason, settled.Proof = "refused", "why", nil
		r.same("all", r.jobRows(rows), []store.JobRow{jobRow(1), settled, jobRow(3)})
		r.same("still to be done", r.jobRows(open), []store.JobRow{jobRow(1), jobRow(3)})
		r.same("some", r.jobRows(func(rd store.Reader) ([]store.JobRow, error) { return rd.JobRows(j.ID, 1, 1) }),
			[]store.JobRow{settled})
	}},
	{"OneNodeHoldsAJob", func(r *rig) {
		j := r.job(1, nil)
		one, other := r.node("a", start), r.node("b", start)
		hold := func(from, to int64) func(store.Tx) error {
			return func(tx store.Tx) error { return tx.HoldJob(j.ID, from, to) }
		}
		r.update(hold(0, one))
		r.is(store.ErrConflict, "it is free no more", hold(0, other))
		r.update(hold(one, one))
		r.view(func(rd store.Reader) error {
			got, err := rd.Job(j.ID)
			if got.Node != one || !got.Seen.Equal(start) {
				r.Errorf("held by %d, seen at %v", got.Node, got.Seen)
			}
			return err
		})
		r.update(hold(one, other))
		r.is(store.ErrConflict, "the first has lost it", hold(one, one))
		r.update(func(tx store.Tx) error { return tx.EndJob(j.ID, start, "") })
		r.is(store.ErrConflict, "it has ended", hold(other, other))
	}},
	{"AJobEndsOnce", func(r *rig) {
		j := r.job(1, nil)
		r.update(func(tx store.Tx) error { return tx.CountJob(j.ID, store.JobCounts{Changed: 1, Refused: 2}) })
		r.update(func(tx store.Tx) error { return tx.CountJob(j.ID, store.JobCounts{Changed: 1, Unchanged: 3}) })
		end := func(tx store.Tx) error { return tx.EndJob(j.ID, start.Add(time.Hour), "why") }
		r.update(end)
		r.is(store.ErrConflict, "end it again", end)
		r.is(store.ErrConflict, "count on", func(tx store.Tx) error { return tx.CountJob(j.ID, store.JobCounts{Changed: 1}) })
		j.JobCounts = store.JobCounts{Changed: 2, Unchanged: 3, Refused: 2}
		j.Ended, j.Stopped = start.Add(time.Hour), "why"
		r.view(func(rd store.Reader) error {
			got, err := rd.Job(j.ID)
			r.same("the job", got, j)
			return err
		})
		r.same("under way", r.jobs(openJobs), []int64(nil))
	}},
	{"OldJobsAreRemoved", func(r *rig) {
		runs, over, young := r.job(3, nil), r.job(3, nil), r.job(0, nil)
		hidden := r.job(1, func(j *store.Job) { j.Begun = time.Time{} })
		r.update(func(tx store.Tx) error { return tx.EndJob(over.ID, start.Add(time.Hour), "") })
		r.update(func(tx store.Tx) error { return tx.EndJob(young.ID, start.Add(2*time.Hour), "") })
		old := func(at time.Time) (ids []int64) {
			r.view(func(rd store.Reader) (err error) {
				ids, err = rd.OldJobs(at, 10)
				return err
			})
			return ids
		}
		r.same("old", old(start.Add(90*time.Minute)), []int64{hidden.ID, over.ID})
		r.same("none is old", old(start), []int64(nil))
		remove := func(id int64) (gone bool) {
			r.update(func(tx store.Tx) (err error) {
				gone, err = tx.RemoveJob(id, 2)
				return err
			})
			return gone
		}
		if remove(over.ID) || !remove(over.ID) || !remove(hidden.ID) {
			r.Error("the jobs are not removed two rows at a time")
		}
		remove(runs.ID)
		rows := func(rd store.Reader) ([]store.JobRow, error) { return rd.JobRows(runs.ID, 0, 10) }
		if n := len(r.jobRows(rows)); n != 3 {
			r.Errorf("%d rows are left of a job that is under way", n)
		}
		r.same("what is left", r.jobs(func(rd store.Reader) ([]store.Job, error) { return rd.Jobs(0, 10) }),
			[]int64{young.ID, runs.ID})
	}},
}
