// Package tokens finds a token and what belongs to it (its secret, its type, the
// series of its serials) inside a transaction, and says what texts and numbers a
// token may have. It is the ground on which the services for tokens stand: none of
// them has to know another for it. It changes no token.
package tokens

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Chunk is how many tokens one transaction changes: logins wait no longer than
// that takes.
const Chunk = 250

// Keys seals and opens secrets.
type Keys interface {
	Seal(b seal.Binding, s seal.Secret) ([]byte, error)
	Open(b seal.Binding, sealed []byte) (seal.Secret, error)
}

// Selector names one token: by serial, narrowed where that is not enough.
type Selector struct {
	Serial       string
	Type         string
	Manufacturer *string
	KeyID        *string
	// Seen is what the caller saw of the token (Mark). Find refuses a token that is not as it
	// was seen; in a transaction that changes it, the second of two callers is told. Empty
	// compares nothing.
	Seen string
}

// Mark tells a token by what people change on it. Codes, and the counts that follow them,
// leave it as it is.
func Mark(t token.Token) string {
	c := t.Condition
	h := sha256.New()
	for _, part := range []string{strconv.FormatInt(int64(t.ID), 10), strconv.FormatInt(c.Owner, 10), t.OwnerName,
		c.State.String(), t.StateReason, strconv.FormatInt(c.NotBefore.UnixMilli(), 10),
		strconv.FormatInt(c.NotAfter.UnixMilli(), 10), t.Label} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Find gives the one token a selector names. The error is a fault: Invalid without a
// serial, NotFound, Conflict for several.
func Find(r store.TokenReader, s Selector) (token.Token, error) {
	if s.Serial == "" {
		return token.Token{}, fault.New(fault.Invalid, "serial", "The serial is empty.")
	}
	found, err := r.Tokens(store.TokenFilter{Serial: s.Serial, Type: s.Type, Manufacturer: s.Manufacturer,
		KeyID: s.KeyID, Limit: store.MaxCandidates})
	switch {
	case err != nil:
		return token.Token{}, err
	case len(found) == 0:
		return token.Token{}, token.NotFoundError(s.Serial)
	case len(found) > 1:
		ids := make([]token.Identity, len(found))
		for i, t := range found {
			ids[i] = t.Identity
		}
		return token.Token{}, token.AmbiguousError(s.Serial, ids)
	case s.Seen != "" && s.Seen != Mark(found[0]):
		return token.Token{}, fault.New(fault.Conflict, "token_changed", fmt.Sprintf("Somebody changed token %s since you "+
			"looked at it.", s.Serial)).WithHint("Look at it as it is now, and decide again.")
	}
	return found[0], nil
}

// ByID gives the token of a number, or store.ErrNotFound.
func ByID(r store.TokenReader, id token.ID) (token.Token, error) {
	found, err := r.Tokens(store.TokenFilter{ID: id})
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return token.Token{}, fmt.Errorf("token %d: %w", id, err)
	}
	return found[0], nil
}

// OnItsWay is the error that refuses a token which is MOVING.
func OnItsWay(t token.Token) *fault.Error {
	return fault.New(fault.Conflict, "token_moving", fmt.Sprintf("Token %s is on its way to another server.",
		t.Identity.Serial)).
		WithHint("To take it back: ostiary move cancel; ostiary move list shows the moves.")
}

// WithSecret finds a token and its secret by its number.
func WithSecret(r store.TokenReader, id token.ID) (store.Candidate, error) {
	t, err := ByID(r, id)
	if err != nil {
		return store.Candidate{}, err
	}
	return r.Identity(t.Identity, 0)
}

// OpenSecret opens the secret of a token.
func OpenSecret(keys Keys, c store.Candidate) (seal.Secret, error) {
	secret, err := keys.Open(store.SecretBinding(c.Token.ID), c.Sealed)
	if err != nil {
		err = fmt.Errorf("open secret of token %d: %w", c.Token.ID, err)
	}
	return secret, err
}
