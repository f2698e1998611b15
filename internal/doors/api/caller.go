package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/credentials"
)

// caller is who sent a request, and from where. It travels in the request's
// context from serve to the operation and no further: the packages below take
// the principal and the origin as arguments.
type caller struct {
	principal authz.Principal
	known     bool
	unsure    error  // why it could not be found out whether there is such a session
	bearer    string // the token of ROOT's session, to end it with
	source    string
	// session is one of an administrator's account; nil for any other caller.
	session  *credentials.Session
	accounts *credentials.Accounts
	request  string
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, &c)
}

func callerOf(ctx context.Context) caller {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return *c
	}
	return caller{}
}

// identify looks at the Authorization header. The error is of the log alone: who asks is
// known, or not, all the same.
func (c *caller) identify(r *http.Request, cfg Config) error {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil
	}
	if c.principal, c.known = cfg.Keys.Principal(text); c.known {
		return nil
	}
	var err error
	if c.principal, c.known, err = cfg.Root.Principal(r.Context(), text); c.known {
		c.bearer = text
		return err
	}
	if err == nil {
		var s credentials.Session
		if s, c.known, err = cfg.Accounts.Session(r.Context(), text, credentials.Bearer); c.known {
			c.principal, c.session, c.accounts = s.Principal, &s, cfg.Accounts
			return err
		}
	}
	if c.unsure = err; err != nil {
		return nil
	}
	return cfg.Keys.TellExpired(r.Context(), text, c.source, c.request)
}

// may returns the error for a caller who has no right to op.
func (c caller) may(op authz.Operation) error {
	switch {
	case c.unsure != nil:
		return c.unsure
	case !c.known:
		return fault.New(fault.Unauthenticated, "unauthenticated", "The request has no valid API key or session.").
			WithHint(
				"Send the header: Authorization: Bearer KEY. An administrator creates keys with: ostiary key create.")
	case !authz.Allows(c.principal, op):
		return fault.New(fault.Forbidden, "forbidden", "The role "+c.principal.Role.String()+" is not allowed to do this ("+
			string(op)+").")
	case c.session == nil || op == authz.SessionManage:
		return nil
	}
	if err := c.session.Opens(); err != nil {
		return err
	}
	return c.accounts.MayNow(*c.session, op, 1)
}

// mayMany is may for so many things at a time.
func (c caller) mayMany(op authz.Operation, things int) error {
	if err := c.may(op); err != nil || c.session == nil {
		return err
	}
	return c.accounts.MayNow(*c.session, op, things)
}

func (c caller) origin() audit.Origin {
	return audit.Origin{Actor: c.principal.Name, ActorID: c.principal.ID, Role: c.principal.Role.String(),
		Source: c.source, Request: c.request}
}

// requestIDs makes ids that are unique and cheap: a random prefix for the
// process, and a count.
type requestIDs struct {
	prefix string
	n      *atomic.Uint64
}

func newRequestIDs() requestIDs {
	raw := make([]byte, 4)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	return requestIDs{prefix: hex.EncodeToString(raw) + "-", n: &atomic.Uint64{}}
}

func (r requestIDs) next() string { return r.prefix + strconv.FormatUint(r.n.Add(1), 10) }
