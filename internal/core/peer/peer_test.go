package peer

import (
	"net/netip"
	"testing"
)

func TestName(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"192.0.2.7:4711":            "192.0.2.7",
		"192.0.2.7":                 "192.0.2.7",
		"[::ffff:192.0.2.7]:4711":   "192.0.2.7",
		"[2001:db8:1:2:3::4]:4711":  "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::9":      "2001:db8:1:2::/64",
		"[2001:db8:1:2::1]":         "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "fe80::/64",
		"local":                     "local",
		"":                          "",
		"host.example:80":           "host.example:80",
		"192.0.2.7:99999":           "192.0.2.7:99999",
		"[2001:db8:1:2:3::4]:99999": "[2001:db8:1:2:3::4]:99999",
	} {
		if got := Name(source); got != want {
			t.Errorf("%q is counted by %q, want %q", source, got, want)
		}
	}
}

// A client has an IPv6 network, not an address.
func TestNetwork(t *testing.T) {
	t.Parallel()
	of := func(s string) netip.Prefix { return Network(netip.MustParseAddr(s)) }
	if of("2001:db8::1") != of("2001:db8::ffff:1") || of("2001:db8::1") == of("2001:db8:0:1::1") {
		t.Error("IPv6 is not counted by networks of 64 bits")
	}
	if of("192.0.2.1") == of("192.0.2.2") || of("192.0.2.1") != of("::ffff:192.0.2.1") {
		t.Error("IPv4 is not counted by address")
	}
}

// Nobody but a trusted proxy says who the client is, and no client says it of itself.
func TestClientBehindProxies(t *testing.T) {
	t.Parallel()
	p := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:f::/48")}
	for _, c := range []struct {
		what, source string
		forwarded    []string
		want         string
	}{
		{"no proxy", "192.0.2.1:5", nil, "192.0.2.1:5"},
		{"a client that names another", "192.0.2.1:5", []string{"198.51.100.9"}, "192.0.2.1:5"},
		{"a proxy that says nothing", "10.0.0.1:5", nil, "10.0.0.1:5"},
		{"one proxy", "10.0.0.1:5", []string{"198.51.100.9"}, "198.51.100.9"},
		{"a proxy of IPv4 in IPv6", "[::ffff:10.0.0.1]:5", []string{"198.51.100.9"}, "198.51.100.9"},
		{"what the client wrote before", "10.0.0.1:5", []string{"203.0.113.5, 198.51.100.9"}, "198.51.100.9"},
		{"in lines of its own", "10.0.0.1:5", []string{"203.0.113.5", "198.51.100.9"}, "198.51.100.9"},
		{"two proxies", "10.0.0.1:5", []string{"203.0.113.5, 198.51.100.9, 10.0.0.2"}, "198.51.100.9"},
		{"a client within", "10.0.0.1:5", []string{"10.9.9.9"}, "10.9.9.9"},
		{"no address", "10.0.0.1:5", []string{"198.51.100.9, unknown"}, "10.0.0.1:5"},
		{"no address behind a proxy", "10.0.0.1:5", []string{"unknown, 10.0.0.2"}, "10.0.0.2"},
		{"with a port", "10.0.0.1:5", []string{"198.51.100.9:80"}, "198.51.100.9"},
		{"IPv6", "[2001:db8:f::1]:5", []string{"2001:db8:1::7"}, "2001:db8:1::7"},
		{"IPv6 with a port", "[2001:db8:f::1]:5", []string{"[2001:db8:1::7]:80"}, "2001:db8:1::7"},
	} {
		if got := p.Client(c.source, c.forwarded); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	if got := Proxies(nil).Client("10.0.0.1:5", []string{"198.51.100.9"}); got != "10.0.0.1:5" {
		t.Errorf("without trusted proxies %q", got)
	}
}
