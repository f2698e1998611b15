package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ostiary/internal/engine/integrity"
	"ostiary/internal/seal/filekek"
	"ostiary/internal/store/copying"
)

// Copying says which database is moved, and where to: the data directory of To, or its
// Database. With a Database the data directory stays that of From, where the key file is.
type Copying struct {
	From, To Config
	Progress copying.Progress
	// TestOnlyAfter, when set, is called after each step, and can end the copy there.
	TestOnlyAfter func(step string) error
}

// Copied is what Copy did.
type Copied struct {
	From, To string
	Tables   []copying.Table // none if they were copied before
	// Already says that the target lived before: nothing was done.
	Already bool
}

// Rows counts the rows of all tables.
func (c Copied) Rows() (n int64) {
	for _, t := range c.Tables {
		n += t.Rows
	}
	return n
}

// ErrSame says that a database is to be copied to itself.
var ErrSame = errors.New("that is where the database is")

// Copy moves the database of stopped servers to another one; the steps are in package
// integrity. Whoever was interrupted runs it again.
func Copy(ctx context.Context, c Copying) (done Copied, err error) {
	source := newServer(c.From)
	if err := c.exists(); err != nil {
		return done, err
	}
	if err := source.takeData(); err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	m := mover{Copying: c, source: source}
	if done.To, err = m.take(); err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, m.release()) }()
	opening, err := source.opening(ctx)
	if err != nil {
		return done, err
	}
	if done.From = opening.Name; done.From == done.To {
		return done, ErrSame
	}
	if m.database, m.move, err = integrity.Source(ctx, opening, done.To); err != nil {
		return done, err
	}
	err = m.run(ctx, &done)
	return done, err
}

// exists refuses what has no database, before one is made.
func (c Copying) exists() error {
	files := []string{"kek"}
	if c.From.Database == "" {
		files = append(files, "ostiary.db")
	}
	for _, name := range files {
		if _, err := os.Stat(filepath.Join(c.From.Data, name)); err != nil {
			return fmt.Errorf("no database to copy: %w", err)
		}
	}
	return nil
}

// mover is a move under way.
type mover struct {
	Copying
	source   *Server
	locked   *Server // the data directory of the target, if it is another one
	database *integrity.Database
	move     integrity.Move
}

// take locks the data directory of the target, and gives the name of that.
func (m *mover) take() (name string, err error) {
	if m.To.Database != "" {
		m.To.Data = m.From.Data
		return m.To.name()
	}
	if err := os.MkdirAll(m.To.Data, 0o700); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	one, err := os.Stat(m.From.Data)
	if err != nil {
		return "", err
	}
	other, err := os.Stat(m.To.Data)
	if err == nil && !os.SameFile(one, other) {
		s := newServer(m.To)
		if err = s.takeData(); err == nil {
			m.locked = s
		}
	}
	if err != nil {
		return "", err
	}
	return m.To.name()
}

func (m *mover) release() error {
	if m.locked == nil {
		return nil
	}
	return m.locked.Close()
}

// The steps behind which a test can end a copy.
const (
	afterClose  = "closed"
	afterCopy   = "copied"
	afterVerify = "verified"
	afterHand   = "handed over"
	afterTake   = "taken over"
)

func (m *mover) after(step string) error {
	if m.TestOnlyAfter == nil {
		return nil
	}
	return m.TestOnlyAfter(step)
}

// run does the steps that are left.
func (m *mover) run(ctx context.Context, done *Copied) error {
	var found integrity.Found
	err := m.target(ctx, func(s *Server, cfg integrity.Config) (err error) {
		var config *[32]byte
		if found, config, err = m.database.Target(ctx, cfg, m.move); err != nil || found != integrity.Vacant {
			return err
		}
		if err := m.database.Depart(ctx, m.move, m.source.alone); err != nil {
			return err
		}
		if err := m.after(afterClose); err != nil {
			return err
		}
		done.Tables, err = copying.Copy(ctx, m.source.db.(copying.Database), s.db.(copying.Database), config, m.Progress)
		return err
	})
	switch {
	case err != nil:
		return err
	case found == integrity.Alive:
		done.Already = true
		return nil
	case found == integrity.Vacant:
		if err := m.after(afterCopy); err != nil {
			return err
		}
		if err := m.handOver(ctx); err != nil {
			return err
		}
	}
	err = m.target(ctx, func(_ *Server, cfg integrity.Config) error { return integrity.Arrive(ctx, cfg, m.move) })
	if err != nil {
		return err
	}
	return m.after(afterTake)
}

// handOver opens the copy as a server does, which checks what proves it, and hands the source
// over to it.
func (m *mover) handOver(ctx context.Context) error {
	handed := m.move
	handed.Handed = true
	err := m.target(ctx, func(_ *Server, cfg integrity.Config) error {
		found, _, err := m.database.Target(ctx, cfg, handed)
		if err == nil && found != integrity.Complete {
			err = errors.New("the copy is not there any more")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("check the copy: %w", err)
	}
	if err := m.after(afterVerify); err != nil {
		return err
	}
	if err := m.database.HandOver(ctx, m.move); err != nil {
		return err
	}
	return m.after(afterHand)
}

// target opens the target, and closes it after do.
func (m *mover) target(ctx context.Context, do func(*Server, integrity.Config) error) (err error) {
	s := newServer(m.To)
	defer func() { err = errors.Join(err, s.Close()) }()
	kekPath := filepath.Join(m.To.Data, "kek")
	if err := m.markTarget(markFile(markPath(kekPath))); err != nil {
		return err
	}
	if there, err := filekek.Exists(kekPath); err != nil {
		return err
	} else if !there {
		if err := filekek.Copy(filepath.Join(m.From.Data, "kek"), kekPath); err != nil {
			return err
		}
	}
	kek, err := filekek.Open(kekPath)
	if err != nil {
		return err
	}
	if m.To.Database != "" {
		_, err = s.openPostgres(ctx, "--to")
	} else {
		err = s.openFile(ctx, filepath.Join(m.To.Data, "ostiary.db"))
	}
	if err != nil {
		return err
	}
	name, err := m.To.name()
	if err != nil {
		return err
	}
	return do(s, integrity.Config{DB: s.db, KEK: kek, Marks: markFile(markPath(kekPath)), Now: s.cfg.Now, Name: name})
}

// markTarget gives the target the mark of the source, unless it has one: there, no database
// comes to life that is not as far. It is written first, so that a server which is started
// there meanwhile makes no new one.
func (m *mover) markTarget(marks integrity.Marks) error {
	if _, err := marks.Read(); !errors.Is(err, integrity.ErrNoMark) {
		return err
	}
	mark, err := markFile(markPath(filepath.Join(m.From.Data, "kek"))).Read()
	if err != nil {
		return err
	}
	return marks.Write(mark)
}
