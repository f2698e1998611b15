//go:build !linux

package postgres

import "syscall"

// giveUp leaves it to the system how long it tries.
func giveUp(string, string, syscall.RawConn) error { return nil }
