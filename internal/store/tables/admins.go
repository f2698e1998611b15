package tables

import (
	"time"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

const adminQuery = `SELECT id, name, role, help_desk, password, must_change, created, disabled,
	coalesce((SELECT used FROM admin_use WHERE admin = id), 0) FROM admin`

func scanAdmin(s query.Scanner) (a store.Admin, err error) {
	var created, disabled, used int64
	err = s.Scan(&a.ID, &a.Name, &a.Role, &a.HelpDesk, &a.Password, &a.MustChange, &created, &disabled, &used)
	a.Created, a.Disabled, a.SignedIn = query.Time(created), query.Time(disabled), query.Time(used)
	return a, err
}

func (r *Reader) Admin(name string) (store.Admin, error) {
	if err := r.checkConfig(); err != nil {
		return store.Admin{}, err
	}
	return query.One(r.ctx, r.q, scanAdmin, adminQuery+" WHERE name = ?", name)
}

func (r *Reader) Admins() ([]store.Admin, error) {
	return query.All(r.ctx, r.q, scanAdmin, adminQuery+" ORDER BY name")
}

func (t *Tx) AddAdmin(a store.Admin) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.insertOne("INSERT INTO admin (id, name, role, help_desk, password, must_change, created, disabled) VALUES "+
		"(?, ?, ?, ?, ?, ?, ?, ?)", a.ID, a.Name, a.Role, a.HelpDesk, a.Password, a.MustChange, query.Millis(a.Created),
		query.Millis(a.Disabled))
}

func (t *Tx) ChangeAdmin(before, after store.Admin) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.changeOne("UPDATE admin SET role = ?, help_desk = ?, password = ?, must_change = ?, disabled = ? "+
		"WHERE id = ? AND role = ? AND help_desk = ? AND password = ? AND must_change = ? AND disabled = ?",
		after.Role, after.HelpDesk, after.Password, after.MustChange, query.Millis(after.Disabled), before.ID,
		before.Role, before.HelpDesk, before.Password, before.MustChange, query.Millis(before.Disabled))
}

func (t *Tx) NoteSignIn(id string, at time.Time) error {
	_, err := t.Change("INSERT INTO admin_use (admin, used) VALUES (?, ?) ON CONFLICT (admin) DO UPDATE SET used = "+
		"greatest(admin_use.used, excluded.used)", id, query.Millis(at))
	return err
}

const passkeyQuery = `SELECT p.id, p.admin, p.name, p.host, p.public_key, p.flags, p.aaguid, p.created,
	coalesce(u.count, 0), coalesce(u.used, 0) FROM passkey p LEFT JOIN passkey_use u ON u.passkey = p.id`

func scanPasskey(s query.Scanner) (p store.Passkey, err error) {
	var flags, created, count, used int64
	err = s.Scan(&p.ID, &p.Admin, &p.Name, &p.Host, &p.PublicKey, &flags, &p.AAGUID, &created, &count, &used)
	p.Flags, p.Count = uint8(flags), uint32(count)
	p.Created, p.Used = query.Time(created), query.Time(used)
	return p, err
}

func (r *Reader) Passkeys(admin string) ([]store.Passkey, error) {
	if err := r.checkConfig(); err != nil {
		return nil, err
	}
	return query.All(r.ctx, r.q, scanPasskey, passkeyQuery+" WHERE p.admin = ? ORDER BY p.created, p.id", admin)
}

func (r *Reader) AllPasskeys() ([]store.Passkey, error) {
	return query.All(r.ctx, r.q, scanPasskey, passkeyQuery+" ORDER BY p.id")
}

func (t *Tx) AddPasskey(p store.Passkey) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.insertOne("INSERT INTO passkey (id, admin, name, host, public_key, flags, aaguid, created) VALUES "+
		"(?, ?, ?, ?, ?, ?, ?, ?)", p.ID, p.Admin, p.Name, p.Host, p.PublicKey, int64(p.Flags), p.AAGUID,
		query.Millis(p.Created))
}

func (t *Tx) RemovePasskey(admin string, id []byte) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	if err := t.changeOne("DELETE FROM passkey WHERE id = ? AND admin = ?", id, admin); err != nil {
		return err
	}
	_, err := t.Change("DELETE FROM passkey_use WHERE passkey = ?", id)
	return err
}

func (t *Tx) UsePasskey(id []byte, count uint32, at time.Time) error {
	return t.changeOne("INSERT INTO passkey_use (passkey, count, used) VALUES (?1, ?2, ?3) "+
		"ON CONFLICT (passkey) DO UPDATE SET count = excluded.count, used = greatest(passkey_use.used, excluded.used) "+
		"WHERE excluded.count > passkey_use.count OR excluded.count = 0 AND passkey_use.count = 0", id, int64(count),
		query.Millis(at))
}

func (r *Reader) Views(admin, list string) ([]store.View, error) {
	return query.All(r.ctx, r.q, func(s query.Scanner) (v store.View, err error) {
		err = s.Scan(&v.Admin, &v.List, &v.Name, &v.Query)
		return v, err
	}, "SELECT admin, list, name, query FROM admin_view WHERE admin = ? AND list = ? ORDER BY name", admin, list)
}

func (t *Tx) KeepView(v store.View) error {
	_, err := t.Change("INSERT INTO admin_view (admin, list, name, query) VALUES (?, ?, ?, ?) "+
		"ON CONFLICT (admin, list, name) DO UPDATE SET query = excluded.query", v.Admin, v.List, v.Name, v.Query)
	return err
}

func (t *Tx) RemoveView(admin, list, name string) error {
	return t.changeOne("DELETE FROM admin_view WHERE admin = ? AND list = ? AND name = ?", admin, list, name)
}
