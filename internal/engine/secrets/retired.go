package secrets

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Before there were marks, a deleted token left the counter or time step it stood at,
// under an HMAC of its algorithm and secret whose key is sealed in the database.

const fingerprintSetting = "fingerprint_key"

var fingerprintBinding = seal.Binding{Table: "setting", Column: fingerprintSetting}

// FormerKeyMissing tells that tokens were deleted before there were marks, and that the
// key by which they are known is gone.
func FormerKeyMissing(r store.Reader) (bool, error) {
	if any, err := r.AnyRetired(); err != nil || !any {
		return false, err
	}
	_, err := r.Setting(fingerprintSetting)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// retired are the tokens that were deleted then.
type retired struct {
	r     store.Reader
	key   seal.Secret
	empty bool
}

func openRetired(r store.Reader, keys Keys) (retired, error) {
	none := retired{empty: true}
	if any, err := r.AnyRetired(); err != nil || !any {
		return none, err
	}
	sealed, err := r.Setting(fingerprintSetting)
	if err != nil {
		return none, fmt.Errorf("fingerprint key: %w", err)
	}
	key, err := keys.Open(fingerprintBinding, sealed)
	if err != nil {
		return none, fmt.Errorf("fingerprint key: %w", err)
	}
	return retired{r: r, key: key}, nil
}

// retiredAt is where a deleted token stood, as a number whose unit is lost.
type retiredAt uint64

// of gives what is left of a token with this secret, or store.ErrNotFound.
func (p retired) of(t token.Token, secret seal.Secret) (at retiredAt, movedAway bool, err error) {
	if p.empty {
		return 0, false, store.ErrNotFound
	}
	mac := hmac.New(sha256.New, p.key.Bytes())
	mac.Write([]byte(t.Spec.Algorithm))
	mac.Write([]byte{0})
	mac.Write(secret.Bytes())
	next, movedAway, err := p.r.Retired(mac.Sum(nil))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("retired token: %w", err)
	}
	return retiredAt(next), movedAway, err
}

// in is the lowest counter or step of a spec that is not used. Of tokens that count
// time nobody knows the period in which the number counts: a number that lies within
// a day of now is taken for one of this period, otherwise all up to now is used.
func (at retiredAt) in(s token.Spec, now time.Time) uint64 {
	if !s.Timed() || at == 0 {
		return uint64(at)
	}
	const day = 24 * 60 * 60
	if away := s.Begins(uint64(at)) - now.Unix(); away >= -day && away <= day {
		return uint64(at)
	}
	return s.First(now.Unix() + 1)
}
