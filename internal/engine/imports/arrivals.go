package imports

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// arrivals is what a run brings of one software type: whose serials come from a
// series, and so may collide with those of the server they come from.
type arrivals struct {
	before     tokens.Series
	incoming   int
	collisions int
	highest    uint64 // of the incoming numbers; 0 for none
	next       uint64 // where the series will stand
}

// arrive notes a key of a software type. Others it leaves aside.
func (i *importer) arrive(r store.Reader, k *staged, t *tally) error {
	typ := i.types[k.token.Identity.Type]
	if typ.Kind != token.Software {
		return nil
	}
	a, known := t.arrivals[typ.Name]
	if !known {
		before, err := tokens.SeriesIn(r, typ.Name)
		if err != nil {
			return err
		}
		a = arrivals{before: before, next: before.NextNumber()}
	}
	a.incoming++
	if n, ok := typ.Number(k.token.Identity.Serial); ok {
		a.highest = max(a.highest, n)
	}
	t.arrivals[typ.Name] = a
	return nil
}

// arrived notes how a key of a software type has ended.
func (i *importer) arrived(k *staged, t *tally, collided bool) {
	typ := i.types[k.token.Identity.Type]
	a, ok := t.arrivals[typ.Name]
	if !ok {
		return
	}
	if collided {
		a.collisions++
	}
	if n, ok := typ.Number(k.token.Identity.Serial); ok && k.row.Outcome == Imported {
		a.next = max(a.next, n+1)
	}
	t.arrivals[typ.Name] = a
}

// raiseSeries puts the series above what came in, in the transaction that
// publishes it.
func (i *importer) raiseSeries(tx store.Tx) error {
	for _, name := range slices.Sorted(maps.Keys(i.arrivals)) {
		a := i.arrivals[name]
		if a.highest == 0 {
			continue
		}
		before, err := tokens.SeriesIn(tx, name)
		if err != nil {
			return err
		}
		if err := tx.RaiseSeries(name, a.highest); err != nil {
			return fmt.Errorf("raise the series of %s: %w", name, err)
		}
		after, err := tokens.SeriesIn(tx, name)
		if err != nil {
			return err
		}
		if before.At.Highest == after.At.Highest {
			continue
		}
		// What came in is in stock already; the series did not know of it before.
		before.At.Present = a.before.At.Present
		if err := tokens.RecordSeries(tx, i.now(), audit.SeriesAdvanced, before, after, i.req.Origin); err != nil {
			return err
		}
	}
	return nil
}

// seriesReport is the arrivals as the report shows them.
func (i *importer) seriesReport() (out []store.RunSeries) {
	for _, name := range slices.Sorted(maps.Keys(i.arrivals)) {
		a := i.arrivals[name]
		typ := a.before.Type
		serial := func(n uint64) string {
			if n == 0 || n > typ.Last() {
				return ""
			}
			return typ.Serial(n)
		}
		next := a.next
		if i.counts.Imported == 0 {
			next = a.before.NextNumber() // nothing comes in
		}
		out = append(out, store.RunSeries{Type: name, Incoming: a.incoming, HighestIncoming: serial(a.highest),
			HighestPresent: a.before.Present(),
			Collisions:     a.collisions, NextBefore: a.before.Next(), NextAfter: serial(next)})
	}
	return out
}

// maxLate bounds the keys that wait for a serial, with their secrets, for the end
// of the file: only then it is known which serials the file itself brings.
const maxLate = 100_000

// mayRenumber lets a key in conflict wait for a serial of its own, if it is of a
// software type and that was asked for. That it was not given one before is settled.
func (i *importer) mayRenumber(k *staged) {
	id := k.token.Identity
	if k.row.Outcome != Conflict || !i.req.Renumber || i.types[id.Type].Kind != token.Software {
		return
	}
	if len(i.late) >= maxLate {
		k.row.Reason += fmt.Sprintf("; an import renumbers at most %d", maxLate)
		return
	}
	k.late = true
}

// renumberLate ends the keys that wait for a serial.
func (i *importer) renumberLate() error {
	for keys := range slices.Chunk(i.late, tokens.Chunk) {
		err := i.commit(func(tx store.Tx, t *tally) error {
			end := i.foreseeRenumbered
			if i.seen == nil {
				end = func(_ store.Reader, k *staged, t *tally) (err error) {
					if k.token.ID, err = tx.NextTokenID(1); err == nil {
						err = i.stageRenumbered(tx, k, t)
					}
					return err
				}
			}
			before, err := i.seriesOf(tx, keys)
			if err != nil {
				return err
			}
			for _, k := range keys {
				k.late = false
				i.shareInFile(&k, t)
				if k.row.Outcome != Refused {
					if err := end(tx, &k, t); err != nil {
						return err
					}
				}
				i.arrived(&k, t, false)
				t.count(i, &k)
			}
			return i.recordMoved(tx, before)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// seriesOf reads the series of the types of keys.
func (i *importer) seriesOf(r store.Reader, keys []staged) (map[string]tokens.Series, error) {
	all := map[string]tokens.Series{}
	for _, k := range keys {
		name := k.token.Identity.Type
		if _, ok := all[name]; ok {
			continue
		}
		var err error
		if all[name], err = tokens.SeriesIn(r, name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// recordMoved tells the log of the series that moved since they were read.
func (i *importer) recordMoved(tx store.Tx, before map[string]tokens.Series) error {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		after, err := tokens.SeriesIn(tx, name)
		if err != nil {
			return err
		}
		if was := before[name]; was.At.Next != after.At.Next {
			if a, ok := i.arrivals[name]; ok {
				was.At.Present = a.before.At.Present // likewise
			}
			if err := tokens.RecordSeries(tx, i.now(), audit.SeriesAdvanced, was, after, i.req.Origin); err != nil {
				return err
			}
		}
	}
	return nil
}

// shownSerial is the serial that its authenticator goes on showing.
func (k *staged) shownSerial() string {
	if k.load != nil {
		return k.token.DeviceSerial()
	}
	return k.token.Identity.Serial
}

// renumber gives a key the next serial of its series. The serial that it had
// becomes its key id.
func (k *staged) renumber(serial string) {
	k.renumbered = true
	k.row.Reason = fmt.Sprintf("its serial is in use here: it is %s now, and its authenticator continues to show %s",
		serial, k.shownSerial())
	if k.load == nil || k.token.Identity.KeyID == "" { // the authenticator knows the first one for ever
		k.token.Identity.KeyID = k.token.Identity.Serial
	}
	k.token.Identity.Serial = serial
}

const seriesEnded = "; the series is at its end, or the type is retired"

// stageRenumbered stages a key in conflict under a serial of its own.
func (i *importer) stageRenumbered(tx store.Tx, k *staged, t *tally) error {
	if ended, err := i.noOtherSerial(tx, k); ended || err != nil {
		return err
	}
	typ := i.types[k.token.Identity.Type]
	n, err := tx.AllocateSerials(typ.Name, 1)
	if errors.Is(err, store.ErrConflict) {
		k.end(Conflict, k.row.Reason+seriesEnded)
		return nil
	} else if err != nil {
		return err
	}
	k.renumber(typ.Serial(n))
	if err := i.giveOwner(
		tx, k, t, func(name string) (int64, bool, error) { return i.stageUser(tx, name, t) }); err != nil {
		return err
	}
	if k.row.Outcome == Refused {
		return nil
	}
	sealed, err := i.keys.Seal(store.SecretBinding(k.token.ID), k.secret)
	if err != nil {
		return err
	}
	if err := tx.StageToken(i.run, store.Candidate{Token: k.token, Sealed: sealed}); err != nil {
		return err
	}
	return i.inserted(tx, k, t)
}
