package tables

import (
	"errors"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// seriesOf joins a series (s) with its type (t), the highest number that a token
// of the type carries, and the last that fits its serials. The serials of one
// type are of one length, so that the highest as text is the highest.
const seriesOf = `SELECT s.type, s.next, s.highest, s.issued, t.retired,
	coalesce((SELECT CAST(substr(k.serial, length(t.prefix) + 1) AS BIGINT) FROM token k
		WHERE k.kind = 'software' AND k.type = t.name AND k.serial >= t.prefix || '0' AND k.serial < t.prefix || ':'
		  AND length(k.serial) = length(t.prefix) + t.width AND ltrim(substr(k.serial, length(t.prefix) + 1), '0123456789') = ''
		ORDER BY k.serial DESC LIMIT 1), 0) AS present,
	CAST(substr('999999999999999', 1, CAST(t.width AS INTEGER)) AS BIGINT) AS last
	FROM token_series s JOIN token_type t ON t.name = s.type`

func scanSeries(s query.Scanner) (store.Series, error) {
	var of store.Series
	var next, highest, issued, present int64
	err := s.Scan(&of.Type, &next, &highest, &issued, &present)
	of.Next, of.Highest, of.Issued, of.Present = uint64(next), uint64(highest), uint64(issued), uint64(present)
	return of, err
}

const seriesQuery = "SELECT type, next, highest, issued, present FROM (" + seriesOf + ") series"

func (r *Reader) AllSeries() ([]store.Series, error) {
	return query.All(r.ctx, r.q, scanSeries, seriesQuery+" ORDER BY type")
}

func (r *Reader) Series(typeName string) (store.Series, error) {
	return query.One(r.ctx, r.q, scanSeries, seriesQuery+" WHERE type = ?", typeName)
}

func (t *Tx) AllocateSerials(typeName string, n int) (uint64, error) {
	first, err := query.One(t.ctx, t.q, query.Value[int64], `UPDATE token_series AS u
		SET next = f.begins + ?2, highest = f.begins + ?2 - 1, issued = issued + ?2
		FROM (SELECT type AS of, greatest(next, present + 1) AS begins, retired, last FROM (`+seriesOf+
		` WHERE s.type = ?1) series) AS f
		WHERE u.type = f.of AND f.retired = 0 AND ?2 > 0 AND f.begins + ?2 - 1 <= f.last
		RETURNING next - ?2`, typeName, n)
	if errors.Is(err, store.ErrNotFound) {
		err = store.ErrConflict
	}
	return uint64(first), err
}

func (t *Tx) SetSeries(typeName string, next uint64) error {
	return t.changeOne(`UPDATE token_series AS u SET next = ?2 FROM (`+seriesOf+` WHERE s.type = ?1) AS f
		WHERE u.type = f.type AND ?2 > u.highest AND ?2 > f.present AND ?2 <= f.last`, typeName, int64(next))
}

func (t *Tx) RaiseSeries(typeName string, above uint64) error {
	n, err := t.Change("UPDATE token_series SET next = greatest(next, ?2 + 1), highest = greatest(highest, ?2) WHERE type = ?1",
		typeName, int64(above))
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return err
}
