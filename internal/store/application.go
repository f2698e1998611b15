package store

import (
	"fmt"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
)

// Application is a further application of a token: one of its profile beside the
// first one for one-time passwords, which is the token itself.
type Application struct {
	Token token.ID
	Index int // 1 to 8, as in the profile
	Mode  activation.Mode
	Spec  token.Spec // T0 is 0
	// Next and Drift are what they are in a token.Condition, of this application.
	Next  uint64
	Drift int64
	// Sealed is its key, sealed for ApplicationBinding.
	Sealed []byte
}

// ApplicationBinding is where the sealed key of an application belongs.
func ApplicationBinding(id token.ID, index int) seal.Binding {
	return seal.Binding{Table: "application", Column: fmt.Sprintf("secret %d", index), Row: int64(id)}
}

// ApplicationReader reads applications.
type ApplicationReader interface {
	// Applications gives the further applications of a token by index; none if it
	// has none, or there is no such token.
	Applications(id token.ID) ([]Application, error)
	// ApplicationsUpTo gives those of the tokens behind after, up to last, by token
	// and index.
	ApplicationsUpTo(after, last token.ID) ([]Application, error)
}

// ApplicationWriter changes applications.
type ApplicationWriter interface {
	// SetApplications replaces all further applications of a token, whatever their
	// Token says. ErrNotFound if there is no such token, ErrConflict if two have
	// one index.
	SetApplications(id token.ID, all []Application) error
}
