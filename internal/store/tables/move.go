package tables

import (
	"encoding/json"
	"errors"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

const moveQuery = "SELECT id, opened, actor, key, moving, moved, back FROM move"

func scanMove(s query.Scanner) (m store.Move, err error) {
	var opened int64
	err = s.Scan(&m.ID, &opened, &m.Actor, &m.Sealed, &m.Moving, &m.Moved, &m.Back)
	m.Opened = query.Time(opened)
	return m, err
}

func (r *Reader) Move(id string) (store.Move, error) {
	return query.One(r.ctx, r.q, scanMove, moveQuery+" WHERE id = ?", id)
}

func (r *Reader) Moves(before string, limit int) ([]store.Move, error) {
	const order = " ORDER BY opened DESC, id DESC LIMIT ?"
	if before == "" {
		return query.All(r.ctx, r.q, scanMove, moveQuery+order, limit)
	}
	return query.All(r.ctx, r.q, scanMove, moveQuery+" WHERE (opened, id) < (SELECT opened, id FROM move WHERE id = ?)"+
		order, before, limit)
}

func (r *Reader) Movements(id string, after token.ID, limit int) ([]store.Movement, error) {
	return query.All(r.ctx, r.q, func(s query.Scanner) (m store.Movement, err error) {
		err = s.Scan(&m.Token, &m.Before, &m.Arrived)
		return m, err
	}, "SELECT token, before, receipt IS NOT NULL FROM move_token WHERE move = ? AND ended = 0 AND token > ? ORDER BY token LIMIT ?", id,
		int64(after), limit)
}

func (r *Reader) StateBefore(id token.ID) (token.State, error) {
	return query.One(r.ctx, r.q, query.Value[token.State], "SELECT before FROM move_token WHERE token = ? AND ended = 0",
		int64(id))
}

func (r *Reader) Receipt(run int64) ([]byte, error) {
	return query.One(r.ctx, r.q, query.Value[[]byte], "SELECT receipt FROM import_receipt WHERE run = ?", run)
}

func (t *Tx) AddMove(m store.Move) error {
	return t.insertOne("INSERT INTO move (id, opened, actor, key) VALUES (?, ?, ?, ?)", m.ID, query.Millis(m.Opened),
		m.Actor, m.Sealed)
}

func (t *Tx) Depart(move string, k token.Token) error {
	if err := t.alterToken(k.ID); err != nil {
		return err
	}
	if err := t.changeOne("UPDATE condition SET state = ?1 WHERE token = ?2 AND state = ?3 AND state <> ?1",
		int64(token.Moving), int64(k.ID), int64(k.Condition.State)); err != nil {
		return err
	}
	if _, err := t.Change("INSERT INTO move_token (move, token, type, serial, before) VALUES (?, ?, ?, ?, ?)",
		move, int64(k.ID), k.Identity.Type, k.Identity.Serial, int64(k.Condition.State)); err != nil {
		return err
	}
	t.added(moveKey(move, k.ID))
	return t.changeOne("UPDATE move SET moving = moving + 1 WHERE id = ?", move)
}

func (t *Tx) TakeReceipt(m store.MoveReceipt, ids []token.ID) (first int64, err error) {
	all, _ := json.Marshal(ids) // numbers always can
	first, err = query.One(t.ctx, t.q, query.Value[int64], `SELECT r.import FROM move_token t
		JOIN move_receipt r ON r.move = t.move AND r.digest = t.receipt
		WHERE t.move = ?1 AND t.receipt <> ?2 AND t.token IN (`+t.dialect.Numbers("?3")+`) ORDER BY r.taken LIMIT 1`,
		m.Move, m.Digest, string(all))
	if err == nil {
		return first, store.ErrConflict
	} else if !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	if _, err := t.Change(`INSERT INTO move_receipt (move, digest, import, taken) VALUES (?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, m.Move, m.Digest, m.Import, query.Millis(m.Taken)); err != nil {
		return 0, err
	}
	_, err = t.Change(`UPDATE move_token SET receipt = ?2 WHERE move = ?1 AND receipt IS NULL
		AND token IN (`+t.dialect.Numbers("?3")+")", m.Move, m.Digest, string(all))
	return m.Import, err
}

func moveKey(move string, id token.ID) proof.Row {
	return proof.Row{Table: proof.MoveTable, ID: int64(id), Move: move}
}

func (t *Tx) Arrive(move string, id token.ID) error {
	if err := t.alter(moveKey(move, id)); err != nil {
		return err
	}
	if err := t.changeOne(`UPDATE move_token SET ended = 1 WHERE move = ?1 AND token = ?2 AND ended = 0
		AND EXISTS (SELECT 1 FROM condition WHERE token = ?2 AND state = ?3)`, move, int64(id),
		int64(token.Moving)); err != nil {
		return err
	}
	return t.changeOne("UPDATE move SET moving = moving - 1, moved = moved + 1 WHERE id = ?", move)
}

func (t *Tx) Return(move string, id token.ID) error {
	if err := errors.Join(t.alterToken(id), t.alter(moveKey(move, id))); err != nil {
		return err
	}
	if err := t.changeOne(`UPDATE condition SET state = (SELECT before FROM move_token WHERE move = ?1 AND token = ?2)
		WHERE token = ?2 AND state = ?3 AND EXISTS (SELECT 1 FROM move_token WHERE move = ?1 AND token = ?2 AND ended = 0
		AND receipt IS NULL)`,
		move, int64(id), int64(token.Moving)); err != nil {
		return err
	}
	if err := t.changeOne("UPDATE move_token SET ended = 2 WHERE move = ? AND token = ? AND ended = 0", move,
		int64(id)); err != nil {
		return err
	}
	return t.takeBack(move)
}

// Forget asks for no tag: what the row says of a token that is gone opens nothing, and
// a move with a forged row must come to an end, too.
func (t *Tx) Forget(move string, id token.ID) error {
	if err := t.changeOne(`UPDATE move_token SET ended = 2 WHERE move = ?1 AND token = ?2 AND ended = 0
		AND NOT EXISTS (SELECT 1 FROM token WHERE id = ?2)`, move, int64(id)); err != nil {
		return err
	}
	t.added(moveKey(move, id))
	return t.takeBack(move)
}

func (t *Tx) takeBack(move string) error {
	return t.changeOne("UPDATE move SET moving = moving - 1, back = back + 1 WHERE id = ?", move)
}

func (t *Tx) AddReceipt(run int64, move string, receipt []byte) error {
	_, err := t.Change("INSERT INTO import_receipt (run, move, receipt) VALUES (?, ?, ?)", run, move, receipt)
	return err
}

func (r *Reader) Received(move string) (bool, error) {
	return query.One(r.ctx, r.q, query.Value[bool], "SELECT EXISTS (SELECT 1 FROM import_receipt WHERE move = ?)", move)
}
