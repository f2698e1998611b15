package storetest

import (
	"errors"
	"fmt"
	"reflect"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
)

// grown appends n entries and signs, so to speak, a checkpoint every second one.
func (r *rig) grown(n int) {
	r.Helper()
	r.update(func(tx store.Tx) error {
		for range n {
			head, err := tx.AuditHead()
			if err != nil {
				return err
			}
			if err := tx.AppendAudit(entry(fmt.Sprint(head.Size()))); err != nil {
				return err
			}
			if size := head.Size() + 1; size%2 == 0 {
				if err := tx.AddCheckpoint(size, fmt.Sprint("note ", size)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// seamAt is a seam before which there are so many entries.
func (r *rig) seamAt(size int64) audit.Seam {
	r.Helper()
	s := audit.Seam{Note: fmt.Sprint("note ", size), State: [32]byte{1}, File: [32]byte{2}}
	for i := range size {
		s.Frontier.Append(entry(fmt.Sprint(i)))
	}
	return s
}

// recorded gives where the log begins by the record, and how many checkpoints there
// are; proves is false of a database that keeps none.
func (r *rig) recorded() (first, checkpoints int64, proves bool) {
	r.view(func(rd store.Reader) error {
		record, err := rd.Record()
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		first, checkpoints, proves = record.First, record.Checkpoints, true
		return err
	})
	return first, checkpoints, proves
}

// trimmed removes what was archived and gives how many steps that took.
func (r *rig) trimmed(limit int) (steps int) {
	r.Helper()
	for more := true; more; {
		r.update(func(tx store.Tx) (err error) {
			more, err = tx.RemoveArchived(limit)
			return err
		})
		if more {
			steps++
		}
	}
	return steps
}

var archiveTests = []test{
	// One commit moves the beginning of the log; then nothing gives the entries before
	// it, whether their rows are removed or not.
	{"ASeamMovesTheBeginning", func(r *rig) {
		r.grown(10)
		state := [][]byte{[]byte("one"), []byte("two"), []byte("three")}
		s := r.seamAt(6)
		s.Lines = 3
		r.update(func(tx store.Tx) error {
			return errors.Join(tx.StageState(6, 0, state[:2]), tx.StageState(6, 2, state[2:]),
				tx.StageState(4, 0, state))
		})
		r.update(func(tx store.Tx) error { return tx.AddSeam(s, map[int64][]byte{4: []byte("proof")}) })
		seen := func(when string) {
			r.same(when+": from 0", r.page(0, 2), []store.AuditRow{{Seq: 6, Entry: entry("6")}, {Seq: 7,
				Entry: entry("7")}})
			r.same(when+": from 7", r.page(7, 1), []store.AuditRow{{Seq: 7, Entry: entry("7")}})
			r.view(func(rd store.Reader) error {
				rows, next, err := rd.FindAudit(audit.Filter{}, 0, 10)
				if len(rows) != 4 || next != 0 || rows[3].Seq != 6 {
					r.Errorf("%s: found %d, on from %d", when, len(rows), next)
				}
				seams, serr := rd.Seams()
				if !reflect.DeepEqual(seams, []audit.Seam{s}) {
					r.Errorf("%s: seams %+v", when, seams)
				}
				lines, lerr := rd.SeamState(6, 1, 2)
				r.same(when+": lines", lines, state[1:])
				return errors.Join(err, serr, lerr)
			})
			if first, _, proves := r.recorded(); proves && first != 6 {
				r.Errorf("%s: the record begins with %d", when, first)
			}
			r.checkLog()
		}
		seen("at once")
		// 6 entries, 1 checkpoint (of 2 entries; 4 has a proof), 3 lines, and the index.
		if n := r.trimmed(2); n < 3+1+2 {
			r.Errorf("%d steps", n)
		}
		seen("afterwards")
		r.view(func(rd store.Reader) error {
			notes, err := rd.Checkpoints()
			r.same("checkpoints", notes, []audit.StoredNote{{Text: "note 4", Proof: []byte("proof")}, {Text: "note 6"},
				{Text: "note 8"}, {Text: "note 10"}})
			old, lerr := rd.SeamState(4, 0, 10)
			r.same("the other state", old, [][]byte(nil))
			return errors.Join(err, lerr)
		})
		if _, n, proves := r.recorded(); proves && n != 4 {
			r.Errorf("%d checkpoints are counted", n)
		}
		r.same("steps again", r.trimmed(2), 0)
		r.grown(1)
		r.same("the entry behind", r.page(10, 5), []store.AuditRow{{Seq: 10, Entry: entry("10")}})
	}},
	{"ASeamIsBehindTheLastAndHasItsState", func(r *rig) {
		r.grown(10)
		add := func(size, lines int64, proofs map[int64][]byte) func(tx store.Tx) error {
			s := r.seamAt(size)
			s.Lines = lines
			return func(tx store.Tx) error { return tx.AddSeam(s, proofs) }
		}
		r.update(func(tx store.Tx) error { return tx.StageState(4, 0, [][]byte{[]byte("line")}) })
		r.is(store.ErrConflict, "a line is missing", add(4, 2, nil))
		r.is(store.ErrConflict, "a line too many", add(4, 0, nil))
		r.is(store.ErrConflict, "a proof of no checkpoint", add(4, 1, map[int64][]byte{3: nil}))
		r.is(store.ErrConflict, "beyond the end", add(11, 0, nil))
		r.is(store.ErrConflict, "at the beginning", add(0, 0, nil))
		r.update(add(4, 1, nil))
		r.is(store.ErrConflict, "the same again", add(4, 1, nil))
		r.is(store.ErrConflict, "an earlier one", add(2, 0, nil))
		r.update(add(8, 0, map[int64][]byte{6: []byte("p"), 4: []byte("q")}))
		r.view(func(rd store.Reader) error {
			seams, err := rd.Seams()
			if len(seams) != 2 || audit.First(seams) != 8 {
				r.Errorf("seams %+v", seams)
			}
			return err
		})
	}},
	{"CheckpointsBySize", func(r *rig) {
		r.grown(7)
		for size, want := range map[int64]string{2: "note 2", 3: "note 2", 5: "note 4", 99: "note 6"} {
			r.view(func(rd store.Reader) error {
				got, err := rd.CheckpointUpTo(size)
				r.same(fmt.Sprint("up to ", size), got, want)
				return err
			})
		}
		r.absent("a checkpoint of less", func(rd store.Reader) error {
			_, err := rd.CheckpointUpTo(1)
			return err
		})
	}},
}
