package client

import (
	"context"
	"net/http"
	"time"

	"ostiary/internal/doors/wire"
)

// AuditFilter chooses audit entries. Empty fields do not restrict.
type AuditFilter struct {
	Serial, User, Action, Outcome, Actor, ActorID string
	From, To                                      time.Time
}

// Audit gives one page of the audit log, newest first. A filtered page may be
// short or even empty before the end of the log; Next is nil at the end only.
func (c *Client) Audit(ctx context.Context, f AuditFilter, p Page) (list wire.AuditList, err error) {
	q := p.add(values("serial", f.Serial, "user", f.User, "action", f.Action, "outcome", f.Outcome, "actor", f.Actor,
		"actor_id", f.ActorID))
	for name, at := range map[string]time.Time{"from": f.From, "to": f.To} {
		if !at.IsZero() {
			q.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"audit"}, query: q, answer: &list})
	return list, err
}

// VerifyAudit has the server recompute the whole log and hold it against its
// own checkpoints and those given. It has no time limit but that of ctx.
func (c *Client) VerifyAudit(ctx context.Context, checkpoints []string) (report wire.AuditReport, err error) {
	body := struct {
		Checkpoints []string `json:"checkpoints,omitempty"`
	}{checkpoints}
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"audit", "verify"}, body: body, answer: &report,
		unbounded: true})
	return report, err
}

// Checkpoint has the server sign the newest checkpoint of the log.
func (c *Client) Checkpoint(ctx context.Context) (cp wire.Checkpoint, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"audit", "checkpoint"}, answer: &cp})
	return cp, err
}
