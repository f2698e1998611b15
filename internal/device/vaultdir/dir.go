// Package vaultdir keeps the vault of a software authenticator in a directory: the
// records, the key of the platform in a file beside it, and the lock that keeps two
// programs apart.
package vaultdir

import (
	"errors"
	"io"
	"io/fs"
	"strings"

	"ostiary/authenticator"
)

// FS is one directory of a file system. Tests put one in its place that breaks off.
type FS interface {
	// List returns the names of the files.
	List() ([]string, error)
	// Read returns a file. One that is not there is [fs.ErrNotExist].
	Read(name string) ([]byte, error)
	// Create makes an empty file that only its owner can read, or empties the one of
	// that name.
	Create(name string) (File, error)
	// Rename gives a file another name, in the place of the one that had it.
	Rename(from, to string) error
	// Remove removes a file. One that is not there is [fs.ErrNotExist].
	Remove(name string) error
	// Sync makes the names of the directory last through a loss of power.
	Sync() error
}

// File is a file that is being written.
type File interface {
	io.WriteCloser
	// Sync makes the content last through a loss of power.
	Sync() error
}

// unfinished is the end of the name of a file that is being written.
const unfinished = ".new"

// Dir is a directory of records.
type Dir struct{ fs FS }

var _ authenticator.Storage = (*Dir)(nil)

// New returns the records in a directory. It removes what an interrupted Write left.
func New(dir FS) (*Dir, error) {
	names, err := dir.List()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, unfinished) {
			if err := dir.Remove(name); err != nil {
				return nil, err
			}
		}
	}
	return &Dir{dir}, nil
}

// List returns the names of all files.
func (d *Dir) List() ([]string, error) { return d.fs.List() }

// Read returns a file.
func (d *Dir) Read(name string) ([]byte, error) { return d.fs.Read(name) }

// Write puts a file in the place of the one of that name. The content is complete and
// on the disk before it gets the name, and the name is on the disk before it returns.
func (d *Dir) Write(name string, content []byte) error {
	f, err := d.fs.Create(name + unfinished)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.fs.Rename(name+unfinished, name); err != nil {
		return err
	}
	return d.fs.Sync()
}

// Remove removes a file.
func (d *Dir) Remove(name string) error {
	if err := d.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.fs.Sync()
}
