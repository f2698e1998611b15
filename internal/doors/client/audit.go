package client

import (
	"context"
	"net/http"

	"ostiary/internal/doors/wire"
)

// AuditFilter chooses audit entries. Empty fields do not restrict.
type AuditFilter struct {
	Serial, User string
}

// Audit gives one page of the audit log, newest first. A filtered page may be
// short or even empty before the end of the log; Next is nil at the end only.
func (c *Client) Audit(ctx context.Context, f AuditFilter, p Page) (list wire.AuditList, err error) {
	q := p.add(values("serial", f.Serial, "user", f.User))
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
