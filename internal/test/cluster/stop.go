package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Stop stops the server at once, as a crash does: what was not synced counts only as
// far as it was written.
func (c *Cluster) Stop(t testing.TB) {
	t.Helper()
	c.stop(t, "immediate")
}

func (c *Cluster) stop(t testing.TB, mode string) {
	t.Helper()
	if err := c.run("pg_ctl", "-m", mode, "stop"); err != nil {
		t.Fatal(err)
	}
}

// Kill ends all processes of the server at once (kill -9), and leaves none of its memory.
func (c *Cluster) Kill(t testing.TB) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	first, err := strconv.Atoi(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	// One that is stopped starts no others while they are listed.
	if err := unix.Kill(first, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	all, err := children(first)
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, first)
	for _, pid := range all {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(time.Minute); len(all) > 0; time.Sleep(time.Millisecond) {
		all = slices.DeleteFunc(all, func(pid int) bool { return errors.Is(unix.Kill(pid, 0), unix.ESRCH) })
		if time.Now().After(end) {
			t.Fatalf("the processes %v do not end", all)
		}
	}
	if len(lines) > 6 { // the server's own mark that it runs, which outlives it: key and number
		if numbers := strings.Fields(lines[6]); len(numbers) == 2 {
			if id, err := strconv.Atoi(numbers[1]); err == nil {
				_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
			}
		}
	}
}

// children gives the processes that one has started.
func children(of int) (pids []int, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", of))
	for _, task := range tasks {
		text, rerr := os.ReadFile(task)
		err = errors.Join(err, rerr)
		for _, field := range strings.Fields(string(text)) {
			pid, perr := strconv.Atoi(field)
			pids, err = append(pids, pid), errors.Join(err, perr)
		}
	}
	return pids, err
}

// Restart starts the server that was stopped.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	if err := c.run("pg_ctl", "start"); err != nil {
		t.Fatal(err)
	}
}

// Recover makes the server a standby of nobody: it answers reads, and stays in recovery.
func (c *Cluster) Recover(t testing.TB) {
	t.Helper()
	c.stop(t, "fast")
	if err := os.WriteFile(filepath.Join(c.data(), "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c.Restart(t)
}
