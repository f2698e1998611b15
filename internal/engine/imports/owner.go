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

// giveOwner gives a key that is being imported to the user whom the file names. What
// prevents it is said in the row. The token is imported all the same, unless its device is
// its owner's: without an owner it could be given to another user, and would let the holder
// of the device in as that one.
func (i *importer) giveOwner(r store.Reader, k *staged, t *tally,
	stageUser func(name string) (id int64, made bool, err error)) error {
	name, why, err := i.findOwner(r, k, t, stageUser)
	if err != nil || why == "" {
		return err
	}
	if k.load.Owned() {
		k.end(Refused, fmt.Sprintf("it is activated on the device of user %s, to whom it cannot be assigned here: %s", name,
			why))
		if _, err := r.User(name); errors.Is(err, store.ErrNotFound) && !i.req.CreateUsers {
			k.note("or add the user first: ostiary user add " + name)
		}
		return nil
	}
	k.note("not assigned: " + why)
	return nil
}

// findOwner finds the user who is to get a key, or makes one by stageUser, and assigns it
// in the token. Else it says why not; it says nothing of a key for which the file names
// nobody.
func (i *importer) findOwner(r store.Reader, k *staged, t *tally,
	stageUser func(name string) (id int64, made bool, err error)) (name, why string, err error) {
	if k.noUser != nil {
		return k.user, k.noUser.Error(), nil //nolint:nilerr // it is told in the row
	}
	if k.user == "" {
		return "", "", nil
	}
	if name, err = users.Canonical(k.user); err != nil {
		return k.user, fault.Of(err).Text, nil
	}
	if why, err := i.mayArm(r, name); why != "" || err != nil {
		return name, why, err
	}
	user, err := r.User(name)
	if errors.Is(err, store.ErrNotFound) {
		if !i.req.CreateUsers {
			return name, fmt.Sprintf("there is no user %s (--create-users adds the users that a file names)", name), nil
		}
		if _, err := users.NewName(name); err != nil {
			return name, fault.Of(err).Text, nil
		}
		made := false
		if user.ID, made, err = stageUser(name); made {
			t.counts.Users++
		}
	}
	if err != nil {
		return name, "", err
	}
	typ := i.types[k.token.Identity.Type]
	for _, limit := range []struct {
		n       int
		typ, of string
	}{{store.MaxCandidates, "", ""}, {typ.MaxPerUser, typ.Name, " of type " + typ.Name}} {
		held, err := r.Holding(user.ID, limit.typ)
		if err != nil {
			return name, "", err
		}
		if i.seen != nil {
			held += i.seen.holds[heldBy{name, limit.typ}]
		}
		if limit.n > 0 && held >= limit.n {
			return name, fmt.Sprintf("user %s has %s%s, the maximum", name, fault.Plural(held, "token", "tokens"),
				limit.of), nil
		}
	}
	k.token.Condition.Owner, k.token.OwnerName = user.ID, name
	t.counts.Assigned++
	return name, "", nil
}

// mayArm says why whoever imports may not give the user of a name a token.
func (i *importer) mayArm(r store.AdminReader, name string) (why string, err error) {
	err = users.MayArm(r, name, i.req.Origin)
	if f := fault.Of(err); f != nil && f.Kind == fault.Forbidden {
		return f.Text, nil
	}
	return "", err
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
