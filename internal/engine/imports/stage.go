package imports

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// stage writes one chunk, in one transaction unless somebody waits.
func (i *importer) stage(keys []staged) error {
	if err := i.mark(keys); err != nil {
		return err
	}
	for len(keys) > 0 {
		done := 0
		err := i.commit(func(tx store.Tx, t *tally) error {
			for done = 0; done < len(keys) && (done == 0 || !tx.Awaited()); {
				step := keys[done:min(done+importStep, len(keys))]
				if err := i.stageStep(tx, step, t); err != nil {
					return err
				}
				done += len(step)
			}
			return nil
		})
		if err != nil {
			return err
		}
		keys = keys[done:]
	}
	return nil
}

func (i *importer) stageStep(tx store.Tx, keys []staged, t *tally) error {
	now := i.now()
	id, err := tx.NextTokenID(len(keys))
	if err != nil {
		return err
	}
	here, err := i.know(tx, keys)
	if err != nil {
		return err
	}
	defer here.close()
	b := &i.batch
	b.begin(keys)
	for n := range b.step {
		k := &b.step[n]
		k.token.ID, k.token.Run, k.token.Created = id+token.ID(n), i.run, now
		// What is before it decides about an identity and a secret, and about what
		// a user holds.
		if b.at[k.token.Unique()] || b.of[k.token.Mark] || k.user != "" || k.load != nil {
			if err := i.insert(tx, b, t); err != nil {
				return err
			}
		}
		if err := i.prepare(tx, here, k, t); err != nil {
			return err
		}
		if k.row.Outcome != "" {
			t.count(i, k)
			continue
		}
		b.keys, b.at[k.token.Unique()], b.of[k.token.Mark] = append(b.keys, k), true, true
	}
	return i.insert(tx, b, t)
}

// batch is a step under way. An importer has one for all its steps, because new
// ones would be most of its garbage.
type batch struct {
	step []staged  // copies: a transaction that runs again begins anew
	keys []*staged // those of the step that are about to be inserted together
	at   map[token.Identity]bool
	of   map[token.Mark]bool
	rows []store.Candidate // of keys
}

func (b *batch) begin(keys []staged) {
	b.step, b.keys = append(b.step[:0], keys...), b.keys[:0]
	if b.at == nil {
		b.at, b.of = map[token.Identity]bool{}, map[token.Mark]bool{}
	}
	clear(b.at)
	clear(b.of)
}

// prepare does for one key what comes before it is inserted; it may end it.
func (i *importer) prepare(tx store.Tx, here known, k *staged, t *tally) (err error) {
	if k.row.Outcome == Refused {
		return nil
	}
	if err := i.admit(tx, k, t); err != nil || k.row.Outcome != "" {
		return err
	}
	if err := i.arrive(tx, k, t); err != nil {
		return err
	}
	if err := i.place(tx, k); err != nil {
		return err
	}
	if err := i.settleSecret(tx, k, here, t); err != nil || k.row.Outcome != "" {
		return err
	}
	if err := i.mayHave(tx, k); err != nil || k.row.Outcome != "" || k.user == "" && k.noUser == nil {
		return err
	}
	// Looked up first, so that no user is made for a key that is not imported.
	existing, err := tx.Identity(k.token.Identity, i.run)
	if err == nil {
		return i.meet(tx, existing, k, t)
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return i.giveOwner(tx, k, t, func(name string) (int64, bool, error) { return i.stageUser(tx, name, t) })
}

// insert writes the keys of a batch, and finds out whose identity is taken.
func (i *importer) insert(tx store.Tx, b *batch, t *tally) error {
	if len(b.keys) == 0 {
		return nil
	}
	b.rows = b.rows[:0]
	for _, k := range b.keys {
		sealed, err := i.keys.Seal(store.SecretBinding(k.token.ID), k.secret)
		if err != nil {
			return err
		}
		b.rows = append(b.rows, store.Candidate{Token: k.token, Sealed: sealed})
	}
	staged, err := tx.StageTokens(i.run, b.rows)
	if err != nil {
		return err
	}
	for n, k := range b.keys {
		if staged[n] {
			err = i.inserted(tx, k, t)
		} else {
			err = i.taken(tx, k, t)
		}
		if err != nil {
			return err
		}
		t.count(i, k)
	}
	b.keys = b.keys[:0]
	clear(b.at)
	clear(b.of)
	return nil
}

// inserted ends a key that was.
func (i *importer) inserted(tx store.Tx, k *staged, t *tally) error {
	k.row.Outcome = Imported
	i.arrived(k, t, false)
	also, err := i.adopt(tx, k)
	if err != nil {
		return err
	}
	t.entries = append(t.entries, i.stagedEntry(k, also))
	if k.unshown { // so that a link can be made for it here
		if err := tx.AddEnrolment(store.Enrolment{Token: k.token.ID, Expires: k.token.Created}); err != nil {
			return err
		}
	}
	if k.policy == "" {
		return nil
	}
	return tx.StagePolicy(i.run, k.token.ID, store.Policy{Text: k.policy})
}

// taken ends a key whose identity is taken.
func (i *importer) taken(tx store.Tx, k *staged, t *tally) error {
	existing, err := tx.Identity(k.token.Identity, i.run)
	if err != nil {
		return err
	}
	return i.meet(tx, existing, k, t)
}

// stagedEntry tells the log that a token comes with the run.
func (i *importer) stagedEntry(k *staged, also []audit.Change) []byte {
	after := append(audit.ConditionFields(k.token.Condition, k.token.OwnerName), audit.AlgorithmField(k.token))
	if k.load != nil {
		after = append(after, audit.Field{Name: "device", Value: k.load.DeviceMark()},
			audit.Field{Name: "profile", Value: k.token.Profile})
	}
	return audit.Entry{Time: k.token.Created, Action: audit.TokenStaged, Outcome: audit.Done, Origin: i.req.Origin,
		Subject: audit.SubjectOf(k.token), After: append(after, audit.Field{Name: "run", Value: i.run}),
		Also: also}.Canonical()
}

// meet decides about a key whose identity is taken.
func (i *importer) meet(tx store.Tx, existing store.Candidate, k *staged, t *tally) error {
	same, err := i.sameSecret(existing, k)
	if err != nil {
		return err
	}
	inFile := existing.Token.Run == i.run
	i.clash(k, same, inFile)
	k.mindCounter(existing.Token)
	if err := i.mindDevice(tx, existing.Token, k); err != nil {
		return err
	}
	if same && inFile && existing.Token.Spec != k.token.Spec {
		k.end(Conflict, twiceDifferent)
	} else if same && !inFile {
		i.otherValues(existing.Token, k, t)
	}
	defer func() { i.arrived(k, t, !same && !inFile) }()
	if k.row.Outcome != Replaced || same {
		if inFile || same {
			return nil
		}
		i.mayRenumber(k)
		return nil
	}
	id := existing.Token.ID
	if may, err := i.mayRearm(tx, existing.Token, k, t); !may || err != nil {
		return err
	}
	k.token.ID, k.token.Condition.Epoch = id, existing.Token.Condition.Epoch
	sealed, err := i.keys.Seal(store.SecretBinding(id), k.secret)
	if err != nil {
		return err
	}
	t.replaced = append(t.replaced, id)
	return tx.StageReplacement(i.run, store.Candidate{Token: k.token, Sealed: sealed})
}

// mayRearm is mayReplace for a secret that is another one: whoever has the file has it, too.
func (i *importer) mayRearm(r store.Reader, existing token.Token, k *staged, t *tally) (bool, error) {
	why, err := i.mayArm(r, existing.OwnerName)
	if err != nil {
		return false, err
	}
	if why != "" {
		k.end(Refused, why)
		return false, nil
	}
	return i.mayReplace(existing, k, t), nil
}

// mayReplace tells whether the run may replace the secret of a token, or ends the
// key otherwise.
func (i *importer) mayReplace(existing token.Token, k *staged, t *tally) bool {
	id := existing.ID
	switch {
	case existing.Profile != "" || k.load != nil:
		k.end(Conflict, "the token here has another secret, and it is activated on devices: delete it and import again")
	case existing.Condition.State == token.Moving:
		k.end(Conflict, "the token here is on its way to another server as it is: confirm or cancel that move first "+
			"(ostiary move list)")
	case !existing.Condition.Proven():
		k.end(Conflict, "the token here has another secret and was not yet confirmed by a first code")
	case i.replaced[id] || slices.Contains(t.replaced, id):
		k.end(Conflict, "another key of this file already replaces the secret of this token")
	case len(i.replaced)+len(t.replaced) == maxReplaced:
		k.end(Refused, fmt.Sprintf("an import replaces at most %d secrets; import the rest again", maxReplaced))
	default:
		return true
	}
	return false
}

// formerly is a token whose secret a run replaces, as it was, and what is remembered of
// that secret.
type formerly struct {
	token.Token
	left []audit.Field
}

// retireReplaced remembers where the secrets stood that a run replaces.
func (i *importer) retireReplaced(tx store.Tx) (was []formerly, err error) {
	for _, id := range slices.Sorted(maps.Keys(i.replaced)) {
		found, err := tx.Tokens(store.TokenFilter{ID: id})
		if err != nil {
			return nil, err
		}
		if len(found) == 0 || found[0].Condition.State == token.Moving {
			return nil, store.ErrConflict // deleted meanwhile, or on its way
		}
		left, err := i.marks.Retire(tx, i.keys, found[0], i.now())
		if err != nil {
			return nil, err
		}
		was = append(was, formerly{found[0], left})
	}
	return was, nil
}

// rekeyed gives the entries of tokens whose secrets were replaced.
func (i *importer) rekeyed(tx store.Tx, was []formerly) (entries [][]byte, err error) {
	fields := func(c token.Condition) []audit.Field {
		f := append(audit.CounterFields(c), audit.Field{Name: "epoch", Value: c.Epoch})
		return append(append(f, audit.FailureFields(c)...), audit.DateFields(c)...)
	}
	for _, t := range was {
		now, err := tokens.ByID(tx, t.ID)
		if err != nil {
			return nil, err
		}
		before, after := fields(t.Condition), fields(now.Condition)
		if t.Spec != now.Spec {
			before, after = append(before, specFields(t.Spec)...), append(after, specFields(now.Spec)...)
		}
		entries = append(entries, audit.Entry{Time: i.now(), Action: audit.TokenRekeyed, Outcome: audit.Done,
			Origin: i.req.Origin, Subject: audit.SubjectOf(t.Token), Before: before,
			After: append(append(after, t.left...), audit.AlgorithmField(now),
				audit.Field{Name: "run", Value: i.run})}.Canonical())
	}
	return entries, nil
}

// sameSecret compares a token in the database with a key of the file. Two without
// secrets are the same if their authenticators would be.
func (s *Service) sameSecret(existing store.Candidate, k *staged) (bool, error) {
	have, err := tokens.OpenSecret(s.keys, existing)
	if err != nil {
		return false, err
	}
	defer have.Wipe()
	here := existing.Token
	return have.Equal(k.secret) && (k.secret.Len() > 0 || here.Profile == k.token.Profile &&
		here.DeviceSerial() == k.token.DeviceSerial() && here.Condition.Epoch == k.token.Condition.Epoch), nil
}

// mindCounter turns a duplicate of a token that moves here into a conflict, if the
// one that is here stands at an earlier code: with the receipt the other would be
// gone, and the codes used there would count again.
func (k *staged) mindCounter(here token.Token) {
	if k.row.Outcome == Duplicate && k.passage.Move != "" && here.Condition.Next < k.token.Condition.Next {
		k.end(Conflict, "the same token is already here, with an earlier counter than the one that moves; "+
			"delete it here and import again")
	}
}

const twiceDifferent = "the same key is in the file twice, with other code settings"

// clash words what becomes of a key whose identity is taken.
func (i *importer) clash(k *staged, same, inFile bool) {
	identity, way := "type, manufacturer, serial and key id", ""
	if k.token.Kind == token.Software {
		identity = "type and serial"
		if !i.req.Renumber {
			way = " (--new-serials gives it another serial)"
		}
	}
	switch {
	case same && inFile:
		k.end(Duplicate, "the same key is in the file twice")
	case same:
		k.end(Duplicate, "the same token with the same secret is already here")
	case inFile:
		k.end(Conflict, "another secret exists under the same "+identity+" in this file")
	case i.req.Replace:
		k.end(Replaced, "")
	default:
		k.end(Conflict, "another secret exists under the same "+identity+way)
	}
}
