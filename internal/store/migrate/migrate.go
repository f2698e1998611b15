// Package migrate brings a database's schema up to what this program knows.
//
// Migrations are SQL files named NNNN_name.sql, applied once each, in order,
// forward only, each in its own transaction together with its row in
// schema_migration. A file that was applied is never edited: its SHA-256 is
// kept and compared. A database that carries a migration this program does not
// know was used by a newer one, and is refused.
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

// ErrNewer says that a newer program has used the database.
var ErrNewer = errors.New("the database was used by a newer version of ostiary")

// ErrEdited says that an applied migration differs from the one in this program.
var ErrEdited = errors.New("an applied migration was edited")

// Migration is one step.
type Migration struct {
	Number int
	Name   string
	SQL    string
	Sum    string // SHA-256 of SQL, hexadecimal
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
		sum := sha256.Sum256(text)
		ms = append(ms, Migration{Number: n, Name: rest, SQL: string(text), Sum: hex.EncodeToString(sum[:])})
	}
	return ms, nil
}

// Target is a database that can be migrated. The table schema_migration is its
// own affair; Applied makes it when it is missing.
type Target interface {
	// Applied gives the checksums of the migrations applied so far, in order.
	Applied(ctx context.Context) ([]string, error)
	// Apply runs a migration and records it, in one transaction.
	Apply(ctx context.Context, m Migration) error
}

// Up applies what is missing and returns how many migrations that were.
func Up(ctx context.Context, t Target, ms []Migration) (int, error) {
	applied, err := t.Applied(ctx)
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if len(applied) > len(ms) {
		return 0, fmt.Errorf("schema version %d, this program knows up to %d: %w", len(applied), len(ms), ErrNewer)
	}
	for i, sum := range applied {
		if sum != ms[i].Sum {
			return 0, fmt.Errorf("migration %04d_%s: %w", ms[i].Number, ms[i].Name, ErrEdited)
		}
	}
	for i, m := range ms[len(applied):] {
		if err := t.Apply(ctx, m); err != nil {
			return i, fmt.Errorf("migration %04d_%s: %w", m.Number, m.Name, err)
		}
	}
	return len(ms) - len(applied), nil
}
