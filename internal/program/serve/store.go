package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ostiary/internal/core/fault"
	"ostiary/internal/engine/integrity"
	"ostiary/internal/seal/filekek"
	"ostiary/internal/store"
	"ostiary/internal/store/postgres"
	"ostiary/internal/store/sqlite"
)

// openDatabase opens the database and checks that it is the one that this server
// wrote last, or makes it the first time.
func (s *Server) openDatabase(ctx context.Context) error {
	opening, err := s.opening(ctx)
	if err == nil {
		s.database, err = integrity.Open(ctx, opening)
	}
	return s.newNode(err)
}

// newNode tells a server without a mark, which may be another one of a database, how it gets
// one. It does not make a mark by itself: whoever puts an older database back could take the
// mark away and start a server that knows of nothing. A mark of another server says as much
// of the database as an own one.
func (s *Server) newNode(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if ok && s.cfg.Database != "" && errors.Is(err, integrity.ErrNoMark) {
		return f.WithHint("If another server uses the database, copy kek.mark from its data directory, as you did with " +
			"kek. " + f.Hint)
	}
	return err
}

// opening opens the key file and the database, and makes both the first time. A database
// without its key file is refused: its secrets would be lost.
func (s *Server) opening(ctx context.Context) (c integrity.Config, err error) {
	kekPath, dbPath := filepath.Join(s.cfg.Data, "kek"), filepath.Join(s.cfg.Data, "ostiary.db")
	haveKey, err := filekek.Exists(kekPath)
	if err != nil {
		return c, err
	}
	_, err = os.Lstat(dbPath)
	where, used := "in "+s.cfg.Data, err == nil
	name, nerr := s.cfg.name()
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return c, err
	case nerr != nil:
		return c, nerr
	case s.cfg.Database != "" && used && !leftBehind(ctx, dbPath):
		return c, fmt.Errorf("there is a database of SQLite in %s, and --database names another one: if both were in "+
			"use, each code would work twice; name another data directory, or omit --database; if it was moved away, remove "+
			"its file ostiary.db", s.cfg.Data)
	case s.cfg.Database == "" && !used && haveKey:
		if err := s.neverUsed(markPath(kekPath)); err != nil {
			return c, err
		}
	case s.cfg.Database != "":
		where = "of --database"
		if used, err = s.openPostgres(ctx, "--database"); err != nil {
			return c, err
		}
	}
	if !haveKey {
		if used {
			return c, fmt.Errorf("there is a database %s but no key file %s: restore the key file from its "+
				"backup; without it the tokens' secrets cannot be read", where, kekPath)
		}
		if err := filekek.Create(kekPath); err != nil {
			return c, err
		}
	}
	kek, err := filekek.Open(kekPath)
	if err != nil {
		return c, err
	}
	if s.db == nil {
		if err := s.openFile(ctx, dbPath); err != nil {
			return c, err
		}
	}
	return integrity.Config{DB: s.db, KEK: kek, Marks: markFile(markPath(kekPath)), Now: s.cfg.Now,
		Alarm: s.alarmed, Name: name, TakeBack: s.cfg.TakeBack}, nil
}

// name is how a move names the database.
func (c Config) name() (string, error) {
	if c.Database != "" {
		return c.Database, nil
	}
	real, err := filepath.EvalSymlinks(c.Data)
	if err != nil {
		return "", err
	}
	return filepath.Abs(real)
}

// leftBehind tells whether a file is that of a database that was moved. One that an older
// version wrote cannot be asked.
func leftBehind(ctx context.Context, path string) bool {
	db, err := sqlite.OpenReadOnly(ctx, path)
	if err != nil {
		return false
	}
	handed, err := integrity.HandedOver(ctx, db)
	return errors.Join(err, db.Close()) == nil && handed
}

// neverUsed refuses to make a database where there was one. It would be refused later, but
// then its empty file would be in the way of --database.
func (s *Server) neverUsed(mark string) error {
	m, err := markFile(mark).Read()
	if err != nil || m.Size == 0 && m.Commit == 0 {
		return nil //nolint:nilerr // a mark that says nothing is looked at later
	}
	return fault.New(fault.Conflict, "database_missing", "The database that this server wrote last is missing: there is no "+
		"ostiary.db in "+s.cfg.Data+".").WithHint("If it is a database of PostgreSQL, name it with --database. " +
		"Otherwise put the file back, or restore a backup (see Restore in docs/operate.md).").Because(integrity.ErrRefused)
}

// InPostgres tells whether the database of a data directory must be one of PostgreSQL: its
// server was started, and there is no file.
func InPostgres(data string) bool {
	_, mark := os.Lstat(markPath(filepath.Join(data, "kek")))
	_, file := os.Lstat(filepath.Join(data, "ostiary.db"))
	return mark == nil && errors.Is(file, fs.ErrNotExist)
}

func (s *Server) openFile(ctx context.Context, path string) error {
	db, err := sqlite.Open(ctx, sqlite.Config{Path: path, Report: s.commits})
	if errors.Is(err, store.ErrTampered) {
		err = fmt.Errorf("%w: %w", integrity.ErrRefused, err)
	}
	if err != nil {
		return fmt.Errorf("database %s: %w", path, err)
	}
	s.db, s.fill, s.alone = db, db.Fill, true // the data directory is locked
	return nil
}

// CheckDatabase refuses a URL of a database that can name none.
func CheckDatabase(cfg Config) error { return postgres.CheckURL(cfg.Database) }

// openPostgres opens the database that a flag names, and tells whether it was used before. There is nothing
// to be filled: a node asks the database for each code.
func (s *Server) openPostgres(ctx context.Context, flag string) (used bool, err error) {
	db, err := postgres.Open(ctx, postgres.Config{URL: s.cfg.Database, PasswordFile: s.cfg.DatabaseFile,
		Standby: !s.cfg.NoStandby, Report: s.commits, Lacks: s.lacks.are,
		Overtaken: s.overtaken.are})
	switch {
	case errors.Is(err, postgres.ErrNoStandby):
		return false, fmt.Errorf("%w. If no other machine is to have a copy, and a standby will never take over, "+
			"start with --no-standby", err)
	case errors.Is(err, store.ErrTampered):
		err = fmt.Errorf("%w: %w", integrity.ErrRefused, err)
	}
	if err != nil {
		return false, fmt.Errorf("the database of %s: %w", flag, err)
	}
	s.db, s.newer = db, db.Newer
	if schema := s.newer(); schema > 0 {
		s.log.Warn("a newer version of Ostiary has upgraded the database, and this one may work beside it: upgrade this "+
			"server next", "schema", schema)
	}
	err = db.View(ctx, func(r store.Reader) error {
		used, err = r.Used()
		return err
	})
	return used, err
}

// commits tells the log when the database takes no changes, and when it does again.
func (s *Server) commits(trouble error) {
	if trouble != nil {
		s.log.Error("the database takes no changes: not ready", "error", trouble)
		return
	}
	s.log.Info("the database takes changes again: ready")
}
