package lifecycle

import (
	"encoding/json"
	"fmt"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/pskc"
)

// openPolicy gives a key back the policy that the database kept, and the key of
// its PIN, if there is one.
func (s *Service) openPolicy(id token.ID, p store.Policy, key *pskc.Key) (pin *pskc.Key, err error) {
	if err := json.Unmarshal([]byte(p.Text), &key.Policy); err != nil {
		return nil, fmt.Errorf("policy of token %d: %w", id, err)
	}
	if len(p.Sealed) == 0 || key.Policy.PIN == nil {
		return nil, nil
	}
	secret, err := s.keys.Open(store.PINBinding(id), p.Sealed)
	if err != nil {
		return nil, fmt.Errorf("PIN of token %d: %w", id, err)
	}
	defer secret.Wipe()
	return &pskc.Key{ID: key.Policy.PIN.KeyID, Kind: pskc.PIN, Manufacturer: key.Manufacturer, Serial: key.Serial,
		Model:  key.Model,
		Secret: append(pskc.Secret(nil), secret.Bytes()...)}, nil
}
