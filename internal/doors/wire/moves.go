package wire

import "time"

// Move is a set of tokens exported to live on another server.
type Move struct {
	ID     string    `json:"id"`
	Opened time.Time `json:"opened"`
	Actor  string    `json:"actor"`
	Moving int       `json:"moving" doc:"Tokens on their way: their codes are refused here until a receipt arrives or the move is cancelled."`
	Moved  int       `json:"moved" doc:"Tokens that arrived on the other server and are deleted here."`
	Back   int       `json:"back" doc:"Tokens taken back, or deleted on their way."`
}

// MoveList is a page of moves, the newest first.
type MoveList struct {
	Moves []Move  `json:"moves" nullable:"false"`
	Next  *string `json:"next"`
}

// Receipt is what the server that imported the tokens of a move says of it. It is
// handed on as it is: its MAC covers all of it.
type Receipt struct {
	Version int       `json:"ostiary_receipt" minimum:"1"`
	Move    string    `json:"move" maxLength:"64"`
	Import  int64     `json:"import"`
	Issued  time.Time `json:"issued"`
	Tokens  []int64   `json:"tokens" nullable:"false" maxItems:"1000000"`
	MAC     string    `json:"mac" maxLength:"64"`
	Nonce   string    `json:"nonce,omitempty" maxLength:"64"`
	// Missing is for people, and no part of the receipt.
	Missing []string `json:"missing,omitempty" maxItems:"1000000" doc:"Serials of tokens of this receipt that are no longer on the server that wrote it, because they were deleted or moved on since. Once the receipt is confirmed, a token that was deleted is on neither server: import the file again before you confirm. Ignored in a confirmation."`
}
