package integrity

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// ErrNoMark says that there is no mark.
var ErrNoMark = errors.New("there is no mark beside the key file")

// Mark says how far a server has been with a database: so many commits, and a
// checkpoint of so many entries with this root.
type Mark struct {
	Genesis seal.Genesis
	Commit  uint64
	Size    int64
	Root    [32]byte
	Time    time.Time
	MAC     [32]byte
}

// Marks keeps the mark where no backup of the database is put back: beside the key.
type Marks interface {
	// Read gives the mark, or ErrNoMark.
	Read() (Mark, error)
	// Write replaces it, durably.
	Write(Mark) error
}

const (
	markPrefix = "ostiary-mark-1 "
	markDomain = "ostiary/mark/1"
	markSize   = seal.GenesisSize + 8 + 8 + 32 + 8 + 32
)

func (m Mark) body() []byte {
	b := append(make([]byte, 0, markSize), m.Genesis[:]...)
	b = binary.BigEndian.AppendUint64(b, m.Commit)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Size))
	b = append(b, m.Root[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(m.Time.UnixMilli()))
}

// Text is the content of the mark's file: "ostiary-mark-1 " and, in base64, genesis
// (16) ‖ commit (8) ‖ size (8) ‖ root (32) ‖ time (8, milliseconds) ‖ MAC (32).
func (m Mark) Text() string {
	return markPrefix + base64.StdEncoding.EncodeToString(append(m.body(), m.MAC[:]...)) + "\n"
}

// ParseMark reads the content of the mark's file.
func ParseMark(text string) (m Mark, err error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), markPrefix)
	b, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(b) != markSize {
		return m, errors.New("not a mark of this program")
	}
	m.Genesis = seal.Genesis(b[:16])
	m.Commit = binary.BigEndian.Uint64(b[16:])
	m.Size = int64(binary.BigEndian.Uint64(b[24:]))
	m.Root = [32]byte(b[32:64])
	m.Time = time.UnixMilli(int64(binary.BigEndian.Uint64(b[64:]))).UTC()
	m.MAC = [32]byte(b[72:])
	if m.Size < 0 {
		return m, errors.New("not a mark of this program")
	}
	return m, nil
}

// mark makes the mark of a database that stands so.
func (d *Database) mark(r audit.Record, c audit.Checkpoint) Mark {
	m := Mark{Genesis: d.key.Genesis(), Commit: r.Commit, Size: c.Size, Root: c.Root, Time: d.cfg.Now()}
	m.MAC = d.markMAC(m)
	return m
}

// writeFirstMark is called before the first record is made: whoever is interrupted
// between the two finds a mark that every database is beyond.
func (d *Database) writeFirstMark() error {
	return d.cfg.Marks.Write(d.mark(audit.Record{}, audit.Checkpoint{Root: (&audit.Frontier{}).Root()}))
}

func (d *Database) markMAC(m Mark) (mac [32]byte) {
	h, err := d.key.Hasher(seal.Mark)
	if err != nil {
		return mac // HKDF fails for lengths only, and this one is fixed
	}
	return h.Sum([]byte(markDomain), m.body())
}

// alarm is called by the database. If an older copy was put in its place while the server runs,
// nothing but the mark tells so after a restart: the copy may be newer than the last one.
func (d *Database) alarm(a store.Alarm) {
	if a.Table == "" {
		if err := d.raiseMark(a.Commit); err != nil {
			a.Err = fmt.Errorf("%w; and the mark beside the key file: %w", a.Err, err)
		}
	}
	if d.cfg.Alarm != nil {
		d.cfg.Alarm(a)
	}
}

// raiseMark writes down the last commit that was seen, for good.
func (d *Database) raiseMark(commit uint64) error {
	d.marking.Lock()
	defer d.marking.Unlock()
	d.stopped = true
	m, err := d.cfg.Marks.Read()
	if err != nil || m.Commit >= commit {
		return err
	}
	m.Commit, m.Time = commit, d.cfg.Now()
	m.MAC = d.markMAC(m)
	return d.cfg.Marks.Write(m)
}

// KeepMark writes down how far the database is. It is called after a checkpoint.
func (d *Database) KeepMark(ctx context.Context) error {
	d.marking.Lock()
	defer d.marking.Unlock()
	if d.stopped {
		return nil
	}
	var m Mark
	err := d.cfg.DB.View(ctx, func(r store.Reader) error {
		record, err := r.Record()
		if err != nil {
			return err
		}
		newest, err := d.Ledger.Newest(r)
		m = d.mark(record, newest)
		return err
	})
	if err == nil {
		err = d.cfg.Marks.Write(m)
	}
	if err != nil {
		return fmt.Errorf("mark beside the key file: %w", err)
	}
	return nil
}

// readMark gives the mark if it is one of this database.
func (d *Database) readMark() (Mark, error) {
	m, err := d.cfg.Marks.Read()
	switch {
	case errors.Is(err, ErrNoMark):
		return m,
			refuse("mark_lost", "The mark that records how much this server has written (kek.mark, beside the key file) "+
				"is missing.", acceptHint, err)
	case err != nil:
		return m, refuse("mark_damaged", "The mark that records how much this server has written (kek.mark, beside the key "+
			"file) cannot be read.", acceptHint, err)
	case m.Genesis != d.key.Genesis():
		return m, refuse("database_replaced", "The database is not the one that this server wrote last.",
			restoreHint, nil)
	}
	if h, err := d.key.Hasher(seal.Mark); err != nil {
		return m, err
	} else if !h.Check(m.MAC[:], []byte(markDomain), m.body()) {
		return m, refuse("mark_damaged", "The mark that records how much this server has written (kek.mark, beside "+
			"the key file) "+
			"is not one that this server wrote.", acceptHint, nil)
	}
	return m, nil
}

// behind refuses a database that is not as far as a mark.
func (d *Database) behind(ctx context.Context, m Mark) error {
	record := d.found
	if record == nil {
		if err := d.cfg.DB.View(ctx, func(r store.Reader) error {
			now, err := r.Record()
			record = &now
			return err
		}); err != nil {
			return err
		}
	}
	if record.Commit < m.Commit || record.Frontier.Size() < m.Size {
		return refuse("database_older", fmt.Sprintf("The database is an older copy: it has %s in its "+
			"audit log, and "+
			"this server wrote %d or more, by %s.", fault.Plural(int(record.Frontier.Size()),
			"entry", "entries"), m.Size, m.Time.Format(time.RFC3339)),
			restoreHint, nil)
	}
	if m.Size == 0 {
		return nil
	}
	var signed bool
	err := d.cfg.DB.View(ctx, func(r store.Reader) (err error) {
		signed, err = d.Ledger.Signed(r, m.Size, m.Root)
		return err
	})
	if err == nil && !signed {
		err = refuse("database_differs", fmt.Sprintf("The audit log is not the one that this server wrote: "+
			"its first %d "+
			"entries are different.", m.Size), findHint, nil)
	}
	return err
}
