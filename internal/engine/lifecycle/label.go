package lifecycle

import (
	"context"
	"fmt"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// SetLabel changes what administrators call a token; an empty label is none.
func (s *Service) SetLabel(ctx context.Context, sel tokens.Selector, label string, origin audit.Origin) (
	token.Token, error) {
	if err := tokens.CheckText("label", label, tokens.MaxText); err != nil {
		return token.Token{}, fault.New(fault.Invalid, "label", fault.Sentence(err.Error()))
	}
	return s.change(ctx, sel, origin, labelling(label))
}

func labelling(label string) deed {
	return func(tx store.Tx, t *token.Token) (audit.Entry, error) {
		if t.Label == label {
			return audit.Entry{}, fault.New(fault.Conflict, "label_unchanged",
				fmt.Sprintf("Token %s already has that label.", t.Identity.Serial))
		}
		if err := notMoving(*t); err != nil {
			return audit.Entry{}, err
		}
		e := audit.Entry{Action: audit.TokenLabelled, Subject: audit.SubjectOf(*t),
			Before: []audit.Field{{Name: "label", Value: t.Label}}, After: []audit.Field{{Name: "label", Value: label}}}
		return e, tx.SetLabel(t.ID, t.Label, label)
	}
}
