package imports

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/carry"
	"ostiary/internal/store"
)

// Tokens that are activated on devices come with their profiles. A profile is found here
// by the hash of its static vector, whatever its name; one that is not here is added
// under its name, or under a free one derived from it where another profile has that:
// both servers have default profiles of the same names. It is added in the transaction
// that publishes the run, so that a run which ends otherwise leaves none.

// sheet is a profile of the file.
type sheet struct {
	name   string // here
	theirs string // on the server that it comes from
	added  *store.Profile
	print  string // its fingerprint
	prefix string
}

const maxNumbered = 1000 // of the profiles of one name

// place finds the profile of a key, or the name under which it is to be added, and says
// what keeps the key from its device.
func (i *importer) place(r store.Reader, k *staged) error {
	if k.load == nil {
		return nil
	}
	s, err := i.sheet(r, k.load)
	if err != nil {
		return err
	}
	k.token.Profile = s.name
	return nil
}

func (i *importer) sheet(r store.Reader, l *carry.Load) (*sheet, error) {
	hash := l.Hash()
	if s := i.sheets[hash]; s != nil {
		return s, nil
	}
	all, err := r.Profiles()
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for _, p := range all {
		if sha256.Sum256(p.Vector) == hash {
			return i.keepSheet(hash, &sheet{name: p.Name, theirs: l.Profile}), nil
		}
		taken[p.Name] = true
	}
	for _, s := range i.sheets {
		taken[s.name] = true
	}
	s := &sheet{name: l.Profile, theirs: l.Profile, print: l.Vector.Fingerprint(), prefix: l.Vector.Profile().Prefix}
	for n := 2; taken[s.name]; n++ {
		if n > maxNumbered {
			return nil, fmt.Errorf("there are %d profiles with the name %s", n, l.Profile)
		}
		s.name = numbered(l.Profile, n)
	}
	p, err := l.Sealed(i.keys, s.name, i.now())
	if err != nil {
		return nil, err
	}
	s.added = &p
	return i.keepSheet(hash, s), nil
}

// numbered is a name with a number, cut to what a name may be.
func numbered(name string, n int) string {
	end := fmt.Sprintf("-%d", n)
	for !token.ValidName(name + end) {
		name = strings.TrimRight(name[:len(name)-1], "-")
	}
	return name + end
}

func (i *importer) keepSheet(hash [sha256.Size]byte, s *sheet) *sheet {
	if i.sheets == nil {
		i.sheets = map[[sha256.Size]byte]*sheet{}
	}
	i.sheets[hash] = s
	return s
}

// needed are the sheets of what is imported, by name.
func (i *importer) needed() (all []*sheet) {
	for _, hash := range slices.SortedFunc(maps.Keys(i.sheetsUsed), func(a, b [sha256.Size]byte) int {
		return strings.Compare(i.sheets[a].name, i.sheets[b].name)
	}) {
		all = append(all, i.sheets[hash])
	}
	return all
}

// addProfiles adds what the run needs, in the transaction that publishes it.
func (i *importer) addProfiles(tx store.Tx) error {
	for _, s := range i.needed() {
		if s.added == nil {
			continue
		}
		if err := tx.AddProfile(*s.added); errors.Is(err, store.ErrConflict) {
			return fault.New(fault.Conflict, "import_overtaken", fmt.Sprintf("Profile %s was created here while the import ran, "+
				"and the import was to add the profile %s of the file under that name; nothing was imported.", s.name, s.theirs)).
				WithHint("Import the file again: its profile then gets another name.")
		} else if err != nil {
			return err
		}
		if err := tx.AppendAudit(audit.Entry{Time: i.now(), Action: audit.ProfileCreated, Outcome: audit.Done,
			Origin: i.req.Origin, Subject: audit.Subject{Other: s.name},
			After: []audit.Field{{Name: "fingerprint", Value: s.print}, {Name: "run", Value: i.run},
				{Name: "serial_prefix", Value: s.prefix}}}.Canonical()); err != nil {
			return err
		}
	}
	return nil
}

// profileRemarks say in the report what becomes of the profiles of the file.
func (i *importer) profileRemarks() (out []string) {
	if i.counts.Imported == 0 {
		return nil
	}
	is := "is"
	if i.req.DryRun {
		is = "would be"
	}
	for _, s := range i.needed() {
		switch {
		case s.added != nil && s.name != s.theirs:
			out = append(out, fmt.Sprintf("Profile %s of the file %s added as %s: the profile of that name here is a different "+
				"one.", s.theirs, is, s.name))
		case s.added != nil:
			out = append(out, fmt.Sprintf("Profile %s %s added.", s.name, is))
		case s.name != s.theirs:
			out = append(out, fmt.Sprintf("Profile %s of the file is already here, as %s.", s.theirs, s.name))
		}
	}
	return out
}

// mayHave refuses a key whose device serial another token of its profile has: no
// authenticator could tell the two apart, and they would have one key.
func (i *importer) mayHave(r store.Reader, k *staged) error {
	here, found, err := i.holder(r, k)
	if err != nil || !found || here.Unique() == k.token.Unique() {
		return err // what has its name is met by that
	}
	if !k.load.Live() && here.Mark == 0 && here.Condition.Epoch == k.token.Condition.Epoch {
		k.end(Duplicate, alias(here, k))
		return nil
	}
	k.oneAccountWith(here)
	return nil
}

// account is what an authenticator knows a token by.
type account struct{ profile, serial string }

func (k *staged) account() account { return account{k.token.Profile, k.token.DeviceSerial()} }

func (k *staged) oneAccountWith(here token.Token) {
	k.end(Conflict, fmt.Sprintf("its authenticator knows it as %s, as does the one of %s here", k.token.DeviceSerial(),
		here.Identity.Serial))
}

// holder finds the token that has the account of a key, here or earlier in the file.
func (i *importer) holder(r store.Reader, k *staged) (here token.Token, found bool, err error) {
	if k.load == nil {
		return token.Token{}, false, nil
	}
	here, err = r.Account(k.token.Profile, k.token.DeviceSerial(), i.run)
	if errors.Is(err, store.ErrNotFound) {
		if i.seen != nil {
			var earlier seenToken
			earlier, found = i.seen.accounts[k.account()]
			here = earlier.token()
		}
		return here, found, nil
	}
	return here, err == nil, err
}

// noOtherSerial ends a key that waits for a serial, and whose account a token has:
// another serial makes it no other account. Here a token of its own name counts, too.
func (i *importer) noOtherSerial(r store.Reader, k *staged) (ended bool, err error) {
	here, found, err := i.holder(r, k)
	if found {
		k.oneAccountWith(here)
	}
	return found, err
}

// adopt gives a token that was staged what it brings, and tells the log.
func (i *importer) adopt(tx store.Tx, k *staged) (also []audit.Change, err error) {
	if k.load == nil {
		return nil, nil
	}
	apps, err := k.load.Adopt(tx, i.keys, k.token)
	for _, a := range apps {
		also = append(also, audit.Change{After: append(audit.CounterFields(token.Condition{Next: a.Next, Drift: a.Drift}),
			audit.Field{Name: "application", Value: int64(a.Index)})})
	}
	return also, err
}

// mindDevice turns a duplicate of a token that moves here into a conflict, if the one
// that is here is of an earlier activation, or its further applications stand at
// earlier codes (see mindCounter).
func (i *importer) mindDevice(r store.Reader, here token.Token, k *staged) error {
	if k.row.Outcome != Duplicate || k.passage.Move == "" || k.load == nil || here.Run == i.run {
		return nil
	}
	apps, err := r.Applications(here.ID)
	if err != nil {
		return err
	}
	if here.Condition.Epoch < k.token.Condition.Epoch || k.load.Behind(apps) {
		k.end(Conflict, "the same token is already here, with an earlier activation or counter than "+
			"the one that moves; delete it here and import again")
	}
	return nil
}

// fitsHere refuses a key whose device this server could not serve.
func fitsHere(typ token.Type, k *staged) error {
	switch {
	case k.load == nil && k.secret.Len() == 0:
		return errors.New("its secret is empty")
	case k.load == nil:
		return nil
	}
	if typ.Activation == token.NoActivation {
		return fmt.Errorf("tokens of type %s are not activated here, but this one is", typ.Name)
	}
	if why := k.load.Fits(typ, k.token, k.secret); why != "" {
		return errors.New(why)
	}
	if _, err := k.load.Vector.Serial(k.token.DeviceSerial()); err != nil && !errors.Is(err, activation.ErrTwoStep) {
		return fmt.Errorf("its authenticator cannot know it as %s: %w", k.token.DeviceSerial(), err)
	}
	return nil
}
