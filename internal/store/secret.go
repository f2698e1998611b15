package store

import "ostiary/internal/core/token"

// Secret is what is remembered of a secret that several tokens hold, or that tokens
// held which are gone. A secret that always had one token has none of this.
type Secret struct {
	Mark  token.Mark
	Floor token.Floor
	// MovedAway says that the token did not end here, but lives on another server.
	MovedAway bool
	// Fenced says that codes beyond the floor may have been used in a time that was lost
	// (IntegrityWriter.Fence): a token that counts events asks for two codes. It stays
	// so for good.
	Fenced bool
}

// SecretReader tells who holds a secret, and what is left of it.
type SecretReader interface {
	// Holders gives the tokens of these marks, published or staged under run, in the
	// order of their arrival.
	Holders(run int64, marks ...token.Mark) ([]token.Token, error)
	// Secrets gives what is remembered of these marks; those of which nothing is are
	// left out.
	Secrets(marks ...token.Mark) ([]Secret, error)
	// SharedMarks lists up to limit marks above after that several published tokens
	// have, in their order.
	SharedMarks(after token.Mark, limit int) ([]token.Mark, error)
	// Unmarked gives up to limit tokens behind after that have no mark, published or
	// not: those without a secret among them. Forged ones are said to be so.
	Unmarked(after token.ID, limit int) ([]Candidate, error)
	// Retired gives where a token stood that was deleted before there were marks, by
	// the fingerprint that was kept of it then; ErrNotFound if there is none. Of
	// tokens that count time nobody knows the unit.
	Retired(fingerprint []byte) (next uint64, movedAway bool, err error)
	// AnyRetired tells whether it is worth asking.
	AnyRetired() (bool, error)
}

// SecretWriter keeps what belongs to secrets.
type SecretWriter interface {
	// SetMark marks a token that has no mark; ErrConflict if it has.
	SetMark(id token.ID, mark token.Mark) error
	// ShareSecret makes all tokens of a mark, published ones and those of run, hold
	// their secret together: its floor is not below any of them, nor what was
	// remembered of it. From then on an Attempt demands the floor. It is called in
	// the transaction that makes the second of them visible.
	ShareSecret(run int64, mark token.Mark) error
	// Remember raises the floor of a secret, never lowers it, keeps that it is fenced,
	// and says whether the secret lives on another server now.
	Remember(Secret) error
}
