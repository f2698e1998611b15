package cli

import (
	"strings"
	"testing"
)

// Settings are told with their source, and without what is secret in an address.
func TestSettingsOf(t *testing.T) {
	t.Parallel()
	cmd := newServe(&app{Env: &Env{}})
	cmd.Flags().String("data", "", "the `DIR`")
	if err := cmd.ParseFlags([]string{"--listen", ":8443", "--notify-url", "https://u:pass@h.example/secret?key=secret",
		"--database", "postgres://ostiary@db/ostiary?password=secret"}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range settingsOf(cmd, "/var/lib/ostiary") {
		got[s.Name] = s.Value + " by " + s.Source
		if strings.Contains(s.Value, "secret") || strings.Contains(s.Value, "pass") {
			t.Errorf("%s shows %q", s.Name, s.Value)
		}
		if s.Means == "" {
			t.Errorf("%s means nothing", s.Name)
		}
	}
	for name, want := range map[string]string{"listen": ":8443 by flag", "issuer": "Ostiary by default",
		"data": "/var/lib/ostiary by environment", "trusted-proxy": " by default", "lock": "30m by default",
		"notify-url": "https://h.example by flag", "database": "postgres://ostiary@db/ostiary by flag"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}
