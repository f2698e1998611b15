package tables

import (
	"math"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

const eventColumns = "e.id, e.message, e.way, e.subject, e.created, e.expires, e.due, e.tries, e.dead, e.ended, " +
	"e.problem, e.body, e.secret FROM event e "

func scanEvent(s query.Scanner) (e store.Event, err error) {
	var created, expires, due, ended int64
	err = s.Scan(&e.ID, &e.Message, &e.Way, &e.Subject, &created, &expires, &due, &e.Tries, &e.Dead, &ended, &e.Problem,
		&e.Body, &e.Secret)
	e.Created, e.Expires = query.Time(created), query.Time(expires)
	e.Due, e.Ended = query.Time(due), query.Time(ended)
	return e, err
}

func (r *Reader) Event(message string) ([]store.Event, error) {
	return query.All(r.ctx, r.q, scanEvent, "SELECT "+eventColumns+"WHERE e.message = ? ORDER BY e.id", message)
}

func (r *Reader) Events(dead bool, before int64, limit int) ([]store.Event, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	return query.All(r.ctx, r.q, scanEvent, "SELECT "+eventColumns+r.dialect.Indexed("event_dead")+
		" WHERE e.dead = ? AND e.id < ? ORDER BY e.id DESC LIMIT ?", dead, before, limit)
}

func (r *Reader) DueEvents(way string, now time.Time, patience, limit int) ([]store.Event, error) {
	return query.All(r.ctx, r.q, scanEvent, "SELECT "+eventColumns+r.dialect.Indexed("event_due")+
		" WHERE e.way = ? AND e.dead = 0 AND e.due <= ? AND NOT EXISTS (SELECT 1 FROM event o "+
		r.dialect.Indexed("event_order")+" WHERE o.way = e.way AND o.subject = e.subject AND o.id < e.id AND "+
		"o.dead = 0 AND o.tries < ?) ORDER BY e.due, e.id LIMIT ?", way, query.Millis(now), patience, limit)
}

const countEvents = "SELECT count(*) FROM (SELECT 1 FROM event WHERE dead = ? LIMIT ?) few"

func (r *Reader) CountEvents(most int) (n store.EventCount, err error) {
	if n.Waiting, err = query.One(r.ctx, r.q, query.Value[int], countEvents, 0, most); err != nil {
		return n, err
	}
	if n.Dead, err = query.One(r.ctx, r.q, query.Value[int], countEvents, 1, most); err != nil || n.Waiting == 0 {
		return n, err
	}
	oldest, err := query.One(r.ctx, r.q, query.Value[int64],
		"SELECT created FROM event "+r.dialect.Indexed("event_dead")+" WHERE dead = 0 ORDER BY id LIMIT 1")
	n.Oldest = query.Time(oldest)
	return n, err
}

func (r *Reader) WaitingEvents(way string, most int) (int, error) {
	return query.One(r.ctx, r.q, query.Value[int],
		"SELECT count(*) FROM (SELECT 1 FROM event WHERE way = ? AND dead = 0 LIMIT ?) few", way, most)
}

func (r *Reader) EventsOverdue(now, before time.Time) (bool, error) {
	return query.One(r.ctx, r.q, query.Value[bool], "SELECT EXISTS (SELECT 1 FROM event WHERE dead = 0 AND "+
		"expires <= ?) OR EXISTS (SELECT 1 FROM event WHERE dead = 1 AND ended < ?)", query.Millis(now), query.Millis(before))
}

func (t *Tx) NextEventID() (int64, error) { return t.dialect.Reserve(t.ctx, t.q, "event", 1) }

func (t *Tx) AddEvent(e store.Event) error {
	_, err := t.Change("INSERT INTO event (id, message, way, subject, created, expires, due, body, secret) "+
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", e.ID, e.Message, e.Way, e.Subject, query.Millis(e.Created),
		query.Millis(e.Expires), query.Millis(e.Due), e.Body, e.Secret)
	return err
}

func (t *Tx) ClaimEvent(e store.Event, until time.Time) error {
	return t.changeOne("UPDATE event SET due = ?, tries = tries + 1 WHERE id = ? AND dead = 0 AND due = ? AND tries = ?",
		query.Millis(until), e.ID, query.Millis(e.Due), e.Tries)
}

func (t *Tx) ToldEvent(id int64) error {
	_, err := t.Change("DELETE FROM event WHERE id = ?", id)
	return err
}

func (t *Tx) PutOffEvent(id int64, due time.Time, problem string) error {
	_, err := t.Change("UPDATE event SET due = ?, problem = ? WHERE id = ? AND dead = 0", query.Millis(due), problem, id)
	return err
}

// endEvent makes an event a dead one; its secret is for nobody any more.
const endEvent = "UPDATE event SET dead = 1, secret = NULL, ended = ?"

func (t *Tx) EndEvent(id int64, now time.Time, problem string) error {
	_, err := t.Change(endEvent+", problem = ? WHERE id = ? AND dead = 0", query.Millis(now), problem, id)
	return err
}

func (t *Tx) GiveUpEvents(now time.Time, limit int) (int64, error) {
	return t.Change(endEvent+" WHERE id IN (SELECT id FROM event WHERE dead = 0 AND expires <= ? ORDER BY expires "+
		"LIMIT ?)", query.Millis(now), query.Millis(now), limit)
}

func (t *Tx) RemoveEvents(before time.Time, limit int) error {
	_, err := t.Change("DELETE FROM event WHERE id IN (SELECT id FROM event WHERE dead = 1 AND ended < ? ORDER BY ended "+
		"LIMIT ?)", query.Millis(before), limit)
	return err
}

func (t *Tx) RetryEvent(id int64, now, expires time.Time) error {
	return t.changeOne("UPDATE event SET dead = 0, tries = 0, ended = 0, problem = '', due = ?, expires = ? "+
		"WHERE id = ? AND dead = 1", query.Millis(now), query.Millis(expires), id)
}
