package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/audit/derive"
	"ostiary/internal/core/authz"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

type listAuditInput struct {
	Serial  string    `query:"serial" maxLength:"128" doc:"Entries about this token only. Not for operators without the help-desk set."`
	User    string    `query:"user" maxLength:"128" doc:"Entries about this user, or a token that this user has or had, only."`
	Action  string    `query:"action" maxLength:"64" doc:"Entries of this action only, such as token.assigned."`
	Outcome string    `query:"outcome" enum:"done,accepted,refused"`
	Reason  string    `query:"reason" maxLength:"500" doc:"Entries with this reason only, such as wrong or replayed. Operators without the help-desk set find what was refused."`
	Actor   string    `query:"actor" maxLength:"128" doc:"Entries of what this actor did only, such as key:radius or local:0."`
	ActorID string    `query:"actor_id" maxLength:"64" doc:"Entries of what the API key of this id did only: several keys may have had one name."`
	From    time.Time `query:"from" doc:"Entries from this time on only (RFC 3339)."`
	To      time.Time `query:"to" doc:"Entries before this time only (RFC 3339)."`
	Counting
	Page
}
type listAuditOutput struct{ Body wire.AuditList }
type auditEntryInput struct {
	Entry int64 `path:"entry" minimum:"0" doc:"Its number."`
}
type auditEntryOutput struct{ Body wire.AuditEntry }
type verifyAuditInput struct {
	Body struct {
		Checkpoints []string `json:"checkpoints,omitempty" maxItems:"1000" doc:"Signed checkpoints kept elsewhere, which must fit as well."`
	}
}
type verifyAuditOutput struct{ Body wire.AuditReport }
type checkpointOutput struct{ Body wire.Checkpoint }

func (a *API) auditRoutes() {
	a.used = append(a.used, authz.AuditSerials)
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary,
			Tags: []string{"Audit log"}}
	}
	register(a, authz.AuditView, op("list-audit", http.MethodGet, "/api/v1/audit", "List the audit log, newest first"),
		browse(a, a.listAudit))
	show := op("show-audit-entry", http.MethodGet, "/api/v1/audit/entries/{entry}", "Show an entry of the audit log")
	show.Errors = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}
	register(a, authz.AuditView, show, func(ctx context.Context, c caller, in *auditEntryInput) (*auditEntryOutput,
		error) {
		row, err := a.cfg.Ledger.Entry(ctx, in.Entry)
		if err != nil {
			return nil, err
		}
		entry, err := ledger.SeenBy(c.principal, row)
		return &auditEntryOutput{wire.AuditEntry{Seq: row.Seq, Entry: entry}}, err
	})
	register(a, authz.AuditView, op("latest-checkpoint", http.MethodGet, "/api/v1/audit/checkpoint",
		"Sign and show the newest checkpoint, to keep elsewhere"),
		func(ctx context.Context, _ caller, _ *struct{}) (*checkpointOutput, error) {
			note, key, err := a.cfg.Ledger.Latest(ctx)
			return &checkpointOutput{wire.Checkpoint{Checkpoint: note, VerifierKey: key}}, err
		})
	verify := op("verify-audit", http.MethodPost, "/api/v1/audit/verify", "Recompute the whole log, and compare the "+
		"state with it")
	verify.MaxBodyBytes = 1 << 20
	register(a, authz.AuditVerify, verify, func(ctx context.Context, c caller, in *verifyAuditInput) (
		*verifyAuditOutput, error) {
		rep, err := a.cfg.Ledger.Verify(ctx, in.Body.Checkpoints...)
		if err != nil {
			return nil, err
		}
		archives, err := a.cfg.Ledger.Archives(ctx)
		if !rep.Whole() {
			err = nil // what keeps the archives from being listed is in the report
		}
		out := &verifyAuditOutput{AuditReport(rep, a.cfg.Ledger.VerifierKey(), archives)}
		if out.Body.State != nil && !authz.Allows(c.principal, authz.AuditSerials) {
			hideTokens(out.Body.State)
		}
		return out, err
	})
}

// hideTokens leaves out which tokens were found, for callers who see no serials. The
// entries are named.
func hideTokens(s *wire.AuditState) {
	for i := range s.Rows {
		if strings.HasPrefix(s.Rows[i].Row, "token ") {
			s.Rows[i].Row = "a token"
		}
	}
}

// AuditReport words what verification found.
func AuditReport(rep ledger.Report, verifierKey string, archives []ledger.Archived) wire.AuditReport {
	out := wire.AuditReport{OK: rep.Whole(), Entries: rep.Entries, First: rep.First,
		Checkpoints: rep.Checkpoints, Root: rep.Root, Problem: rep.Problem, VerifierKey: verifierKey,
		Archives: Archives(archives), ArchivedCheckpoints: rep.Archived}
	if rep.Problem != "" && rep.State.Entries == 0 && rep.State.Count == 0 {
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

func (a *API) listAudit(ctx context.Context, c caller, in *listAuditInput) (*listAuditOutput, error) {
	f, ok := ledger.For(c.principal, audit.Filter{Serial: in.Serial, Action: audit.Action(in.Action),
		Outcome: audit.Outcome(in.Outcome), Reason: in.Reason, Actor: in.Actor, ActorID: in.ActorID, From: in.From,
		To: in.To})
	if !ok {
		return nil, c.may(authz.AuditSerials)
	}
	if in.User != "" {
		var err error
		if f.User, err = users.Canonical(in.User); err != nil {
			return nil, err
		}
	}
	before, err := cursor(in.After)
	if err != nil {
		return nil, err
	}
	rows, next, err := a.cfg.Ledger.List(ctx, f, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var count *wire.Count
	if in.Count {
		n, err := a.cfg.Ledger.Count(ctx, f)
		if err != nil {
			return nil, err
		}
		count = wireCount(n)
	}
	out := &listAuditOutput{}
	archives, err := a.cfg.Ledger.Archives(ctx)
	if err != nil {
		return nil, err
	}
	out.Body, err = AuditList(rows, next, f, archives)
	out.Body.Count = count
	if err == nil && !authz.Allows(c.principal, authz.AuditSerials) {
		for _, e := range out.Body.Entries {
			audit.HideTokens(e.Entry)
		}
	}
	return out, err
}

// AuditList words a page of the log. The last one that a filter chooses says which
// archives may hold more.
func AuditList(rows []store.AuditRow, next int64, f audit.Filter, archives []ledger.Archived) (
	list wire.AuditList, err error) {
	list.Entries = make([]wire.AuditEntry, len(rows))
	for i, row := range rows {
		list.Entries[i].Seq = row.Seq
		if list.Entries[i].Entry, err = ledger.Decode(row); err != nil {
			return list, err
		}
	}
	if next > 0 {
		list.Next = new(strconv.FormatInt(next, 10))
		return list, nil
	}
	for _, a := range Archives(archives) {
		if f.From.IsZero() || f.From.Before(a.Until) {
			list.Archives = append(list.Archives, a)
		}
	}
	return list, nil
}
