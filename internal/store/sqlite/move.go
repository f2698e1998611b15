package sqlite

import (
	"encoding/json"
	"errors"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

const moveQuery = `SELECT m.id, m.opened, m.actor, m.key,
	(SELECT count(*) FROM move_token t WHERE t.move = m.id AND t.ended = 0),
	(SELECT count(*) FROM move_token t WHERE t.move = m.id AND t.ended = 1),
	(SELECT count(*) FROM move_token t WHERE t.move = m.id AND t.ended = 2) FROM move m`

func scanMove(s scanner) (m store.Move, err error) {
	var opened int64
	err = s.Scan(&m.ID, &opened, &m.Actor, &m.Sealed, &m.Moving, &m.Moved, &m.Back)
	m.Opened = fromMillis(opened)
	return m, err
}

func (r *reader) Move(id string) (store.Move, error) {
	return queryOne(r.ctx, r.q, scanMove, moveQuery+" WHERE m.id = ?", id)
}

func (r *reader) Moves(before string, limit int) ([]store.Move, error) {
	return queryAll(r.ctx, r.q, scanMove, moveQuery+` WHERE ?1 = '' OR (m.opened, m.id) < (SELECT opened, id FROM move WHERE id = ?1)
		ORDER BY m.opened DESC, m.id DESC LIMIT ?2`, before, limit)
}

func (r *reader) Movements(id string, after token.ID, limit int) ([]store.Movement, error) {
	return queryAll(r.ctx, r.q, func(s scanner) (m store.Movement, err error) {
		err = s.Scan(&m.Token, &m.Before)
		return m, err
	}, "SELECT token, before FROM move_token WHERE move = ? AND ended = 0 AND token > ? ORDER BY token LIMIT ?", id,
		int64(after), limit)
}

func (r *reader) Receipt(run int64) ([]byte, error) {
	return queryOne(r.ctx, r.q, scanOne[[]byte], "SELECT receipt FROM import_receipt WHERE run = ?", run)
}

func (t *tx) AddMove(m store.Move) error {
	_, err := t.change("INSERT INTO move (id, opened, actor, key) VALUES (?, ?, ?, ?)", m.ID, millis(m.Opened), m.Actor,
		m.Sealed)
	if isUnique(err) {
		return store.ErrConflict
	}
	return err
}

func (t *tx) Depart(move string, k token.Token) error {
	t.touched.tokens = append(t.touched.tokens, k.ID)
	if err := t.changeOne("UPDATE condition SET state = ?1 WHERE token = ?2 AND state = ?3 AND state <> ?1",
		int64(token.Moving), int64(k.ID), int64(k.Condition.State)); err != nil {
		return err
	}
	_, err := t.change("INSERT INTO move_token (move, token, type, serial, before) VALUES (?, ?, ?, ?, ?)",
		move, int64(k.ID), k.Identity.Type, k.Identity.Serial, int64(k.Condition.State))
	return err
}

func (t *tx) TakeReceipt(m store.MoveReceipt, ids []token.ID) (first int64, err error) {
	all, _ := json.Marshal(ids) // numbers always can
	first, err = queryOne(t.ctx, t.q, scanOne[int64], `SELECT r.import FROM move_token t
		JOIN move_receipt r ON r.move = t.move AND r.digest = t.receipt
		WHERE t.move = ?1 AND t.receipt <> ?2 AND t.token IN (SELECT value FROM json_each(?3)) ORDER BY r.taken LIMIT 1`,
		m.Move, m.Digest, string(all))
	if err == nil {
		return first, store.ErrConflict
	} else if !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	if _, err := t.change(`INSERT INTO move_receipt (move, digest, import, taken) VALUES (?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, m.Move, m.Digest, m.Import, millis(m.Taken)); err != nil {
		return 0, err
	}
	_, err = t.change(`UPDATE move_token SET receipt = ?2 WHERE move = ?1 AND receipt IS NULL
		AND token IN (SELECT value FROM json_each(?3))`, m.Move, m.Digest, string(all))
	return m.Import, err
}

func (t *tx) Arrive(move string, id token.ID) error {
	return t.changeOne(`UPDATE move_token SET ended = 1 WHERE move = ?1 AND token = ?2 AND ended = 0
		AND EXISTS (SELECT 1 FROM condition WHERE token = ?2 AND state = ?3)`, move, int64(id), int64(token.Moving))
}

func (t *tx) Return(move string, id token.ID) error {
	t.touched.tokens = append(t.touched.tokens, id)
	if err := t.changeOne(`UPDATE condition SET state = (SELECT before FROM move_token WHERE move = ?1 AND token = ?2)
		WHERE token = ?2 AND state = ?3 AND EXISTS (SELECT 1 FROM move_token WHERE move = ?1 AND token = ?2 AND ended = 0)`,
		move, int64(id), int64(token.Moving)); err != nil {
		return err
	}
	return t.changeOne("UPDATE move_token SET ended = 2 WHERE move = ? AND token = ? AND ended = 0", move, int64(id))
}

func (t *tx) Forget(move string, id token.ID) error {
	return t.changeOne(`UPDATE move_token SET ended = 2 WHERE move = ?1 AND token = ?2 AND ended = 0
		AND NOT EXISTS (SELECT 1 FROM token WHERE id = ?2)`, move, int64(id))
}

func (t *tx) AddReceipt(run int64, move string, receipt []byte) error {
	_, err := t.change("INSERT INTO import_receipt (run, move, receipt) VALUES (?, ?, ?)", run, move, receipt)
	return err
}

func (r *reader) Received(move string) (bool, error) {
	return queryOne(r.ctx, r.q, scanOne[bool], "SELECT EXISTS (SELECT 1 FROM import_receipt WHERE move = ?)", move)
}
