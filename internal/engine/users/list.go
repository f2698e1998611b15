package users

import (
	"context"
	"errors"
	"fmt"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// MaxList is how many users are added at once: in one transaction, for which codes wait.
const MaxList = 500

// Outcome says what became of a name of a list.
type Outcome string

// The outcomes.
const (
	Added   Outcome = "added"
	There   Outcome = "there" // a user has it since before, or by a name further up in the list
	Refused Outcome = "refused"
)

// Listed is what became of a name.
type Listed struct {
	Name    string // as it was given
	User    string // the user whom it means; empty if it is refused
	Outcome Outcome
	Reason  string // why it was refused, or how it differs from the name that is there
}

// ListRequest asks for users to be added.
type ListRequest struct {
	Names []string
	// DryRun says what would be, and adds nobody.
	DryRun bool
	// SkipBad adds the others although a name is refused; otherwise nobody is added then.
	SkipBad bool
	Origin  audit.Origin
}

// AddAll makes the users of a list whom there are not yet. whole is false if nobody was
// added, because a name is refused. The error is a fault, Invalid, for a list that is
// empty or too long.
func (u *Users) AddAll(ctx context.Context, r ListRequest) (all []Listed, whole bool, err error) {
	if len(r.Names) == 0 || len(r.Names) > MaxList {
		return nil, false, fault.New(fault.Invalid, "user_list",
			fmt.Sprintf("A list has 1 to %d names; this one has %d.", MaxList, len(r.Names)))
	}
	look := func(rd store.UserReader) (err error) {
		all, whole, err = judge(rd, r.Names)
		whole = whole || r.SkipBad
		return err
	}
	if r.DryRun {
		err = u.db.View(ctx, func(rd store.Reader) error { return look(rd) })
		return all, whole, err
	}
	err = u.db.Update(ctx, func(tx store.Tx) error {
		if err := look(tx); err != nil || !whole {
			return err
		}
		now := u.now()
		var entries [][]byte
		for i := range all {
			if all[i].Outcome != Added {
				continue
			}
			if _, err := tx.AddUser(all[i].User, now); err != nil {
				return fmt.Errorf("add user %s: %w", all[i].User, err)
			}
			entries = append(entries, audit.Entry{Time: now, Action: audit.UserAdded, Outcome: audit.Done,
				Origin: r.Origin, Subject: audit.Subject{User: all[i].User}}.Canonical())
		}
		return tx.AppendAudit(entries...)
	})
	return all, whole, err
}

// judge says what is to become of each name. whole is false if one is refused.
func judge(r store.UserReader, names []string) (all []Listed, whole bool, err error) {
	all, whole = make([]Listed, len(names)), true
	before := map[string]string{} // names of the list, by whom they mean
	for i, name := range names {
		l := &all[i]
		l.Name = name
		if l.User, err = NewName(name); err != nil {
			f := fault.Of(err)
			if f == nil {
				return nil, false, err
			}
			l.Outcome, l.Reason, l.User, whole = Refused, f.Text, "", false
			continue
		}
		other, listed := before[l.User]
		_, err := r.User(l.User)
		switch {
		case listed:
			l.Outcome, l.Reason = There, "the list already has this user"
			if other != name {
				l.Reason = "the list already has this user, as " + other
			}
		case err == nil:
			l.Outcome = There
			if name != l.User {
				l.Reason = "it exists as user " + l.User
			}
		case !errors.Is(err, store.ErrNotFound):
			return nil, false, err
		default:
			l.Outcome = Added
		}
		before[l.User] = name
	}
	return all, whole, nil
}
