// Package peer says who is at the other end of a connection, as far as limits are
// concerned: an address of IPv4, or the network of one of IPv6, of which each client
// has a whole one.
package peer

import (
	"net/netip"
	"strings"
)

// networkBits are those of an IPv6 address that name the network of a client
// (RFC 4291, section 2.5.4).
const networkBits = 64

// Network gives what an address is counted by. It is the zero Prefix for none.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = networkBits
	}
	of, _ := a.Prefix(bits) // fails for bits out of range alone
	return of
}

// Name gives what a source is counted by, as text. A source is "address:port", an
// address, or a word such as "local", which stands for itself.
func Name(source string) string {
	a, ok := address(source)
	if !ok {
		return source
	}
	n := Network(a)
	if n.IsSingleIP() {
		return n.Addr().String()
	}
	return n.String()
}

func address(source string) (netip.Addr, bool) {
	if with, err := netip.ParseAddrPort(source); err == nil {
		return with.Addr(), true
	}
	a, err := netip.ParseAddr(strings.Trim(source, "[]"))
	return a, err == nil
}

// Proxies are the networks of proxies that are believed when they say for whom they
// speak.
type Proxies []netip.Prefix

// Holds reports whether the other end of a connection is one of them.
func (p Proxies) Holds(source string) bool {
	a, ok := address(source)
	return ok && p.holds(a)
}

func (p Proxies) holds(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, n := range p {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// Client gives the source of a request that came from source and bears these values of
// X-Forwarded-For. Each proxy appends the address that it was called from. So the
// values are read from their end for as long as trusted proxies speak, and the first
// address that is none of theirs is the client's: whatever stands before it, the client
// may have written itself. A value that is no address ends the reading: the last
// address known is the answer.
func (p Proxies) Client(source string, forwarded []string) string {
	if !p.Holds(source) {
		return source
	}
	said := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(said) - 1; i >= 0; i-- {
		a, ok := address(strings.TrimSpace(said[i]))
		if !ok {
			return source
		}
		source = a.Unmap().WithZone("").String()
		if !p.holds(a) {
			return source
		}
	}
	return source
}
