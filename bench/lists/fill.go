package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver

	"ostiary/internal/core/audit"
	"ostiary/internal/program/serve"
	"ostiary/internal/store"
)

// size is how large the database is to be.
type size struct{ tokens, entries int }

const (
	firstToken = 10_000_000 // the number of the first token that is filled in
	users      = 200_000
	runs       = 20 // imports that brought the tokens, two a delivery
)

func database(data string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+filepath.Join(data, "ostiary.db")+
		"?_pragma=synchronous(OFF)&_pragma=busy_timeout(5000)")
}

// fill writes rows as the server does, but many at a time, and without the tags that
// only the server can make: they are listed, and no code of theirs is tried.
func fill(data string, size size) error {
	db, err := database(data)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	for _, step := range steps {
		if _, err := db.Exec(step, sql.Named("n", size.tokens), sql.Named("first", firstToken),
			sql.Named("users", users),
			sql.Named("runs", runs), sql.Named("now", time.Now().UnixMilli())); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", step, err), db.Close())
		}
	}
	if err := db.Close(); err != nil {
		return err
	}
	return fillLog(data, size.entries)
}

// Token i of n: one in a hundred is lost, one in a thousand pending, two in five are
// nobody's, one in fifty ends within the year; a third is time-based, and three makers
// have made them. Nothing is of type "ocra", nor broken.
const numbers = "WITH RECURSIVE i(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM i WHERE i + 1 < "

var steps = []string{
	numbers + `:users) INSERT INTO user (id, name, created) SELECT 1000 + i, printf('user%06d', i), :now FROM i`,
	numbers + `:runs) INSERT INTO import_run (id, label, batch, supplier, format, actor, opened, published, imported, tokens)
		SELECT 1000 + i, printf('file%d.xml', i), printf('delivery%d', i / 2), 'ACME', 'pskc', 'key:lists', :now, :now,
		:n / :runs, :n / :runs FROM i`,
	numbers + `:n) INSERT INTO token (id, kind, type, manufacturer, serial, key_id, algorithm, hash, digits,
		period, t0, suite, model, issuer, run, created, secret, mark) SELECT :first + i, 'hardware', iif(i % 3, 'hotp', 'totp'),
		iif(i % 10, 'ACME', iif(i % 20, 'Other', 'Third')), printf('S%08d', i), '1', iif(i % 3, 'HOTP', 'TOTP'),
		'SHA1', 6,
		iif(i % 3, 0, 30), 0, '', 'Fob', 'ACME', 1000 + i * :runs / :n, :now, zeroblob(64), :first + i FROM i`,
	numbers + `:n) INSERT INTO condition (token, run, owner, epoch, next, drift, failures, retry_at, state,
		not_before, not_after, last_used) SELECT :first + i, 1000 + i * :runs / :n, iif(i % 5 > 1, 1000 + i % :users, NULL), 1, 0, 0, 0, 0,
		iif(i % 100, iif(i % 1000 = 7, 4, 0), 1), 0, iif(i % 50, 0, :now + 86400000 * (1 + i % 365)), 0 FROM i`,
	numbers + `100000) INSERT INTO import_row (run, n, line, type, manufacturer, serial, key_id, outcome, reason)
		SELECT 1000, i, i, 'hotp', 'ACME', printf('R%d', i), '1', 'refused', 'the secret is short' FROM i`,
	numbers + `1000) INSERT INTO move (id, opened, actor, key, moved)
		SELECT printf('move%d', i), :now + i, 'key:lists', zeroblob(64), 200 FROM i`,
	numbers + `200000) INSERT INTO move_token (move, token, type, serial, before, ended)
		SELECT printf('move%d', i % 1000), i, 'hotp', printf('M%d', i), 0, 1 FROM i`,
}

// entriesAtOnce are appended in one transaction.
const entriesAtOnce = 10_000

// fillLog appends entries as codes, assignments and the like make them, a second apart.
// Actor "key:rare" did a few things, long ago. The server does it itself: the head of
// the log is authenticated, and nobody else can move it.
func fillLog(data string, n int) error {
	ctx := context.Background()
	s, err := serve.Open(ctx, serve.Config{Data: data})
	if err != nil {
		return err
	}
	at := time.Now().Add(-time.Duration(n) * time.Second)
	for from := 0; from < n && err == nil; from += entriesAtOnce {
		entries := make([][]byte, 0, entriesAtOnce)
		for i := from; i < min(n, from+entriesAtOnce); i++ {
			entries = append(entries, logEntry(i, at.Add(time.Duration(i)*time.Second)).Canonical())
		}
		err = s.DB().Update(ctx, func(tx store.Tx) error { return tx.AppendAudit(entries...) })
	}
	return errors.Join(err, s.Close())
}

func logEntry(i int, at time.Time) audit.Entry {
	token := i * 7919 % 1_000_000
	e := audit.Entry{Time: at, Action: audit.CodeVerified, Outcome: audit.Accepted,
		Origin: audit.Origin{Actor: "key:radius", ActorID: fmt.Sprintf("radius%04d", i/700_000), Role: "verifier",
			Source: "192.0.2.1:40000", Request: fmt.Sprintf("0123abcd-%d", i)},
		Subject: audit.Subject{Type: "hotp", Manufacturer: "ACME", Serial: fmt.Sprintf("S%08d", token), KeyID: "1",
			User: fmt.Sprintf("user%06d", token%users)},
		Before: []audit.Field{{Name: "failures", Value: int64(0)}, {Name: "next", Value: uint64(i)}},
		After: []audit.Field{{Name: "authentication", Value: true}, {Name: "drift", Value: int64(0)},
			{Name: "failures", Value: int64(0)}, {Name: "next", Value: uint64(i + 1)}}}
	switch {
	case i%20 == 3:
		e.Outcome, e.Reason, e.Before, e.After = audit.Refused, "wrong_code", nil, nil
	case i%50 == 7:
		e.Action, e.Outcome, e.Before = audit.TokenAssigned, audit.Done, nil
		e.Origin.Actor, e.Origin.ActorID, e.Origin.Role = "key:lists", "listskey01", "admin"
		e.After = []audit.Field{{Name: "owner", Value: e.Subject.User}}
	case i < 100:
		e.Action, e.Outcome = audit.UserAdded, audit.Done
		e.Origin = audit.Origin{Actor: "key:rare", ActorID: "rarekey001"}
	}
	return e
}

// indexed waits until the server has indexed what was filled in.
func indexed(data string, size size) error {
	db, err := database(data)
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		var upTo int
		if err := db.QueryRow("SELECT coalesce(max(beyond), 0) FROM audit_segment").Scan(&upTo); err != nil {
			return err
		}
		if upTo > size.entries-8192 {
			return nil
		}
		time.Sleep(time.Second)
	}
}
