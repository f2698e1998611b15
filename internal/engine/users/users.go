// Package users knows the users who hold tokens. Users are local for now:
// a name and nothing else.
package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/printable"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/nodes"
	"ostiary/internal/store"
)

const maxName = 128 // characters

// Users adds, finds and removes users.
type Users struct {
	db       store.DB
	now      func() time.Time
	unlocked func(user int64)
}

// New makes Users on a database. now is the clock; unlocked is told of each user who was
// unlocked, by number.
func New(db store.DB, now func() time.Time, unlocked func(user int64)) *Users {
	return &Users{db: db, now: now, unlocked: unlocked}
}

// Canonical gives the form in which a user name is stored and looked up, at every
// door: wide and narrow forms as usual ones, lower case, and composed (NFC), as RFC
// 8265 section 3.3 has it; directories, RADIUS clients and keyboards differ in all of
// them. It refuses names that are empty, longer than 128 characters, begin or end with
// a blank, or hold characters that do not print.
func Canonical(name string) (string, error) {
	bad := func(why string) (string, error) {
		return "", fault.New(fault.Invalid, "user_name", "The user name "+why+".")
	}
	if !utf8.ValidString(name) {
		return bad("is not UTF-8 text")
	}
	name = folded(name)
	switch {
	case name == "":
		return bad("is empty")
	case utf8.RuneCountInString(name) > maxName:
		return bad(fmt.Sprintf("is longer than %d characters", maxName))
	case strings.TrimSpace(name) != name:
		return bad("begins or ends with a space")
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return bad("contains a character that cannot be printed")
		}
	}
	return name, nil
}

// folded is a name, or the beginning of one, as names are stored.
func folded(name string) string {
	if !isASCII(name) {
		// Composed again, as a small letter may compose where the capital did not.
		name = norm.NFC.String(strings.ToLower(norm.NFC.String(width.Fold.String(name))))
	}
	return strings.ToLower(name)
}

// isASCII tells most names, which need no tables.
func isASCII(name string) bool {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// NewName is [Canonical] for a user who is to be made. It refuses what looks like another
// name as well: characters that are not to be seen.
func NewName(name string) (string, error) {
	name, err := Canonical(name)
	if err == nil && (strings.ContainsFunc(name, printable.Hidden) || printable.Blank(name)) {
		err = fault.New(fault.Invalid, "user_name", "The user name contains an invisible character.").
			WithHint("Type the name again: the copied text contains an invisible character.")
	}
	return name, err
}

// Add makes a user.
func (u *Users) Add(ctx context.Context, name string, origin audit.Origin) (user store.User, err error) {
	if name, err = NewName(name); err != nil {
		return user, err
	}
	err = u.db.Update(ctx, func(tx store.Tx) error {
		now := u.now()
		if user, err = tx.AddUser(name, now); err != nil {
			return err
		}
		return tx.AppendAudit(audit.Entry{Time: now, Action: audit.UserAdded, Outcome: audit.Done, Origin: origin,
			Subject: audit.Subject{User: name}}.Canonical())
	})
	return user, taken(name, err)
}

// Find gives a user by name.
func (u *Users) Find(ctx context.Context, name string) (user store.User, err error) {
	if name, err = Canonical(name); err != nil {
		return user, err
	}
	err = u.db.View(ctx, func(r store.Reader) error {
		user, err = In(r, name)
		return err
	})
	return user, err
}

// In finds a user by canonical name inside a transaction.
func In(r store.UserReader, name string) (store.User, error) {
	user, err := r.User(name)
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.NotFound, "user_not_found", fmt.Sprintf("There is no user %s.", name)).
			WithHint("ostiary user list lists all users.").Because(err)
	}
	return user, err
}

// Part is a part of a name to search for, written as names are stored.
func Part(text string) string { return norm.NFC.String(text) }

// Prefix is the beginning of a name to search for, written as names are stored.
func Prefix(text string) string { return folded(text) }

// List gives the users that a filter chooses, by name. next is the name to go on behind,
// empty at the end: a page may be short before.
func (u *Users) List(ctx context.Context, f store.UserFilter) (users []store.User, next string, err error) {
	f.Contains = Part(f.Contains)
	err = u.db.Browse(ctx, func(r store.Reader) error {
		users, next, err = r.FindUsers(f)
		return err
	})
	return users, next, err
}

// Count counts the users that a filter chooses, as far as lists are counted.
func (u *Users) Count(ctx context.Context, f store.UserFilter) (n store.Count, err error) {
	f.Contains = Part(f.Contains)
	err = u.db.Browse(ctx, func(r store.Reader) error {
		n, err = r.CountUsers(f)
		return err
	})
	return n, err
}

// Rename gives a user another name. The user keeps all tokens, temporary codes and
// activations; codes under the old name are those of an unknown user from then on.
func (u *Users) Rename(ctx context.Context, from, to string, origin audit.Origin) (user store.User, err error) {
	if to, err = NewName(to); err != nil {
		return user, err
	}
	err = u.change(ctx, from, audit.UserRenamed, origin, func(tx store.Tx, was store.User) (before, after []audit.Field,
		err error) {
		if user = was; was.Name == to {
			return nil, nil, fault.New(fault.Conflict, "user_unchanged",
				fmt.Sprintf("User %s already has that name.", to)).
				WithHint("Upper and lower case make no difference in user names.")
		}
		if err := errors.Join(MayArm(tx, was.Name, origin), MayArm(tx, to, origin)); err != nil {
			return nil, nil, err
		}
		if err := tx.RenameUser(was.ID, was.Name, to); err != nil {
			return nil, nil, taken(to, err)
		}
		user.Name = to
		return nameField(was.Name), nameField(to), nil
	})
	return user, err
}

func nameField(name string) []audit.Field { return []audit.Field{{Name: "user", Value: name}} }

// taken says that a name is another user's, if that is why it cannot be given.
func taken(name string, err error) error {
	if errors.Is(err, store.ErrConflict) {
		err = fault.New(fault.Conflict, "user_exists", fmt.Sprintf("User %s already exists.", name)).Because(err)
	}
	return err
}

// Delete removes a user who holds no token.
func (u *Users) Delete(ctx context.Context, name string, origin audit.Origin) error {
	return u.change(ctx, name, audit.UserDeleted, origin, func(tx store.Tx, user store.User) (before, _ []audit.Field,
		err error) {
		err = tx.DeleteUser(user.ID)
		if errors.Is(err, store.ErrConflict) {
			err = fault.New(fault.Conflict, "user_holds_tokens",
				fmt.Sprintf("User %s still has tokens (%d).", user.Name, user.Tokens)).
				WithHint("Unassign them first: ostiary token list --user " + user.Name).Because(err)
		}
		if user.Failures == 0 && user.RetryAt.IsZero() {
			return nil, nil, err
		}
		return failures(user), nil, err
	})
}

// failures are those of a user as an entry tells them.
func failures(user store.User) []audit.Field {
	return audit.FailureFields(token.Condition{Failures: user.Failures, RetryAt: user.RetryAt})
}

// Unlock forgets the wrong codes that were presented under the user's name, and those
// of the user's tokens, so that a lock and a delay of either ends. It gives the tokens
// that had any.
func (u *Users) Unlock(ctx context.Context, name string, origin audit.Origin) (unlocked []token.Token, err error) {
	var id int64
	err = u.change(ctx, name, audit.UserUnlocked, origin, func(tx store.Tx, user store.User) (before, _ []audit.Field,
		err error) {
		if unlocked, err = u.unlockTokens(tx, user, origin); err != nil {
			return nil, nil, err
		}
		id = user.ID
		return failures(user), nil, errors.Join(tx.ResetUserFailures(id), nodes.TellUnlocked(tx, id, 0, u.now()))
	})
	if err == nil {
		u.unlocked(id)
	}
	return unlocked, err
}

func (u *Users) unlockTokens(tx store.Tx, user store.User, origin audit.Origin) (unlocked []token.Token, err error) {
	held, err := tx.Tokens(store.TokenFilter{Owner: user.ID})
	if err != nil {
		return nil, err
	}
	for _, t := range held {
		if t.Condition.Failures == 0 && t.Condition.RetryAt.IsZero() {
			continue
		}
		e := audit.TokenUnlock(t)
		e.Time, e.Origin = u.now(), origin
		if err := errors.Join(tx.ResetFailures(t.ID), tx.AppendAudit(e.Canonical())); err != nil {
			return nil, err
		}
		unlocked = append(unlocked, t)
	}
	return unlocked, nil
}

func (u *Users) change(ctx context.Context, name string, action audit.Action, origin audit.Origin,
	do func(store.Tx, store.User) (before, after []audit.Field, err error)) error {
	name, err := Canonical(name)
	if err != nil {
		return err
	}
	return u.db.Update(ctx, func(tx store.Tx) error {
		user, err := In(tx, name)
		if err != nil {
			return err
		}
		before, after, err := do(tx, user)
		if err != nil {
			return err
		}
		return tx.AppendAudit(audit.Entry{Time: u.now(), Action: action, Outcome: audit.Done, Origin: origin,
			Subject: audit.Subject{User: name}, Before: before, After: after}.Canonical())
	})
}
