package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// ErrExposed says that others than the owner can read or write the database.
var ErrExposed = errors.New("the database is open to others than its owner")

// checkModes refuses files that a copy, such as a backup that was put back, has left
// open to others.
func checkModes(path string) error {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is not a regular file", name)
		case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
			return fmt.Errorf("%s has mode %04o: %w; run: chmod 600 %s", name, info.Mode().Perm(), ErrExposed, name)
		}
	}
	return nil
}
