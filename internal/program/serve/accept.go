package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ostiary/internal/engine/integrity"
)

// ErrRefused says that a database is not the one that its server wrote last.
var ErrRefused = integrity.ErrRefused

// Accept takes the database of a stopped server that was put back from a backup; see
// integrity.Accept.
func Accept(ctx context.Context, cfg Config, reason string, fence bool) (r integrity.Restored, err error) {
	s := newServer(cfg)
	if _, err := os.Stat(filepath.Join(cfg.Data, "ostiary.db")); err != nil && cfg.Database == "" {
		return r, fmt.Errorf("no database to accept: %w", err)
	}
	if err := s.takeData(); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	opening, err := s.opening(ctx)
	if err != nil {
		return r, err
	}
	return integrity.Accept(ctx, opening, reason, fence)
}
