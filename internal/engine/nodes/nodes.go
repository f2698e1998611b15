// Package nodes lets the servers that work on one database know of each other.
//
// Whatever all of them must know is in the database, and each asks there when it is needed.
// Two things are left. A node that is gone must not hold up the others, so each says every
// few seconds that it lives (Node). And of what is asked for too often each node keeps a
// copy, which is read again within a second after another node has changed it (Follower).
//
// Times are those of the nodes' own clocks, which must agree to some seconds anyway: codes
// and locks go by them.
package nodes

import (
	"context"
	"fmt"
	"time"

	"ostiary/internal/store"
)

const (
	// BeatEvery is how often a node says that it lives.
	BeatEvery = 5 * time.Second
	// goneAfter is how long a node may say nothing before it is taken for gone.
	goneAfter = 30 * time.Second
)

// Node is this server among those that work on the database. A process has a new number
// each time it starts.
type Node struct {
	db  store.DB
	now func() time.Time
	id  int64
}

// Join makes this process a node of the database. gone tells of which others it is certain
// that they work on it no more, although they have not said so.
func Join(ctx context.Context, db store.DB, name string, gone func(store.Node) bool, now func() time.Time) (*Node,
	error) {
	n := &Node{db: db, now: now}
	err := db.Update(ctx, func(tx store.Tx) error {
		others, err := tx.Nodes(time.Time{})
		if err != nil {
			return err
		}
		for _, o := range others {
			if !gone(o) {
				continue
			}
			if err := tx.SeeNode(o.ID, time.Time{}); err != nil {
				return err
			}
		}
		n.id, err = tx.AddNode(name, now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("register this server in the database: %w", err)
	}
	return n, nil
}

// ID is the number of the node.
func (n *Node) ID() int64 { return n.id }

// Beat says that the node lives.
func (n *Node) Beat(ctx context.Context) error { return n.see(ctx, n.now()) }

// Leave says that the node stops.
func (n *Node) Leave(ctx context.Context) error { return n.see(ctx, time.Time{}) }

func (n *Node) see(ctx context.Context, at time.Time) error {
	err := n.db.Update(ctx, func(tx store.Tx) error { return tx.SeeNode(n.id, at) })
	if err != nil {
		return fmt.Errorf("node %d: %w", n.id, err)
	}
	return nil
}

// Lives reports whether a node that was seen last at a time is not gone.
func Lives(seen, now time.Time) bool { return !seen.IsZero() && now.Sub(seen) < goneAfter }
