package serve

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"ostiary/internal/engine/integrity"
	"ostiary/internal/seal/filekek"
)

// markPath is where the mark is kept: beside the key file, where no backup of the
// database is put back.
func markPath(kek string) string { return kek + ".mark" }

// markFile is the file of the mark.
type markFile string

func (f markFile) Read() (integrity.Mark, error) {
	text, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return integrity.Mark{}, integrity.ErrNoMark
	} else if err != nil {
		return integrity.Mark{}, err
	}
	return integrity.ParseMark(string(text))
}

// Write puts the new mark in the place of the old one: whoever is interrupted leaves
// one of the two.
func (f markFile) Write(m integrity.Mark) (err error) {
	next := string(f) + ".new"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = file.WriteString(m.Text()); err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, string(f)); err != nil {
		return err
	}
	return filekek.SyncDir(filepath.Dir(string(f)))
}

// checkpoint signs a checkpoint and writes down how far the server is.
func (s *Server) checkpoint(ctx context.Context) error {
	if err := s.ledger.Checkpoint(ctx); err != nil {
		return err
	}
	return s.database.KeepMark(ctx)
}
