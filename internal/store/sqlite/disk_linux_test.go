package sqlite

import (
	"path/filepath"
	"syscall"
	"testing"

	"ostiary/internal/store"
)

// A write that the system refused is named by what the file system says of itself.
func TestFileSystemNamesTheTrouble(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		says syscall.Statfs_t
		want error
	}{
		{syscall.Statfs_t{Bavail: 1}, store.ErrDisk},
		{syscall.Statfs_t{}, store.ErrDiskFull},
		{syscall.Statfs_t{Bavail: 1, Flags: readOnlyMount}, store.ErrReadOnly},
		{syscall.Statfs_t{Flags: readOnlyMount | 1<<10}, store.ErrReadOnly},
	} {
		if got := named(&c.says); got != c.want {
			t.Errorf("%+v is named %v, want %v", c.says, got, c.want)
		}
	}
	if got := (disk{filepath.Join(t.TempDir(), "none")}).ask(); got != store.ErrDisk {
		t.Errorf("asked of no directory: %v", got)
	}
}
