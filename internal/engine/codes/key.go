package codes

import (
	"fmt"
	"slices"
	"strconv"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/oath"
)

// key is one key that a code is compared with: that of a token, or of a further
// application of it.
type key struct {
	proposal store.Proposal // nothing is judged yet
	spec     token.Spec
	stands   token.Condition // the token's, but for counter and drift of an application
	binding  seal.Binding
	sealed   []byte
	ahead    int64 // how far from its place the code is, if it was recognised there
}

func ownKey(c *store.Candidate) key {
	return key{
		proposal: store.Proposal{ID: c.Token.ID, Seen: c.Token.Condition, Spec: c.Token.Spec},
		spec:     c.Token.Spec, stands: c.Token.Condition,
		binding: store.SecretBinding(c.Token.ID), sealed: c.Sealed,
	}
}

// keys is how many keys a candidate has.
func keys(c *store.Candidate) int { return 1 + len(c.Applications) }

// keyAt gives a key of a candidate, the token's own at 0. ok is false for one that is not
// for one-time passwords. Answers to challenges and signatures are nothing to be tried
// against: what they answer must come from the server.
func keyAt(c *store.Candidate, i int) (k key, ok bool) {
	if k = ownKey(c); i == 0 {
		return k, true
	}
	a := &c.Applications[i-1]
	k.proposal.Application, k.proposal.SeenNext, k.proposal.SeenDrift = a.Index, a.Next, a.Drift
	k.spec = a.Spec
	k.stands.Next, k.stands.Drift, k.stands.Shared = a.Next, a.Drift, token.Shared{}
	k.binding, k.sealed = store.ApplicationBinding(c.Token.ID, a.Index), a.Sealed
	return k, a.Mode == activation.ResponseOnly
}

// forCodesOf makes the key one for one-time passwords of so many digits, whatever it is.
func (k *key) forCodesOf(digits int) {
	if k.spec.Algorithm != token.HOTP && k.spec.Algorithm != token.TOTP {
		k.spec, k.stands = token.Spec{Algorithm: token.HOTP, Hash: oath.SHA1.String()}, token.Condition{}
	}
	k.spec.Digits = digits
}

// lengths lists how many digits the codes of a token have: "6", or "6, 8 or 10".
func lengths(c *store.Candidate) string {
	var all []int
	for i := range keys(c) {
		if k, ok := keyAt(c, i); ok {
			all = append(all, k.spec.Digits)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	text := strconv.Itoa(all[0])
	for i, n := range all[1:] {
		separator := ", "
		if i == len(all)-2 {
			separator = " or "
		}
		text += separator + strconv.Itoa(n)
	}
	return text
}

// scanner opens a key. The error is oath.ErrKeyLength where there is none yet.
func (e *Engine) scanner(k *key) (*oath.Scanner, error) {
	secret, err := e.keys.Open(k.binding, k.sealed)
	if err != nil {
		return nil, fmt.Errorf("open secret of %s: %w", k.name(), err)
	}
	defer secret.Wipe()
	hash, err := oath.ParseHash(k.spec.Hash)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.name(), err)
	}
	return oath.NewScanner(secret.Bytes(), hash, k.spec.Digits)
}

// name names the key in errors.
func (k *key) name() string {
	if k.proposal.Application == 0 {
		return fmt.Sprintf("token %d", k.proposal.ID)
	}
	return fmt.Sprintf("application %d of token %d", k.proposal.Application, k.proposal.ID)
}
