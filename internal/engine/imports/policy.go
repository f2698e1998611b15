package imports

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
	"ostiary/pskc"
)

// checkPolicy refuses what the server would not enforce: RFC 6030 section 5
// forbids the use of a key whose policy is not understood.
func checkPolicy(p pskc.Policy) error {
	if len(p.KeyUsage) > 0 && !slices.Contains(p.KeyUsage, "OTP") && !slices.Contains(p.KeyUsage, "CR") {
		return fmt.Errorf("its policy allows only %s, not one-time passwords", strings.Join(p.KeyUsage, ", "))
	}
	if p.HasTransactions {
		return fmt.Errorf("its policy limits it to %s, which this server does not count",
			fault.Plural(int(p.Transactions), "transaction", "transactions"))
	}
	if p.PIN != nil && p.PIN.UsageMode != "" && !strings.EqualFold(p.PIN.UsageMode, "Local") {
		return fmt.Errorf("its policy has a PIN of usage mode %s, which this server does not check (Local, on the "+
			"device, is accepted)", p.PIN.UsageMode)
	}
	return nil
}

// policyText is a policy as the database keeps it; empty for none.
func policyText(p pskc.Policy) string {
	if len(p.KeyUsage) == 0 && p.PIN == nil {
		return ""
	}
	text, _ := json.Marshal(p) // strings and numbers always can
	return string(text)
}

// maxPINs bounds the PINs of one file: they are kept until its end, because a
// PIN may stand before the key that it belongs to, or behind it.
const maxPINs = 100_000

// pins gathers the PIN keys of a file and the keys that name them.
type pins struct {
	keys  []staged
	named map[string][]namedPIN // by the Id of the PIN key
}

// namedPIN says that a key which has ended names a PIN.
type namedPIN struct {
	id       string // of the PIN key
	token    token.ID
	policy   string
	imported bool // the key was; otherwise its PIN is of no use
	refused  bool // the key was, or it is in conflict or a twin
}

// take keeps the PIN keys of a chunk for the end of the file and gives the other
// keys: the chunk itself, if it has no PIN.
func (p *pins) take(keys []staged) (others []staged) {
	if !slices.ContainsFunc(keys, func(k staged) bool { return k.isPIN }) {
		return keys
	}
	for _, k := range keys {
		switch {
		case !k.isPIN || k.row.Outcome == Refused:
			others = append(others, k)
		case len(p.keys) == maxPINs:
			k.end(Refused, fmt.Sprintf("the file contains more than %d PINs", maxPINs))
			others = append(others, k)
		default:
			p.keys = append(p.keys, k.kept())
		}
	}
	return others
}

// wipe forgets the secrets that are kept for the end of a file.
func (i *importer) wipe() {
	for _, keys := range [][]staged{i.pins.keys, i.late} {
		for n := range keys {
			keys[n].secret.Wipe()
			keys[n].load.Wipe()
		}
	}
}

// stagePINs ends the PIN keys of the file, when all others have.
func (i *importer) stagePINs() error {
	for batch := range slices.Chunk(i.pins.keys, tokens.Chunk) {
		err := i.commit(func(tx store.Tx, t *tally) error {
			for _, k := range batch {
				if err := i.stagePIN(tx, &k); err != nil {
					return err
				}
				t.count(i, &k)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) stagePIN(tx store.Tx, k *staged) error {
	named := i.pins.named[k.row.KeyID]
	if len(named) == 0 {
		k.end(Refused, "it is a PIN, but no key of the file refers to it")
		return nil
	}
	for _, ref := range named {
		if !ref.imported {
			continue
		}
		k.end(Imported, "stored as the PIN of a token, which the device checks")
		if i.seen != nil {
			continue // a dry run
		}
		sealed, err := i.keys.Seal(store.PINBinding(ref.token), k.secret)
		if err != nil {
			return err
		}
		if err := tx.StagePolicy(i.run, ref.token, store.Policy{Text: ref.policy, Sealed: sealed}); err != nil {
			return err
		}
	}
	if k.row.Outcome == "" && slices.ContainsFunc(named, func(ref namedPIN) bool { return ref.refused }) {
		k.end(Refused, "it is the PIN of a key that is not imported, see that key")
	}
	if k.row.Outcome == "" {
		k.end(Duplicate, "it is the PIN of a key that is already here")
	}
	return nil
}
