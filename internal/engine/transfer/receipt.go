package transfer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"ostiary/internal/core/token"
)

// Receipt is what the receiving server says of a move.
type Receipt struct {
	Version int        `json:"ostiary_receipt"`
	Move    string     `json:"move"`
	Import  int64      `json:"import"` // the run on the receiving server
	Issued  time.Time  `json:"issued"`
	Tokens  []token.ID `json:"tokens"` // by their numbers on the server they come from
	// Nonce is drawn for each receipt, so that those of two servers are two, also of the
	// same import number within one second. Receipts of before have none.
	Nonce string `json:"nonce,omitempty"`
	MAC   string `json:"mac"`
}

// Sign puts the MAC under the key of a move.
func (r *Receipt) Sign(key []byte) { r.MAC = r.sum(key) }

// SignedBy tells whether the receipt is as the holder of a move's key wrote it.
func (r Receipt) SignedBy(key []byte) bool { return hmac.Equal([]byte(r.sum(key)), []byte(r.MAC)) }

// Digest tells receipts apart: no two have one MAC.
func (r Receipt) Digest() []byte {
	sum := sha256.Sum256([]byte(r.MAC))
	return sum[:]
}

// sum is the MAC over everything else.
func (r Receipt) sum(key []byte) string {
	r.MAC = ""
	text, _ := json.Marshal(r) // numbers and strings always can
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("ostiary receipt 1\x00"))
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil))
}
