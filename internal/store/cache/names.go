package cache

import (
	"slices"

	"ostiary/internal/store"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/tables"
)

// Names is what a database keeps of lookups: of names that somebody has (Found), and of those
// that nobody has. Of these it keeps the stand-ins, and nobody asks for them: what is not
// there takes as long as what is.
type Names struct {
	Found, Nobodys *Cache
}

// StandIns is how many stand-ins are kept.
const StandIns = 1024

// Usual is how many tokens are kept, about 1.1 KB each, where nothing else is said.
const Usual = 131_072

// NewNames makes a cache of so many tokens.
func NewNames(size int) *Names { return &Names{New(size), New(StandIns)} }

// Keep looks up, and keeps what was found.
func (n *Names) Keep(ls []store.Lookup, find func() ([]store.Found, error)) ([]store.Found, error) {
	generation, nobodys := n.Found.Now(), n.Nobodys.Now()
	fs, err := find()
	if err != nil {
		return nil, err
	}
	for i := range fs {
		switch f := fs[i]; {
		case !trusted(f):
		case len(f.Candidates) > 0:
			n.Found.Put(ls[i], f, generation)
		default:
			n.Nobodys.Put(ls[i], standIn(ls[i], f), nobodys)
		}
	}
	if !n.Nobodys.HasRoom(len(ls)) { // to push them out one by one would take longer
		n.Nobodys.Forget(tables.Touched{All: true})
	}
	return fs, nil
}

// Follow brings what a batch has changed up to date after its commit.
func (n *Names) Follow(b *decide.Batch) {
	n.Found.Follow(b.Users, b.Changed)
	n.Nobodys.Follow(b.DecoyedUsers, b.Decoyed)
}

// standIn is what stands in for what was not found, as if it was.
func standIn(l store.Lookup, f store.Found) store.Found {
	f.Candidates = []store.Candidate{f.StandIn.Candidate}
	if l.User != "" && f.User == nil {
		f.User = nobody
	}
	return f
}

var nobody = &store.User{}

// trusted reports whether all rows of what was found are as this program wrote them.
func trusted(f store.Found) bool {
	return !f.Forged && !slices.ContainsFunc(f.Candidates, func(c store.Candidate) bool { return c.Forged })
}
