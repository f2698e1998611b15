// Package migrate brings a database's schema up to what this program knows.
//
// Migrations are SQL files named NNNN_name.sql, applied once each, in order,
// forward only, each in its own transaction together with its row in
// schema_migration. A file that was applied is never edited: its SHA-256 is
// kept and compared.
//
// Programs of two neighbouring versions may work on one database. A migration that takes
// something away which an older program needs says so in a line of its own:
//
//	-- min_binary: 31
//
// From then on only programs may use the database that know migration 31. The number is
// kept in the row of the migration, because the programs that it concerns do not know the
// file. docs/architecture.md says when a migration needs the line, and expand_test.go
// finds those that lack it. Programs from before this rule refuse a newer schema anyway.
package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// ErrNewer says that a newer program has used the database, and that this one may not.
var ErrNewer = errors.New("the database was used by a newer version of ostiary; use that version here, too")

// ErrEdited says that an applied migration differs from the one in this program.
var ErrEdited = errors.New("an applied migration was edited")

// Migration is one step.
type Migration struct {
	Number int
	Name   string
	SQL    string
	Sum    string // SHA-256 of SQL, hexadecimal
	// MinBinary is the number of the last migration that a program must know to use the
	// database after this one; 0 if that is as it was before.
	MinBinary int
}

// Schema is what a database says of its schema.
type Schema struct {
	Version   int // how many migrations were applied
	MinBinary int // the largest number of any of them
}

// Usable refuses a schema to a program that knows so many migrations.
func (s Schema) Usable(known int) error {
	if s.MinBinary > known {
		return fmt.Errorf("the database has schema %d and demands a program that knows schema %d, and this one knows "+
			"schema %d: %w", s.Version, s.MinBinary, known, ErrNewer)
	}
	return nil
}

// Load reads the migrations in the root of a file system.
func Load(files fs.FS) ([]Migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var ms []Migration
	for i, name := range names {
		number, rest, ok := strings.Cut(strings.TrimSuffix(name, ".sql"), "_")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s: want number %04d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		oldest, err := minBinary(string(text))
		if err != nil || oldest > n {
			return nil, fmt.Errorf("migration %s: the number behind min_binary is none of a migration up to this one", name)
		}
		sum := sha256.Sum256(text)
		ms = append(ms, Migration{Number: n, Name: rest, SQL: string(text), Sum: hex.EncodeToString(sum[:]),
			MinBinary: oldest})
	}
	return ms, nil
}

const minBinaryLine = "-- min_binary:"

// minBinary reads the line of a migration that has one.
func minBinary(text string) (int, error) {
	for line := range strings.Lines(text) {
		if number, ok := strings.CutPrefix(line, minBinaryLine); ok {
			n, err := strconv.Atoi(strings.TrimSpace(number))
			if err == nil && n < 1 {
				err = strconv.ErrRange
			}
			return n, err
		}
	}
	return 0, nil
}

// Target is a database that can be migrated. The table schema_migration is its
// own affair; Applied makes it when it is missing.
type Target interface {
	// Applied gives the checksums of the migrations applied so far, in order, and the largest
	// MinBinary of them.
	Applied(ctx context.Context) (sums []string, minBinary int, err error)
	// Apply runs a migration and records it, in one transaction.
	Apply(ctx context.Context, m Migration) error
}

// Up applies what is missing and returns how many migrations that were, and the schema that
// the database has now. One that is newer than what this program knows is given as it is, if
// this program may use it.
func Up(ctx context.Context, t Target, ms []Migration) (n int, s Schema, err error) {
	applied, minBinary, err := t.Applied(ctx)
	if err != nil {
		return 0, s, fmt.Errorf("read schema version: %w", err)
	}
	s = Schema{Version: len(applied), MinBinary: minBinary}
	if err := s.Usable(len(ms)); err != nil {
		return 0, s, err
	}
	for i, sum := range applied[:min(len(applied), len(ms))] {
		if sum != ms[i].Sum {
			return 0, s, fmt.Errorf("migration %04d_%s: %w", ms[i].Number, ms[i].Name, ErrEdited)
		}
	}
	for _, m := range ms[min(len(applied), len(ms)):] {
		if err := t.Apply(ctx, m); err != nil {
			return n, s, fmt.Errorf("migration %04d_%s: %w", m.Number, m.Name, err)
		}
		n++
		s = Schema{Version: m.Number, MinBinary: max(s.MinBinary, m.MinBinary)}
	}
	return n, s, nil
}
