package tables

import (
	"slices"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

func (t *Tx) StageState(seam, from int64, lines [][]byte) error {
	for rows := range slices.Chunk(lines, auditRows) {
		args := make([]any, 0, 3*len(rows))
		for _, line := range rows {
			args = append(args, seam, from, line)
			from++
		}
		if _, err := t.Change("INSERT INTO seam_state (seam, n, line) VALUES "+query.RowsOf("(?, ?, ?)", len(rows)),
			args...); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) AddSeam(s audit.Seam, proofs map[int64][]byte) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	size := s.Frontier.Size()
	first, err := t.Begins()
	if err != nil {
		return err
	}
	head, err := t.AuditHead()
	if err != nil {
		return err
	}
	staged, err := query.One(t.ctx, t.q, query.Value[int64],
		"SELECT coalesce(max(n) + 1, 0) FROM seam_state WHERE seam = ?", size)
	if err != nil {
		return err
	}
	if size <= first || size > head.Size() || staged != s.Lines {
		return store.ErrConflict
	}
	frontier, err := s.Frontier.AppendBinary(nil)
	if err != nil {
		return err
	}
	if _, err := t.Change("INSERT INTO audit_seam (size, frontier, note, lines, state, file) VALUES (?, ?, ?, ?, ?, ?)",
		size, frontier, s.Note, s.Lines, s.State[:], s.File[:]); err != nil {
		return err
	}
	for of, proof := range proofs {
		if n, err := t.Change("UPDATE checkpoint SET proof = ? WHERE size = ? AND size < ?", proof, of,
			size); err != nil || n == 0 {
			return orConflict(err)
		}
	}
	t.says.First = size
	return nil
}

func orConflict(err error) error {
	if err == nil {
		err = store.ErrConflict
	}
	return err
}

func (t *Tx) RemoveArchived(limit int) (more bool, err error) {
	first, err := t.Begins()
	if err != nil {
		return false, err
	}
	if t.guard.Begun() {
		record, err := t.Record()
		if err == nil && record.First != first {
			err = t.guard.Stop(ErrConfig) // somebody else made the seam, and would have entries removed
		}
		if err != nil {
			return false, err
		}
	}
	for _, part := range []func(first int64, limit int) (int64, error){t.removeEntries,
		func(first int64, _ int) (int64, error) { return t.Index().RemoveSegment(first) },
		t.removeCheckpoints, t.removeStates} {
		if n, err := part(first, limit); err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

func (t *Tx) removeEntries(first int64, limit int) (int64, error) {
	return t.Change("DELETE FROM audit_entry WHERE seq < least(?, (SELECT min(seq) FROM audit_entry) + ?)", first, limit)
}

func (t *Tx) removeCheckpoints(first int64, limit int) (int64, error) {
	n, err := t.Change("DELETE FROM checkpoint WHERE id IN (SELECT id FROM checkpoint WHERE size < ? AND proof IS NULL "+
		"LIMIT ?)", first, limit)
	t.says.Checkpoints -= n
	return n, err
}

func (t *Tx) removeStates(first int64, limit int) (int64, error) {
	return t.Change("DELETE FROM seam_state WHERE (seam, n) IN (SELECT seam, n FROM seam_state WHERE seam <> ? LIMIT ?)",
		first, limit)
}
