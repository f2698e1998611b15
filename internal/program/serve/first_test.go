package serve

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A password that a start prints before it fails is overlooked, and the next start prints
// none. So nothing is printed before the server listens, and the first start that does gives
// the password.
func TestStartThatFailsPrintsNoPassword(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	broken := filepath.Join(t.TempDir(), "broken.pem")
	if err := os.WriteFile(broken, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"another program listens on " + taken.Addr().String(): func(c *Config) { c.Listen = taken.Addr().String() },
		"TLS certificate": func(c *Config) { c.TLSCert, c.TLSKey = broken, broken },
	} {
		var out bytes.Buffer
		cfg := config(data)
		cfg.Out = &out
		change(&cfg)
		if err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it ends with %v, want %q", err, want)
		}
		if out.Len() > 0 {
			t.Errorf("%s: printed %q", want, out.String())
		}
	}
	cfg := config(data)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	out := &untilListening{stop: stop}
	cfg.Out = out
	if err := Run(ctx, cfg); err != nil || !strings.HasPrefix(out.String(), "ROOT password: ") {
		t.Errorf("the start that works says %q, %v", out.String(), err)
	}
}

// untilListening stops a server as soon as it says that it listens.
type untilListening struct {
	bytes.Buffer
	stop func()
}

func (u *untilListening) Write(b []byte) (int, error) {
	n, err := u.Buffer.Write(b)
	if strings.Contains(u.String(), "Listening on ") {
		u.stop()
	}
	return n, err
}
