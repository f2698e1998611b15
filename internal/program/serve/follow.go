package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/engine/nodes"
	"ostiary/internal/store"
)

// join makes the process a node of the database, under the name of the machine. Whoever had the
// data directory before is gone, because it is locked: a file there has the number. A copy of
// that file on another machine says nothing, as the name is another one.
func (s *Server) join(ctx context.Context) (*nodes.Node, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.cfg.Data, "node")
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	before := strings.TrimSpace(string(text))
	n, err := nodes.Join(ctx, s.db, host, func(o store.Node) bool {
		return s.alone || o.Name == host && strconv.FormatInt(o.ID, 10) == before
	}, s.cfg.Now)
	if err != nil || s.alone {
		return n, err
	}
	return n, os.WriteFile(path, fmt.Appendln(nil, n.ID()), 0o600)
}

// newFollower wires those who keep copies of what another node may change.
func (s *Server) newFollower() *nodes.Follower {
	return &nodes.Follower{DB: s.db, Now: s.cfg.Now,
		Settings: []func(context.Context) error{s.database.RenewKeys, s.keys.Reload},
		Unlocked: s.engine.ForgetClients}
}

// follow tells the other nodes that this one lives, and looks for what they have changed,
// until ctx ends.
func (s *Server) follow(ctx context.Context) {
	beat, look := time.NewTicker(nodes.BeatEvery), time.NewTicker(nodes.FollowEvery)
	defer beat.Stop()
	defer look.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			err = s.node.Beat(ctx)
		case <-look.C:
			err = errors.Join(s.engine.Exchange(ctx, s.db), s.follower.Turn(ctx))
		}
		if err != nil && ctx.Err() == nil {
			s.log.Error("keep up with the other servers of the database", "error", err)
		}
	}
}
