package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/client"
)

// server is a running ostiary on a data directory of its own.
type server struct {
	cmd  *exec.Cmd
	data string
	url  string
}

func startServer(program, data string) (*server, error) {
	s := &server{cmd: exec.Command(program, "serve", "--data", data, "--listen", "127.0.0.1:0"), data: data}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "Listening on "); ok {
			s.url = url
			break
		}
	}
	if s.url == "" {
		return nil, errors.New("the server does not start")
	}
	return s, nil
}

// local is a client through the server's socket.
func (s *server) local() *client.Client { return client.Local(s.data + "/ostiary.sock") }

// stop ends the server and gives its peak resident memory in KiB.
func (s *server) stop() (peak int, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			peak, err = strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return peak, errors.Join(err, s.cmd.Process.Signal(os.Interrupt), s.cmd.Wait())
}

// importFile runs the command line on a new server and gives the time from its
// start to its end, and the server's peak memory in KiB.
func importFile(program, data, file string, want int, flags ...string) (seconds float64, peak int, err error) {
	s, err := startServer(program, data)
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	report, err := exec.Command(program, append([]string{"token", "import", file, "--data", data}, flags...)...).CombinedOutput()
	seconds = time.Since(start).Seconds()
	peak, serr := s.stop()
	if err == nil && !strings.Contains(string(report), fmt.Sprintf("%d imported", want)) {
		err = errors.New("not all keys were imported")
	}
	if err = errors.Join(err, serr); err != nil {
		return 0, 0, fmt.Errorf("import: %w\n%s", err, report)
	}
	return seconds, peak, os.RemoveAll(data)
}
