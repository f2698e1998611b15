package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/seal"
)

type exportInput struct{ Body wire.ExportRequest }

const pskcType = "application/pskc+xml" // RFC 6030, section 14.1

func (a *API) exportRoutes() {
	register(a, authz.TokenExport, huma.Operation{
		OperationID: "export-tokens", Method: http.MethodPost, Path: "/api/v1/exports", Tags: []string{"Tokens"},
		Summary: "Export tokens with their secrets",
		Description: "Answers with a PSKC file (RFC 6030) encrypted under the passphrase, which this server and others " +
			"read. The audit log records the serials. " +
			"A reader refuses a file that is cut off.",
		MaxBodyBytes: 1 << 20,
		Responses: map[string]*huma.Response{"200": {Description: "The file",
			Content: map[string]*huma.MediaType{pskcType: {
				Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}},
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}, a.exportTokens)
}

func (a *API) exportTokens(_ context.Context, c caller, in *exportInput) (*huma.StreamResponse, error) {
	req, err := exportRequest(in.Body)
	if err != nil {
		return nil, err
	}
	req.Origin = c.origin()
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer req.Passphrase.Wipe()
		_, w := humago.Unwrap(ctx)
		req.Begun = func(move string, ended int) {
			w.Header().Set("X-Ostiary-Move", move)
			w.Header().Set("X-Ostiary-Activations-Ended", strconv.Itoa(ended))
		}
		out := &lateHeader{ResponseWriter: w, kind: pskcType, name: "tokens.pskc"}
		if _, err := a.cfg.Lifecycle.Export(ctx.Context(), out, req); err != nil {
			p := a.problem(ctx.Context(), c, err)
			if out.begun {
				panic(http.ErrAbortHandler) // what was sent is no whole file, and must not look like one
			}
			p.write(w)
		}
	}}, nil
}

func exportRequest(b wire.ExportRequest) (req lifecycle.ExportRequest, err error) {
	req = lifecycle.ExportRequest{Serials: b.Serials, Move: b.Move, Passphrase: seal.NewSecret([]byte(b.Passphrase)),
		Filter: lifecycle.Filter{Type: b.Type, User: b.User, Batch: b.Batch, Run: b.Import}}
	req.Filter.Kind, _ = token.ParseKind(b.Kind)
	if b.State != "" {
		state, err := token.ParseState(b.State)
		if err != nil {
			return req, fault.New(fault.Invalid, "state", err.Error())
		}
		req.Filter.State = &state
	}
	if chosen := len(b.Serials) > 0 || req.Filter != (lifecycle.Filter{}); chosen == b.All {
		return req, fault.New(fault.Invalid, "export_choice", "Say which tokens to export: by serials, type, user "+
			"or another property, or all of them, not both.")
	}
	return req, nil
}

// lateHeader answers 200 with the first byte of a file, so that what goes wrong
// before it has an answer of its own.
type lateHeader struct {
	http.ResponseWriter
	kind, name string // of the file
	begun      bool
}

func (l *lateHeader) Write(b []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.Header().Set("Content-Type", l.kind)
		l.Header().Set("Content-Disposition", `attachment; filename="`+l.name+`"`)
		l.WriteHeader(http.StatusOK)
	}
	return l.ResponseWriter.Write(b)
}
