package serve

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"

	"ostiary/internal/program/connlimit"
)

// Locally opens a data directory whose server is stopped, and answers on its socket alone
// until stop is called: for commands that must work without a server. ErrRunning if one has
// the directory, and fs.ErrNotExist if there is no database file.
func Locally(ctx context.Context, data string) (stop func() error, err error) {
	if _, err := os.Stat(filepath.Join(data, "ostiary.db")); err != nil {
		return nil, err
	}
	s, err := Open(ctx, Config{Data: data})
	if err != nil {
		return nil, err
	}
	local, err := listenLocal(data)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	conns := s.bounded(local, connlimit.Limits{Total: localConnections})
	server := s.httpServer(s.api.Local(peerUser), conns)
	server.ConnContext = withPeer
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(conns) }()
	return func() error {
		last, end := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
		defer end()
		err := errors.Join(server.Close(), s.node.Leave(last), s.checkpoint(last))
		if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return errors.Join(err, s.Close())
	}, nil
}
