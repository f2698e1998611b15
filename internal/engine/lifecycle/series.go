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
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// Series lists the series of all software types, by name.
func (s *Service) Series(ctx context.Context) (all []tokens.Series, err error) {
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
		all = make([]tokens.Series, len(rows))
		for i, row := range rows {
			all[i] = tokens.Series{Type: byName[row.Type], At: row}
		}
		return err
	})
	return all, err
}

// SetSeries makes next, a full serial or its number, the next serial of a type.
// It must stand above every serial of the type that was ever issued or is there.
func (s *Service) SetSeries(ctx context.Context, typeName, next string, origin audit.Origin) (after tokens.Series,
	err error) {
	err = s.db.Update(ctx, func(tx store.Tx) error {
		before, err := tokens.SeriesIn(tx, typeName)
		if err != nil {
			return err
		}
		number, err := readSerial(before, next)
		if err != nil {
			return err
		}
		if number == before.At.Next && before.At.Present < number {
			return fault.New(fault.Conflict, "series_unchanged",
				fmt.Sprintf("The next serial of type %s is already %s.", typeName, before.Next()))
		}
		if err := tx.SetSeries(typeName, number); errors.Is(err, store.ErrConflict) {
			used := before.Serial(max(before.At.Highest, before.At.Present))
			return fault.New(fault.Conflict, "series_used",
				fmt.Sprintf("%s is not above %s, which was issued or exists: a serial is never used twice.",
					before.Serial(number), used)).
				WithHint("Choose a serial above " + used + ".").Because(err)
		} else if err != nil {
			return err
		}
		if after, err = tokens.SeriesIn(tx, typeName); err != nil {
			return err
		}
		return tokens.RecordSeries(tx, s.now(), audit.SeriesSet, before, after, origin)
	})
	return after, err
}

// readSerial reads a full serial or its number.
func readSerial(s tokens.Series, text string) (uint64, error) {
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
			WithHint("The last one is " + s.Serial(s.Last()) + "; you can create a type with wider serials: ostiary " +
				"type create --width.")
	}
	return n, nil
}

// allocate takes n serials in a row, or says why there are not so many.
func (s *Service) allocate(tx store.Tx, typeName string, n int, origin audit.Origin) (first uint64, err error) {
	before, err := tokens.SeriesIn(tx, typeName)
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
			fmt.Sprintf("The serials of type %s end at %s: %d are left, but %d were requested. None was created.",
				typeName, before.Serial(before.Last()), before.Left(), n)).
			WithHint("Create a type with another prefix or wider serials: ostiary type create.").Because(err)
	case err != nil:
		return 0, err
	}
	after, err := tokens.SeriesIn(tx, typeName)
	if err != nil {
		return 0, err
	}
	return first, tokens.RecordSeries(tx, s.now(), audit.SeriesAdvanced, before, after, origin)
}
