package imports

import (
	"fmt"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// stock is the published tokens by serial.
type stock map[string][]token.Token

// inStock finds the tokens that carry the serials of a chunk.
func inStock(r store.TokenReader, keys []staged) (stock, error) {
	var serials []string
	for i := range keys {
		if keys[i].row.Outcome != Refused {
			serials = append(serials, keys[i].token.Identity.Serial)
		}
	}
	found := stock{}
	if serials == nil {
		return found, nil
	}
	tokens, err := r.Tokens(store.TokenFilter{Serials: serials})
	for _, t := range tokens {
		found[t.Identity.Serial] = append(found[t.Identity.Serial], t)
	}
	return found, err
}

// twin finds a token in stock that is the same device under another name: same
// type, serial and secret, but another manufacturer, or no key id on one side,
// as when a delivery comes once as PSKC and once as a table. Two records of one
// device would each accept a code of it once, so the second is a duplicate.
//
// Two key ids tell two keys of one device apart, even with one secret (RFC 6030,
// figure 10). Tokens of the same run are not looked at.
func (s *Service) twin(r store.TokenReader, stock stock, k *staged) (found bool, err error) {
	id := k.token.Identity
	for _, t := range stock[id.Serial] {
		if t.Identity.Type != id.Type {
			continue
		}
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
			k.end(Duplicate, fmt.Sprintf("the same device is there already, as manufacturer %q, key id %q",
				t.Identity.Manufacturer, t.Identity.KeyID))
			k.mindCounter(t)
			return true, nil
		}
	}
	return false, nil
}
