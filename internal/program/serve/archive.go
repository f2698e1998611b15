package serve

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"ostiary/internal/engine/integrity"
	"ostiary/internal/engine/ledger"
)

// Stopped is the database of a server that is stopped, to be changed. No server starts
// on it until it is closed.
type Stopped struct {
	*ledger.Ledger
	server *Server
}

// OpenStopped opens the database of a data directory. It returns ErrRunning if its
// server runs, and fs.ErrNotExist if there is no database.
func OpenStopped(ctx context.Context, data string) (_ *Stopped, err error) {
	if _, err := os.Stat(filepath.Join(data, "ostiary.db")); err != nil {
		return nil, err
	}
	s := newServer(Config{Data: data})
	if err := s.takeData(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	opening, err := s.opening(ctx)
	if err != nil {
		return nil, err
	}
	if s.database, err = integrity.Open(ctx, opening); err != nil {
		return nil, err
	}
	return &Stopped{Ledger: s.database.Ledger, server: s}, s.database.KeepMark(ctx)
}

// Close signs a checkpoint over what was changed and lets a server start.
func (s *Stopped) Close() error {
	ctx := context.Background()
	return errors.Join(s.Checkpoint(ctx), s.server.database.KeepMark(ctx), s.server.Close())
}

// trim goes on where the removal of archived entries was interrupted.
func (s *Server) trim(ctx context.Context) {
	if err := s.ledger.Trim(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("remove archived entries", "error", err)
	}
}
