package tables

import (
	"encoding/json"
	"errors"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// list is marks as Dialect.Numbers takes them.
func list(marks []token.Mark) string {
	text, _ := json.Marshal(append([]token.Mark{}, marks...)) // numbers always can; none are []
	return string(text)
}

func (r *Reader) Holders(run int64, marks ...token.Mark) ([]token.Token, error) {
	return query.All(r.ctx, r.q, scanToken, "SELECT "+TokenColumns+tokenTables+
		" WHERE t.mark IN ("+r.dialect.Numbers("?1")+") AND (t.run = ?2 OR "+published+") ORDER BY t.id",
		list(marks), run)
}

func scanSecret(s query.Scanner) (w store.Secret, err error) {
	err = s.Scan(&w.Mark, &w.Floor.Events, &w.Floor.Seconds, &w.Floor.Both, &w.MovedAway, &w.Fenced)
	return w, err
}

func (r *Reader) Secrets(marks ...token.Mark) ([]store.Secret, error) {
	return query.All(r.ctx, r.q, scanSecret, "SELECT mark, events, seconds, \"both\" <> 0, moved_away <> 0, fenced <> 0 FROM secret "+
		"WHERE mark IN ("+r.dialect.Numbers("?")+") ORDER BY mark", list(marks))
}

func (r *Reader) SharedMarks(after token.Mark, limit int) ([]token.Mark, error) {
	return query.All(r.ctx, r.q, query.Value[token.Mark], "SELECT t.mark FROM token t WHERE t.mark > ? AND "+published+
		" GROUP BY t.mark HAVING count(*) > 1 ORDER BY t.mark LIMIT ?", int64(after), limit)
}

func (r *Reader) Unmarked(after token.ID, limit int) ([]store.Candidate, error) {
	all, err := query.All(r.ctx, r.q, scanCandidate, "SELECT "+TokenColumns+", t.secret"+tokenTables+
		" WHERE t.mark IS NULL AND t.id > ? ORDER BY t.id LIMIT ?", int64(after), limit)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := r.doubt(&all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (r *Reader) Retired(fingerprint []byte) (next uint64, movedAway bool, err error) {
	type past struct {
		next int64
		away bool
	}
	p, err := query.One(r.ctx, r.q, func(s query.Scanner) (p past, err error) {
		err = s.Scan(&p.next, &p.away)
		return p, err
	}, "SELECT next, moved_away FROM retired WHERE fingerprint = ?", fingerprint)
	return uint64(p.next), p.away, err
}

func (r *Reader) AnyRetired() (bool, error) {
	return query.One(r.ctx, r.q, query.Value[bool], "SELECT EXISTS (SELECT 1 FROM retired)")
}

func (t *Tx) SetMark(id token.ID, mark token.Mark) error {
	if err := t.alterToken(id); err != nil {
		return err
	}
	return t.changeOne("UPDATE token SET mark = ? WHERE id = ? AND mark IS NULL", int64(mark), int64(id))
}

// remembered raises floors and never lowers one. both is set for good once a secret
// has been used either way.
const remembered = ` ON CONFLICT (mark) DO UPDATE SET events = greatest(secret.events, excluded.events),
	seconds = greatest(secret.seconds, excluded.seconds), "both" = greatest(secret."both", excluded."both")`

func (t *Tx) ShareSecret(run int64, mark token.Mark) error {
	holders, err := t.Holders(run, mark)
	if err != nil {
		return err
	}
	past, err := t.Secrets(mark)
	if err != nil {
		return err
	}
	floor, counts := token.Floor{}, [2]bool{}
	for _, w := range past {
		floor = w.Floor
		counts = [2]bool{floor.Events > 0, floor.Seconds > 0}
	}
	for _, h := range holders {
		used := h.Spec.Used(h.Condition.Own())
		floor.Events, floor.Seconds = max(floor.Events, used.Events), max(floor.Seconds, used.Seconds)
		counts[map[bool]int{false: 0, true: 1}[h.Spec.Timed()]] = true
	}
	ids, err := query.All(t.ctx, t.q, query.Value[int64], "SELECT id FROM token WHERE mark = ?", int64(mark))
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := t.alterToken(token.ID(id)); err != nil {
			return err
		}
	}
	if _, err := t.Change("INSERT INTO secret (mark, events, seconds, \"both\") VALUES (?, ?, ?, ?)"+remembered,
		int64(mark), floor.Events, floor.Seconds, counts[0] && counts[1]); err != nil {
		return err
	}
	_, err = t.Change("UPDATE condition SET twin = ?1 WHERE token IN (SELECT id FROM token WHERE mark = ?1)",
		int64(mark))
	return err
}

func (t *Tx) Remember(w store.Secret) error {
	if w.Mark == 0 {
		return errors.New("a secret without a mark cannot be remembered")
	}
	_, err := t.Change("INSERT INTO secret (mark, events, seconds, moved_away, fenced) VALUES (?, ?, ?, ?, ?)"+remembered+
		", moved_away = excluded.moved_away, fenced = greatest(secret.fenced, excluded.fenced)", int64(w.Mark), w.Floor.Events,
		w.Floor.Seconds, w.MovedAway, w.Fenced)
	return err
}

// The floor of a secret moves: behind a counter, or behind a second.
//
//	?1 the new floor  ?2 mark  ?3 the floor as judged
const (
	AdvanceEvents  = "UPDATE secret SET events = ?1 WHERE mark = ?2 AND events = ?3 AND events < ?1"
	AdvanceSeconds = "UPDATE secret SET seconds = ?1 WHERE mark = ?2 AND seconds = ?3 AND seconds < ?1"
)
