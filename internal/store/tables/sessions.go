package tables

import (
	"errors"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

const sessionQuery = "SELECT id, name, started, used, proof, kind, admin, source, agent, factor, fresh, challenge " +
	"FROM session"

func scanSession(s query.Scanner) (v store.Session, err error) {
	var started, used, fresh int64
	err = s.Scan(&v.ID, &v.Name, &started, &used, &v.Proof, &v.Kind, &v.Admin, &v.Source, &v.Agent, &v.Factor, &fresh,
		&v.Challenge)
	v.Started, v.Used, v.Fresh = query.Time(started), query.Time(used), query.Time(fresh)
	return v, err
}

func (r *Reader) Session(id []byte) (store.Session, error) {
	return query.One(r.ctx, r.q, scanSession, sessionQuery+" WHERE id = ?", id)
}

func (r *Reader) Sessions(name string) ([]store.Session, error) {
	return query.All(r.ctx, r.q, scanSession, sessionQuery+" WHERE name = ? ORDER BY started, id", name)
}

func (t *Tx) AddSession(s store.Session) error {
	return t.insertOne("INSERT INTO session (id, name, started, used, proof, kind, admin, source, agent, factor, fresh) "+
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", s.ID, s.Name, query.Millis(s.Started), query.Millis(s.Used), s.Proof,
		s.Kind, s.Admin, s.Source, s.Agent, s.Factor, query.Millis(s.Fresh))
}

func (t *Tx) ProveSession(before []byte, after store.Session) error {
	return t.changeOne("UPDATE session SET factor = ?, fresh = ?, proof = ?, challenge = ? WHERE id = ? AND proof = ?",
		after.Factor, query.Millis(after.Fresh), after.Proof, "", after.ID, before)
}

func (t *Tx) ChallengeSession(id []byte, from, to string) error {
	return t.changeOne("UPDATE session SET challenge = ? WHERE id = ? AND challenge = ?", to, id, from)
}

func (t *Tx) UseSession(id []byte, at time.Time) error {
	return t.changeOne("UPDATE session SET used = greatest(used, ?) WHERE id = ?", query.Millis(at), id)
}

func (t *Tx) EndSession(id []byte) error {
	return t.changeOne("DELETE FROM session WHERE id = ?", id)
}

func (t *Tx) EndSessions(name string) error {
	_, err := t.Change("DELETE FROM session WHERE name = ?1 OR ?1 = ''", name)
	return err
}

func scanMemo(s query.Scanner) (m store.Memo, err error) {
	var until, changed int64
	err = s.Scan(&m.What, &m.About, &m.Who, &m.N, &until, &changed)
	m.Until, m.Changed = query.Time(until), query.Time(changed)
	return m, err
}

const memoQuery = "SELECT what, about, who, n, until, changed FROM memo WHERE what = ? AND "

func (r *Reader) Memo(what, about, who string) (store.Memo, error) {
	m, err := query.One(r.ctx, r.q, scanMemo, memoQuery+"about = ? AND who = ?", what, about, who)
	if errors.Is(err, store.ErrNotFound) {
		return store.Memo{What: what, About: about, Who: who}, nil
	}
	return m, err
}

func (r *Reader) Memos(what string, after time.Time) ([]store.Memo, error) {
	return query.All(r.ctx, r.q, scanMemo, memoQuery+"changed > ? ORDER BY changed, about, who", what, query.Millis(after))
}

func (t *Tx) SetMemo(m store.Memo, now time.Time) error {
	if _, err := t.Change("DELETE FROM memo WHERE until <= ?", query.Millis(now)); err != nil {
		return err
	}
	_, err := t.Change("INSERT INTO memo (what, about, who, n, until, changed) VALUES (?, ?, ?, ?, ?, ?) "+
		"ON CONFLICT (what, about, who) DO UPDATE SET n = excluded.n, until = excluded.until, changed = excluded.changed",
		m.What, m.About, m.Who, m.N, query.Millis(m.Until), query.Millis(now))
	return err
}

func (t *Tx) ForgetMemos(what, about string) error {
	_, err := t.Change("DELETE FROM memo WHERE what = ? AND about = ?", what, about)
	return err
}
