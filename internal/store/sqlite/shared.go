package sqlite

import (
	"database/sql/driver"
	"fmt"
	"slices"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/tables"
)

// The conditional writes that accept a code of a secret that several tokens hold.
// They are those of a token (see acceptSQL) with one more condition: the floor of the
// secret is as it was judged, and not above the code. The row count is the verdict.
// Then the floor moves behind the code, in the same transaction.
//
//	?1 to ?16 as in acceptSQL  ?17 mark
//	?18 the counter, or the second at which the step begins  ?19 the floor as judged
//
// Counter v and step v are one code. So where a secret is used for both (both = 1),
// counters stay below token.PairLimit and steps do not.
const (
	sharedEvents = `
	  AND twin = ?17 AND EXISTS (SELECT 1 FROM secret s WHERE s.mark = ?17 AND s.events <= ?18 AND s.events = ?19
	    AND (s.both = 0 OR ?1 < 1048576))`

	sharedSeconds = `
	  AND twin = ?17 AND EXISTS (SELECT 1 FROM secret s WHERE s.mark = ?17 AND s.seconds <= ?18 AND s.seconds = ?19
	    AND (s.both = 0 OR ?1 >= 1048576))`

	floorSQL = "SELECT events, seconds, both FROM secret WHERE mark = ?1"
)

// sharedStatements are those of both kinds of tokens, and what they have in common.
type sharedStatements struct {
	events, seconds sharedKind
	floor           *statement
}

type sharedKind struct{ accept, acceptOwned, prove, advance *statement }

func (s *sharedStatements) prepare(prepare func(text string, args int) *statement) {
	kind := func(shared, advance string) sharedKind {
		return sharedKind{accept: prepare(acceptAny+shared, 19), acceptOwned: prepare(acceptAny+shared+ownedByUser, 19),
			prove: prepare(proveAny+shared, 19), advance: prepare(advance, 3)}
	}
	s.events, s.seconds = kind(sharedEvents, tables.AdvanceEvents), kind(sharedSeconds, tables.AdvanceSeconds)
	s.floor = prepare(floorSQL, 1)
}

func (s *sharedStatements) of(spec token.Spec) sharedKind {
	if spec.Timed() {
		return s.seconds
	}
	return s.events
}

// acceptShared is Accept for a token whose secret others hold, too; args are those
// of the write for one that has it to itself.
func (r *hotRows) acceptShared(a *store.Attempt, p *store.Proposal, seen token.Shared, args []driver.Value) (
	won bool, err error) {
	kind := r.hot.shared.of(p.Spec)
	write := kind.accept
	switch {
	case a.Proof:
		write = kind.prove
	case a.UserID != 0:
		write = kind.acceptOwned
	}
	n, err := write.exec(append(args, int64(seen.Mark), p.Spec.Begins(p.Counter), seen.Floor)...)
	if err != nil || n != 1 {
		return false, err
	}
	n, err = kind.advance.exec(p.Spec.Begins(p.Counter+1), int64(seen.Mark), seen.Floor)
	if err == nil && n != 1 {
		err = fmt.Errorf("advance the secret of token %d: row changed inside the transaction", p.ID)
	}
	return err == nil, err
}

// share puts the floor of a secret into a condition. Where the floor is gone, somebody
// took it away: no write finds one, so no code of the secret is accepted.
func (r *hotRows) share(c *token.Condition, spec token.Spec, mark token.Mark) error {
	var v [3]driver.Value
	ok, err := r.hot.shared.floor.row(v[:], int64(mark))
	if err != nil {
		return err
	}
	if !ok {
		if !r.guard.Begun() {
			return fmt.Errorf("the secret of mark %s has no floor", mark)
		}
		_ = r.guard.Forged(proof.SecretTable, mark.String()) // the alarm
		c.Share(spec, mark, token.Floor{})
		return nil
	}
	c.Share(spec, mark, token.Floor{Events: v[0].(int64), Seconds: v[1].(int64), Both: v[2].(int64) != 0})
	return nil
}

// raise puts the floor that a code has moved into all cached tokens of the secret.
func (c *cache) raise(changed decide.Changed) {
	shared := changed.Condition.Shared
	if shared.Mark == 0 || changed.Advanced == (token.Spec{}) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range c.twins[shared.Mark] {
		row, ok := c.tokens.Peek(id)
		if !ok || row.Token.Spec.Timed() != changed.Advanced.Timed() {
			continue
		}
		if now := &row.Token.Condition; now.Shared.Floor < shared.Floor {
			now.Shared.Floor = shared.Floor
			now.Next = max(now.Next, row.Token.Spec.First(shared.Floor))
		}
	}
}

// add keeps a row, and whose secret it shares.
func (c *cache) add(row *store.Candidate) {
	id := row.Token.ID
	if before, ok := c.tokens.Peek(id); ok {
		c.untwin(id, before)
	}
	c.tokens.Add(id, row)
	if mark := row.Token.Condition.Shared.Mark; mark != 0 {
		c.twins[mark] = append(c.twins[mark], id)
	}
}

// untwin forgets whose secret a row shares.
func (c *cache) untwin(id token.ID, row *store.Candidate) {
	mark := row.Token.Condition.Shared.Mark
	if mark == 0 {
		return
	}
	ids := slices.DeleteFunc(c.twins[mark], func(other token.ID) bool { return other == id })
	if len(ids) == 0 {
		delete(c.twins, mark)
		return
	}
	c.twins[mark] = ids
}
