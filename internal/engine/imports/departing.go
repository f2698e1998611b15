package imports

import (
	"crypto/sha256"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// departing are the tokens that are on their way to another server, by a hash of
// their secrets, which is kept for the time of one import alone.
type departing map[[sha256.Size]byte]token.Identity

// stopDeparting refuses to let a move bring a token back, under another serial, that
// is still MOVING here: two tokens would have one secret, and should the move from
// here be cancelled by mistake, both would count.
func (i *importer) stopDeparting(r store.TokenReader, k *staged) (bool, error) {
	if k.passage.Move == "" {
		return false, nil
	}
	if i.departing == nil {
		all, err := i.departingNow(r)
		if err != nil {
			return false, err
		}
		i.departing = all
	}
	here, ok := i.departing[sha256.Sum256(k.secret.Bytes())]
	if !ok || here == k.token.Unique() {
		return false, nil // of the same name it is decided as any that is here
	}
	k.end(Conflict, "it is still here as "+here.Serial+", on its way to another server: hand in the receipt of that "+
		"move first (ostiary move confirm)")
	return true, nil
}

func (i *importer) departingNow(r store.TokenReader) (departing, error) {
	moving := token.Moving
	all := departing{}
	for q := (store.TokenFilter{State: &moving, Limit: tokens.Chunk}); ; {
		page, err := r.Sealed(q)
		if err != nil || len(page) == 0 {
			return all, err
		}
		for _, c := range page {
			secret, err := tokens.OpenSecret(i.keys, c)
			if err != nil {
				return nil, err
			}
			all[sha256.Sum256(secret.Bytes())] = c.Token.Unique()
			secret.Wipe()
		}
		q.After = page[len(page)-1].Token.ID
	}
}
