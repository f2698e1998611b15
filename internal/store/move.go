package store

import (
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/seal"
)

// Move is a set of tokens on their way to another server. Each of them is Moving
// until it has Moved or is Back.
type Move struct {
	ID     string
	Opened time.Time
	Actor  string
	// Sealed is the key that a receipt is checked by, sealed for MoveBinding.
	Sealed              []byte
	Moving, Moved, Back int
}

// MoveBinding is where the sealed key of a move belongs.
func MoveBinding(id string) seal.Binding {
	return seal.Binding{Table: "move", Column: "key " + id}
}

// MoveReceipt is what is kept of a receipt.
type MoveReceipt struct {
	Move   string
	Digest []byte
	Import int64 // the run on the receiving server
	Taken  time.Time
}

// Movement is one token of a move that is still on its way.
type Movement struct {
	Token  token.ID
	Before token.State
	// Arrived says that a receipt names it: it is on the other server.
	Arrived bool
}

// MoveReader reads moves and receipts.
type MoveReader interface {
	Move(id string) (Move, error)
	// Moves lists up to limit moves opened before the one of ID before ("": all),
	// the newest first.
	Moves(before string, limit int) ([]Move, error)
	// Movements lists up to limit tokens of a move that are on their way, behind
	// the token after.
	Movements(id string, after token.ID, limit int) ([]Movement, error)
	// StateBefore gives the state to which a token on its way returns if its move is
	// cancelled; ErrNotFound if it is on none.
	StateBefore(id token.ID) (token.State, error)
	// Received tells whether a receipt was stored for a move.
	Received(move string) (bool, error)
	// Receipt gives what AddReceipt stored for a run.
	Receipt(run int64) ([]byte, error)
}

// MoveWriter changes moves. What an operation demands stands in its write;
// ErrConflict says that it is not so.
type MoveWriter interface {
	AddMove(Move) error
	// Depart puts a token on its way if it is still in the state before; from
	// then on it takes no code.
	Depart(move string, t token.Token) error
	// TakeReceipt takes note of a receipt that names these tokens. ErrConflict, with
	// the run that the first one tells of, if another receipt names one of them: then
	// the token arrived twice.
	TakeReceipt(r MoveReceipt, ids []token.ID) (first int64, err error)
	// Arrive says that a token on its way has moved; DeleteToken follows.
	Arrive(move string, id token.ID) error
	// Return puts a token on its way back into the state that it had. ErrConflict if a
	// receipt names it, too; ErrForged if what is kept of that is not as it was written.
	Return(move string, id token.ID) error
	// Forget ends the way of a token that was deleted on it, as a forged one may be.
	Forget(move string, id token.ID) error
	AddReceipt(run int64, move string, receipt []byte) error
}
