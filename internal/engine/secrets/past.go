package secrets

import (
	"errors"
	"math"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Keys opens sealed secrets.
type Keys interface {
	Open(b seal.Binding, sealed []byte) (seal.Secret, error)
}

// Past knows what was left of secrets whose tokens are here no more.
type Past struct {
	r       store.Reader
	now     time.Time
	floors  map[token.Mark]store.Secret
	retired retired
}

// LookBack opens the past of the secrets of these marks for a reader. Whoever calls
// it closes it.
func LookBack(r store.Reader, keys Keys, now time.Time, marks ...token.Mark) (Past, error) {
	p := Past{r: r, now: now, floors: map[token.Mark]store.Secret{}}
	all, err := r.Secrets(marks...)
	if err != nil {
		return p, err
	}
	for _, s := range all {
		p.floors[s.Mark] = s
	}
	p.retired, err = openRetired(r, keys)
	return p, err
}

// Close wipes what was opened.
func (p Past) Close() { p.retired.key.Wipe() }

// Resume is where a token begins that comes in: where its file says, but not below
// what its secret was used for here before; used tells that this decided.
func (p Past) Resume(t token.Token, secret seal.Secret) (next uint64, used bool, err error) {
	next = t.Condition.Next
	if s, ok := p.floors[t.Mark]; ok {
		next = max(next, t.Spec.First(s.Floor.Of(t.Spec)))
	}
	before, _, err := p.retired.of(t, secret)
	if err == nil {
		next = max(next, before.in(t.Spec, p.now))
	} else if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return next, next > t.Condition.Next, err
}

// Fenced tells whether codes of a token that comes may have been used in a time that was
// lost: then it takes no code before two in a row. What counts time begins beyond.
func (p Past) Fenced(t token.Token) bool {
	return t.Spec.Algorithm == token.HOTP && p.floors[t.Mark].Fenced
}

// Pair tells whether a secret was used by tokens of the other kind: for counters where
// the token counts time, and the other way round.
func (p Past) Pair(t token.Token) bool {
	f := p.floors[t.Mark].Floor
	return f.Both || t.Spec.Timed() && f.Events > 0 || !t.Spec.Timed() && f.Seconds > 0
}

// Stayed tells whether a secret was used here, and its token does not come back by a
// move from where it went: then what is known of the secret's uses may end before its last.
func (p Past) Stayed(t token.Token, move string) bool {
	s, known := p.floors[t.Mark]
	return known && (!s.MovedAway || move == "")
}

// Away says why a token must not come in: it moved to another server, and its file is
// none of a move that brings it back. Otherwise a code would count on both.
func (p Past) Away(t token.Token, secret seal.Secret, move string) (why string, err error) {
	away := p.floors[t.Mark].MovedAway
	if _, known := p.floors[t.Mark]; !known {
		if _, away, err = p.retired.of(t, secret); errors.Is(err, store.ErrNotFound) {
			return "", nil
		}
	}
	if err != nil || !away {
		return "", err
	}
	if move == "" {
		return "this token moved to another server; only a move from there can bring it back " +
			"(ostiary token export --move)", nil
	}
	received, err := p.r.Received(move)
	if received {
		why = "this file already brought the token here, and since then it moved to another server"
	}
	return why, err
}

// Retire remembers where a token stood that is about to be deleted or to get another
// secret. One on its way may have arrived elsewhere. The fields tell the log what is
// remembered; there are none for a token without a secret.
func (m *Marker) Retire(tx store.Tx, keys Keys, t token.Token, now time.Time) ([]audit.Field, error) {
	c, err := tx.Identity(t.Identity, t.Run)
	if err != nil {
		return nil, err
	}
	w := store.Secret{Mark: t.Mark, Floor: t.Spec.Used(t.Condition.Next), MovedAway: t.Condition.State == token.Moving,
		Fenced: t.Condition.Fenced()}
	switch {
	case c.Forged:
		err = m.doubted(tx, keys, c, now, &w)
	case w.Mark == 0:
		w.Mark, err = m.open(keys, c)
	}
	if err != nil || w.Mark == 0 {
		return nil, err // there is no secret: its activation was still to make one
	}
	f := []audit.Field{{Name: "secret", Value: w.Mark.String()}, {Name: "secret_events", Value: w.Floor.Events},
		{Name: "secret_moved_away", Value: w.MovedAway}, {Name: "secret_seconds", Value: w.Floor.Seconds}}
	if w.Fenced {
		f = append(f, audit.Field{Name: "secret_fenced", Value: true})
	}
	return f, tx.Remember(w)
}

// ahead is how far beyond now a code of the window may lie, in seconds.
const ahead = 120

// doubted is what is remembered of a token whose row somebody else wrote: with another
// mark, algorithm, period or state, its used codes would work again once it is imported. So
// the secret itself tells the mark, if it can be opened; what was used is so in both units;
// and the row of its move tells whether it is on its way.
func (m *Marker) doubted(tx store.Tx, keys Keys, c store.Candidate, now time.Time, w *store.Secret) error {
	if mark, err := m.open(keys, c); err == nil && mark != 0 {
		w.Mark = mark
	}
	w.Floor = token.Floor{Events: int64(min(c.Token.Condition.Next, math.MaxInt64)), Seconds: now.Unix() + ahead}
	_, err := tx.StateBefore(c.Token.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	w.MovedAway = w.MovedAway || err == nil
	return err
}

// open opens the secret of a token and gives its mark; 0 if it has no secret.
func (m *Marker) open(keys Keys, c store.Candidate) (token.Mark, error) {
	secret, err := keys.Open(store.SecretBinding(c.Token.ID), c.Sealed)
	if err != nil {
		return 0, err
	}
	defer secret.Wipe()
	return m.Mark(c.Token.Spec, secret)
}
