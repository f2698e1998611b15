// Package transfer is what two servers tell each other of a token, by a seed file
// and by a receipt: the record that a key of the file carries beside RFC 6030, the
// passage of a move in it, and the receipt that ends the move.
//
// The file tells the receiver, inside the encrypted record of each key, the
// move, a key, and the token's number here. A receipt is the list of numbers
// under an HMAC with that key, so that only who could read the file can write it.
package transfer

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"ostiary/internal/core/token"
)

// Passage is what a key of a file says of the move that it is part of.
type Passage struct {
	Move  string
	Key   [sha256.Size]byte
	Token token.ID // on the server that it comes from
}

func (p Passage) String() string {
	return p.Move + " " + hex.EncodeToString(p.Key[:]) + " " + strconv.FormatInt(int64(p.Token), 10)
}

func parsePassage(s string) (p Passage, err error) {
	parts := strings.Split(s, " ")
	if len(parts) != 3 || len(parts[1]) != 2*len(p.Key) || parts[0] == "" {
		return p, errors.New("it is not a move, a key and a number")
	}
	n, err := strconv.ParseInt(parts[2], 10, 64)
	if _, herr := hex.Decode(p.Key[:], []byte(parts[1])); err != nil || herr != nil || n < 1 {
		return p, errors.New("it is not a move, a key and a number")
	}
	p.Move, p.Token = parts[0], token.ID(n)
	return p, nil
}

// NewPassage begins a move.
func NewPassage() (p Passage) {
	p.Move = rand.Text()
	_, _ = rand.Read(p.Key[:]) // never fails (crypto/rand)
	return p
}
