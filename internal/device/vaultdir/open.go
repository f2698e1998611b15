package vaultdir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"

	"ostiary/authenticator"
)

// ErrInUse means that another program has the vault open.
var ErrInUse = errors.New("another program uses the vault: wait until it has ended")

const (
	lockName  = "lock"
	keySuffix = ".key"
	keySize   = 32
	lockRetry = 50 * time.Millisecond
)

// Opened is a vault directory that this program has to itself.
type Opened struct {
	*Dir
	// Key is the key of the platform.
	Key  authenticator.PlatformKey
	lock *flock.Flock
}

// Open makes or opens the vault directory at a path, and its key in the file
// path.key, drawn from random when both are new. It waits for another program that
// has it open until the deadline of ctx, and is [ErrInUse] then.
func Open(ctx context.Context, path string, random io.Reader) (*Opened, error) {
	path = filepath.Clean(path)
	if err := makeDir(path); err != nil {
		return nil, err
	}
	o := &Opened{lock: flock.New(filepath.Join(path, lockName), flock.SetPermissions(0o600))}
	if locked, err := o.lock.TryLockContext(ctx, lockRetry); !locked {
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, ErrInUse
		}
		return nil, err
	}
	if err := o.open(path, random); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

func (o *Opened) open(path string, random io.Reader) error {
	key, err := readKey(path, random)
	if err != nil {
		return err
	}
	if o.Key, err = authenticator.KeyBytes(key); err != nil {
		return err
	}
	o.Dir, err = New(folder(path))
	return err
}

// Close lets other programs in.
func (o *Opened) Close() error { return o.lock.Close() }

// readKey reads the key file of a vault, or makes it for one that is empty.
func readKey(vault string, random io.Reader) ([]byte, error) {
	path := vault + keySuffix
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(vault, random)
	}
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others can read the key file of the vault: run chmod 600 %s", path)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("%s is not the key file of a vault: its length is %d, not %d bytes", path, len(key), keySize)
	}
	return key, nil
}

// makeKey makes the key file. Files without a key are another key's, or no vault.
func makeKey(vault string, random io.Reader) ([]byte, error) {
	names, err := folder(vault).List()
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("there are files in %s, but its key file %s is missing: put it back, or name an "+
			"empty directory", vault, vault+keySuffix)
	}
	key := make([]byte, keySize)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, err
	}
	path := vault + keySuffix
	return key, (&Dir{folder(filepath.Dir(path))}).Write(filepath.Base(path), key)
}

// makeDir makes a directory that only its owner can enter, and those above it.
func makeDir(path string) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is no directory", path)
		}
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return folder(parent).Sync()
}

// folder is a directory of the operating system.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

func (f folder) List() ([]string, error) {
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name() != lockName {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (f folder) Read(name string) ([]byte, error) { return os.ReadFile(f.path(name)) }

func (f folder) Create(name string) (File, error) {
	return os.OpenFile(f.path(name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
}

func (f folder) Rename(from, to string) error { return os.Rename(f.path(from), f.path(to)) }

func (f folder) Remove(name string) error { return os.Remove(f.path(name)) }

// Sync syncs the directory, where the system has a way to.
func (f folder) Sync() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(string(f))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
