package tables

import (
	"math"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

const jobQuery = `SELECT j.id, j.kind, j.detail, j.total, j.actor, j.actor_id, j.role, j.source, j.request, j.opened,
	j.begun, j.ended, j.node, coalesce(n.seen, 0), j.changed, j.unchanged, j.refused, j.stopped, j.proof
	FROM job j LEFT JOIN node n ON n.id = j.node WHERE j.begun > 0 AND `

func scanJob(s query.Scanner) (j store.Job, err error) {
	var detail string
	var opened, begun, ended, seen int64
	o := &j.Origin
	err = s.Scan(&j.ID, &j.Kind, &detail, &j.Total, &o.Actor, &o.ActorID, &o.Role, &o.Source, &o.Request, &opened,
		&begun, &ended, &j.Node, &seen, &j.Changed, &j.Unchanged, &j.Refused, &j.Stopped, &j.Proof)
	j.Detail = []byte(detail)
	j.Opened, j.Begun, j.Ended = query.Time(opened), query.Time(begun), query.Time(ended)
	j.Seen = query.Time(seen)
	return j, err
}

func (r *Reader) Job(id int64) (store.Job, error) {
	return query.One(r.ctx, r.q, scanJob, jobQuery+"j.id = ?", id)
}

func (r *Reader) Jobs(before int64, limit int) ([]store.Job, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	return query.All(r.ctx, r.q, scanJob, jobQuery+"j.id < ? ORDER BY j.id DESC LIMIT ?", before, limit)
}

func (r *Reader) OpenJobs() ([]store.Job, error) {
	return query.All(r.ctx, r.q, scanJob, jobQuery+"j.ended = 0 ORDER BY j.id")
}

const jobRowQuery = `SELECT n, token, line, serial, type, "user", state, owner, outcome, reason, proof FROM job_row `

func scanJobRow(s query.Scanner) (w store.JobRow, err error) {
	err = s.Scan(&w.N, &w.Token, &w.Line, &w.Serial, &w.Type, &w.User, &w.State, &w.Owner, &w.Outcome, &w.Reason,
		&w.Proof)
	return w, err
}

func (r *Reader) JobRows(job int64, after, limit int) ([]store.JobRow, error) {
	return query.All(r.ctx, r.q, scanJobRow, jobRowQuery+"WHERE job = ? AND n > ? ORDER BY n LIMIT ?", job, after, limit)
}

func (r *Reader) OpenJobRows(job int64, limit int) ([]store.JobRow, error) {
	return query.All(r.ctx, r.q, scanJobRow, jobRowQuery+r.dialect.Indexed("job_row_open")+
		" WHERE job = ? AND outcome = '' ORDER BY n LIMIT ?", job, limit)
}

func (r *Reader) OldJobs(before time.Time, limit int) ([]int64, error) {
	at := query.Millis(before)
	return query.All(r.ctx, r.q, query.Value[int64], `SELECT id FROM job WHERE ended < ? AND (ended > 0 OR
		begun = 0 AND opened < ?) ORDER BY ended, id LIMIT ?`, at, at, limit)
}

func (t *Tx) OpenJob(j store.Job) (int64, error) {
	o := j.Origin
	return query.One(t.ctx, t.q, query.Value[int64], `INSERT INTO job (kind, detail, actor, actor_id, role, source,
		request, opened, proof) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`, j.Kind, string(j.Detail), o.Actor, o.ActorID,
		o.Role, o.Source, o.Request, query.Millis(j.Opened), []byte{}) // it is proven when it begins
}

func (t *Tx) AddJobRows(job int64, rows []store.JobRow) error {
	for _, r := range rows {
		err := t.changeOne(`INSERT INTO job_row (job, n, token, line, serial, type, "user", state, owner, outcome, reason,
			proof) SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 FROM job WHERE id = ?1 AND begun = 0`,
			job, r.N, int64(r.Token), r.Line, r.Serial, r.Type, r.User, int64(r.State), r.Owner, r.Outcome, r.Reason,
			bytesOf(r.Proof))
		if err != nil {
			return err
		}
	}
	return nil
}

// bytesOf is b for a column that is never NULL.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (t *Tx) BeginJob(j store.Job) error {
	return t.changeOne(`UPDATE job SET total = ?, begun = ?, proof = ?, changed = ?, unchanged = ?, refused = ?
		WHERE id = ? AND begun = 0`, j.Total, query.Millis(j.Begun), bytesOf(j.Proof), j.Changed, j.Unchanged, j.Refused,
		j.ID)
}

const jobRuns = " AND begun > 0 AND ended = 0"

func (t *Tx) HoldJob(id, from, to int64) error {
	return t.changeOne("UPDATE job SET node = ? WHERE id = ? AND node = ?"+jobRuns, to, id, from)
}

func (t *Tx) SettleJobRow(job int64, n int, outcome, reason string) error {
	return t.changeOne("UPDATE job_row SET outcome = ?, reason = ?, proof = ? WHERE job = ? AND n = ? AND outcome = ''",
		outcome, reason, []byte{}, job, n)
}

func (t *Tx) CountJob(id int64, more store.JobCounts) error {
	return t.changeOne("UPDATE job SET changed = changed + ?, unchanged = unchanged + ?, refused = refused + ? "+
		"WHERE id = ?"+jobRuns, more.Changed, more.Unchanged, more.Refused, id)
}

func (t *Tx) EndJob(id int64, at time.Time, stopped string) error {
	return t.changeOne("UPDATE job SET ended = ?, stopped = ? WHERE id = ?"+jobRuns, query.Millis(at), stopped, id)
}

func (t *Tx) RemoveJob(id int64, limit int) (bool, error) {
	const over = " AND EXISTS (SELECT 1 FROM job WHERE id = ?1 AND (ended > 0 OR begun = 0))"
	n, err := t.Change("DELETE FROM job_row WHERE job = ?1 AND n IN (SELECT n FROM job_row WHERE job = ?1 "+
		"ORDER BY n LIMIT ?2)"+over, id, limit)
	if err != nil || n == int64(limit) {
		return false, err
	}
	_, err = t.Change("DELETE FROM job WHERE id = ?1 AND (ended > 0 OR begun = 0)", id)
	return err == nil, err
}
