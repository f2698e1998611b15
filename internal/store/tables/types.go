package tables

import (
	"errors"
	"strings"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// typeColumns go with typeArgs and scanType.
const typeColumns = `name, kind, algorithm, hash, digits, period, suite, prefix, width, start, activation,
	profile, manufacturer, product, max_per_user, lifetime, retired`

var typeValues = "(" + strings.TrimSuffix(strings.Repeat("?, ", 17), ", ") + ")"

func typeArgs(t token.Type) []any {
	return []any{t.Name, string(t.Kind), string(t.Algorithm), t.Hash, t.Digits, t.Period, t.Suite, t.Prefix, t.Width,
		int64(t.Start), string(t.Activation),
		t.Profile, t.Manufacturer, t.Product, t.MaxPerUser, t.Lifetime, query.Millis(t.Retired)}
}

func scanType(s query.Scanner) (t token.Type, err error) {
	var start, retired int64
	err = s.Scan(&t.Name, &t.Kind, &t.Algorithm, &t.Hash, &t.Digits, &t.Period, &t.Suite, &t.Prefix, &t.Width, &start,
		&t.Activation,
		&t.Profile, &t.Manufacturer, &t.Product, &t.MaxPerUser, &t.Lifetime, &retired)
	t.Start, t.Retired = uint64(start), query.Time(retired)
	return t, err
}

func (r *Reader) Types() ([]token.Type, error) {
	return query.All(r.ctx, r.q, scanType, "SELECT "+typeColumns+" FROM token_type ORDER BY name")
}

func (r *Reader) Type(name string) (token.Type, error) {
	if err := r.checkConfig(); err != nil {
		return token.Type{}, err
	}
	return query.One(r.ctx, r.q, scanType, "SELECT "+typeColumns+" FROM token_type WHERE name = ?", name)
}

func (t *Tx) AddType(typ token.Type) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	_, err := t.Type(typ.Name)
	if err == nil {
		return store.ErrConflict
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := t.clash(typ); err != nil {
		return err
	}
	_, err = t.Change("INSERT INTO token_type ("+typeColumns+") VALUES "+typeValues, typeArgs(typ)...)
	if err == nil && typ.Kind == token.Software {
		_, err = t.Change("INSERT INTO token_series (type, next) VALUES (?, ?)", typ.Name, int64(typ.Start))
	}
	return err
}

// clash is decided by reading: this transaction is the only one that writes.
func (t *Tx) clash(typ token.Type) error {
	all, err := t.Types()
	if err != nil {
		return err
	}
	return store.Clash(typ, all)
}

func (t *Tx) ChangeType(before, after token.Type) error {
	if before.Name != after.Name || before.Kind != after.Kind {
		return store.ErrConflict
	}
	if err := t.alterConfig(); err != nil {
		return err
	}
	if err := t.clash(after); err != nil {
		return err
	}
	stmt := "UPDATE token_type SET (" + typeColumns + ") = " + typeValues + " WHERE (" + typeColumns + ") = " +
		typeValues
	args := append(typeArgs(after), typeArgs(before)...)
	if before.SameDefinition(after) {
		return t.changeOne(stmt, args...)
	}
	stmt += " AND NOT EXISTS (SELECT 1 FROM token_series WHERE type = token_type.name AND highest > 0) AND NOT " +
		"EXISTS (SELECT 1 FROM token WHERE "
	if before.Kind == token.Software {
		stmt += "kind = 'software' AND " // that has an index
	}
	if err := t.changeOne(stmt+"type = token_type.name)", args...); err != nil {
		return err
	}
	_, err := t.Change("UPDATE token_series SET next = ? WHERE type = ?", int64(after.Start), after.Name)
	return err
}
