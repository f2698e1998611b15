package codes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"ostiary/internal/core/lru"
	"ostiary/internal/engine/nodes"
	"ostiary/internal/store"
)

// Where several nodes decide codes, a client would have a share at each of them. So each
// writes every second what it has counted, beside the codes, and reads what the others have.
// Within that second a client may have more than its share, but not by much: after the third
// wrong code in a row the name takes none for a second, then for two, and so on.
//
// The sum of all nodes is in a memo for each client of a name, and is added to there, so that
// nothing that two nodes count at once is lost.

const (
	maxUntold = 8192 // clients that wait to be told of; more are not
	maxTold   = 500  // in one transaction
)

// counted is a client of a name.
type counted struct {
	subject subject
	client  string
}

// count is what was counted of a client here and is not told yet.
type count struct {
	wrong int
	right bool // a right code came before these, and ended what was counted until then
}

// note takes down what is to be told. shares.mu is held.
func (s *shares) note(of counted, right bool) {
	c, there := s.untold[of]
	if s.untold == nil || !there && len(s.untold) >= maxUntold {
		return
	}
	if right {
		c = count{right: true}
	} else {
		c.wrong++
	}
	s.untold[of] = c
}

// Exchange tells other nodes of the wrong codes of clients here, and takes over theirs. It
// is called every second where Config.Shared is set.
func (e *Engine) Exchange(ctx context.Context, db store.DB) error {
	now := e.now()
	if err := e.shares.tell(ctx, db, now); err != nil {
		return fmt.Errorf("tell of the wrong codes of clients: %w", err)
	}
	if err := e.shares.hear(ctx, db, now); err != nil {
		return fmt.Errorf("read the wrong codes of clients: %w", err)
	}
	return nil
}

func (s *shares) tell(ctx context.Context, db store.DB, now time.Time) error {
	told := s.takeUntold()
	if len(told) == 0 {
		return nil
	}
	order := slices.SortedFunc(maps.Keys(told), func(a, b counted) int { // as all nodes do
		return cmp.Or(cmp.Compare(about(a.subject), about(b.subject)), cmp.Compare(a.client, b.client))
	})
	err := db.Update(ctx, func(tx store.Tx) error {
		for _, of := range order {
			m, err := tx.Memo(nodes.ClientMemo, about(of.subject), of.client)
			if err != nil {
				return err
			}
			if told[of].right || !now.Before(m.Until) {
				m.N = 0
			}
			m.N += int64(told[of].wrong)
			m.Until = s.lockOf(int(m.N), now).Add(s.keep)
			if err := tx.SetMemo(m, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.putBack(told)
	}
	return err
}

// takeUntold takes a part of what is to be told.
func (s *shares) takeUntold() map[counted]count {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := make(map[counted]count, min(len(s.untold), maxTold))
	for of, c := range s.untold {
		if len(told) == maxTold {
			break
		}
		told[of] = c
		delete(s.untold, of)
	}
	return told
}

// putBack keeps what could not be told, with what was counted since.
func (s *shares) putBack(told map[counted]count) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for of, c := range told {
		since := s.untold[of]
		if since.right {
			continue
		}
		c.wrong += since.wrong
		s.untold[of] = c
	}
}

// hear takes over what all nodes have counted together.
func (s *shares) hear(ctx context.Context, db store.DB, now time.Time) error {
	var memos []store.Memo
	err := db.View(ctx, func(r store.Reader) (err error) {
		memos, err = r.Memos(nodes.ClientMemo, s.heard)
		return err
	})
	if err != nil {
		return err
	}
	s.heard = now.Add(-nodes.Overlap)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range memos {
		of, aerr := subjectAbout(m.About)
		if aerr == nil && now.Before(m.Until) {
			s.take(counted{of, m.Who}, int(m.N), m.Until.Add(-s.keep))
		}
		err = errors.Join(err, aerr)
	}
	return err
}

// take sets what all nodes have counted of a client. What is not told yet is not in it.
// shares.mu is held.
func (s *shares) take(of counted, wrong int, until time.Time) {
	mine := s.untold[of]
	if mine.right {
		return // that is newer
	}
	kind := s.unknown
	if of.subject.name == (store.Lookup{}) {
		kind = s.known
	}
	clients, ok := kind.Get(of.subject)
	if !ok {
		if wrong == 0 {
			return
		}
		clients = lru.New[string, *share](s.each, nil)
		kind.Add(of.subject, clients)
	}
	c, ok := clients.Get(of.client)
	if !ok {
		if wrong == 0 {
			return
		}
		c = &share{}
		clients.Add(of.client, c)
	}
	c.wrong = wrong + mine.wrong
	if mine.wrong == 0 || until.After(c.until) {
		c.until = until
	}
}

const unknownForm = "unknown user %q serial %q"

// about names what a memo is about.
func about(of subject) string {
	if of.name != (store.Lookup{}) {
		return fmt.Sprintf(unknownForm, of.name.User, of.name.Serial)
	}
	return nodes.Subject(of.user, of.token)
}

// subjectAbout reverses about.
func subjectAbout(text string) (of subject, err error) {
	if _, err = fmt.Sscanf(text, unknownForm, &of.name.User, &of.name.Serial); err == nil {
		return of, nil
	}
	of.user, of.token, err = nodes.ParseSubject(text)
	return of, err
}
