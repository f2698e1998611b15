package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/doors/wire"
	"ostiary/internal/store"
)

// statusOf is the HTTP status of each kind of fault.
var statusOf = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Throttled:       http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
	// Not 503, which promises that nothing was changed.
	fault.Uncertain: http.StatusInternalServerError,
}

// retryAfter is what a caller is told to wait, in seconds, when the server takes no
// changes: it tries once a second whether it can.
const retryAfter = "2"

// Problem is a problem document on its way out.
type Problem struct {
	wire.Problem
	retry time.Duration // after which to try again; zero where nothing is known
}

var (
	_ huma.StatusError  = (*Problem)(nil)
	_ huma.HeadersError = (*Problem)(nil)
)

func (p *Problem) Error() string                { return p.Detail }
func (p *Problem) GetStatus() int               { return p.Status }
func (p *Problem) ContentType(string) string    { return "application/problem+json" }
func (p *Problem) MarshalJSON() ([]byte, error) { return json.Marshal(p.Problem) }
func problemType(code string) string            { return "urn:ostiary:problem:" + code }

// errForged is the answer to a change of a row that somebody else wrote.
func errForged(cause error) *fault.Error {
	return fault.New(fault.Conflict, "row_forged",
		"The database row is not as this server wrote it; nothing "+
			"was changed.").WithHint("Somebody changed it in the file: find out who. A token can be deleted and " +
		"imported again.").
		Because(cause)
}

// errTampered is the answer where what the whole log stands on was changed by
// somebody else.
func errTampered(cause error) *fault.Error {
	return fault.New(fault.Internal, "database_changed", "The database is not as this server wrote it.").
		WithHint("Somebody changed its file: ostiary audit verify says what, and docs/operate.md what to do.").
		Because(cause)
}

func internalError(cause error) *fault.Error { return fault.Of(errors.Join(errInternal, cause)) }

var errInternal = errors.New("internal error")

// GetHeaders tells a caller who is not known how to become so (RFC 9110,
// section 11.6.1), and others when it is worth to try again (section 10.2.3).
func (p *Problem) GetHeaders() http.Header {
	switch {
	case p.Status == http.StatusUnauthorized:
		return http.Header{"Www-Authenticate": {"Bearer"}}
	case p.retry > 0:
		return http.Header{"Retry-After": {strconv.Itoa(int(p.retry.Seconds()))}}
	case p.Status == http.StatusServiceUnavailable:
		return http.Header{"Retry-After": {retryAfter}}
	}
	return nil
}

// write answers with the problem.
func (p *Problem) write(w http.ResponseWriter) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has disconnected if this fails
}

func newProblem(f *fault.Error, request string) *Problem {
	status := statusOf[f.Kind]
	p := &Problem{Problem: wire.Problem{Type: problemType(f.Code), Title: http.StatusText(status), Status: status,
		Detail: f.Text, Hint: f.Hint, Code: f.Code, Instance: request}}
	p.retry, _ = f.Details["retry_after"].(time.Duration)
	if ids, ok := f.Details["candidates"].([]token.Identity); ok {
		for _, id := range ids {
			p.Candidates = append(p.Candidates, wire.Identity{Type: id.Type, Manufacturer: id.Manufacturer,
				KeyID: id.KeyID})
		}
	}
	return p
}

// problem words an error for the caller and logs what the caller does not see.
func (a *API) problem(ctx context.Context, c caller, err error) *Problem {
	if gone(ctx, err) {
		a.cfg.Log.DebugContext(ctx, "the client has disconnected", "error", causes(err), "request", c.request)
		p := newProblem(fault.New(fault.Invalid, "client_gone", "The client did not wait for the answer."), c.request)
		p.Status, p.Title = statusGone, "Client Closed Request"
		return p
	}
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		err = fault.New(fault.TooLarge, "too_large", "The upload is larger than "+
			fault.Plural(int(big.Limit), "byte", "bytes")+".").Because(err)
	}
	f := stored(fault.Of(err), c)
	switch {
	case f.Kind == fault.Internal && errors.Is(err, store.ErrForged):
		f = errForged(err)
	case f.Kind == fault.Internal && errors.Is(err, store.ErrTampered) && authz.Allows(c.principal, authz.AuditView):
		f = errTampered(err)
	}
	switch f.Kind {
	case fault.Internal, fault.Unavailable, fault.Uncertain:
		a.cfg.Log.ErrorContext(ctx, "request failed", "error", causes(err), "request", c.request)
	}
	return newProblem(f, c.request)
}

// causes gives an error with its causes, which Error hides for a fault.
func causes(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Unwrap() != nil {
		return f.Text + " " + f.Unwrap().Error()
	}
	return err.Error()
}

// setFramework makes the framework word its own refusals by newHumaError and
// take "OTP" for the unknown field that it is. These are global variables there,
// set once for all.
var setFramework = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return newHumaError(caller{}, status, msg, errs...)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		return newHumaError(callerOf(ctx.Context()), status, msg, errs...)
	}
})

// unreadBody is what the framework says of a body that it cannot read.
const unreadBody = "cannot read request body"

// newHumaError words the framework's own refusals: a body that is no JSON, a
// field that is unknown or out of bounds. The values themselves are left out:
// one of them may be a code or a password.
func newHumaError(c caller, status int, msg string, errs ...error) huma.StatusError {
	if status == http.StatusInternalServerError && len(errs) > 0 && msg == unreadBody {
		// Whoever sends the body breaks it: a malformed chunk, or an end too soon.
		status, msg = http.StatusBadRequest, "the request body is malformed or broke off"
	}
	code, title := "invalid_request", http.StatusText(status)
	switch status {
	case http.StatusRequestTimeout:
		code, msg = "body_timeout", "the request body did not come in time"
	case http.StatusRequestEntityTooLarge:
		code, msg = "too_large", "the request body is larger than this operation takes"
	case http.StatusUnsupportedMediaType:
		code = "media_type"
	case http.StatusBadRequest:
		code = "malformed_request"
	}
	p := &Problem{Problem: wire.Problem{Type: problemType(code), Title: title, Status: status, Code: code,
		Detail:   upperFirst(msg) + ".",
		Instance: c.request}}
	for _, err := range errs {
		if d, ok := err.(huma.ErrorDetailer); ok {
			// A code that breaks two bounds gets one sentence.
			if field := fieldError(d.ErrorDetail()); !slices.Contains(p.Fields, field) {
				p.Fields = append(p.Fields, field)
			}
			continue
		}
		if status == http.StatusBadRequest || status >= http.StatusInternalServerError {
			continue // it may quote the body, or speak of the inside
		}
		p.Fields = append(p.Fields, err.Error())
	}
	return p
}

// fieldError says what is wrong with one field. For codes the schema's bounds
// are put into a sentence, because people type them.
func fieldError(d *huma.ErrorDetail) string {
	message := d.Message
	if strings.HasPrefix(d.Location, "body.otp") && message != "unexpected property" {
		message = "a code has 6 to 10 digits; spaces between them are ignored"
	}
	return strings.TrimPrefix(d.Location+": "+message, ": ")
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// noRoute answers for paths and methods that are none.
func (a *API) noRoute(w http.ResponseWriter, r *http.Request) {
	if look.Browses(r) {
		look.Fail(w, r, look.Trouble{Status: http.StatusNotFound, Title: "There is no page here",
			Detail: "This server has no page at " + r.URL.Path + ".",
			Hint: "Check the address. A link that somebody gave you has to be opened whole, to its last " +
				"character.",
			Request: callerOf(r.Context()).request})
		return
	}
	f := fault.New(fault.NotFound, "no_operation", "There is no operation "+r.Method+" "+r.URL.Path+".").
		WithHint("The description of the API is at /api/v1/openapi.json.")
	newProblem(f, callerOf(r.Context()).request).write(w)
}
