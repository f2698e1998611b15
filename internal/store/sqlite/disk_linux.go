package sqlite

import (
	"syscall"

	"ostiary/internal/store"
)

// readOnlyMount is ST_RDONLY of statfs(2).
const readOnlyMount = 1

// ask asks the file system why it took no write.
func (d disk) ask() error {
	var says syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &says); err != nil {
		return store.ErrDisk
	}
	return named(&says)
}

func named(says *syscall.Statfs_t) error {
	switch {
	case says.Flags&readOnlyMount != 0:
		return store.ErrReadOnly
	case says.Bavail == 0:
		return store.ErrDiskFull
	}
	return store.ErrDisk
}
