package tables

import (
	"errors"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

func (r *Reader) Nodes(after time.Time) ([]store.Node, error) {
	return query.All(r.ctx, r.q, func(s query.Scanner) (n store.Node, err error) {
		var started, seen int64
		err = s.Scan(&n.ID, &n.Name, &started, &seen)
		n.Started, n.Seen = query.Time(started), query.Time(seen)
		return n, err
	}, "SELECT id, name, started, seen FROM node WHERE seen > ? ORDER BY seen, id", query.Millis(after))
}

func (t *Tx) AddNode(name string, at time.Time) (int64, error) {
	return query.One(t.ctx, t.q, query.Value[int64], "INSERT INTO node (name, started, seen) VALUES (?1, ?2, ?2) "+
		"RETURNING id", name, query.Millis(at))
}

func (t *Tx) SeeNode(id int64, at time.Time) error {
	return t.changeOne("UPDATE node SET seen = ? WHERE id = ?", query.Millis(at), id)
}

func (r *Reader) SettingsVersion() ([32]byte, error) {
	record, err := r.Record()
	if errors.Is(err, store.ErrNotFound) { // a database that proves nothing
		return r.dialect.ConfigDigest(r.ctx, r.q)
	}
	return record.Config, err
}

func (r *Reader) CheckSettings() error {
	if r.guard == nil || !r.guard.Begun() {
		return nil
	}
	row, err := r.Head()
	if err == nil {
		_, err = r.guard.Keys().Open(row)
	}
	if errors.Is(err, store.ErrTampered) {
		return r.guard.Stop(err)
	} else if err != nil {
		return err
	}
	return r.checkConfig()
}
