package steadylog

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var times = regexp.MustCompile(` times=(\d+)`)

// lines splits what was logged, and sums up how many lines they stand for.
func lines(t *testing.T, log string) (all []string, sum int) {
	t.Helper()
	for line := range strings.Lines(log) {
		all = append(all, line)
		n := 1
		if m := times.FindStringSubmatch(line); m != nil {
			n, _ = strconv.Atoi(m[1])
		}
		sum += n
	}
	return all, sum
}

// A fault that repeats is one line a second, and no line is lost from the count.
func TestOneLineASecondForARepeatingFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		h := New(slog.NewTextHandler(&out, nil))
		log := slog.New(h).With("part", "api")
		for i := range 5000 { // 5 seconds of a thousand requests each
			log.Error("request failed", "error", errors.New("disk full"), "request", i)
			time.Sleep(time.Millisecond)
		}
		h.Flush()
		all, sum := lines(t, out.String())
		if len(all) < 5 || len(all) > 7 || sum != 5000 {
			t.Errorf("5000 faults in 5 seconds are %d lines that stand for %d:\n%s", len(all), sum, out.String())
		}
		if !strings.Contains(all[0], "request=0") || !strings.Contains(all[len(all)-1], "request=4999") ||
			!strings.Contains(all[1], "part=api") {
			t.Errorf("the lines are not the first and the last of their second:\n%s", out.String())
		}
	})
}

// The count of what was held back comes although nothing follows.
func TestHeldBackIsToldWithoutAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var out bytes.Buffer
		log := slog.New(New(slog.NewTextHandler(locked{&mu, &out}, nil)))
		for range 3 {
			log.Warn("not ready", "error", "x")
		}
		time.Sleep(3 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if all, sum := lines(t, out.String()); len(all) != 2 || sum != 3 {
			t.Errorf("three warnings are:\n%s", out.String())
		}
	})
}

// Other faults, other causes and what is no fault are not held back.
func TestOtherFaultsAreNotHeldBack(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h := New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log := slog.New(h)
	for i := range 3 {
		log.Info("listening", "n", i)
		log.Debug("request", "n", i)
		log.Error("request failed", "error", fmt.Errorf("cause %d", i))
		log.Error(fmt.Sprint("another fault ", i), "error", "x")
		log.Error("panic in a request", "panic", i)
	}
	if all, _ := lines(t, out.String()); len(all) != 15 {
		t.Errorf("15 lines that differ are %d:\n%s", len(all), out.String())
	}
	h.Flush()
}

// However many causes there are, memory and lines are bounded.
func TestManyCausesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		h := New(slog.NewTextHandler(&out, nil))
		log := slog.New(h)
		for i := range 10 * maxFaults {
			log.Error("request failed", "error", i)
		}
		h.Flush()
		if all, sum := lines(t, out.String()); len(all) > maxFaults+2 || sum != 10*maxFaults {
			t.Errorf("%d causes are %d lines that stand for %d", 10*maxFaults, len(all), sum)
		}
	})
}

type locked struct {
	mu  *sync.Mutex
	out *bytes.Buffer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(b)
}
