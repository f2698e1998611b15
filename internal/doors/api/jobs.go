package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/jobs"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// JobNumber names a job in the path (exported for the framework).
type JobNumber struct {
	ID int64 `path:"id" minimum:"1" doc:"Number of the job."`
}

type (
	jobChangeInput   struct{ Body wire.JobChange }
	jobStartInput    struct{ Body wire.JobStart }
	jobPreviewOutput struct{ Body wire.JobPreview }
	jobOutput        struct{ Body wire.Job }
	jobListOutput    struct{ Body wire.JobList }
	jobRowsOutput    struct{ Body wire.JobRows }
)

type jobRowsInput struct {
	JobNumber
	Page
}

// maxJobBody bounds a list of tokens.
const maxJobBody = 4 << 20

func (a *API) jobRoutes() {
	const path = "/api/v1/jobs"
	op := func(id, method, path, summary string, errors ...int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"Jobs"},
			Errors: append(errors, http.StatusUnauthorized, http.StatusForbidden), MaxBodyBytes: maxJobBody}
	}
	a.used = append(a.used, authz.TokenState, authz.TokenLabel, authz.TokenAssign, authz.TokenDelete)
	register(a, authz.JobView, op("preview-job", http.MethodPost, path+"/preview", "Show what a change of many tokens "+
		"would do"), browse(a, a.previewJob))
	start := op("start-job", http.MethodPost, path, "Begin the change of a preview, if the tokens are still the same",
		http.StatusConflict)
	start.DefaultStatus = http.StatusCreated
	register(a, authz.JobView, start, browse(a, a.startJob))
	register(a, authz.JobView, op("list-jobs", http.MethodGet, path, "List changes of many tokens, the newest first"),
		browse(a, a.listJobs))
	register(a, authz.JobView, op("show-job", http.MethodGet, path+"/{id}", "Show a change of many tokens, also one under "+
		"way", http.StatusNotFound),
		func(ctx context.Context, _ caller, in *JobNumber) (*jobOutput, error) {
			return jobAnswer(a.cfg.Jobs.Job(ctx, in.ID))
		})
	register(a, authz.JobView, op("list-job-rows", http.MethodGet, path+"/{id}/rows", "List what became of each token",
		http.StatusNotFound), browse(a, a.listJobRows))
	register(a, authz.JobView, op("cancel-job", http.MethodPost, path+"/{id}/cancel",
		"End a change of many tokens; what is "+
			"done stays done", http.StatusNotFound, http.StatusConflict), a.cancelJob)
}

// jobRequest reads a change, and makes sure that the caller may make it.
func (a *API) jobRequest(c caller, in wire.JobChange) (r jobs.Request, err error) {
	r = jobs.Request{Kind: jobs.Kind(in.Kind), Reason: in.Reason, Label: in.Label, Origin: c.origin()}
	if err := c.may(r.Kind.Needs()); err != nil {
		return r, err
	}
	if r.Kind == jobs.State {
		if r.State, err = token.ParseState(in.State); err != nil {
			return r, fault.New(fault.Invalid, "state", fault.Sentence(err.Error()))
		}
	}
	if in.Filter != nil {
		f, err := a.filter(TokenChoice(*in.Filter))
		if err != nil {
			return r, err
		}
		r.Filter = &f
	}
	for _, t := range in.Tokens {
		r.Tokens = append(r.Tokens, tokens.Selector{Serial: t.Serial, Type: t.Type, Manufacturer: t.Manufacturer,
			KeyID: t.KeyID})
	}
	for _, l := range in.List {
		r.List = append(r.List, jobs.Line{Line: l.Line, Serial: l.Serial, Type: l.Type, User: l.User})
	}
	return r, nil
}

func (a *API) previewJob(ctx context.Context, c caller, in *jobChangeInput) (*jobPreviewOutput, error) {
	r, err := a.jobRequest(c, in.Body)
	if err != nil {
		return nil, err
	}
	p, err := a.cfg.Jobs.Preview(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &jobPreviewOutput{wire.JobPreview{Number: p.Number, Digest: p.Digest, Refused: p.RefusedOf,
		States: make([]wire.JobStateCount, len(p.States)), First: make([]wire.JobTarget, len(p.First)),
		Rows: wireJobRows(p.Refused)}}
	for i, s := range p.States {
		out.Body.States[i] = wire.JobStateCount{State: s.State.String(), Tokens: s.N}
	}
	for i, t := range p.First {
		out.Body.First[i] = wire.JobTarget{Token: a.wireToken(t.Token), Gets: t.User}
	}
	return out, nil
}

func (a *API) startJob(ctx context.Context, c caller, in *jobStartInput) (*jobOutput, error) {
	r, err := a.jobRequest(c, in.Body.JobChange)
	if err == nil {
		err = c.mayMany(r.Kind.Needs(), in.Body.Number)
	}
	if err != nil {
		return nil, err
	}
	return jobAnswer(a.cfg.Jobs.Start(ctx, r, in.Body.Number, in.Body.Digest))
}

func (a *API) listJobs(ctx context.Context, _ caller, in *Page) (*jobListOutput, error) {
	before, err := cursor(in.After)
	if err != nil {
		return nil, err
	}
	all, err := a.cfg.Jobs.Jobs(ctx, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &jobListOutput{}
	if len(all) > in.Limit {
		all = all[:in.Limit]
		out.Body.Next = new(strconv.FormatInt(all[in.Limit-1].ID, 10))
	}
	out.Body.Jobs = make([]wire.Job, len(all))
	for i, j := range all {
		if out.Body.Jobs[i], err = wireJob(j); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a *API) listJobRows(ctx context.Context, _ caller, in *jobRowsInput) (*jobRowsOutput, error) {
	after, err := cursor(in.After)
	if err == nil {
		_, err = a.cfg.Jobs.Job(ctx, in.ID)
	}
	if err != nil {
		return nil, err
	}
	rows, err := a.cfg.Jobs.Rows(ctx, in.ID, int(after), in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &jobRowsOutput{}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		out.Body.Next = new(strconv.Itoa(rows[in.Limit-1].N))
	}
	out.Body.Rows = wireJobRows(rows)
	return out, nil
}

// cancelJob takes the right to begin such a job.
func (a *API) cancelJob(ctx context.Context, c caller, in *JobNumber) (*jobOutput, error) {
	j, err := a.cfg.Jobs.Job(ctx, in.ID)
	if err == nil {
		err = c.may(jobs.Kind(j.Kind).Needs())
	}
	if err != nil {
		return nil, err
	}
	return jobAnswer(a.cfg.Jobs.Cancel(ctx, in.ID, c.origin()))
}

func jobAnswer(j store.Job, err error) (*jobOutput, error) {
	if err != nil {
		return nil, err
	}
	body, err := wireJob(j)
	return &jobOutput{body}, err
}

func wireJob(j store.Job) (wire.Job, error) {
	d, err := jobs.DetailOf(j)
	return wire.Job{ID: j.ID, Kind: j.Kind, State: d.State, Reason: d.Reason, Label: d.Label, Status: jobs.Status(j),
		Stopped: j.Stopped, Total: j.Total, Changed: j.Changed, Unchanged: j.Unchanged, Refused: j.Refused,
		Actor: j.Origin.Actor, Started: j.Begun, Ended: optionalTime(j.Ended)}, err
}

func wireJobRows(rows []store.JobRow) []wire.JobRow {
	out := make([]wire.JobRow, len(rows))
	for i, r := range rows {
		out[i] = wire.JobRow{N: r.N, Line: r.Line, Serial: r.Serial, Type: r.Type, User: r.User, Outcome: r.Outcome,
			Reason: r.Reason}
	}
	return out
}
