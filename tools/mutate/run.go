package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Tests that a mutation made wait for ever are ended, which is noticed as well. They get
// several times what they took before anything was broken, so that a busy machine is not
// mistaken for a noticed mutation.
const (
	greenLimit = time.Hour
	leastLimit = 3 * time.Minute
	patience   = 5
)

// runner runs tests on mutated files.
type runner struct {
	jobs int
	dir  string
	took map[string]time.Duration // by the tests of each list of packages, unbroken
}

// verdict is what came of a mutation.
type verdict struct {
	killed bool
	why    string // it was not
	took   time.Duration
}

func newRunner(jobs int) (*runner, error) {
	dir, err := os.MkdirTemp("", "mutate")
	return &runner{jobs, dir, map[string]time.Duration{}}, err
}

func (r *runner) close() { _ = os.RemoveAll(r.dir) }

// green demands that the tests of the rows pass as long as nothing is broken,
// and that every pattern finds tests. Results of a run before are as good.
func (r *runner) green(ctx context.Context, rows []mutation) error {
	patterns := map[string][]string{} // of each list of packages
	for _, m := range rows {
		packages := strings.Join(m.packages, " ")
		if !slices.Contains(patterns[packages], m.run) {
			patterns[packages] = append(patterns[packages], m.run)
		}
	}
	for packages, runs := range patterns {
		for _, run := range runs {
			top, _, _ := strings.Cut(run, "/") // -list knows no subtests
			out, err := test(ctx, greenLimit, append([]string{"-list", top}, strings.Fields(packages)...))
			if err != nil || !strings.Contains("\n"+out, "\nTest") {
				return fmt.Errorf("no test of %s is called %s\n%s", packages, run, out)
			}
		}
		fmt.Printf("unbroken: %s\n", packages)
		start := time.Now()
		out, err := test(ctx, greenLimit, append([]string{"-run", strings.Join(runs, "|")}, strings.Fields(packages)...))
		if err != nil {
			return fmt.Errorf("the tests of %s fail before anything was broken: %w\n%s", packages, err, out)
		}
		r.took[packages] = time.Since(start)
	}
	return nil
}

// limit is how long the tests of a row may take with its line broken.
func (r *runner) limit(m mutation) time.Duration {
	return max(leastLimit, patience*r.took[strings.Join(m.packages, " ")])
}

// tryAll tries the rows, several at once, and says what came of each as soon as it is known.
func (r *runner) tryAll(ctx context.Context, rows []mutation, say func(mutation, verdict)) {
	var saying sync.Mutex
	next := make(chan int)
	var wg sync.WaitGroup
	for range r.jobs {
		wg.Go(func() {
			for n := range next {
				start := time.Now()
				v := r.try(ctx, n, rows[n])
				v.took = time.Since(start)
				saying.Lock()
				say(rows[n], v)
				saying.Unlock()
			}
		})
	}
	for n := range rows {
		next <- n
	}
	close(next)
	wg.Wait()
}

// try runs the tests of one row with its line broken.
func (r *runner) try(ctx context.Context, n int, m mutation) verdict {
	overlay, err := r.overlay(n, m)
	if err != nil {
		return verdict{why: err.Error()}
	}
	args := append([]string{"-vet=off", "-failfast", "-run", m.run}, m.packages...)
	out, err := test(ctx, r.limit(m), args, "-overlay="+overlay)
	switch {
	case err == nil:
		return verdict{why: "every test still passes"}
	case ctx.Err() != nil:
		return verdict{why: "interrupted"}
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
		return verdict{why: "it does not build\n" + out}
	case !strings.Contains(out, "--- FAIL") && !strings.Contains(out, "panic: "):
		return verdict{why: "no test says that it failed\n" + out}
	}
	return verdict{killed: true}
}

// overlay writes the mutated file and what puts it in the place of the true one.
func (r *runner) overlay(n int, m mutation) (string, error) {
	text, err := m.apply()
	if err != nil {
		return "", err
	}
	original, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	mutated := filepath.Join(r.dir, fmt.Sprintf("%d%s", n, filepath.Ext(m.file)))
	if err := os.WriteFile(mutated, text, 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{original: mutated}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(r.dir, fmt.Sprintf("%d.json", n))
	return name, os.WriteFile(name, list, 0o600)
}

// test runs go test for limit at most and gives what it says. The flags hold for every go command that the
// tests run as well, so that a program which they build is of the mutated file.
func test(ctx context.Context, limit time.Duration, args []string, flags ...string) (string, error) {
	args = append([]string{"test", "-timeout", limit.String()}, args...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "GOFLAGS="+strings.Join(append([]string{os.Getenv("GOFLAGS")}, flags...), " "))
	out, err := cmd.CombinedOutput()
	return string(out), err
}
