package fault

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestErrorShowsNoCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("password of the database is hunter2")
	e := New(Conflict, "taken", "It is taken.").Because(cause)
	if got := e.Error(); got != "It is taken." {
		t.Errorf("Error = %q", got)
	}
	if got := e.WithHint("Take another.").Error(); got != "It is taken. Take another." {
		t.Errorf("Error with a hint = %q", got)
	}
	if !errors.Is(e, cause) {
		t.Error("the cause is not behind it")
	}
	for _, verb := range []string{"%v", "%s", "%q"} {
		if got := fmt.Sprintf(verb, e); strings.Contains(got, "hunter2") {
			t.Errorf("%s shows the cause: %s", verb, got)
		}
	}
}

func TestWith(t *testing.T) {
	t.Parallel()
	e := New(Invalid, "c", "t")
	if e.Details != nil {
		t.Error("a new error has details")
	}
	if e.With("a", 1).With("b", "2") != e || len(e.Details) != 2 || e.Details["a"] != 1 || e.Details["b"] != "2" {
		t.Errorf("details %v", e.Details)
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	if Of(nil) != nil {
		t.Error("no error is an error")
	}
	e := New(NotFound, "c", "t")
	for name, err := range map[string]error{
		"itself": e, "wrapped": fmt.Errorf("list: %w", e), "joined": errors.Join(io.EOF, e),
		"wrapped twice": fmt.Errorf("a: %w", fmt.Errorf("b: %w", e)),
	} {
		if Of(err) != e {
			t.Errorf("%s: %v", name, Of(err))
		}
	}
	cause := errors.New("disk on fire at /srv/secret")
	got := Of(cause)
	if got.Kind != Internal || got.Code != "internal" || !errors.Is(got, cause) ||
		strings.Contains(got.Error(), "fire") {
		t.Errorf("an unknown error: %#v", got)
	}
}

// A kind that was forgotten is an internal error, which shows nothing.
func TestZeroKind(t *testing.T) {
	t.Parallel()
	if (&Error{}).Kind != Internal {
		t.Error("the zero kind is not Internal")
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{0: "0 seconds", time.Second: "1 second", 90 * time.Second: "90 seconds",
		time.Minute: "1 minute", 90 * time.Minute: "90 minutes", time.Hour: "1 hour", 36 * time.Hour: "36 hours",
		24 * time.Hour: "1 day", 30 * 24 * time.Hour: "30 days", 1500 * time.Millisecond: "1 second"} {
		if got := Span(d); got != want {
			t.Errorf("Span(%v) = %q, want %q", d, got, want)
		}
	}
}
