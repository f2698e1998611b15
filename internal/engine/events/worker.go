package events

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"ostiary/internal/store"
)

const (
	lookEvery   = 5 * time.Second // what other servers left, and what is due again
	tidyEvery   = 15 * time.Second
	sendTimeout = 10 * time.Second
	claimFor    = 30 * time.Second // longer than a try takes
	lastTimeout = 2 * time.Second  // for what was tried when the server stops
	longestWait = time.Hour
	longestRest = time.Minute // while nothing is taken at all
	patience    = 5           // tries after which an event holds up no others of its user
	atOnce      = 8
	sweepAtOnce = 1000
	countTo     = 100_000
)

// Run tells what is due until ctx ends.
func (o *Outbox) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for i, way := range o.ways {
		wg.Go(func() { o.work(ctx, way, o.wake[i]) })
	}
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		o.tidy(ctx)
		select {
		case <-ctx.Done():
			wg.Wait()
			return
		case <-tick.C:
		}
	}
}

// work tells what is due by one way. While nothing is taken it rests, longer each time.
func (o *Outbox) work(ctx context.Context, way Way, posted <-chan struct{}) {
	var failing int
	for {
		tried, taken, err := o.turn(ctx, way)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			o.log.Error("send events", "way", way.Name(), "error", err)
			failing++
		case taken > 0 && failing > 0:
			o.log.Info("events are taken again", "way", way.Name())
			failing = 0
		case tried > 0 && taken == 0:
			failing++
		}
		wait, wake := lookEvery, posted
		switch {
		case failing > 0: // what is posted meanwhile would only be tried in vain
			wait, wake = min(o.after(failing), longestRest), nil
		case tried > 0:
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-time.After(wait):
		}
	}
}

// after is how long to wait after so many tries in vain: twice as long each time, and up to a
// quarter more or less, so that servers do not come at once.
func (o *Outbox) after(tries int) time.Duration {
	wait := longestWait
	if tries < 20 {
		wait = min(o.first<<(tries-1), longestWait)
	}
	var some [1]byte
	_, _ = rand.Read(some[:]) // never fails
	return wait*3/4 + wait/2*time.Duration(some[0])/255
}

// turn tries once what is due by a way, and says how many it tried and how many were taken.
func (o *Outbox) turn(ctx context.Context, way Way) (tried, taken int, err error) {
	rows, err := o.claim(ctx, way)
	if err != nil || len(rows) == 0 {
		return 0, 0, err
	}
	problems := make([]error, len(rows))
	var wg sync.WaitGroup
	for i, row := range rows {
		wg.Go(func() { problems[i] = o.send(ctx, way, row) })
	}
	wg.Wait()
	mark, end := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
	defer end()
	err = o.db.Update(mark, func(tx store.Tx) error { return o.settle(tx, rows, problems) })
	for i, problem := range problems {
		if problem == nil {
			taken++
			continue
		}
		o.stats.failed.Add(1)
		o.log.Warn("an event was not taken", "way", way.Name(), "message", rows[i].Message, "tries", rows[i].Tries+1,
			"error", problem)
	}
	o.stats.sent.Add(int64(taken))
	return len(rows), taken, err
}

// claim takes what is due, so that no other server sends it meanwhile.
func (o *Outbox) claim(ctx context.Context, way Way) (claimed []store.Event, err error) {
	var due []store.Event
	now := o.stamp()
	err = o.db.View(ctx, func(r store.Reader) error {
		due, err = r.DueEvents(way.Name(), now, patience, atOnce)
		return err
	})
	if err != nil || len(due) == 0 {
		return nil, err
	}
	err = o.db.Update(ctx, func(tx store.Tx) error {
		claimed = nil
		for _, row := range due {
			err := tx.ClaimEvent(row, now.Add(claimFor))
			if errors.Is(err, store.ErrConflict) {
				continue // another server was faster
			} else if err != nil {
				return err
			}
			claimed = append(claimed, row)
		}
		return nil
	})
	return claimed, err
}

// forged is what is wrong with a row that does not open.
type forged struct{ error }

func (o *Outbox) send(ctx context.Context, way Way, row store.Event) error {
	_, message, err := o.open(row)
	if err != nil {
		return forged{err}
	}
	defer clear(message.Body)
	ctx, end := context.WithTimeout(ctx, sendTimeout)
	defer end()
	return way.Send(ctx, message)
}

// settle says in the database what became of the tries.
func (o *Outbox) settle(tx store.Tx, rows []store.Event, problems []error) error {
	now := o.stamp()
	for i, row := range rows {
		var err error
		if problem := problems[i]; problem == nil {
			err = tx.ToldEvent(row.ID)
		} else if f, ok := errors.AsType[forged](problem); ok {
			err = tx.EndEvent(row.ID, now, f.Error())
		} else {
			err = tx.PutOffEvent(row.ID, now.Add(o.after(row.Tries+1)), problem.Error())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tidy ends what is too old to be told, removes what ended long ago, and counts the rest.
func (o *Outbox) tidy(ctx context.Context) {
	now := o.stamp()
	var overdue bool
	err := o.db.View(ctx, func(r store.Reader) (err error) {
		if overdue, err = r.EventsOverdue(now, now.Add(-keepDead)); err != nil {
			return err
		}
		n, err := r.CountEvents(countTo)
		o.stats.now.Store(&n)
		return err
	})
	var given int64
	if err == nil && overdue {
		err = o.db.Update(ctx, func(tx store.Tx) (err error) {
			if given, err = tx.GiveUpEvents(now, sweepAtOnce); err != nil {
				return err
			}
			return tx.RemoveEvents(now.Add(-keepDead), sweepAtOnce)
		})
	}
	if err != nil && ctx.Err() == nil {
		o.log.Error("tidy events", "error", err)
	} else if given > 0 {
		o.log.Error("events were never taken, and are too old now", "events", given, "hint", "ostiary events list --dead")
	}
}
