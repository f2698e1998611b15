// Package process runs a server of the built program for a measurement.
package process

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/doors/client"
)

// Server is a running ostiary on a data directory of its own.
type Server struct {
	URL  string
	data string
	cmd  *exec.Cmd
}

// Start runs a program's server, with further arguments, and waits until it listens.
func Start(program, data string, args ...string) (*Server, error) {
	s := &Server{cmd: exec.Command(program, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"},
		args...)...), data: data}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "Listening on "); ok {
			s.URL = url
			return s, nil
		}
	}
	return nil, errors.New("the server does not start")
}

// Local is a client through the server's socket.
func (s *Server) Local() *client.Client { return client.Local(s.data + "/ostiary.sock") }

// Kill ends the server at once.
func (s *Server) Kill() error { return s.cmd.Process.Kill() }

// Peak is the peak resident memory so far, in KiB.
func (s *Server) Peak() (peak int, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			peak, err = strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return peak, err
}

// CPU is the processor time that the server took so far.
func (s *Server) CPU() (time.Duration, error) { return CPU(s.cmd.Process.Pid) }

// CPU is the processor time that the threads of a process took so far (Linux). It does
// not wait for others, as the clock on the wall does.
func CPU(pid int) (took time.Duration, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err == nil && len(threads) == 0 {
		err = errors.New("the system does not tell what its threads took (CONFIG_SCHED_INFO)")
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has ended
		} else if err != nil {
			return 0, err
		}
		ran, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		took += time.Duration(ran)
	}
	return took, err
}

// tick is the unit of times in /proc/PID/stat.
const tick = 10 * time.Millisecond

// Family is the processor time that a process and those it has started took so far, also
// those that have ended.
func Family(pid int) (took time.Duration, err error) {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		_, behind, found := strings.Cut(string(text), ") ") // the name of the program may hold anything else
		if err != nil || !found {
			continue // it has ended
		}
		own, fields := filepath.Base(filepath.Dir(path)), strings.Fields(behind)
		parent := fields[1]
		if own != strconv.Itoa(pid) && parent != strconv.Itoa(pid) {
			continue
		}
		of, err := strconv.Atoi(own)
		if err != nil {
			return 0, err
		}
		ran, err := CPU(of)
		if err == nil {
			took += ran
		}
		if of != pid {
			continue
		}
		for _, ended := range fields[13:15] {
			ticks, err := strconv.ParseInt(ended, 10, 64)
			if err != nil {
				return 0, err
			}
			took += time.Duration(ticks) * tick
		}
	}
	return took, nil
}

// Stop ends the server and gives its peak resident memory in KiB.
func (s *Server) Stop() (peak int, err error) {
	peak, err = s.Peak()
	return peak, errors.Join(err, s.cmd.Process.Signal(os.Interrupt), s.cmd.Wait())
}
