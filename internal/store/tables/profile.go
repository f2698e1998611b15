package tables

import (
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

const profileQuery = `SELECT name, vector, issuer, created, retired, limit_expiry, limit_tries, limit_window,
	limit_successes, limit_failures, limit_interval FROM profile`

func scanProfile(s query.Scanner) (p store.Profile, err error) {
	var created, retired, expiry, window, interval int64
	l := &p.Limits
	err = s.Scan(&p.Name, &p.Vector, &p.Issuer, &created, &retired, &expiry, &l.Tries, &window, &l.Successes,
		&l.Failures, &interval)
	p.Created, p.Retired = query.Time(created), query.Time(retired)
	l.Expiry, l.Window, l.Interval = fromSeconds(expiry), fromSeconds(window), fromSeconds(interval)
	return p, err
}

func (r *Reader) Profile(name string) (store.Profile, error) {
	if err := r.checkConfig(); err != nil {
		return store.Profile{}, err
	}
	return query.One(r.ctx, r.q, scanProfile, profileQuery+" WHERE name = ?", name)
}

func (r *Reader) Profiles() ([]store.Profile, error) {
	return query.All(r.ctx, r.q, scanProfile, profileQuery+" ORDER BY name")
}

func (t *Tx) AddProfile(p store.Profile) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.changeOne("INSERT INTO profile (name, vector, issuer, created) VALUES (?, ?, ?, ?) ON CONFLICT "+
		"(name) DO NOTHING",
		p.Name, p.Vector, p.Issuer, query.Millis(p.Created))
}

func (t *Tx) SetProfileRetired(name string, before, after time.Time) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	return t.changeOne("UPDATE profile SET retired = ? WHERE name = ? AND retired = ?", query.Millis(after), name,
		query.Millis(before))
}

func (t *Tx) SetProfileLimits(name string, before, after token.ActivationLimits) error {
	if err := t.alterConfig(); err != nil {
		return err
	}
	args := append(append(limitColumns(after), name), limitColumns(before)...)
	return t.changeOne(`UPDATE profile SET limit_expiry = ?, limit_tries = ?, limit_window = ?, limit_successes = ?,
		limit_failures = ?, limit_interval = ? WHERE name = ? AND limit_expiry = ? AND limit_tries = ? AND
		limit_window = ? AND limit_successes = ? AND limit_failures = ? AND limit_interval = ?`, args...)
}

// limitColumns are limits in the order of the statement that sets them.
func limitColumns(l token.ActivationLimits) []any {
	return []any{seconds(l.Expiry), l.Tries, seconds(l.Window), l.Successes, l.Failures, seconds(l.Interval)}
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func fromSeconds(n int64) time.Duration { return time.Duration(n) * time.Second }
