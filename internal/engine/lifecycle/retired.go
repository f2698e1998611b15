package lifecycle

import (
	"ostiary/internal/core/token"
	"ostiary/internal/engine/secrets"
	"ostiary/internal/store"
)

// retire remembers where a token stands.
func (s *Service) retire(tx store.Tx, t *token.Token) error { return s.marks.Retire(tx, s.keys, *t) }

// lookBack opens the past of the secrets of keys.
func (s *Service) lookBack(r store.Reader, keys []staged) (secrets.Past, error) {
	var marks []token.Mark
	for i := range keys {
		if keys[i].token.Mark != 0 {
			marks = append(marks, keys[i].token.Mark)
		}
	}
	return secrets.LookBack(r, s.keys, s.now(), marks...)
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
