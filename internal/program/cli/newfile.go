package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"ostiary/internal/seal/filekek"
)

// absent refuses a path where a file is already.
func absent(path string) error {
	if _, err := os.Lstat(path); path != "" && err == nil {
		return existing(path)
	}
	return nil
}

func existing(path string) error {
	return &inputError{fmt.Errorf("%s already exists and is not overwritten: delete it, or name another file", path)}
}

// createNew makes a file of mode 0600 that must not exist yet.
func createNew(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, existing(path)
	} else if err != nil {
		return nil, &inputError{err}
	}
	return file, nil
}

// writeNew makes a file of mode 0600 that must not exist yet. It is written
// beside its place and put there when it is whole. It returns the size.
func writeNew(path string, write func(io.Writer) error) (size int64, err error) {
	return writeChecked(path, write, func(string) error { return nil })
}

// writeChecked is writeNew for a file that is read back before it is put in its place.
// When it returns, the file is on the disk.
func writeChecked(path string, write func(io.Writer) error, check func(path string) error) (size int64, err error) {
	if err := absent(path); err != nil {
		return 0, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".ostiary-*") // mode 0600
	if err != nil {
		return 0, &inputError{err}
	}
	defer func() {
		if rerr := os.Remove(file.Name()); err != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}()
	out := bufio.NewWriter(file)
	err = write(out)
	if err == nil {
		err = errors.Join(out.Flush(), file.Sync())
	}
	size, serr := file.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, serr, file.Close()); err != nil {
		return 0, err
	}
	if err := check(file.Name()); err != nil {
		return 0, err
	}
	if err := putInPlace(file.Name(), path); err != nil {
		return 0, err
	}
	return size, filekek.SyncDir(filepath.Dir(path))
}

// putInPlace renames a file, and overwrites none.
func putInPlace(from, to string) error {
	err := os.Link(from, to)
	switch {
	case err == nil:
		return os.Remove(from)
	case errors.Is(err, fs.ErrExist):
		return absent(to)
	}
	// A file system without links.
	if err := absent(to); err != nil {
		return err
	}
	return os.Rename(from, to)
}
