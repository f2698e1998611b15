package imports

import (
	"errors"
	"fmt"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
	"ostiary/pskc"
)

// userOf is the user that a file names for a key: of the key, else of the
// device. RFC 6030 writes distinguished names (section 4.3.3).
func userOf(k *pskc.Key) (name string, err error) {
	if name = k.KeyUserID; name == "" {
		name = k.DeviceUserID
	}
	return users.OfDN(name)
}

// giveOwner is findOwner, and refuses a key whose device is its owner's, if that is
// nobody here: without an owner it could be given to another user, and would let the
// holder of the device in as that one.
func (i *importer) giveOwner(r store.Reader, k *staged, t *tally,
	stageUser func(name string) (id int64, made bool, err error)) error {
	err := i.findOwner(r, k, t, stageUser)
	if err == nil && k.load.Owned() && k.token.OwnerName == "" {
		k.note("it is activated on the device of that user")
		k.row.Outcome = Refused
	}
	return err
}

// findOwner finds the user who is to get a key that is being imported, or makes
// one by stageUser. What prevents it is said in the row; the token is imported
// all the same.
func (i *importer) findOwner(r store.Reader, k *staged, t *tally,
	stageUser func(name string) (id int64, made bool, err error)) error {
	if k.noUser != nil {
		k.note("not assigned: " + k.noUser.Error())
	}
	if k.user == "" {
		return nil
	}
	name, err := users.Canonical(k.user)
	if err != nil {
		k.note("not assigned: " + fault.Of(err).Text)
		return nil
	}
	user, err := r.User(name)
	if errors.Is(err, store.ErrNotFound) {
		if !i.req.CreateUsers {
			k.note(fmt.Sprintf("not assigned: there is no user %s (--create-users adds the users that a "+
				"file names)", name))
			return nil
		}
		if _, err := users.NewName(name); err != nil {
			k.note("not assigned: " + fault.Of(err).Text)
			return nil
		}
		made := false
		if user.ID, made, err = stageUser(name); made {
			t.counts.Users++
		}
	}
	if err != nil {
		return err
	}
	typ := i.types[k.token.Identity.Type]
	for _, limit := range []struct {
		n           int
		typ, tokens string
	}{{store.MaxCandidates, "", "tokens"}, {typ.MaxPerUser, typ.Name, "tokens of type " + typ.Name}} {
		held, err := r.Holding(user.ID, limit.typ)
		if err != nil {
			return err
		}
		if i.seen != nil {
			held += i.seen.holds[heldBy{name, limit.typ}]
		}
		if limit.n > 0 && held >= limit.n {
			k.note(fmt.Sprintf("not assigned: user %s has %d %s, the maximum", name, held, limit.tokens))
			return nil
		}
	}
	k.token.Condition.Owner, k.token.OwnerName = user.ID, name
	t.counts.Assigned++
	return nil
}

// stageUser makes a user who is there once the run is published.
func (i *importer) stageUser(tx store.Tx, name string, t *tally) (id int64, made bool, err error) {
	now := i.now()
	id, made, err = tx.StageUser(i.run, name, now)
	if made {
		t.entries = append(t.entries, audit.Entry{Time: now, Action: audit.UserStaged, Outcome: audit.Done,
			Origin:  i.req.Origin,
			Subject: audit.Subject{User: name}, After: []audit.Field{{Name: "run", Value: i.run}}}.Canonical())
	}
	return id, made, err
}
