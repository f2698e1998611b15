package imports

import (
	"fmt"
	"maps"
	"slices"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/secrets"
	"ostiary/internal/store"
)

// maxShared bounds the secrets of a run that several of its keys hold, because they
// are shared in the one transaction that publishes it.
const maxShared = 10_000

// maxPairPeriod is the longest time step, in seconds, of a secret that is used for
// counters as well: the steps of longer ones come too near to counters.
const maxPairPeriod = 900

// known is what this server knows of the secrets of some keys.
type known struct {
	holders map[token.Mark][]token.Token // the published tokens that have them
	past    secrets.Past
}

func (k known) close() { k.past.Close() }

// know looks the secrets of keys up. Whoever calls it closes what it gives.
func (i *importer) know(r store.Reader, keys []staged) (known, error) {
	var marks []token.Mark
	for n := range keys {
		if keys[n].token.Mark != 0 {
			marks = append(marks, keys[n].token.Mark)
		}
	}
	k := known{holders: map[token.Mark][]token.Token{}}
	found, err := r.Holders(0, marks...)
	if err != nil {
		return k, err
	}
	for _, t := range found {
		k.holders[t.Mark] = append(k.holders[t.Mark], t)
	}
	k.past, err = secrets.LookBack(r, i.keys, i.now(), marks...)
	return k, err
}

// mark marks the keys of a chunk.
func (i *importer) mark(keys []staged) (err error) {
	for n := range keys {
		if k := &keys[n]; k.row.Outcome != Refused && !k.isPIN {
			if k.token.Mark, err = i.marks.Mark(k.token.Spec, k.secret); err != nil {
				return err
			}
		}
	}
	return nil
}

// held is who of a file holds a secret, in few bytes: there is one for each key.
type held struct {
	first  int32 // the first of them, by its number
	events bool  // one counts events
	timed  bool  // one counts time
	zero   int64 // from when those that count time do so
	high   bool  // one of the first kind stands too high for the other kind, or one of the other too low
}

// add notes a key that holds the secret.
func (h held) add(k *staged, tooFar bool) held {
	if h.first == 0 {
		h.first = int32(k.row.N)
	}
	if k.token.Spec.Timed() {
		h.timed, h.zero = true, k.token.Spec.T0
	} else {
		h.events = true
	}
	h.high = h.high || tooFar
	return h
}

// settleSecret decides what this server's knowledge of a key's secret means for it;
// it ends the key, or says where it begins. A key of the same name as a token that
// is here is decided by that.
func (i *importer) settleSecret(r store.Reader, k *staged, here known, t *tally) (err error) {
	if k.token.Mark == 0 {
		return nil // it has no secret
	}
	holders := here.holders[k.token.Mark]
	for _, h := range holders {
		if h.Unique() == k.token.Unique() {
			return nil
		}
	}
	for _, h := range holders {
		if sameDevice(h, k) {
			k.end(Duplicate, alias(h, k))
			k.mindCounter(h)
			if err := i.mindDevice(r, h, k); err != nil {
				return err
			}
			i.otherValues(h, k, t)
			return nil
		}
		if otherKind(h, k) {
			k.end(Duplicate, "")
			i.otherValues(h, k, t)
			return nil
		}
	}
	if len(holders) > 0 {
		k.end(Twin, isTwin(holders[0], k))
		return nil
	}
	if why, err := here.past.Away(k.token, k.secret, k.passage.Move); err != nil || why != "" {
		k.end(Refused, why)
		return err
	}
	if k.load.Further() && here.past.Stayed(k.token, k.passage.Move) {
		k.end(Refused, "its secret was used here before, and the counters of its further applications are not known: "+
			"codes that were used could be accepted again")
		return nil
	}
	next, used, err := here.past.Resume(k.token, k.secret)
	if err != nil {
		return err
	}
	if used && k.passage.Move == "" && k.token.Spec.Timed() && k.token.Spec.T0 > 0 {
		k.end(Refused, "its secret was used here before, and its time does not start in 1970: "+
			"codes that were used could be accepted again")
		return nil
	}
	if k.token.Condition.Next = next; used {
		k.note(fmt.Sprintf("its secret was used here before: its counter begins at %d", next))
	}
	if here.past.Fenced(k.token) {
		k.token.Condition.Drift = token.TwoCodes
		k.note("a backup was accepted with --fence since its secret was used here: it needs two consecutive codes")
	}
	k.pair = here.past.Pair(k.token)
	i.shareInFile(k, t)
	return nil
}

// shareInFile finds out whether a key has its secret to itself.
func (i *importer) shareInFile(k *staged, t *tally) {
	h := t.heldIn(i, k.token.Mark)
	if h.first == 0 && !k.pair {
		return
	}
	spec := k.token.Spec
	if pair := k.pair || spec.Timed() && h.events || !spec.Timed() && h.timed; pair && (h.high || i.tooFar(k)) {
		k.end(Refused, fmt.Sprintf("its secret is used for counters and for time steps, and could give one code for "+
			"both: then the highest counter is %d, and time steps have at most %d seconds", token.PairLimit, maxPairPeriod))
		return
	}
	if spec.Timed() && h.timed && spec.T0 != h.zero {
		k.end(Refused, fmt.Sprintf("it has the same secret as key %d of the file, but its time starts at another "+
			"moment: one code would be right for both at different times", h.first))
		return
	}
	if len(i.shared)+len(t.shared) >= maxShared && !i.shared[k.token.Mark] {
		k.end(Refused, fmt.Sprintf("an import accepts at most %d shared secrets; import the rest again",
			maxShared))
		return
	}
	if h.first != 0 && h.first != int32(k.row.N) {
		k.note(fmt.Sprintf("it has the same secret as key %d of the file: each code counts once for all of them",
			h.first))
	}
}

// tooFar tells whether a key counts where the other kind of token counts, too.
func (i *importer) tooFar(k *staged) bool {
	spec := k.token.Spec
	if !spec.Timed() {
		return k.token.Condition.Next >= token.PairLimit
	}
	return spec.Period > maxPairPeriod || spec.Begins(token.PairLimit) > i.now().Unix()
}

// hold notes, for the keys behind it, that a key is imported with its secret.
func (t *tally) hold(i *importer, k *staged) {
	m := k.token.Mark
	if m == 0 {
		return
	}
	before := t.heldIn(i, m)
	if before.first != 0 || k.pair {
		t.shared[m] = true
	}
	t.file[m] = before.add(k, i.tooFar(k))
}

// heldIn tells who of the file holds a secret so far.
func (t *tally) heldIn(i *importer, m token.Mark) held {
	if h, ok := t.file[m]; ok {
		return h
	}
	return i.file[m]
}

// sameDevice tells whether a token is the device of a key under a fuller or poorer
// name, as when a delivery comes once as PSKC and once as a table, or the token that
// the key's serial was renumbered to. Two key ids tell two keys of one device apart.
func sameDevice(h token.Token, k *staged) bool {
	id, other := k.token.Identity, h.Identity
	switch {
	case other.Type != id.Type || h.Condition.State == token.Moving && k.passage.Move != "":
		return false
	case other.Serial == id.Serial:
		return other.KeyID == id.KeyID || other.KeyID == "" || id.KeyID == ""
	}
	return h.Kind == token.Software && (other.KeyID == id.Serial || other.KeyID != "" && other.KeyID == id.KeyID)
}

// otherKind tells whether a token is the one of a key but for its kind: one counts
// presses of a button, and the other time.
func otherKind(h token.Token, k *staged) bool {
	id, other := k.token.Identity, h.Identity
	other.Type = id.Type
	return other == id && h.Kind == token.Hardware && k.token.Kind == token.Hardware &&
		h.Spec.Algorithm != k.token.Spec.Algorithm && h.Condition.State != token.Moving
}

func alias(h token.Token, k *staged) string {
	if h.Identity.Serial != k.token.Identity.Serial {
		return "the same token is already here, as " + h.Identity.Serial
	}
	return fmt.Sprintf("the same device is already here, as manufacturer %q, key id %q", h.Identity.Manufacturer,
		h.Identity.KeyID)
}

// isTwin says where the secret of a key is.
func isTwin(h token.Token, k *staged) string {
	where := fmt.Sprintf("its secret is already here, as %s (%s)", h.Identity.Serial, h.Identity.Type)
	switch {
	case h.Condition.State == token.Moving && k.passage.Move != "":
		return where + ", on its way to another server: first hand in the receipt of that move (ostiary move confirm)"
	case h.OwnerName != "":
		where += ", assigned to " + h.OwnerName
	}
	return where + "; delete that token first, or omit this key"
}

// share lets the keys of the run that have one secret share it, in the transaction
// that publishes them.
func (i *importer) share(tx store.Tx) ([][]byte, error) {
	return secrets.Share(tx, i.run, slices.Sorted(maps.Keys(i.shared)), i.now(), i.req.Origin)
}
