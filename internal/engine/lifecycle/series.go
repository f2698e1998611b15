package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// Series is the series of a software type, with its type.
type Series struct {
	token.Type
	At store.Series
}

// Left is how many serials it can still make.
func (s Series) Left() uint64 { return s.Last() + 1 - min(s.next(), s.Last()+1) }

// next is the number of the next serial, whatever came in meanwhile.
func (s Series) next() uint64 { return max(s.At.Next, s.At.Present+1) }

// Next is the next serial; empty when the series is at its end.
func (s Series) Next() string {
	if s.Left() == 0 {
		return ""
	}
	return s.Serial(s.next())
}

// Present is the highest serial of the type that there is; empty if none.
func (s Series) Present() string {
	if s.At.Present == 0 {
		return ""
	}
	return s.Serial(s.At.Present)
}

// Series lists the series of all software types, by name.
func (s *Service) Series(ctx context.Context) (all []Series, err error) {
	err = s.db.Browse(ctx, func(r store.Reader) error {
		types, err := r.Types()
		if err != nil {
			return err
		}
		byName := map[string]token.Type{}
		for _, t := range types {
			byName[t.Name] = t
		}
		rows, err := r.AllSeries()
		all = make([]Series, len(rows))
		for i, row := range rows {
			all[i] = Series{byName[row.Type], row}
		}
		return err
	})
	return all, err
}

// seriesIn finds the series of a type inside a transaction.
func seriesIn(r store.Reader, typeName string) (Series, error) {
	t, err := typeIn(r, typeName)
	if err != nil {
		return Series{}, err
	}
	at, err := r.Series(typeName)
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.Conflict, "no_series", fmt.Sprintf("Type %s has no series: the serials of hardware "+
			"are the manufacturer's.", typeName)).
			WithHint("Hardware tokens come in by: ostiary token import FILE.").Because(err)
	}
	return Series{t, at}, err
}

// SetSeries makes next, a full serial or its number, the next serial of a type.
// It must stand above every serial of the type that was ever issued or is there.
func (s *Service) SetSeries(ctx context.Context, typeName, next string, origin audit.Origin) (after Series, err error) {
	err = s.db.Update(ctx, func(tx store.Tx) error {
		before, err := seriesIn(tx, typeName)
		if err != nil {
			return err
		}
		number, err := before.read(next)
		if err != nil {
			return err
		}
		if number == before.At.Next && before.At.Present < number {
			return fault.New(fault.Conflict, "series_unchanged",
				fmt.Sprintf("The next serial of type %s is %s already.", typeName, before.Next()))
		}
		if err := tx.SetSeries(typeName, number); errors.Is(err, store.ErrConflict) {
			used := before.Serial(max(before.At.Highest, before.At.Present))
			return fault.New(fault.Conflict, "series_used",
				fmt.Sprintf("%s is not above %s, which was given out or is there: a serial is never made twice.",
					before.Serial(number), used)).
				WithHint("Choose a serial above " + used + ".").Because(err)
		} else if err != nil {
			return err
		}
		if after, err = seriesIn(tx, typeName); err != nil {
			return err
		}
		return s.recordSeries(tx, audit.SeriesSet, before, after, origin)
	})
	return after, err
}

// recordSeries writes down that a series moved.
func (s *Service) recordSeries(tx store.Tx, action audit.Action, before, after Series, origin audit.Origin) error {
	field := func(of Series) []audit.Field { return []audit.Field{{Name: "next", Value: of.Next()}} }
	return tx.AppendAudit(audit.Entry{Time: s.now(), Action: action, Outcome: audit.Done, Origin: origin,
		Subject: audit.Subject{Other: before.Name},
		Before:  field(before), After: field(after)}.Canonical())
}

// read reads a full serial or its number.
func (s Series) read(text string) (uint64, error) {
	if n, ok := s.Number(strings.ToUpper(text)); ok && n > 0 {
		return n, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, fault.New(fault.Invalid, "series_next", fmt.Sprintf("%q is neither a serial of type %s nor a "+
			"number above 0.", text, s.Name)).
			WithHint(fmt.Sprintf("The serials of the type are %s to %s.", s.Serial(1), s.Serial(s.Last())))
	}
	if n > s.Last() {
		return 0, fault.New(fault.Invalid, "series_width", fmt.Sprintf("%d has more than the %d digits that a "+
			"serial of type %s has.", n, s.Width, s.Name)).
			WithHint("The last one is " + s.Serial(s.Last()) + "; a type with wider serials can be made: ostiary " +
				"type create --width.")
	}
	return n, nil
}

// allocate takes n serials in a row, or says why there are not so many.
func (s *Service) allocate(tx store.Tx, typeName string, n int, origin audit.Origin) (first uint64, err error) {
	before, err := seriesIn(tx, typeName)
	if err != nil {
		return 0, err
	}
	first, err = tx.AllocateSerials(typeName, n)
	switch {
	case errors.Is(err, store.ErrConflict) && !before.Retired.IsZero():
		return 0, fault.New(fault.Conflict, "type_retired", fmt.Sprintf("Type %s is retired: there are no new "+
			"tokens of it.", typeName)).
			WithHint("ostiary type list shows the types in use.").Because(err)
	case errors.Is(err, store.ErrConflict):
		return 0, fault.New(fault.Conflict, "series_end",
			fmt.Sprintf("The serials of type %s end at %s: %d are left, and %d were asked for. None was made.",
				typeName, before.Serial(before.Last()), before.Left(), n)).
			WithHint("Create a type with another prefix or wider serials: ostiary type create.").Because(err)
	case err != nil:
		return 0, err
	}
	after, err := seriesIn(tx, typeName)
	if err != nil {
		return 0, err
	}
	return first, s.recordSeries(tx, audit.SeriesAdvanced, before, after, origin)
}
