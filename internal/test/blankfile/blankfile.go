// Package blankfile lets many tests begin with a file that takes long to make: it is made
// once in a process, and copied.
package blankfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// File is such a file.
type File struct {
	once    sync.Once
	content []byte
	err     error
}

// Copy writes the file to a path, unless there is one. make makes the first one.
func (f *File) Copy(t testing.TB, path string, make func(path string) error) {
	t.Helper()
	f.once.Do(func() { f.content, f.err = made(make) })
	if f.err != nil {
		t.Fatal(f.err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err := os.WriteFile(path, f.content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func made(make func(path string) error) (content []byte, err error) {
	dir, err := os.MkdirTemp("", "ostiary-prepared-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "file")
	if err := make(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
