package e2e

import (
	"net/http"
	"strings"
	"testing"

	"ostiary/internal/test/cluster"
)

// TestNetwork disturbs the network between one of two nodes and the database, in three ways,
// while the codes of some tokens are presented at both nodes at once. That node tells nobody
// that a code was accepted, says that it is not ready and why, and comes back by itself; the
// other one goes on meanwhile. No code is accepted twice.
func TestNetwork(t *testing.T) {
	onlyOnce(t)
	for name, disturb := range map[string]func(*cluster.Network){
		"cut":  (*cluster.Network).Cut,
		"held": (*cluster.Network).Hold,
		"lost": (*cluster.Network).Lose,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := cluster.Shared(t)
			url := server.Schema(t)
			network := server.Network(t)
			b := start(t, newDataOnPostgres(t, url))
			a := b.another(network.Through(url))
			own := hotp("84000001")
			b.imports(plain(t, own), 1)
			r := newRush(t, 16, 83000001, a, b)
			r.until(50, accepted, 0)
			r.until(50, accepted, 1)
			disturb(network)
			r.until(10, unused, 0)
			eventually(t, "the node is not ready", func() bool { return !a.ready() })
			if body := string(a.as("").raw(http.MethodGet, "/readyz", "", "").body); !strings.Contains(body, "database") ||
				strings.Contains(body, "127.0.0.1") {
				t.Errorf("/readyz does not name what is missing, or names an address:\n%s", body)
			}
			later := 0
			for n, code := range own.codes(t, 0, 20) {
				eventually(t, "the other node accepts a code", func() bool {
					a, err := b.as(r.key).try(http.MethodPost, "/api/v1/verify", "application/json",
						encode(t, map[string]string{"serial": own.Serial, "otp": code}))
					v := judge(t, a, err)
					if v != unused && v != accepted {
						t.Fatalf("code %d at the other node: %d %s %v", n, a.status, a.body, err)
					}
					if v == unused {
						later++
					}
					return v == accepted
				})
			}
			t.Logf("the other node answered %d times with 503", later)
			network.Mend()
			eventually(t, "the node is ready again", a.ready)
			a.known(b.key("later", "verifier")) // it keeps up with the other one again
			r.until(50, accepted, 0)
			r.until(50, accepted, 1)
			r.once(b)
		})
	}
}
