package console

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/printable"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/jobs"
	"ostiary/internal/store"
)

func (c *Console) jobPages() []page {
	return []page{
		{"GET /jobs", authz.JobView, "list-jobs", (*visit).jobs},
		{"GET /jobs/{id}", authz.JobView, "show-job", (*visit).job},
		{"GET /jobs/{id}/report.csv", authz.JobView, "list-job-rows", (*visit).jobCSV},
		{"POST /jobs/{id}/cancel", authz.JobView, "cancel-job", (*visit).cancelJob},
	}
}

// shownJob is a job for people.
type shownJob struct {
	ID                        int64
	Page, What, Reason        string
	Status                    look.State
	Stopped, Actor            string
	Total, Changed, Unchanged string
	Refused                   string
	Done, All                 int // rows
	Started, Ended            moment
	Running                   bool
}

type jobRow struct {
	N, Line                             int
	Serial, Type, User, Outcome, Reason string
}

func shownRows(rows []store.JobRow) (all []jobRow) {
	for _, r := range rows {
		outcome := r.Outcome
		if outcome == "" {
			outcome = "still to be done"
		}
		all = append(all, jobRow{r.N, r.Line, r.Serial, r.Type, r.User, outcome, r.Reason})
	}
	return all
}

var statusWords = map[string]look.State{
	"running": {Shape: look.Square, Word: "Running"},
	"done":    {Shape: look.Disc, Word: "Done"},
	"stopped": {Shape: look.Ring, Word: "Stopped"},
}

func (v *visit) shownJob(j store.Job) shownJob {
	s := shownJob{ID: j.ID, Page: v.root() + "jobs/" + strconv.FormatInt(j.ID, 10), Status: statusWords[jobs.Status(j)],
		Stopped: j.Stopped, Actor: j.Origin.Actor, Total: grouped(j.Total), Changed: grouped(j.Changed),
		Unchanged: grouped(j.Unchanged), Refused: grouped(j.Refused), Done: j.Changed + j.Unchanged + j.Refused,
		All: j.Total, Started: at(j.Begun), Ended: at(j.Ended), Running: j.Ended.IsZero()}
	d, err := jobs.DetailOf(j)
	s.What, _, _ = verbOf(jobs.Kind(j.Kind))
	if err != nil {
		return s
	}
	s.Reason = d.Reason
	switch state, err := token.ParseState(d.State); {
	case jobs.Kind(j.Kind) == jobs.State && err == nil:
		s.What += ": " + stateWords[state].Word
	case jobs.Kind(j.Kind) == jobs.Label && d.Label != "":
		s.What += ": " + d.Label
	case jobs.Kind(j.Kind) == jobs.Label:
		s.What += ": none"
	}
	return s
}

// jobList is the page of jobs.
type jobList struct {
	Rows        []shownJob
	Assign      string // where a list is given; empty for who may not
	First, Next string
	Empty       *look.Empty
}

func (v *visit) jobs() {
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	all, err := v.cfg.Jobs.Jobs(v.r.Context(), max(before, 0), usualSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	var l jobList
	if before > 0 {
		l.First = v.root() + "jobs"
	}
	if len(all) > usualSize {
		all = all[:usualSize]
		l.Next = v.root() + "jobs?" + query("before", strconv.FormatInt(all[usualSize-1].ID, 10))
	}
	for _, j := range all {
		l.Rows = append(l.Rows, v.shownJob(j))
	}
	if v.may(authz.TokenAssign) {
		l.Assign = v.root() + "assign-list"
	}
	if len(all) == 0 {
		l.Empty = &look.Empty{What: "No job is kept here. A job changes many tokens at once: tick them in the list of " +
			"hardware tokens, and choose what is to be done.",
			Action: &look.Link{Label: "Hardware tokens", Href: v.root() + "tokens"}}
	}
	v.show(look.Page{Name: "jobs", Title: "Jobs", Body: l})
}

// jobPage is the page of one job.
type jobPage struct {
	shownJob
	Rows        []jobRow
	First, Next string
	CSV, Cancel string
}

const jobRowsShown = 50

// findJob gives the job of the address; it has answered if there is none.
func (v *visit) findJob() (j store.Job, ok bool) {
	id, err := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	if err != nil {
		err = fault.New(fault.NotFound, "job_not_found", "The number of a job is a number.")
	} else {
		j, err = v.cfg.Jobs.Job(v.r.Context(), id)
	}
	if err != nil {
		v.fail(err)
	}
	return j, err == nil
}

func (v *visit) job() {
	j, ok := v.findJob()
	if !ok {
		return
	}
	after, _ := strconv.Atoi(v.r.URL.Query().Get("after"))
	rows, err := v.cfg.Jobs.Rows(v.r.Context(), j.ID, max(after, 0), jobRowsShown+1)
	if err != nil {
		v.fail(err)
		return
	}
	p := jobPage{shownJob: v.shownJob(j)}
	p.CSV = p.Page + "/report.csv"
	if p.Running && v.may(jobs.Kind(j.Kind).Needs()) {
		p.Cancel = p.Page + "/cancel"
	}
	if after > 0 {
		p.First = p.Page
	}
	if len(rows) > jobRowsShown {
		rows = rows[:jobRowsShown]
		p.Next = p.Page + "?" + query("after", strconv.Itoa(rows[jobRowsShown-1].N))
	}
	p.Rows = shownRows(rows)
	v.show(look.Page{Name: "job", Title: fmt.Sprintf("Job %d", j.ID), Body: p})
}

// jobCSV writes the whole report.
func (v *visit) jobCSV() {
	j, ok := v.findJob()
	if !ok {
		return
	}
	rows, err := v.cfg.Jobs.Rows(v.r.Context(), j.ID, 0, maxPage)
	if err != nil {
		v.fail(err)
		return
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="job-%d.csv"`, j.ID))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w := csv.NewWriter(v.w)
	w.UseCRLF = true
	_ = w.Write([]string{"n", "line", "serial", "type", "user", "outcome", "reason"})
	for len(rows) > 0 {
		for _, r := range rows {
			cell := printable.Cell
			_ = w.Write([]string{strconv.Itoa(r.N), number(r.Line), cell(r.Serial), cell(r.Type), cell(r.User), r.Outcome,
				cell(r.Reason)})
		}
		if rows, err = v.cfg.Jobs.Rows(v.r.Context(), j.ID, rows[len(rows)-1].N, maxPage); err != nil {
			_, _ = v.wrong(err, "")     // logs it
			panic(http.ErrAbortHandler) // what was sent is no whole report, and must not look like one
		}
	}
	w.Flush()
}

func (v *visit) cancelJob() {
	j, ok := v.findJob()
	if !ok {
		return
	}
	needs := jobs.Kind(j.Kind).Needs()
	err := v.forbidden(needs)
	if v.may(needs) {
		_, err = v.cfg.Jobs.Cancel(v.r.Context(), j.ID, v.origin())
	}
	if err != nil {
		v.fail(err)
		return
	}
	v.lead("jobs/" + strconv.FormatInt(j.ID, 10))
}
