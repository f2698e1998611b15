package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
	"ostiary/oath"
)

// Types lists the token types by name, the retired ones too.
func (s *Service) Types(ctx context.Context) (types []token.Type, err error) {
	err = s.db.Browse(ctx, func(r store.Reader) error {
		types, err = r.Types()
		return err
	})
	return types, err
}

// Type gives a token type by name.
func (s *Service) Type(ctx context.Context, name string) (t token.Type, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		t, err = tokens.TypeIn(r, name)
		return err
	})
	return t, err
}

// mayHold refuses a user so many more tokens of a type if that is above the
// limit of the type, or of everybody.
func mayHold(r store.Reader, user store.User, typeName string, more int) error {
	hint := "Unassign one that is not used: ostiary token list --user " + user.Name
	if user.Tokens+more > store.MaxCandidates {
		return fault.New(fault.Conflict, "too_many_tokens",
			fmt.Sprintf("User %s holds %s, and nobody may hold more than %d.", user.Name,
				fault.Plural(user.Tokens, "token", "tokens"), store.MaxCandidates)).WithHint(hint)
	}
	t, err := r.Type(typeName)
	if err != nil || t.MaxPerUser == 0 {
		return err
	}
	held, err := r.Tokens(store.TokenFilter{Owner: user.ID, Type: typeName})
	if err == nil && len(held)+more > t.MaxPerUser {
		err = fault.New(fault.Conflict, "too_many_of_type",
			fmt.Sprintf("User %s holds %s of type %s, and nobody may hold more than %d.", user.Name,
				fault.Plural(len(held), "token", "tokens"), typeName, t.MaxPerUser)).WithHint(hint)
	}
	return err
}

// CreateType adds a token type. Zero fields take the defaults of authenticator
// apps (SHA1, 6 digits, 30 seconds), 8 digits for a serial and token.DefaultStart
// (or 1 where that is too long). warnings say what works but seldom as meant.
func (s *Service) CreateType(ctx context.Context, t token.Type, origin audit.Origin) (_ token.Type, warnings []string,
	err error) {
	t = withDefaults(t)
	if err := checkType(t); err != nil {
		return t, nil, err
	}
	err = s.db.Update(ctx, func(tx store.Tx) error {
		if t.Profile != "" {
			if _, err := profileOf(tx, t); err != nil {
				return err
			}
		}
		err := tx.AddType(t)
		if errors.Is(err, store.ErrConflict) {
			return fault.New(fault.Conflict, "type_exists",
				fmt.Sprintf("Token type %s already exists.", t.Name)).Because(err)
		} else if err != nil {
			return clashFault(t, err)
		}
		return s.recordType(tx, audit.TypeCreated, t.Name, nil, audit.TypeFields(t), origin)
	})
	return t, TypeWarnings(t), err
}

func withDefaults(t token.Type) token.Type {
	if t.Activation == "" {
		t.Activation = token.NoActivation
	}
	if suite, err := oath.ParseSuite(t.Suite); t.Algorithm == token.OCRA && err == nil && t.Digits == 0 {
		t.Digits = suite.Digits
	}
	if t.Algorithm != token.OCRA {
		t.Hash, t.Digits = cmp.Or(t.Hash, "SHA1"), cmp.Or(t.Digits, 6)
	}
	if t.Algorithm == token.TOTP {
		t.Period = cmp.Or(t.Period, 30)
	}
	if t.Kind != token.Software {
		return t
	}
	t.Width = cmp.Or(t.Width, 8)
	if t.Start == 0 {
		t.Start = token.DefaultStart
		if t.Start > t.Last() {
			t.Start = 1
		}
	}
	return t
}

// ChangeType changes a type. The definition (token.Type.SameDefinition) changes
// only before there is a token of the type, and never that of a built-in
// hardware type, which imports rely on. What it was that changed is recorded.
func (s *Service) ChangeType(ctx context.Context, name string, edit func(*token.Type), origin audit.Origin) (
	t token.Type, warnings []string, err error) {
	err = s.changeType(ctx, name, audit.TypeChanged, func(after *token.Type) error {
		before := *after
		edit(after)
		if err := checkType(*after); err != nil {
			return err
		}
		t, warnings = *after, nil
		if before.SameDefinition(*after) {
			return nil
		}
		warnings = TypeWarnings(*after)
		if before.Kind == token.Hardware && token.BuiltIn(name) {
			return fault.New(fault.Conflict, "type_fixed", fmt.Sprintf("Imports use type %s for their tokens: "+
				"its definition cannot change.", name)).
				WithHint("Create a type of your own: ostiary type create.")
		}
		return nil
	}, origin)
	return t, warnings, err
}

// RetireType ends a type for new tokens; those there are go on. Restored, there
// may be new ones again.
func (s *Service) RetireType(ctx context.Context, name string, origin audit.Origin) (t token.Type, err error) {
	err = s.changeType(ctx, name, audit.TypeRetired, func(after *token.Type) error {
		switch {
		case after.Kind == token.Hardware && token.BuiltIn(name):
			return fault.New(fault.Conflict, "type_fixed", fmt.Sprintf("Imports use type %s for their tokens: "+
				"it cannot be retired.", name))
		case !after.Retired.IsZero():
			return fault.New(fault.Conflict, "type_retired", fmt.Sprintf("Type %s is already retired.", name))
		}
		after.Retired = s.stamp()
		t = *after
		return nil
	}, origin)
	return t, err
}

// RestoreType undoes RetireType.
func (s *Service) RestoreType(ctx context.Context, name string, origin audit.Origin) (t token.Type, err error) {
	err = s.changeType(ctx, name, audit.TypeRestored, func(after *token.Type) error {
		if after.Retired.IsZero() {
			return fault.New(fault.Conflict, "type_not_retired", fmt.Sprintf("Type %s is not retired.", name))
		}
		after.Retired = time.Time{}
		t = *after
		return nil
	}, origin)
	return t, err
}

// changeType lets edit change a type in a transaction.
func (s *Service) changeType(ctx context.Context, name string, action audit.Action, edit func(*token.Type) error,
	origin audit.Origin) error {
	return s.db.Update(ctx, func(tx store.Tx) error {
		before, err := tokens.TypeIn(tx, name)
		if err != nil {
			return err
		}
		after := before
		if err := edit(&after); err != nil {
			return err
		}
		if after == before {
			return fault.New(fault.Conflict, "type_unchanged", fmt.Sprintf("Type %s already has these settings.", name))
		}
		if after.Profile != "" && (after.Profile != before.Profile || !after.SameDefinition(before)) {
			if _, err := profileOf(tx, after); err != nil {
				return err
			}
		}
		switch err := tx.ChangeType(before, after); {
		case errors.Is(err, store.ErrConflict):
			return fault.New(fault.Conflict, "type_fixed",
				fmt.Sprintf("There were tokens of type %s: their code and serial settings cannot "+
					"change any more.", name)).
				WithHint("You can change the profile, manufacturer, product, max-per-user and lifetime. For " +
					"anything else create another type, and retire this one.").Because(err)
		case err != nil:
			return clashFault(after, err)
		}
		was, is := audit.Changed(audit.TypeFields(before), audit.TypeFields(after))
		return s.recordType(tx, action, name, was, is, origin)
	})
}

func (s *Service) recordType(tx store.Tx, action audit.Action, name string, before, after []audit.Field,
	origin audit.Origin) error {
	return tx.AppendAudit(audit.Entry{Time: s.now(), Action: action, Outcome: audit.Done, Origin: origin,
		Subject: audit.Subject{Other: name},
		Before:  before, After: after}.Canonical())
}

func clashFault(t token.Type, err error) error {
	clash, ok := errors.AsType[*store.ClashError](err)
	switch {
	case !ok:
		return err
	case clash.Product:
		return fault.New(fault.Conflict, "product_taken",
			fmt.Sprintf("Product %q of manufacturer %q belongs to type %s.", t.Product, t.Manufacturer,
				clash.With)).Because(err)
	}
	return fault.New(fault.Conflict, "serials_clash",
		fmt.Sprintf("With prefix %q and %s, type %s would have the same serials as type %s.", t.Prefix,
			fault.Plural(t.Width, "digit", "digits"), t.Name, clash.With)).
		WithHint("Choose another prefix or another number of digits: ostiary type list shows those in use.").Because(
		err)
}
