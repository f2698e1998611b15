package api

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/audit/archive"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/ledger"
)

const archiveType = "text/plain; charset=utf-8"

type archiveInput struct{ Body wire.ArchiveRequest }
type removeArchivedInput struct{ Body wire.ArchiveRemoval }
type removeArchivedOutput struct{ Body wire.Archive }

func (a *API) archiveRoutes() {
	register(a, authz.AuditArchive, huma.Operation{
		OperationID: "archive-audit", Method: http.MethodPost, Path: "/api/v1/audit/archive",
		Tags: []string{"Audit log"}, Summary: "Get entries as an archive",
		Description: "Answers with a file of all entries up to the last checkpoint before a time, which anyone " +
			"with the verifier key can check. Nothing is removed. A reader refuses a file that is " +
			"checks it.",
		Responses: map[string]*huma.Response{"200": {Description: "The file",
			Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}}}},
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}, func(_ context.Context, c caller, in *archiveInput) (*huma.StreamResponse, error) {
		if err := inThePast(in.Body.Before); err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			_, w := humago.Unwrap(ctx)
			out := &lateHeader{ResponseWriter: w, kind: archiveType, name: "audit.archive"}
			if err := a.cfg.Ledger.WriteArchive(ctx.Context(), in.Body.Before, out); err != nil {
				p := a.problem(ctx.Context(), c, err)
				if out.begun {
					panic(http.ErrAbortHandler) // what was sent is no whole file, and must not look like one
				}
				p.write(w)
			}
		}}, nil
	})
	register(a, authz.AuditArchive, huma.Operation{
		OperationID: "remove-archived", Method: http.MethodPost, Path: "/api/v1/audit/archive/remove",
		Tags: []string{"Audit log"}, Summary: "Remove the entries of an archive that was stored",
		Description: "The caller has written the archive to a disk and read it back. The server generates it again, and removes its " +
			"entries if it is identical. An interrupted request is repeated.",
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, c caller, in *removeArchivedInput) (*removeArchivedOutput, error) {
		removal, err := ArchiveRemoval(in.Body, c.origin())
		if err != nil {
			return nil, err
		}
		// What was begun goes on when the caller leaves.
		done, err := a.cfg.Ledger.RemoveArchived(context.WithoutCancel(ctx), removal)
		return &removeArchivedOutput{Archive(done)}, err
	})
}

func inThePast(before time.Time) error {
	if before.IsZero() {
		return fault.New(fault.Invalid, "before", "Say before which time entries are to be archived.")
	}
	return nil
}

// ArchiveRemoval reads which archive a caller has.
func ArchiveRemoval(in wire.ArchiveRemoval, by audit.Origin) (r ledger.Removal, err error) {
	sum, err := hex.DecodeString(in.SHA256)
	if err != nil || len(sum) != len(r.File) {
		return r, fault.New(fault.Invalid, "sha256", "The SHA-256 is not valid.")
	}
	return ledger.Removal{To: in.To, Before: in.Before, File: archive.Sum(sum), Origin: by}, inThePast(in.Before)
}

// Archives words which archives there are.
func Archives(all []ledger.Archived) (out []wire.Archive) {
	for _, a := range all {
		out = append(out, Archive(a))
	}
	return out
}

// Archive words one archive.
func Archive(a ledger.Archived) wire.Archive {
	return wire.Archive{From: a.From, To: a.To, Until: a.Until, SHA256: a.File.String()}
}
