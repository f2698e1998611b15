package sqlite

import (
	"time"

	"ostiary/internal/store"
)

const profileQuery = "SELECT name, vector, issuer, created, retired FROM profile"

func scanProfile(s scanner) (p store.Profile, err error) {
	var created, retired int64
	err = s.Scan(&p.Name, &p.Vector, &p.Issuer, &created, &retired)
	p.Created, p.Retired = fromMillis(created), fromMillis(retired)
	return p, err
}

func (r *reader) Profile(name string) (store.Profile, error) {
	return queryOne(r.ctx, r.q, scanProfile, profileQuery+" WHERE name = ?", name)
}

func (r *reader) Profiles() ([]store.Profile, error) {
	return queryAll(r.ctx, r.q, scanProfile, profileQuery+" ORDER BY name")
}

func (t *tx) AddProfile(p store.Profile) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.changeOne("INSERT INTO profile (name, vector, issuer, created) VALUES (?, ?, ?, ?) ON CONFLICT "+
		"(name) DO NOTHING",
		p.Name, p.Vector, p.Issuer, millis(p.Created))
}

func (t *tx) SetProfileRetired(name string, before, after time.Time) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.changeOne("UPDATE profile SET retired = ? WHERE name = ? AND retired = ?", millis(after), name,
		millis(before))
}
