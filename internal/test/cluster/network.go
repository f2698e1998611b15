package cluster

import (
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Network is a line between whoever uses its URL and the server, which a test disturbs. It
// is of TCP, so that the kernel does there what it does between machines.
type Network struct {
	t        testing.TB
	to       *Cluster
	listener *net.TCPListener
	wg       sync.WaitGroup

	mu    sync.Mutex
	calm  sync.Cond // told when held changes
	lines map[*strand]bool
	held  bool // nothing passes
	cut   bool // no new connection lives
	deaf  bool // no new connection is answered
	ended bool
}

// strand is one connection through the network, and the one that it was given at the server.
type strand struct {
	near *net.TCPConn
	far  net.Conn
	lost bool // nothing passes any more, and neither end is told
}

// Network gives a line to the server, which is whole at first.
func (c *Cluster) Network(t testing.TB) *Network {
	t.Helper()
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // whose sockets take no filter
	l, err := plain.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &Network{t: t, to: c, listener: l.(*net.TCPListener), lines: map[*strand]bool{}}
	n.calm.L = &n.mu
	n.wg.Go(n.accept)
	t.Cleanup(n.close)
	return n
}

// Through gives the URL of a database of the server as it is reached through the network.
func (n *Network) Through(to string) string {
	n.t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		n.t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(n.listener.Addr().String())
	if err != nil {
		n.t.Fatal(err)
	}
	values := u.Query()
	values.Set("host", host)
	values.Set("port", port)
	u.RawQuery = values.Encode()
	return u.String()
}

// Cut ends all connections, and each new one at once.
func (n *Network) Cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = true
	for s := range n.lines {
		s.reset()
	}
}

// Hold lets nothing pass. What is sent arrives in the network, and waits there: as if the
// server had been stopped, whose machine still answers.
func (n *Network) Hold() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held = true
}

// Lose lets nothing pass, and answers nothing: packets are lost. Those of the connections
// that there are will be lost for ever, and neither end is told; new ones find their way after
// Mend.
func (n *Network) Lose() {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deaf = true
	n.drop(n.listener, true)
	for s := range n.lines {
		n.lose(s)
	}
}

// lose loses what is sent on a connection from now on.
func (n *Network) lose(s *strand) {
	s.lost = true
	n.drop(s.near, true)
}

// Mend makes the network whole again.
func (n *Network) Mend() {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.deaf {
		n.drop(n.listener, false)
	}
	n.cut, n.held, n.deaf = false, false, false
	n.calm.Broadcast()
}

// drop has the kernel drop all packets that come to a socket, before it answers them; or no
// more.
func (n *Network) drop(on syscall.Conn, all bool) {
	n.t.Helper()
	// Of each packet 0 bytes are kept.
	nothing := &unix.SockFprog{Len: 1, Filter: &unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}}
	var done error
	raw, err := on.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			if all {
				done = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, nothing)
			} else {
				done = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
			}
		})
	}
	if err := errors.Join(err, done); err != nil {
		n.t.Errorf("drop the packets of a connection: %v", err)
	}
}

func (n *Network) accept() {
	for {
		near, err := n.listener.AcceptTCP()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				n.t.Error(err)
			}
			return
		}
		n.join(near)
	}
}

// join gives a connection its other half.
func (n *Network) join(near *net.TCPConn) {
	s := &strand{near: near}
	far, err := net.Dial("unix", filepath.Join(n.to.folder, ".s.PGSQL."+port))
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.far = far; err != nil || n.cut || n.ended {
		s.reset()
		return
	}
	n.lines[s] = true
	if n.deaf {
		n.lose(s)
	}
	n.wg.Go(func() { n.pass(s, s.far, s.near) })
	n.wg.Go(func() { n.pass(s, s.near, s.far) })
}

// pass passes on what comes, until one of both ends.
func (n *Network) pass(s *strand, to io.Writer, from io.Reader) {
	part := make([]byte, 64<<10)
	for {
		k, err := from.Read(part)
		n.mu.Lock()
		for (n.held || s.lost) && !n.ended {
			n.calm.Wait()
		}
		n.mu.Unlock()
		if k > 0 {
			if _, err := to.Write(part[:k]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.lines, s)
	s.end()
}

// end ends both halves.
func (s *strand) end() {
	_ = s.near.Close()
	if s.far != nil {
		_ = s.far.Close()
	}
}

// reset ends both halves in the middle of whatever passes.
func (s *strand) reset() {
	_ = s.near.SetLinger(0)
	s.end()
}

func (n *Network) close() {
	n.mu.Lock()
	n.ended = true
	for s := range n.lines {
		s.reset()
	}
	n.calm.Broadcast()
	n.mu.Unlock()
	_ = n.listener.Close()
	n.wg.Wait()
}
