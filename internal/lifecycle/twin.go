package lifecycle

import (
	"fmt"

	"ostiary/internal/store"
)

// twin finds a token in stock that is the same device under another name: same
// type, serial and secret, but another manufacturer, or no key id on one side,
// as when a delivery comes once as PSKC and once as a table. Two records of one
// device would each accept a code of it once, so the second is a duplicate.
//
// Two key ids tell two keys of one device apart, even with one secret (RFC 6030,
// figure 10). Tokens of the same run are not looked at.
func (s *Service) twin(r store.TokenReader, k *staged) (found bool, err error) {
	id := k.token.Identity
	inStock, err := r.Tokens(store.TokenFilter{Serial: id.Serial, Type: id.Type, Limit: store.MaxCandidates})
	if err != nil {
		return false, err
	}
	for _, t := range inStock {
		other := t.Identity.KeyID
		if t.Identity == id || (other != id.KeyID && other != "" && id.KeyID != "") {
			continue // the same name, which is compared elsewhere, or another key
		}
		c, err := r.Identity(t.Identity, 0)
		if err != nil {
			return false, err
		}
		same, err := s.sameSecret(c, k.secret)
		if err != nil {
			return false, err
		}
		if same {
			k.end(Duplicate, fmt.Sprintf("the same device is there already, as manufacturer %q, key id %q", t.Identity.Manufacturer, t.Identity.KeyID))
			return true, nil
		}
	}
	return false, nil
}
