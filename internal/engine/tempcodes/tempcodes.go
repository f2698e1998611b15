// Package tempcodes issues temporary codes: digits that let a user log in once
// while the token is lost or left at home.
//
// A code is shown in the answer to its issue and nowhere else. The database
// keeps an HMAC of it and of its user: 8 digits can be searched, so that a plain
// hash would be as good as the code. Its key comes from the integrity key.
//
// Using one up is not done here but by the Attempt that tries the user's tokens
// (package store says why); package codes gives it the fingerprint.
package tempcodes

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/users"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// The bounds of a request. Digits is the length of a code.
const (
	Digits   = 8
	MaxCount = 10
	MaxHours = 168

	DefaultCount = 1
	DefaultHours = 24
)

// Codes issues and revokes temporary codes. It is safe for concurrent use.
type Codes struct {
	db     store.DB
	hasher *seal.Hasher
	now    func() time.Time
}

// New makes the keeper of temporary codes. hasher makes keyed hashes of seal.Code.
func New(db store.DB, hasher *seal.Hasher, now func() time.Time) *Codes {
	return &Codes{db: db, hasher: hasher, now: now}
}

// Fingerprint gives that of a code for a user, by the user's row number (0:
// nobody), or nil for a text that is no temporary code: not 8 ASCII digits.
func (c *Codes) Fingerprint(user int64, code string) []byte {
	if len(code) != Digits {
		return nil
	}
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return nil
		}
	}
	sum := c.hasher.Sum(binary.BigEndian.AppendUint64(nil, uint64(user)), []byte(code))
	return sum[:]
}

// Request asks for codes for a user.
type Request struct {
	User   string
	Count  int // 1 to MaxCount
	Hours  int // that they are good for, 1 to MaxHours
	Origin audit.Origin
}

// Issued is new codes. They cannot be shown again.
type Issued struct {
	User    string
	Codes   []seal.Secret
	Expires time.Time
}

// Issue gives a user new codes and revokes those that the user has not used. The
// error is a fault: Invalid for a request out of bounds, NotFound for the user.
func (c *Codes) Issue(ctx context.Context, r Request) (Issued, error) {
	switch {
	case r.Count < 1 || r.Count > MaxCount:
		return Issued{},
			fault.New(fault.Invalid, "count", fmt.Sprintf("%d codes are not between 1 and %d.", r.Count, MaxCount))
	case r.Hours < 1 || r.Hours > MaxHours:
		return Issued{},
			fault.New(fault.Invalid, "hours", fmt.Sprintf("%d hours are not between 1 and %d.", r.Hours, MaxHours))
	}
	var issued Issued
	err := c.change(ctx, r.User, func(tx store.Tx, user store.User) (audit.Entry, error) {
		// fn may run again
		issued = Issued{User: user.Name, Expires: c.now().UTC().Truncate(time.Millisecond).Add(
			time.Duration(r.Hours) * time.Hour)}
		revoked, err := tx.RevokeTemporaryCodes(user.ID)
		if err != nil {
			return audit.Entry{}, err
		}
		var marks []string
		for len(issued.Codes) < r.Count {
			code, err := draw()
			if err != nil {
				return audit.Entry{}, err
			}
			fingerprint := c.Fingerprint(user.ID, string(code.Bytes()))
			err = tx.AddTemporaryCode(
				store.TemporaryCode{User: user.ID, Fingerprint: fingerprint, Expires: issued.Expires})
			if errors.Is(err, store.ErrConflict) {
				continue // drawn before
			} else if err != nil {
				return audit.Entry{}, err
			}
			issued.Codes, marks = append(issued.Codes, code), append(marks, audit.Mark(fingerprint))
		}
		return audit.Entry{Action: audit.CodesIssued, Origin: r.Origin,
			Before: []audit.Field{{Name: "unused", Value: int64(revoked)}},
			After: []audit.Field{{Name: "codes", Value: strings.Join(marks, " ")},
				{Name: "expires", Value: audit.Stamp(issued.Expires)},
				{Name: "unused", Value: int64(r.Count)}}}, nil
	})
	if err != nil {
		return Issued{}, err
	}
	return issued, nil
}

// Revoke ends the codes that a user has not used. It gives the user's name as it
// is stored, and the number of the codes. Conflict if there are none.
func (c *Codes) Revoke(ctx context.Context, userName string, origin audit.Origin) (name string, n int, err error) {
	err = c.change(ctx, userName, func(tx store.Tx, user store.User) (audit.Entry, error) {
		name = user.Name
		if n, err = tx.RevokeTemporaryCodes(user.ID); err == nil && n == 0 {
			err = fault.New(fault.Conflict, "no_codes", fmt.Sprintf("User %s has no unused temporary codes.", name))
		}
		return audit.Entry{Action: audit.CodesRevoked, Origin: origin,
			Before: []audit.Field{{Name: "unused", Value: int64(n)}},
			After:  []audit.Field{{Name: "unused", Value: int64(0)}}}, err
	})
	return name, n, err
}

func (c *Codes) change(ctx context.Context, userName string, do func(store.Tx, store.User) (audit.Entry, error)) error {
	name, err := users.Canonical(userName)
	if err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx store.Tx) error {
		user, err := users.In(tx, name)
		if err != nil {
			return err
		}
		e, err := do(tx, user)
		if err != nil {
			return err
		}
		e.Time, e.Outcome, e.Subject = c.now(), audit.Done, audit.Subject{User: name}
		return tx.AppendAudit(e.Canonical())
	})
}

var bound = new(big.Int).Exp(big.NewInt(10), big.NewInt(Digits), nil)

// draw gives a code, each as likely as any other.
func draw() (seal.Secret, error) {
	n, err := rand.Int(rand.Reader, bound)
	if err != nil {
		return seal.Secret{}, err
	}
	return seal.NewSecret(fmt.Appendf(nil, "%0*d", Digits, n)), nil
}
