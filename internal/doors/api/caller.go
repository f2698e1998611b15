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
	bearer    string // the session's token, to end the session with
	source    string
	request   string
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
func (c *caller) identify(r *http.Request, keys *credentials.Keys, root *credentials.Root) error {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil
	}
	if c.principal, c.known = keys.Principal(text); !c.known {
		if c.principal, c.known = root.Principal(text); c.known {
			c.bearer = text
		}
	}
	if c.known {
		return nil
	}
	return keys.TellExpired(r.Context(), text, c.source, c.request)
}

// may returns the error for a caller who has no right to op.
func (c caller) may(op authz.Operation) error {
	switch {
	case !c.known:
		return fault.New(fault.Unauthenticated, "unauthenticated", "The request has no valid API key or session.").
			WithHint(
				"Send the header: Authorization: Bearer KEY. An administrator creates keys with: ostiary key create.")
	case !authz.Allows(c.principal, op):
		return fault.New(fault.Forbidden, "forbidden", "The role "+c.principal.Role.String()+" is not allowed to do this ("+
			string(op)+").")
	}
	return nil
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
