package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/wire"
	"ostiary/internal/store"
)

// firstRows is how many rows a report brings along.
const firstRows = 1000

// ImportNumber names an import in the path (exported for the framework).
type ImportNumber struct {
	ID int64 `path:"id" minimum:"1" doc:"Number of the import."`
}

type importRowsInput struct {
	ImportNumber
	Page
}

type batchStateInput struct {
	Batch string `path:"batch" maxLength:"500"`
	Body  wire.StateRequest
}

type (
	importOutput     struct{ Body wire.ImportReport }
	importListOutput struct{ Body wire.ImportList }
	importRowsOutput struct{ Body wire.ImportRows }
	batchListOutput  struct{ Body wire.BatchList }
	batchStateOutput struct{ Body wire.BatchState }
)

// runRoutes are the operations on imports that have begun, and on deliveries.
func (a *API) runRoutes() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"Tokens"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}}
	}
	register(a, authz.TokenImport, op("list-imports", http.MethodGet, importPath, "List imports, the newest first"),
		browse(a, a.listImports))
	register(a, authz.TokenImport, op("show-import", http.MethodGet, importPath+"/{id}", "Show an import, also "+
		"one under way"),
		func(ctx context.Context, _ caller, in *ImportNumber) (*importOutput, error) {
			run, err := a.cfg.Imports.Run(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			rep, err := a.importReport(ctx, run)
			return &importOutput{rep}, err
		})
	register(a, authz.ImportCancel, op("cancel-import", http.MethodPost, importPath+"/{id}/cancel", "End an import "+
		"that is under way and remove what it staged"),
		func(ctx context.Context, c caller, in *ImportNumber) (*importOutput, error) {
			run, err := a.cfg.Imports.Cancel(ctx, in.ID, c.origin())
			if err != nil {
				return nil, err
			}
			rep, err := a.importReport(ctx, run)
			return &importOutput{rep}, err
		})
	register(a, authz.TokenImport, op("list-import-rows", http.MethodGet, importPath+"/{id}/rows",
		"List the keys of an import that have a remark"), browse(a, a.listImportRows))
	a.mux.HandleFunc("GET "+importPath+"/{id}/events", a.importEvents)
	a.huma.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "watch-import", Method: http.MethodGet, Path: importPath + "/{id}/events",
		Tags: []string{"Tokens"}, Summary: "Watch an import",
		Description: "A stream of events: progress with the counts each time they have changed, and report at the end.",
		Parameters: []*huma.Param{{Name: "id", In: "path", Required: true,
			Schema: &huma.Schema{Type: huma.TypeInteger}}},
		Responses: map[string]*huma.Response{"200": {Description: "Events",
			Content: map[string]*huma.MediaType{"text/event-stream": {
				Schema: &huma.Schema{Type: huma.TypeString}}}}},
	})
	register(a, authz.TokenView, op("list-batches", http.MethodGet, "/api/v1/batches", "List deliveries"),
		browse(a, a.listBatches))
	register(a, authz.TokenState, op("set-batch-state", http.MethodPost, "/api/v1/batches/{batch}/state",
		"Change the state of all tokens of a delivery"), a.setBatchState)
}

func (a *API) importReport(ctx context.Context, run store.Run) (rep wire.ImportReport, err error) {
	page, err := a.importRows(ctx, run.ID, 0, firstRows)
	return wire.ImportReport{Import: wireImport(run), Rows: page.Rows, Next: page.Next}, err
}

func (a *API) importRows(ctx context.Context, id int64, after, limit int) (page wire.ImportRows, err error) {
	rows, err := a.cfg.Imports.Rows(ctx, id, after, limit+1)
	if err != nil {
		return page, err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		page.Next = new(strconv.Itoa(rows[limit-1].N))
	}
	page.Rows = make([]wire.ImportRow, len(rows))
	for i, r := range rows {
		page.Rows[i] = wire.ImportRow(r)
	}
	return page, nil
}

func wireImport(r store.Run) wire.Import {
	c := r.Counts
	out := wire.Import{ID: r.ID, State: "running", DryRun: r.DryRun, File: r.Label, Format: r.Format, Batch: r.Batch,
		Note: r.Note, Supplier: r.Supplier,
		Actor: r.Actor, Started: r.Opened, Failure: r.Failure, Notes: r.Remarks,
		Keys: c.Keys(), Imported: c.Imported, Duplicate: c.Duplicate, Conflict: c.Conflict,
		Difference: c.Difference, Twin: c.Twin,
		Replaced: c.Replaced,
		Refused:  c.Refused, HeldBack: c.HeldBack,
		Renumbered: c.Renumbered, Assigned: c.Assigned, Users: c.Users}
	out.Removed = optionalTime(r.Removed)
	for _, s := range r.Series {
		out.Series = append(out.Series, wire.ImportSeries(s))
	}
	switch {
	case !r.Published.IsZero():
		out.State, out.Ended = "done", &r.Published
	case !r.Closed.IsZero():
		out.State, out.Ended = "done", &r.Closed
		if r.Failure != "" {
			out.State = "failed"
		}
	}
	return out
}

// cursor reads a number that a list gave as its cursor.
func cursor(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, fault.New(fault.Invalid, "cursor", "The cursor is not from this server.")
	}
	return n, nil
}

func (a *API) listImports(ctx context.Context, _ caller, in *Page) (*importListOutput, error) {
	before, err := cursor(in.After)
	if err != nil {
		return nil, err
	}
	runs, err := a.cfg.Imports.Runs(ctx, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &importListOutput{}
	if len(runs) > in.Limit {
		runs = runs[:in.Limit]
		out.Body.Next = new(strconv.FormatInt(runs[in.Limit-1].ID, 10))
	}
	out.Body.Imports = make([]wire.Import, len(runs))
	for i, r := range runs {
		out.Body.Imports[i] = wireImport(r)
	}
	return out, nil
}

func (a *API) listImportRows(ctx context.Context, _ caller, in *importRowsInput) (*importRowsOutput, error) {
	after, err := cursor(in.After)
	if err != nil {
		return nil, err
	}
	run, err := a.cfg.Imports.Run(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !run.Removed.IsZero() {
		return nil, fault.New(fault.NotFound, "rows_removed", fmt.Sprintf("The rows of import %d were "+
			"removed on %s, at the end of their retention period.", run.ID, run.Removed.Format(time.DateOnly))).
			WithHint(fmt.Sprintf("The totals are kept: ostiary import show %d.", run.ID))
	}
	page, err := a.importRows(ctx, in.ID, int(after), in.Limit)
	return &importRowsOutput{page}, err
}

func (a *API) listBatches(ctx context.Context, _ caller, in *Page) (*batchListOutput, error) {
	batches, err := a.cfg.Lifecycle.Batches(ctx, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &batchListOutput{}
	if len(batches) > in.Limit {
		batches = batches[:in.Limit]
		out.Body.Next = &batches[in.Limit-1].Name
	}
	out.Body.Batches = make([]wire.Batch, len(batches))
	for i, b := range batches {
		out.Body.Batches[i] = wire.Batch{Name: b.Name, Supplier: b.Supplier, Note: b.Note, Imports: b.Runs,
			Tokens: b.Tokens, Newest: b.Newest}
	}
	return out, nil
}

func (a *API) setBatchState(ctx context.Context, c caller, in *batchStateInput) (*batchStateOutput, error) {
	state, err := token.ParseState(in.Body.State)
	if err != nil {
		return nil, fault.New(fault.Invalid, "state", err.Error())
	}
	changed, err := a.cfg.Lifecycle.SetBatchState(ctx, in.Batch, state, in.Body.Reason, c.origin())
	return &batchStateOutput{wire.BatchState{Changed: changed}}, err
}

// watchEvery is how often a watched import is looked at.
const watchEvery = 250 * time.Millisecond

// importEvents tells how far an import is until it has ended.
func (a *API) importEvents(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	refuse := func(err error) { a.problem(r.Context(), c, err).write(w) }
	if err := c.may(authz.TokenImport); err != nil {
		refuse(err)
		return
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		refuse(fault.New(fault.Invalid, "import_id", "The number of the import is not a number."))
		return
	}
	run, err := a.cfg.Imports.Run(r.Context(), id)
	if err != nil {
		refuse(err)
		return
	}
	out := startEvents(w)
	last := store.RunCounts{}
	for ticker := time.NewTicker(watchEvery); ; {
		if !run.Published.IsZero() || !run.Closed.IsZero() {
			if rep, err := a.importReport(r.Context(), run); err == nil {
				out.send("report", rep)
			}
			return
		}
		if run.Counts != last {
			last = run.Counts
			out.send("progress", wireImport(run))
		}
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		}
		if run, err = a.cfg.Imports.Run(r.Context(), id); err != nil {
			out.send("problem", a.problem(r.Context(), c, err))
			return
		}
	}
}
