// Package proof is what a database proves itself by, whichever it is: the record of the
// head of the audit log under a MAC (Guard), and the tags of rows (Table, Row). Whoever
// writes to the database without the integrity key can make neither.
//
// Guard lives beside the one connection that writes. It knows the head that was written
// last, so that a head that somebody put back is noticed at the next transaction, and not
// only at the next start. Tags are over the columns that no code changes; counters and
// failures follow from the log (package derive).
package proof

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"ostiary/internal/core/audit"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
)

// Guard is what a database proves itself by. The zero guard is that of a database
// that Protect was not called on: it makes no records and no tags, and checks none.
//
// last is the head as the writer wrote it, and pending the one whose commit failed
// half-way, so that only the database knows which of the two is there. schema is the
// number under which the schema was last seen to be the program's. Only the writer uses
// pending and schema; the rest may be used from everywhere.
//
// Where other nodes write the head, too (Shared), this one takes every head that bears the
// MAC, as long as the number of its commit rises.
type Guard struct {
	keys    atomic.Pointer[Keys]
	begun   atomic.Bool // there is a record
	stopped atomic.Bool // the head was another one
	shared  bool
	mu      sync.Mutex // of last
	last    Seen
	pending *Seen
	schema  int64
}

// Seen is a head that was found to be right, or written, and the number of its commit.
type Seen struct {
	head   auditlog.Head
	commit uint64
}

// Share says that other nodes write the head, too. It is called first.
func (g *Guard) Share() { g.shared = true }

// Last gives the newest head that was seen.
func (g *Guard) Last() Seen {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last
}

// advance takes a head, unless a newer one was seen meanwhile.
func (g *Guard) advance(s Seen) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.commit >= g.last.commit {
		g.last = s
	}
}

type Keys struct {
	integrity       *seal.Integrity
	head, row, link *seal.Hasher
	alarm           func(store.Alarm)
}

// Keys gives what the key makes; nil before Use.
func (g *Guard) Keys() *Keys { return g.keys.Load() }

// Begun reports whether there is a record.
func (g *Guard) Begun() bool { return g.begun.Load() }

// Stopped reports whether all writing has ended.
func (g *Guard) Stopped() bool { return g.stopped.Load() }

// Adopt takes a head for the one that was written last.
func (g *Guard) Adopt(row auditlog.Head, record audit.Record) {
	g.advance(Seen{row, record.Commit})
	g.begun.Store(true)
}

// Link is the keyed hash of a link or a ticket of an enrolment.
func (k *Keys) Link(hash []byte) []byte {
	sum := k.link.Sum(hash)
	return sum[:]
}

// SchemaIs is called when a transaction of the writer begins, before its first statement.
// Where the number of the schema is another one than before, check holds the schema
// against the program's; what it finds wrong (ErrTampered) ends all writing.
func (g *Guard) SchemaIs(version int64, check func() error) error {
	if !g.begun.Load() || version == g.schema {
		return nil
	}
	err := check()
	if errors.Is(err, store.ErrTampered) {
		return g.Stop(err)
	} else if err == nil {
		g.schema = version
	}
	return err
}

func sameHead(one, other auditlog.Head) bool {
	return bytes.Equal(one.Frontier, other.Frontier) && bytes.Equal(one.Record, other.Record) &&
		bytes.Equal(one.MAC, other.MAC)
}

// Use takes the key; alarm, which may be nil, is told what is found.
func (g *Guard) Use(key *seal.Integrity, alarm func(store.Alarm)) error {
	k := &Keys{integrity: key, alarm: alarm}
	if alarm == nil {
		k.alarm = func(store.Alarm) {}
	}
	for purpose, to := range map[seal.Purpose]**seal.Hasher{seal.Head: &k.head, seal.Row: &k.row,
		seal.Link: &k.link} {
		h, err := key.Hasher(purpose)
		if err != nil {
			return err
		}
		*to = h
	}
	g.keys.Store(k)
	return nil
}

const headDomain = "ostiary/head/1"

func (k *Keys) headMAC(record []byte) []byte {
	mac := k.head.Sum([]byte(headDomain), record)
	return mac[:]
}

// Open reads a head and checks that it is under this key.
func (k *Keys) Open(row auditlog.Head) (r audit.Record, err error) {
	if !k.head.Check(row.MAC, []byte(headDomain), row.Record) || len(row.MAC) != 32 {
		return r, fmt.Errorf("%w: the head of the audit log does not bear this server's MAC", store.ErrTampered)
	}
	if err := r.UnmarshalBinary(row.Record); err != nil {
		return r, fmt.Errorf("%w: %w", store.ErrTampered, err)
	}
	frontier, err := r.Frontier.AppendBinary(nil)
	if err != nil {
		return r, err
	}
	if !bytes.Equal(frontier, row.Frontier) || r.Genesis != k.integrity.Genesis() || r.Key != k.integrity.ID() {
		return r, fmt.Errorf("%w: the head of the audit log is not what its record says", store.ErrTampered)
	}
	return r, nil
}

// Enter holds the head that a transaction finds against the one that was written
// last. It is called first in each transaction of the writer.
func (g *Guard) Enter(found auditlog.Head) error {
	if !g.begun.Load() {
		if found.Record != nil {
			return ErrUnprotected
		}
		return nil
	}
	if g.pending != nil {
		if sameHead(found, g.pending.head) {
			g.advance(*g.pending)
		}
		g.pending = nil
	}
	return g.See(g.Last(), found)
}

// See holds a head that was found against the one that was seen last before it was read. It
// is for transactions that do not write the head.
func (g *Guard) See(before Seen, found auditlog.Head) error {
	switch {
	case !g.begun.Load():
		return g.Enter(found)
	case g.stopped.Load():
		return g.Stop(errHead)
	case sameHead(found, before.head):
		return nil
	case !g.shared:
		return g.Stop(errHead)
	}
	record, err := g.Keys().Open(found)
	switch {
	case err != nil:
	case record.Commit <= before.commit:
		err = errHead
	case record.Moved:
		err = store.ErrMoved // by another program, since this one opened it
	}
	if err != nil {
		return g.Stop(err)
	}
	g.advance(Seen{found, record.Commit})
	return nil
}

// ErrUnprotected says that a write would take the record away by which the database
// proves itself.
var ErrUnprotected = errors.New("the database proves itself, and its key was not given yet")

var errHead = fmt.Errorf("%w: the head of the audit log is not the one that this server wrote last",
	store.ErrTampered)

// Stop ends all writing, for good.
func (g *Guard) Stop(err error) error {
	if !g.stopped.Swap(true) {
		g.keys.Load().alarm(store.Alarm{Err: err, Commit: g.Last().commit})
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// HeadChange is what a transaction did that the record speaks of.
type HeadChange struct {
	Checkpoints int64     // how many were added, less those that were removed
	First       int64     // place of the first entry that is kept; 0 if it is as before
	Config      *[32]byte // the digest, if it is another
	Streams     *[32]byte // the digest, if it is another
	Moved       *bool     // whether it is being moved, if that is new
}

// Leave makes the row that a transaction ends with; it stays pending until settle.
func (g *Guard) Leave(frontier *audit.Frontier, c HeadChange) (row auditlog.Head, err error) {
	if row.Frontier, err = frontier.AppendBinary(nil); err != nil || !g.begun.Load() {
		return row, err
	}
	k := g.keys.Load()
	var r audit.Record
	if err := r.UnmarshalBinary(g.Last().head.Record); err != nil {
		return row, err
	}
	r.Commit++
	r.Checkpoints += c.Checkpoints
	if c.First != 0 {
		r.First = c.First
	}
	if c.Config != nil {
		r.Config = *c.Config
	}
	if c.Streams != nil {
		r.Streams = *c.Streams
	}
	if c.Moved != nil {
		r.Moved = *c.Moved
	}
	r.Frontier = *frontier
	return g.seal(k, r, row)
}

// First makes the first record.
func (g *Guard) First(frontier *audit.Frontier, checkpoints int64, config, streams [32]byte) (row auditlog.Head,
	err error) {
	if row.Frontier, err = frontier.AppendBinary(nil); err != nil {
		return row, err
	}
	k := g.keys.Load()
	return g.seal(k, audit.Record{Genesis: k.integrity.Genesis(), Key: k.integrity.ID(), Commit: 1,
		Checkpoints: checkpoints, Config: config, Streams: streams, Frontier: *frontier}, row)
}

func (g *Guard) seal(k *Keys, r audit.Record, row auditlog.Head) (_ auditlog.Head, err error) {
	if row.Record, err = r.AppendBinary(nil); err != nil {
		return row, err
	}
	row.MAC = k.headMAC(row.Record)
	g.pending = &Seen{row, r.Commit}
	return row, nil
}

// Settle is called after a commit.
func (g *Guard) Settle() {
	if g.pending != nil {
		g.advance(*g.pending)
		g.pending = nil
		g.begun.Store(true)
	}
}

// Undone is called after a rollback.
func (g *Guard) Undone() { g.pending = nil }

// Arrival proves the entry n of a stream, which is committed and has no place in the log yet.
func (k *Keys) Arrival(stream, n int64, entry []byte) []byte {
	mac := k.head.Sum(arrival(stream, n, entry)...)
	return mac[:]
}

// CheckArrival reports whether an entry is proven.
func (k *Keys) CheckArrival(mac []byte, stream, n int64, entry []byte) bool {
	return len(mac) == 32 && k.head.Check(mac, arrival(stream, n, entry)...)
}

func arrival(stream, n int64, entry []byte) [][]byte {
	of := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(stream)), uint64(n))
	return [][]byte{[]byte("ostiary/arrival/1"), of, entry}
}

// Tag is the tag of a row, from its columns.
func (k *Keys) Tag(table string, columns []byte) []byte {
	sum := k.row.Sum([]byte("ostiary/row/1"), []byte(table), binary.BigEndian.AppendUint32(nil, k.integrity.ID()),
		columns)
	return sum[:tagSize]
}

const tagSize = 16

// Right reports whether a row carries its tag; while there is no record yet, and
// without a key, every row does.
func (g *Guard) Right(table string, tag []byte, columns func() []byte) bool {
	if !g.begun.Load() {
		return true
	}
	k := g.keys.Load()
	return subtle.ConstantTimeCompare(tag, k.Tag(table, columns())) == 1
}

// Draw gives a number from 0 to 65535 for a name, always the same one, which nobody can
// foretell who does not have the key: so stand-ins are as different as rows are.
func (g *Guard) Draw(name string) int64 {
	k := g.keys.Load()
	if k == nil {
		return 0
	}
	sum := k.row.Sum([]byte("ostiary/stand-in/1"), []byte(name))
	return int64(binary.BigEndian.Uint16(sum[:]))
}

// Forged raises the alarm about a row.
func (g *Guard) Forged(table, row string) error {
	err := fmt.Errorf("%w: %s %s", store.ErrForged, table, row)
	g.keys.Load().alarm(store.Alarm{Table: table, Row: row, Err: err})
	return err
}
