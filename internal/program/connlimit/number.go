// Package connlimit bounds what clients can take of a server: how many connections
// there are, in all and of one address, and how long a client may keep a request's
// body or the reading of its answer waiting.
//
// A Listener counts. When a connection comes that would be one too many, the one
// that has been idle longest makes room for it; if none is idle, the new one is
// closed. Timed sets the deadlines of each request. Deadlines of headers and of idle
// connections are the business of http.Server.
package connlimit

import (
	"container/list"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"ostiary/internal/core/peer"
)

// Limits bound the connections at a time. Zero is no bound.
type Limits struct {
	Total int
	// PerAddress is for one address: one of IPv4, or one network of IPv6 (/64).
	PerAddress int
	// Proxies are bound by Total alone: they speak for many.
	Proxies peer.Proxies
}

// Listener accepts as many connections as it may.
type Listener struct {
	net.Listener
	limits Limits
	log    *slog.Logger

	mu   sync.Mutex
	open int
	of   map[netip.Prefix]int
	idle *list.List // of *conn, the longest idle one first
}

// conn is an accepted connection.
type conn struct {
	net.Conn
	of      netip.Prefix
	in      *Listener
	waiting *list.Element // in the list of idle ones; nil while it is busy
	closed  bool
}

// Listen bounds what l accepts. What cannot be accepted is logged.
func Listen(l net.Listener, limits Limits, log *slog.Logger) *Listener {
	return &Listener{Listener: l, limits: limits, log: log, of: map[netip.Prefix]int{}, idle: list.New()}
}

// Accept gives the next connection that there is room for.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				l.log.Error("no connection can be accepted", "error", err)
			}
			return nil, err
		}
		if admitted := l.admit(c); admitted != nil {
			return admitted, nil
		}
	}
}

// admit counts a connection in, or closes it and gives nil.
func (l *Listener) admit(c net.Conn) net.Conn {
	of := networkOf(c.RemoteAddr())
	l.mu.Lock()
	excess := l.excess(of, c.RemoteAddr().String())
	var leaves *conn
	if excess != "" {
		if leaves = l.longestIdle(of, excess == perAddress); leaves == nil {
			l.mu.Unlock()
			l.log.Warn("a connection was refused", "error", excess, "address", c.RemoteAddr().String())
			_ = c.Close()
			return nil
		}
		leaves.leave()
	}
	l.open++
	l.of[of]++
	l.mu.Unlock()
	if leaves != nil {
		_ = leaves.Conn.Close()
	}
	return &conn{Conn: c, of: of, in: l}
}

const (
	inTotal    = "too many connections"
	perAddress = "too many connections of one address"
)

// excess names the bound that one connection more would break, or is empty.
func (l *Listener) excess(of netip.Prefix, source string) string {
	switch {
	case l.limits.PerAddress > 0 && l.of[of] >= l.limits.PerAddress && !l.limits.Proxies.Holds(source):
		return perAddress
	case l.limits.Total > 0 && l.open >= l.limits.Total:
		return inTotal
	}
	return ""
}

// longestIdle gives the connection that has been idle longest, of one address or of
// any.
func (l *Listener) longestIdle(of netip.Prefix, ofIt bool) *conn {
	for e := l.idle.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*conn); !ofIt || c.of == of {
			return c
		}
	}
	return nil
}

// State is to be the ConnState of the http.Server: it knows which connections are
// idle.
func (l *Listener) State(c net.Conn, state http.ConnState) {
	mine, ok := c.(*conn)
	if below, over := c.(interface{ NetConn() net.Conn }); !ok && over { // of TLS
		mine, ok = below.NetConn().(*conn)
	}
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case mine.closed:
	case state == http.StateIdle && mine.waiting == nil:
		mine.waiting = l.idle.PushBack(mine)
	case state != http.StateIdle:
		mine.busy()
	}
}

// busy takes the connection from the idle ones; the listener is locked.
func (c *conn) busy() {
	if c.waiting != nil {
		c.in.idle.Remove(c.waiting)
		c.waiting = nil
	}
}

// leave counts the connection out; the listener is locked.
func (c *conn) leave() {
	if c.closed {
		return
	}
	c.closed = true
	c.busy()
	c.in.open--
	if c.in.of[c.of]--; c.in.of[c.of] == 0 {
		delete(c.in.of, c.of)
	}
}

// Close counts the connection out and closes it.
func (c *conn) Close() error {
	c.in.mu.Lock()
	c.leave()
	c.in.mu.Unlock()
	return c.Conn.Close()
}

// NetConn gives the connection below, as that of TLS does.
func (c *conn) NetConn() net.Conn { return c.Conn }

// networkOf gives what connections are counted by; local ones have none.
func networkOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return peer.Network(tcp.AddrPort().Addr())
}
