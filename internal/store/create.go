package store

import (
	"time"

	"ostiary/internal/core/token"
)

// TokenCreator inserts tokens that no import brings.
type TokenCreator interface {
	// AddToken inserts a token that counts at once, its secret sealed for
	// SecretBinding of its ID; its Run is left aside. ErrConflict if the identity
	// is taken; the transaction can go on.
	AddToken(Candidate) error
}

// Enrolment is how the secret of a PENDING token reaches an authenticator app.
type Enrolment struct {
	Token token.ID
	// Hash is the SHA-256 of the text that opens it: that of the link, and once
	// the secret is shown, that of the ticket, which lets a first code be
	// presented and nothing else. Empty if there is neither.
	Hash    []byte
	Expires time.Time
	Shown   time.Time // when the secret was shown; zero before
}

// EnrolmentReader reads enrolments.
type EnrolmentReader interface {
	// Enrolment finds the one that a hash opens, whether or not it has expired.
	Enrolment(hash []byte) (Enrolment, error)
	// EnrolmentOf finds that of a token.
	EnrolmentOf(id token.ID) (Enrolment, error)
}

// EnrolmentWriter changes enrolments. What an operation demands stands in its
// write; ErrConflict says that it is not so.
type EnrolmentWriter interface {
	// AddEnrolment adds that of a token, which has none.
	AddEnrolment(Enrolment) error
	// RenewEnrolment replaces the hash, as long as the secret was not shown and
	// the token is PENDING.
	RenewEnrolment(id token.ID, hash []byte, expires time.Time) error
	// ShowEnrolment uses up a link: the hash becomes that of the ticket, if it is
	// the link's, the secret was not shown, now is before its end, and the token
	// is PENDING. It gives the token.
	ShowEnrolment(link []byte, now time.Time, ticket []byte, expires time.Time) (token.ID, error)
}
