package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	n := Shared(t).Network(t)
	url := n.Through(Schema(t))
	for name, tt := range map[string]struct {
		disturb func()
		silent  bool
	}{"cut": {n.Cut, false}, "held": {n.Hold, true}, "lost": {n.Lose, true}} {
		before, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		if err := before.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		tt.disturb()
		soon := func() context.Context {
			wait := time.Minute
			if tt.silent { // then nothing comes, however long it is waited for
				wait = 100 * time.Millisecond
			}
			ctx, end := context.WithTimeout(t.Context(), wait)
			t.Cleanup(end)
			return ctx
		}
		if err := before.Ping(soon()); err == nil || errors.Is(err, context.DeadlineExceeded) != tt.silent {
			t.Errorf("%s: a connection says %v", name, err)
		}
		if c, err := pgx.Connect(soon(), url); err == nil {
			_ = c.Close(t.Context())
			t.Errorf("%s: a new connection is made", name)
		}
		n.Mend()
		after, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatalf("%s: after it: %v", name, err)
		}
		if err := after.Ping(t.Context()); err != nil {
			t.Errorf("%s: after it: %v", name, err)
		}
		_ = after.Close(t.Context())
	}
}
