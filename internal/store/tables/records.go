package tables

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

func (r *Reader) Setting(name string) ([]byte, error) {
	return query.One(r.ctx, r.q, query.Value[[]byte], "SELECT value FROM setting WHERE name = ?", name)
}

func (t *Tx) SetSetting(name string, value []byte) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	_, err := t.Change("INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = "+
		"excluded.value", name, value)
	return err
}

func (r *Reader) DataKeys() ([]seal.DataKey, error) {
	return query.All(r.ctx, r.q, func(s query.Scanner) (k seal.DataKey, err error) {
		err = s.Scan(&k.ID, &k.KEK, &k.Wrapped)
		return k, err
	}, "SELECT id, kek, wrapped FROM data_key ORDER BY id")
}

func (t *Tx) AddDataKey(k seal.DataKey) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.insertOne("INSERT INTO data_key (id, kek, wrapped) VALUES (?, ?, ?)", int64(k.ID), k.KEK, k.Wrapped)
}

const userColumns = `u.id, u.name, u.created, u.failures, u.retry_at,
	(SELECT count(*) FROM condition c JOIN import_run r ON r.id = c.run WHERE c.owner = u.id AND r.published > 0)`

// PublishedUser is true of a user u that no open run brought.
const PublishedUser = `(u.run = 0 OR EXISTS (SELECT 1 FROM import_run r WHERE r.id = u.run AND r.published > 0))`

const userTables = ` FROM "user" u
	WHERE ` + PublishedUser

const userQuery = "SELECT " + userColumns + userTables

// ScanUser reads userColumns.
func ScanUser(s query.Scanner) (u store.User, err error) {
	var created, retryAt int64
	err = s.Scan(&u.ID, &u.Name, &created, &u.Failures, &retryAt, &u.Tokens)
	u.Created, u.RetryAt = query.Time(created), query.Time(retryAt)
	return u, err
}

func (r *Reader) User(name string) (u store.User, err error) {
	id, err := query.One(r.ctx, r.q, query.Value[int64], "SELECT u.id"+userTables+" AND u.name = ?", name)
	if err != nil {
		return u, err
	}
	u, err = query.One(r.ctx, r.q, ScanUser, userQuery+" AND u.id = ?", id)
	if err == nil && u.Name != name {
		return store.User{}, r.misled(proof.UserIndex, id)
	}
	return u, err
}

func (r *Reader) Users(after string, limit int) ([]store.User, error) {
	return query.All(r.ctx, r.q, ScanUser, userQuery+" AND u.name > ? ORDER BY u.name LIMIT ?", after, limit)
}

func (t *Tx) AddUser(name string, at time.Time) (store.User, error) {
	id, err := query.One(t.ctx, t.q, query.Value[int64], "INSERT INTO \"user\" (name, created) VALUES (?, ?) "+
		"ON CONFLICT DO NOTHING RETURNING id", name, query.Millis(at))
	if errors.Is(err, store.ErrNotFound) {
		return store.User{}, store.ErrConflict
	} else if err != nil {
		return store.User{}, err
	}
	t.added(proof.Row{Table: proof.UserTable, ID: id})
	return store.User{ID: id, Name: name, Created: query.Time(query.Millis(at))}, err
}

func (t *Tx) RenameUser(id int64, from, to string) error {
	if err := t.alter(proof.Row{Table: proof.UserTable, ID: id}); err != nil {
		return err
	}
	if err := t.changeOne("UPDATE \"user\" SET name = ?3 WHERE id = ?1 AND name = ?2 AND NOT EXISTS (SELECT 1 FROM \"user\" o "+
		"WHERE o.name = ?3 AND o.id <> ?1)", id, from, to); err != nil {
		return err
	}
	// Rows of the user's tokens are kept with the name of their owner.
	held, err := query.All(t.ctx, t.q, query.Value[token.ID], "SELECT token FROM condition WHERE owner = ?", id)
	t.Effects.Touched.Names = append(t.Effects.Touched.Names, from, to)
	t.Effects.Touched.Tokens = append(t.Effects.Touched.Tokens, held...)
	return err
}

func (t *Tx) DeleteUser(id int64) error {
	if err := t.touchUser(id); err != nil {
		return err
	}
	return t.changeOne("DELETE FROM \"user\" WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM condition WHERE owner = ?1)", id)
}

func (t *Tx) ResetUserFailures(id int64) error {
	if err := t.touchUser(id); err != nil {
		return err
	}
	return t.changeOne("UPDATE \"user\" SET failures = 0, retry_at = 0 WHERE id = ?", id)
}

func (t *Tx) touchUser(id int64) error {
	name, err := query.One(t.ctx, t.q, query.Value[string], "SELECT name FROM \"user\" WHERE id = ?", id)
	t.Effects.Touched.Names = append(t.Effects.Touched.Names, name)
	return err
}

const keyQuery = `SELECT id, name, role, help_desk, hash, created, revoked, expires,
	coalesce((SELECT used FROM api_key_use WHERE key = id), 0) FROM api_key`

func scanKey(s query.Scanner) (k store.APIKey, err error) {
	var created, revoked, expires, used int64
	err = s.Scan(&k.ID, &k.Name, &k.Role, &k.HelpDesk, &k.Hash, &created, &revoked, &expires, &used)
	k.Created, k.Revoked = query.Time(created), query.Time(revoked)
	k.Expires, k.LastUsed = query.Time(expires), query.Time(used)
	return k, err
}

func (r *Reader) APIKey(id string) (store.APIKey, error) {
	return query.One(r.ctx, r.q, scanKey, keyQuery+" WHERE id = ?", id)
}

func (r *Reader) APIKeys() ([]store.APIKey, error) {
	return query.All(r.ctx, r.q, scanKey, keyQuery+" ORDER BY revoked > 0, name, created")
}

func (t *Tx) AddAPIKey(k store.APIKey) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.insertOne("INSERT INTO api_key (id, name, role, help_desk, hash, created, expires) VALUES "+
		"(?, ?, ?, ?, ?, ?, ?)", k.ID, k.Name, k.Role, k.HelpDesk, k.Hash, query.Millis(k.Created), query.Millis(k.Expires))
}

func (t *Tx) RevokeAPIKey(id string, at time.Time) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.changeOne("UPDATE api_key SET revoked = ?, hash = ? WHERE id = ? AND revoked = 0", query.Millis(at), []byte{}, id)
}

func (t *Tx) NoteKeyUse(id string, at time.Time) error {
	_, err := t.Change("INSERT INTO api_key_use (key, used) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET used = "+
		"greatest(api_key_use.used, excluded.used)", id, query.Millis(at))
	return err
}

func (r *Reader) QuietRefusals() (map[string]int64, error) {
	type count struct {
		caller string
		n      int64
	}
	all, err := query.All(r.ctx, r.q, func(s query.Scanner) (c count, err error) {
		err = s.Scan(&c.caller, &c.n)
		return c, err
	}, "SELECT caller, n FROM quiet_refusal WHERE n > 0")
	counts := make(map[string]int64, len(all))
	for _, c := range all {
		counts[c.caller] = c.n
	}
	return counts, err
}

// copies keeps entries that belong to somebody else.
func copies(entries [][]byte) [][]byte {
	kept := make([][]byte, len(entries))
	for i, e := range entries {
		kept[i] = bytes.Clone(e)
	}
	return kept
}

// auditRows is how many entries one statement appends: an import has one for
// each of its keys.
const auditRows = 50

func (t *Tx) AppendAudit(entries ...[]byte) error {
	head, err := t.AuditHead()
	if err != nil {
		return err
	}
	if len(t.Effects.Entries) == 0 {
		t.Effects.First = head.Size()
	}
	t.Effects.Entries = append(t.Effects.Entries, copies(entries)...)
	for rows := range slices.Chunk(entries, max(auditRows, t.dialect.AtOnce)) {
		args := make([]any, 0, 2*len(rows))
		for _, entry := range rows {
			args = append(args, head.Size(), entry)
			head.Append(entry)
		}
		if _, err := t.dialect.Insert(t.ctx, t.q, "INSERT INTO audit_entry (seq, entry) ", "", 0, 2, args); err != nil {
			return err
		}
	}
	frontier, err := head.AppendBinary(nil)
	return errors.Join(err, t.changeOne("UPDATE audit_head SET frontier = ?", frontier))
}

func (t *Tx) AddCheckpoint(size int64, note string) error {
	t.says.Checkpoints++
	_, err := t.Change("INSERT INTO checkpoint (size, note) VALUES (?, ?)", size, note)
	return err
}

func (t *Tx) ClearQuietRefusals() error {
	_, err := t.Change("DELETE FROM quiet_refusal")
	return err
}
