package tokens

import (
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// TypeIn finds a type inside a transaction.
func TypeIn(r store.TypeReader, name string) (token.Type, error) {
	t, err := r.Type(name)
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.NotFound, "type_not_found", fmt.Sprintf("There is no token type %s.", name)).
			WithHint("ostiary type list lists all types.").Because(err)
	}
	return t, err
}

// Series is the series of a software type, with its type.
type Series struct {
	token.Type
	At store.Series
}

// Left is how many serials it can still make.
func (s Series) Left() uint64 { return s.Last() + 1 - min(s.NextNumber(), s.Last()+1) }

// NextNumber is the number of the next serial, whatever came in meanwhile.
func (s Series) NextNumber() uint64 { return max(s.At.Next, s.At.Present+1) }

// Next is the next serial; empty when the series is at its end.
func (s Series) Next() string {
	if s.Left() == 0 {
		return ""
	}
	return s.Serial(s.NextNumber())
}

// Present is the highest serial of the type that there is; empty if none.
func (s Series) Present() string {
	if s.At.Present == 0 {
		return ""
	}
	return s.Serial(s.At.Present)
}

// SeriesIn finds the series of a type inside a transaction.
func SeriesIn(r store.Reader, typeName string) (Series, error) {
	t, err := TypeIn(r, typeName)
	if err != nil {
		return Series{}, err
	}
	at, err := r.Series(typeName)
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.Conflict, "no_series", fmt.Sprintf("Type %s has no series: the serials of hardware "+
			"come from the manufacturer.", typeName)).
			WithHint("Import hardware tokens: ostiary token import FILE.").Because(err)
	}
	return Series{t, at}, err
}

// RecordSeries writes down that a series moved.
func RecordSeries(tx store.Tx, at time.Time, action audit.Action, before, after Series, origin audit.Origin) error {
	field := func(of Series) []audit.Field {
		return []audit.Field{{Name: "highest", Value: of.At.Highest}, {Name: "issued", Value: of.At.Issued},
			{Name: "next", Value: of.Next()}, {Name: "number", Value: of.At.Next}}
	}
	return tx.AppendAudit(audit.Entry{Time: at, Action: action, Outcome: audit.Done, Origin: origin,
		Subject: audit.Subject{Other: before.Name},
		Before:  field(before), After: field(after)}.Canonical())
}
