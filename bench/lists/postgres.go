package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"ostiary/bench/process"
	"ostiary/internal/test/cluster"
)

// moved stops a server, moves its database to a PostgreSQL, which end ends, and starts it with
// that. The database file stays as it was, to be read.
func moved(program string, s *process.Server, data string) (there *process.Server, end func() error, err error) {
	if _, err := s.Stop(); err != nil {
		return nil, nil, err
	}
	folder, err := os.MkdirTemp("", "ostiary-bench-")
	if err != nil {
		return nil, nil, err
	}
	away := func() error { return os.RemoveAll(folder) }
	defer func() {
		if err != nil {
			err = errors.Join(err, away())
		}
	}()
	if err := os.Chmod(folder, 0o777); err != nil { // PostgreSQL is another user
		return nil, nil, err
	}
	postgres, err := cluster.StartIn(folder)
	if err != nil {
		return nil, nil, err
	}
	away = func() error { return errors.Join(postgres.Close(), os.RemoveAll(folder)) }
	begun := time.Now()
	if out, err := exec.Command(program, "store", "copy", "--data", data, "--to", postgres.URL(),
		"--no-standby").CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("copy: %w: %s", err, out)
	}
	fmt.Printf("the database was copied to PostgreSQL in %s\n", time.Since(begun).Round(time.Second))
	there, err = process.Start(program, data, "--database", postgres.URL(), "--no-standby")
	return there, away, err
}
