package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/audit/derive"
	"ostiary/internal/core/authz"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/engine/users"
)

type listAuditInput struct {
	Serial string `query:"serial" maxLength:"128" doc:"Entries about this token only."`
	User   string `query:"user" maxLength:"128" doc:"Entries about this user only."`
	Page
}
type listAuditOutput struct{ Body wire.AuditList }
type verifyAuditInput struct {
	Body struct {
		Checkpoints []string `json:"checkpoints,omitempty" maxItems:"1000" doc:"Signed checkpoints kept elsewhere, which must fit as well."`
	}
}
type verifyAuditOutput struct{ Body wire.AuditReport }
type checkpointOutput struct{ Body wire.Checkpoint }

func (a *API) auditRoutes() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary,
			Tags: []string{"Audit log"}}
	}
	register(a, authz.AuditView, op("list-audit", http.MethodGet, "/api/v1/audit", "List the audit log, newest first"),
		a.listAudit)
	register(a, authz.AuditView, op("latest-checkpoint", http.MethodGet, "/api/v1/audit/checkpoint",
		"Sign and show the newest checkpoint, to keep elsewhere"),
		func(ctx context.Context, _ caller, _ *struct{}) (*checkpointOutput, error) {
			note, key, err := a.cfg.Ledger.Latest(ctx)
			return &checkpointOutput{wire.Checkpoint{Checkpoint: note, VerifierKey: key}}, err
		})
	verify := op("verify-audit", http.MethodPost, "/api/v1/audit/verify", "Recompute the whole log, and hold the state against it")
	verify.MaxBodyBytes = 1 << 20
	register(a, authz.AuditVerify, verify, func(ctx context.Context, _ caller, in *verifyAuditInput) (
		*verifyAuditOutput, error) {
		rep, err := a.cfg.Ledger.Verify(ctx, in.Body.Checkpoints...)
		return &verifyAuditOutput{auditReport(rep)}, err
	})
}

func auditReport(rep ledger.Report) wire.AuditReport {
	out := wire.AuditReport{OK: rep.Whole(), Entries: rep.Entries, Checkpoints: rep.Checkpoints, Root: rep.Root,
		Problem: rep.Problem}
	if rep.Problem != "" {
		return out // of a log that is not whole nothing follows
	}
	s := rep.State
	out.State = &wire.AuditState{Tokens: s.Tokens, Trusted: s.Trusted, Findings: s.Count,
		Rows: make([]wire.AuditFinding, len(s.Findings))}
	for i, f := range s.Findings {
		out.State.Rows[i] = wire.AuditFinding{Row: f.Row, Text: f.Text}
		if f.Entry != derive.NoEntry {
			out.State.Rows[i].Entry = &f.Entry
		}
	}
	return out
}

func (a *API) listAudit(ctx context.Context, _ caller, in *listAuditInput) (*listAuditOutput, error) {
	q := ledger.Query{Limit: in.Limit, Serial: in.Serial}
	if in.User != "" {
		var err error
		if q.User, err = users.Canonical(in.User); err != nil {
			return nil, err
		}
	}
	if in.After != "" {
		var err error
		if q.Before, err = strconv.ParseInt(in.After, 10, 64); err != nil || q.Before < 1 {
			return nil, badCursor()
		}
	}
	rows, next, err := a.cfg.Ledger.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &listAuditOutput{}
	out.Body.Entries = make([]wire.AuditEntry, len(rows))
	for i, row := range rows {
		out.Body.Entries[i].Seq = row.Seq
		entry := json.NewDecoder(bytes.NewReader(row.Entry))
		entry.UseNumber() // counters may be above 2⁵³
		if err := entry.Decode(&out.Body.Entries[i].Entry); err != nil {
			return nil, fmt.Errorf("audit entry %d: %w", row.Seq, err)
		}
	}
	if next > 0 {
		out.Body.Next = new(strconv.FormatInt(next, 10))
	}
	return out, nil
}
