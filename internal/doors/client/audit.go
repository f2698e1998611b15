package client

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"ostiary/internal/doors/wire"
)

// AuditFilter chooses audit entries. Empty fields do not restrict.
type AuditFilter struct {
	Serial, User, Action, Outcome, Reason, Actor, ActorID string
	From, To                                              time.Time
}

// Audit gives one page of the audit log, newest first. A filtered page may be
// short or even empty before the end of the log; Next is nil at the end only.
func (c *Client) Audit(ctx context.Context, f AuditFilter, p Page) (list wire.AuditList, err error) {
	q := p.add(values("serial", f.Serial, "user", f.User, "action", f.Action, "outcome", f.Outcome, "reason", f.Reason,
		"actor", f.Actor, "actor_id", f.ActorID))
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

// ArchiveAudit writes the archive of the entries up to the last checkpoint before a time
// to w. After an error there may be the beginning of a file, which nobody takes for a
// whole one.
func (c *Client) ArchiveAudit(ctx context.Context, before time.Time, w io.Writer) error {
	return c.call(ctx, request{method: http.MethodPost, path: []string{"audit", "archive"}, unbounded: true,
		body: wire.ArchiveRequest{Before: before}, accept: "text/plain",
		read: func(resp *http.Response) error {
			if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/plain" {
				return errors.New("the answer is not an archive: is this the address of an Ostiary server?")
			}
			_, err := io.Copy(w, resp.Body)
			return err
		}})
}

// RemoveArchived has the server remove the entries of an archive that was stored.
func (c *Client) RemoveArchived(ctx context.Context, r wire.ArchiveRemoval) (a wire.Archive, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"audit", "archive", "remove"}, body: r,
		answer: &a, unbounded: true})
	return a, err
}

// VerifierKey gives the key that checks what the server signs.
func (c *Client) VerifierKey(ctx context.Context) (string, error) {
	cp, err := c.Checkpoint(ctx)
	return cp.VerifierKey, err
}

// Checkpoint has the server sign the newest checkpoint of the log.
func (c *Client) Checkpoint(ctx context.Context) (cp wire.Checkpoint, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"audit", "checkpoint"}, answer: &cp})
	return cp, err
}
