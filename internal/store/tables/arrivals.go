package tables

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// Entries of codes that several nodes write arrive without a place (auditlog.Arrival), in
// streams: each node has one, in which its entries are numbered. They get their places in
// the order of their arrival by whoever writes the head next. One transaction sees of two
// arrivals that depend on each other the earlier one, or both.

// stream is how many entries of one have their places, and when the last ones got theirs,
// in milliseconds.
type stream struct{ id, n, seen int64 }

type streams []stream

const streamsSQL = "SELECT id, n, seen FROM audit_stream ORDER BY id"

func (r *Reader) streams() (streams, error) {
	return query.All(r.ctx, r.q, func(s query.Scanner) (of stream, err error) {
		err = s.Scan(&of.id, &of.n, &of.seen)
		return of, err
	}, streamsSQL)
}

// digest is what the record of the head has; zero if there never was a stream.
func (s streams) digest() [32]byte {
	if len(s) == 0 {
		return [32]byte{}
	}
	var text proof.Text
	for _, of := range s {
		text = text.Number(of.id).Number(of.n).Number(of.seen)
	}
	return sha256.Sum256(text)
}

func (s streams) vouched(record audit.Record) error {
	if s.digest() != record.Streams {
		return fmt.Errorf("%w: how many entries of each node stand in the log is not as this server wrote it",
			store.ErrTampered)
	}
	return nil
}

// next takes an arrival, which must be the next one of its stream, and proven if there are
// keys.
func (s streams) next(a *auditlog.Arrival, keys *proof.Keys) error {
	for i := range s {
		of := &s[i]
		switch {
		case of.id != a.Stream:
			continue
		case a.N != of.n+1:
			return fmt.Errorf("%w: entry %d of stream %d is missing before it was put into the audit log",
				store.ErrTampered, of.n+1, of.id)
		case keys != nil && !keys.CheckArrival(a.MAC, a.Stream, a.N, a.Entry):
			return fmt.Errorf("%w: entry %d of stream %d was changed before it was put into the audit log",
				store.ErrTampered, a.N, a.Stream)
		}
		of.n = a.N
		return nil
	}
	return fmt.Errorf("%w: an entry is of stream %d, which there is not", store.ErrTampered, a.Stream)
}

// knownStreams gives the streams of the record.
func (t *Tx) knownStreams() (s streams, err error) {
	if s, err = t.streams(); err != nil || !t.guard.Begun() {
		return s, err
	}
	record, err := t.Record()
	if err == nil {
		if err = s.vouched(record); err != nil {
			err = t.guard.Stop(err)
		}
	}
	return s, err
}

// arrivalKeys are those that arrivals are proven with; nil before the first record.
func (r *Reader) arrivalKeys() *proof.Keys {
	if !r.guard.Begun() {
		return nil
	}
	return r.guard.Keys()
}

// Placed is how many entries of each stream have their places after Integrate.
type Placed map[int64]int64

// Integrate gives places to the entries that have arrived, to the first so many at most; n is
// how many they were. One that was changed, or that is missing in its stream, ends all
// writing.
func (t *Tx) Integrate(most int64, now time.Time) (n int64, placed Placed, err error) {
	arrivals, err := t.Arrivals(most)
	if err != nil {
		return 0, nil, err
	}
	var all streams
	if len(arrivals) == 0 {
		all, err = t.streams()
	} else if all, err = t.knownStreams(); err == nil {
		err = t.place(arrivals, all, now)
	}
	placed = Placed{}
	for _, of := range all {
		placed[of.id] = of.n
	}
	return int64(len(arrivals)), placed, err
}

// Missed ends all writing: entries of this node, which were committed, are neither in the log
// nor among the arrivals.
func (t *Tx) Missed(entries int64) error {
	return t.guard.Stop(fmt.Errorf("%w: %d entries of this server are gone before they were put into the audit log",
		store.ErrTampered, entries))
}

// place moves arrivals into the log, behind what is there, and their streams on.
func (t *Tx) place(arrivals []auditlog.Arrival, all streams, now time.Time) error {
	keys, before := t.arrivalKeys(), slices.Clone(all)
	head, err := t.AuditHead()
	if err != nil {
		return err
	}
	first, last := head.Size(), arrivals[len(arrivals)-1].ID
	for i := range arrivals {
		if err := all.next(&arrivals[i], keys); err != nil {
			if keys != nil {
				err = t.guard.Stop(err)
			}
			return err
		}
		head.Append(arrivals[i].Entry)
	}
	for i := range all {
		if all[i].n == before[i].n {
			continue
		}
		all[i].seen = query.Millis(now)
		if err := t.changeOne("UPDATE audit_stream SET n = ?, seen = ? WHERE id = ?", all[i].n, all[i].seen,
			all[i].id); err != nil {
			return err
		}
	}
	digest := all.digest()
	t.says.Streams = &digest
	if _, err := t.Change("INSERT INTO audit_entry (seq, entry) SELECT ?1 - 1 + row_number() OVER (ORDER BY id), entry "+
		"FROM audit_arrival WHERE id <= ?2", first, last); err != nil {
		return err
	}
	if _, err := t.Change("DELETE FROM audit_arrival WHERE id <= ?", last); err != nil {
		return err
	}
	frontier, err := head.AppendBinary(nil)
	if err != nil {
		return err
	}
	return t.changeOne("UPDATE audit_head SET frontier = ?", frontier)
}

// streamKept is how long a stream is known in which nothing arrives. A node begins another
// one long before.
const streamKept = 30 * 24 * time.Hour

// OpenStream gives a stream that nobody had before. Streams of which nothing came for a long
// time are forgotten.
func (t *Tx) OpenStream(now time.Time) (id int64, err error) {
	all, err := t.knownStreams()
	if err != nil {
		return 0, err
	}
	kept := streams{}
	for i, of := range all {
		if i < len(all)-1 && of.seen < query.Millis(now.Add(-streamKept)) {
			if _, err := t.Change("DELETE FROM audit_stream WHERE id = ?", of.id); err != nil {
				return 0, err
			}
			continue
		}
		kept, id = append(kept, of), of.id
	}
	id++
	kept = append(kept, stream{id: id, seen: query.Millis(now)})
	digest := kept.digest()
	t.says.Streams = &digest
	return id, t.insertOne("INSERT INTO audit_stream (id, n, seen) VALUES (?, 0, ?)", id, query.Millis(now))
}

// checkArrivals holds what has arrived against the streams.
func (r *Reader) checkArrivals() error {
	all, err := r.streams()
	if err != nil {
		return err
	}
	arrivals, err := r.Arrivals(math.MaxInt32)
	for i := range arrivals {
		if err := all.next(&arrivals[i], r.guard.Keys()); err != nil {
			return err
		}
	}
	return err
}
