package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"ostiary/bench/process"
)

// importFile runs the command line on a new server and gives the time from its
// start to its end, and the server's peak memory in KiB.
func importFile(program, data, file string, want int, flags ...string) (seconds float64, peak int, err error) {
	s, err := process.Start(program, data)
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	report, err := exec.Command(
		program, append([]string{"token", "import", file, "--data", data}, flags...)...).CombinedOutput()
	seconds = time.Since(start).Seconds()
	peak, serr := s.Stop()
	if err == nil && !strings.Contains(string(report), fmt.Sprintf("%d imported", want)) {
		err = errors.New("not all keys were imported")
	}
	if err = errors.Join(err, serr); err != nil {
		return 0, 0, fmt.Errorf("import: %w\n%s", err, report)
	}
	return seconds, peak, os.RemoveAll(data)
}
