package store

import (
	"fmt"

	"ostiary/internal/core/token"
)

// TypeReader reads token types. A new database holds token.Types.
type TypeReader interface {
	// Types gives all types, the retired ones too, by name.
	Types() ([]token.Type, error)
	Type(name string) (token.Type, error)
}

// TypeWriter changes token types. There are never two of which one's series can
// make a serial of the other, nor two in use for one product of a manufacturer.
type TypeWriter interface {
	// AddType adds a type, and of a software type its series. ErrConflict if the
	// name is taken, *ClashError if another type is in its way.
	AddType(token.Type) error
	// ChangeType replaces a type, if it is still as it was before; ErrConflict
	// otherwise, when the name or the kind changes, and when the definition does
	// (token.Type.SameDefinition) although there is a token of the type, published
	// or staged, or a number of its series was ever used. *ClashError as with
	// AddType. With a new definition the series begins anew at Start.
	ChangeType(before, after token.Type) error
}

// ClashError says that two types cannot stand beside each other.
type ClashError struct {
	With string // name of the type that is there
	// Product says that it is about the manufacturer and product; otherwise the
	// two could make the same serial.
	Product bool
}

func (e *ClashError) Error() string {
	if e.Product {
		return fmt.Sprintf("type %s has the same manufacturer and product", e.With)
	}
	return fmt.Sprintf("type %s makes the same serials", e.With)
}

// Clash finds out whether a type can stand beside the others, one of the same
// name left aside. For databases, inside a transaction that keeps types from
// changing.
func Clash(t token.Type, others []token.Type) error {
	for _, o := range others {
		switch {
		case o.Name == t.Name:
		case t.Clashes(o):
			return &ClashError{With: o.Name}
		case t.Product != "" && t.Product == o.Product && t.Manufacturer == o.Manufacturer && t.Retired.IsZero() &&
			o.Retired.IsZero():
			return &ClashError{With: o.Name, Product: true}
		}
	}
	return nil
}
