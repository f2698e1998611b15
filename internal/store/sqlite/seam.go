package sqlite

import (
	"fmt"
	"ostiary/internal/store/query"
	"slices"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
)

// firstSQL is the place of the first entry that is kept.
const firstSQL = "(SELECT coalesce(max(size), 0) FROM audit_seam)"

func (r *reader) begins() (int64, error) {
	return query.One(r.ctx, r.q, query.Value[int64], "SELECT "+firstSQL)
}

func (r *reader) Seams() ([]audit.Seam, error) {
	return query.All(r.ctx, r.q, func(s query.Scanner) (seam audit.Seam, err error) {
		var size int64
		var frontier, state, file []byte
		if err := s.Scan(&size, &frontier, &seam.Note, &seam.Lines, &state, &file); err != nil {
			return seam, err
		}
		if err := seam.Frontier.UnmarshalBinary(frontier); err != nil || seam.Frontier.Size() != size ||
			len(state) != len(seam.State) || len(file) != len(seam.File) {
			return seam, fmt.Errorf("%w: the seam of the audit log at entry %d cannot be read", store.ErrTampered, size)
		}
		copy(seam.State[:], state)
		copy(seam.File[:], file)
		return seam, nil
	}, "SELECT size, frontier, note, lines, state, file FROM audit_seam ORDER BY size")
}

func (r *reader) SeamState(seam, from int64, limit int) ([][]byte, error) {
	return query.All(r.ctx, r.q, query.Value[[]byte],
		"SELECT line FROM seam_state WHERE seam = ? AND n >= ? ORDER BY n LIMIT ?", seam, from, limit)
}

func (r *reader) CheckpointUpTo(size int64) (string, error) {
	return query.One(r.ctx, r.q, query.Value[string],
		"SELECT note FROM checkpoint WHERE size <= ? ORDER BY size DESC, id LIMIT 1", size)
}

func (t *tx) StageState(seam, from int64, lines [][]byte) error {
	for rows := range slices.Chunk(lines, auditRows) {
		args := make([]any, 0, 3*len(rows))
		for _, line := range rows {
			args = append(args, seam, from, line)
			from++
		}
		if _, err := t.change("INSERT INTO seam_state (seam, n, line) VALUES "+rowsOf("(?, ?, ?)", len(rows)),
			args...); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) AddSeam(s audit.Seam, proofs map[int64][]byte) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	size := s.Frontier.Size()
	first, err := t.begins()
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
	if _, err := t.change("INSERT INTO audit_seam (size, frontier, note, lines, state, file) VALUES (?, ?, ?, ?, ?, ?)",
		size, frontier, s.Note, s.Lines, s.State[:], s.File[:]); err != nil {
		return err
	}
	for of, proof := range proofs {
		if n, err := t.change("UPDATE checkpoint SET proof = ? WHERE size = ? AND size < ?", proof, of,
			size); err != nil || n == 0 {
			return orConflict(err)
		}
	}
	t.says.first = size
	return nil
}

func orConflict(err error) error {
	if err == nil {
		err = store.ErrConflict
	}
	return err
}

func (t *tx) RemoveArchived(limit int) (more bool, err error) {
	first, err := t.begins()
	if err != nil {
		return false, err
	}
	if t.guard.begun.Load() {
		record, err := t.Record()
		if err == nil && record.First != first {
			err = t.guard.stop(errConfig) // somebody else made the seam, and would have entries removed
		}
		if err != nil {
			return false, err
		}
	}
	for _, part := range []func(first int64, limit int) (int64, error){t.removeEntries, t.removeSegment,
		t.removeCheckpoints, t.removeStates} {
		if n, err := part(first, limit); err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

func (t *tx) removeEntries(first int64, limit int) (int64, error) {
	return t.change("DELETE FROM audit_entry WHERE seq < min(?, (SELECT min(seq) FROM audit_entry) + ?)", first, limit)
}

// removeSegment takes away the part of the index that covers removed entries alone,
// a segment at a time.
func (t *tx) removeSegment(first int64, _ int) (int64, error) {
	old, err := query.All(t.ctx, t.q, scanSegment,
		"SELECT first, beyond FROM audit_segment WHERE beyond <= ? ORDER BY first LIMIT 1", first)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	if _, err := t.change("DELETE FROM audit_block WHERE segment = ?", old[0].first); err != nil {
		return 0, err
	}
	if _, err := t.change("DELETE FROM audit_span WHERE beyond <= ?", old[0].beyond); err != nil {
		return 0, err
	}
	return t.change("DELETE FROM audit_segment WHERE first = ?", old[0].first)
}

func (t *tx) removeCheckpoints(first int64, limit int) (int64, error) {
	n, err := t.change("DELETE FROM checkpoint WHERE id IN (SELECT id FROM checkpoint WHERE size < ? AND proof IS NULL "+
		"LIMIT ?)", first, limit)
	t.says.checkpoints -= n
	return n, err
}

func (t *tx) removeStates(first int64, limit int) (int64, error) {
	return t.change("DELETE FROM seam_state WHERE (seam, n) IN (SELECT seam, n FROM seam_state WHERE seam <> ? LIMIT ?)",
		first, limit)
}
