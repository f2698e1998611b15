package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/transfer"
	"ostiary/internal/store"
)

type moveIDInput struct {
	ID string `path:"id" maxLength:"64"`
}

type receiptInput struct{ Body wire.Receipt }

type (
	moveOutput     struct{ Body wire.Move }
	moveListOutput struct{ Body wire.MoveList }
	receiptOutput  struct{ Body wire.Receipt }
)

func (a *API) moveRoutes() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"Tokens"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}}
	}
	register(a, authz.TokenExport, op("list-moves", http.MethodGet, "/api/v1/moves", "List moves to other servers, "+
		"the newest first"), browse(a, a.listMoves))
	confirm := op("confirm-move", http.MethodPost, "/api/v1/moves/confirm", "Hand in the receipt of a move")
	confirm.MaxBodyBytes = 16 << 20
	confirm.Description = "Deletes the tokens that the receipt names, and records their counters. The same " +
		"receipt again changes nothing."
	register(a, authz.TokenExport, confirm, a.confirmMove)
	register(a, authz.TokenExport, op("cancel-move", http.MethodPost, "/api/v1/moves/{id}/cancel",
		"Take back the tokens of a move that were not imported elsewhere"),
		func(ctx context.Context, c caller, in *moveIDInput) (*moveOutput, error) {
			m, err := a.cfg.Lifecycle.CancelMove(ctx, in.ID, c.origin())
			return &moveOutput{wireMove(m)}, err
		})
	register(a, authz.TokenImport, op("import-receipt", http.MethodGet, importPath+"/{id}/receipt",
		"Get the receipt for tokens that moved here"), a.importReceipt)
}

func wireMove(m store.Move) wire.Move {
	return wire.Move{ID: m.ID, Opened: m.Opened, Actor: m.Actor, Moving: m.Moving, Moved: m.Moved, Back: m.Back}
}

func (a *API) listMoves(ctx context.Context, _ caller, in *Page) (*moveListOutput, error) {
	moves, err := a.cfg.Lifecycle.Moves(ctx, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &moveListOutput{}
	if len(moves) > in.Limit {
		moves = moves[:in.Limit]
		out.Body.Next = &moves[in.Limit-1].ID
	}
	out.Body.Moves = make([]wire.Move, len(moves))
	for i, m := range moves {
		out.Body.Moves[i] = wireMove(m)
	}
	return out, nil
}

func (a *API) confirmMove(ctx context.Context, c caller, in *receiptInput) (*moveOutput, error) {
	b := in.Body
	r := transfer.Receipt{Version: b.Version, Move: b.Move, Import: b.Import, Issued: b.Issued.UTC(), MAC: b.MAC,
		Nonce:  b.Nonce,
		Tokens: make([]token.ID, len(b.Tokens))}
	for i, id := range b.Tokens {
		r.Tokens[i] = token.ID(id)
	}
	m, err := a.cfg.Lifecycle.ConfirmMove(ctx, r, c.origin())
	return &moveOutput{wireMove(m)}, err
}

func (a *API) importReceipt(ctx context.Context, _ caller, in *ImportNumber) (*receiptOutput, error) {
	r, missing, err := a.cfg.Imports.Receipt(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &receiptOutput{wire.Receipt{Version: r.Version, Move: r.Move, Import: r.Import, Issued: r.Issued, MAC: r.MAC,
		Nonce: r.Nonce, Tokens: make([]int64, len(r.Tokens)), Missing: missing}}
	for i, id := range r.Tokens {
		out.Body.Tokens[i] = int64(id)
	}
	return out, nil
}
