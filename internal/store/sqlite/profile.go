package sqlite

import (
	"ostiary/internal/store/query"
	"time"

	"ostiary/internal/store"
)

const profileQuery = "SELECT name, vector, issuer, created, retired FROM profile"

func scanProfile(s query.Scanner) (p store.Profile, err error) {
	var created, retired int64
	err = s.Scan(&p.Name, &p.Vector, &p.Issuer, &created, &retired)
	p.Created, p.Retired = query.Time(created), query.Time(retired)
	return p, err
}

func (r *reader) Profile(name string) (store.Profile, error) {
	return query.One(r.ctx, r.q, scanProfile, profileQuery+" WHERE name = ?", name)
}

func (r *reader) Profiles() ([]store.Profile, error) {
	return query.All(r.ctx, r.q, scanProfile, profileQuery+" ORDER BY name")
}

func (t *tx) AddProfile(p store.Profile) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.changeOne("INSERT INTO profile (name, vector, issuer, created) VALUES (?, ?, ?, ?) ON CONFLICT "+
		"(name) DO NOTHING",
		p.Name, p.Vector, p.Issuer, query.Millis(p.Created))
}

func (t *tx) SetProfileRetired(name string, before, after time.Time) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.changeOne("UPDATE profile SET retired = ? WHERE name = ? AND retired = ?", query.Millis(after), name,
		query.Millis(before))
}
