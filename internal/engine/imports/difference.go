package imports

import (
	"fmt"
	"strings"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/oath"
)

// difference is what a key of the file says of how a token makes codes, which is here
// with the same secret and another spec.
type difference struct {
	here, file token.Spec
	next       uint64 // where the file says that it stands
}

// begins is where a token begins that stands at a counter or time step of its spec here.
func (d difference) begins(next uint64) uint64 {
	return max(d.next, d.file.First(d.here.Used(next).Of(d.file)))
}

// differs names, field by field, what makes other codes here than by the file; empty if
// nothing does.
func differs(here, file token.Spec) string {
	var all []string
	field := func(name string, differ bool, here, file any) {
		if differ {
			all = append(all, fmt.Sprintf("%s: %v here, %v in the file", name, here, file))
		}
	}
	field("kind", here.Algorithm != file.Algorithm, here.Algorithm, file.Algorithm)
	field("hash", here.Hash != file.Hash, here.Hash, file.Hash)
	field("digits", here.Digits != file.Digits, here.Digits, file.Digits)
	field("period", here.Algorithm == file.Algorithm && here.Period != file.Period, here.Period, file.Period)
	field("beginning of time", here.Algorithm == file.Algorithm && here.T0 != file.T0, here.T0, file.T0)
	field("suite", here.Suite != file.Suite, here.Suite, file.Suite)
	return strings.Join(all, ", ")
}

// otherValues ends a key whose secret a token here has, if the two make other codes:
// as a difference, or to be replaced. may tells whether this run may replace it.
func (i *importer) otherValues(here token.Token, k *staged, t *tally) {
	what := differs(here.Spec, k.token.Spec)
	if k.here = &here; what == "" || k.row.Outcome != Duplicate {
		return
	}
	k.end(Difference, "the same token with the same secret is already here, but with other code settings ("+what+")")
	switch {
	case here.Spec.Algorithm != k.token.Spec.Algorithm:
		k.row.Reason += "; if the file is right, delete the token and import again"
	case !i.req.Replace:
		k.row.Reason += "; --replace uses what the file says"
	case here.Spec.Algorithm == token.OCRA || here.Spec.T0 != k.token.Spec.T0 || here.Kind == token.Software:
		k.row.Reason += "; these cannot be replaced for such a token"
	case here.Condition.Shared.Mark != 0:
		k.row.Reason += "; other tokens have the same secret: delete these before you replace it"
	case i.mayReplace(here, k, t):
		k.end(Replaced, "it had other code settings ("+what+")")
		k.here = nil
		t.replaced = append(t.replaced, here.ID)
		d := difference{here: here.Spec, file: k.token.Spec, next: k.token.Condition.Next}
		t.different[here.ID] = d
		k.token.Condition.Next = d.begins(here.Condition.Next)
	}
}

// stageDifferent stages, in the transaction that publishes the run, what tokens get
// that keep their secret. They begin where they stand at that moment, in the counters
// or time steps of the new spec, so that no code that was used counts again.
func (i *importer) stageDifferent(tx store.Tx, was []formerly) error {
	for _, t := range was {
		d, ok := i.different[t.ID]
		if !ok {
			continue
		}
		c, err := tx.Identity(t.Identity, t.Run)
		if err != nil {
			return err
		}
		if c.Token.Spec != d.here || c.Token.Condition.Shared.Mark != 0 {
			return store.ErrConflict // changed since the file was compared with it
		}
		c.Token.Spec = d.file
		now := &c.Token.Condition
		now.Next = d.begins(now.Next)
		if d.here.Timed() && d.here.Period != d.file.Period {
			now.Drift = now.Drift * d.here.Period / d.file.Period
		}
		if err := tx.StageReplacement(i.run, c); err != nil {
			return err
		}
	}
	return nil
}

// specFields are how a token makes codes, as the log has it.
func specFields(s token.Spec) []audit.Field {
	return []audit.Field{{Name: "digits", Value: int64(s.Digits)}, {Name: "hash", Value: s.Hash},
		{Name: "period", Value: s.Period}}
}

// sample tells the caller a code of a key, by the values that count, if it is the
// first one whose values do.
func (i *importer) sample(k *staged) {
	if i.req.Sampled == nil || i.sampled || k.secret.Len() == 0 {
		return
	}
	spec, next := k.token.Spec, k.token.Condition.Next
	if k.here != nil {
		spec, next = k.here.Spec, k.here.Condition.Next
	}
	hash, err := oath.ParseHash(spec.Hash)
	if err != nil || spec.Algorithm == token.OCRA {
		return
	}
	s := Sample{Serial: k.token.Identity.Serial}
	if spec.Timed() {
		s.Time = i.now()
		s.Code, err = oath.TOTP(k.secret.Bytes(), s.Time.Unix(), spec.Period, spec.T0, hash, spec.Digits)
	} else {
		s.Counter = &next
		s.Code, err = oath.HOTP(k.secret.Bytes(), next, hash, spec.Digits)
	}
	if err == nil {
		i.sampled = true
		i.req.Sampled(s)
	}
}
