package sqlite

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

const (
	// filledAtOnce is how many tokens are read at a time: codes wait for a page's turn at
	// the processor, about a millisecond.
	filledAtOnce = 32
	// fillShare is the part of one processor that filling takes, as 1/fillShare.
	fillShare = 4
	// askedMeanwhile is how many lookups of codes, while filling pauses, make it pause once
	// more, pauses times at most: codes that come so fast bring their tokens themselves, and
	// need the processor.
	askedMeanwhile = filledAtOnce / 4
	pauses         = 10
)

// Tokens in the order in which they are put into the cache. Those that were imported last
// are the likeliest to be used, of what can be known without reading all.
const filledSQL = `SELECT t.id, t.serial, coalesce(u.name, ''), c.state FROM token t JOIN condition c ON c.token = t.id
	LEFT JOIN "user" u ON u.id = c.owner WHERE t.id < ?1 ORDER BY t.id DESC LIMIT ?2`

// Fill begins to put tokens that take codes into the cache, until there is no room or none
// is left: else the first code of each after a start would cost a query. It takes a
// part of one processor, less while codes bring many tokens, and ends with Close. It is
// for a database that is protected, so that what it reads is checked.
func (db *DB) Fill() {
	ctx, cancel := context.WithCancel(context.Background())
	db.filled = make(chan struct{})
	db.endFill = func() { cancel(); <-db.filled }
	go func() {
		defer close(db.filled)
		for below := token.ID(math.MaxInt64); below > 0; {
			begun := time.Now()
			var err error
			if below, err = db.fillPage(ctx, below); err != nil {
				return // codes find by themselves what is wrong
			}
			took := time.Since(begun)
			if !giveWay(&db.asked, func() bool { return pause(ctx, (fillShare-1)*took) }) {
				return
			}
		}
	}()
}

// giveWay pauses once, and again while codes look up many tokens. It reports whether to go
// on.
func giveWay(asked *atomic.Uint64, pause func() bool) bool {
	before := asked.Load()
	for range pauses {
		if !pause() {
			return false
		}
		now := asked.Load()
		if now-before < askedMeanwhile {
			break
		}
		before = now
	}
	return true
}

// pause reports whether a time passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// fillPage looks up tokens below a number as codes do, but for what codes have brought
// already, and gives the lowest of them, or 0 when it is the end.
func (db *DB) fillPage(ctx context.Context, below token.ID) (lowest token.ID, err error) {
	page, err := query.All(ctx, pool{db.reads}, scanFilled, filledSQL, int64(below), filledAtOnce)
	if err != nil || len(page) == 0 {
		return 0, err
	}
	var ls []store.Lookup
	asked := map[store.Lookup]bool{}
	for _, t := range page {
		for _, l := range []store.Lookup{{User: t.owner}, {Serial: t.serial}} {
			if t.state == token.Valid && l != (store.Lookup{}) && !asked[l] && !db.names.Found.Has(l) {
				asked[l] = true
				ls = append(ls, l)
			}
		}
	}
	if !db.names.Found.HasRoom(len(ls) * store.MaxCandidates) {
		return 0, nil
	}
	if _, err := db.find(ctx, ls); err != nil {
		return 0, err
	}
	return page[len(page)-1].id, nil
}

type filled struct {
	id            token.ID
	serial, owner string
	state         token.State
}

func scanFilled(s query.Scanner) (f filled, err error) {
	var state int64
	err = s.Scan(&f.id, &f.serial, &f.owner, &state)
	f.state = tables.StateOf(state)
	return f, err
}
