//go:build !linux

package sqlite

import "ostiary/internal/store"

// ask would ask the file system why it took no write.
func (disk) ask() error { return store.ErrDisk }
