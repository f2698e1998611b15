package client

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
)

// preferAnswer dials connections whose answers take precedence over failed
// writes.
func (d dialFunc) preferAnswer(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &answerConn{Conn: c}, nil
}

// answerConn gives a server's answer precedence over a failed write.
//
// A server that refuses an upload answers before it has read all of it and
// hangs up. The next write then fails, and the transport would report "broken
// pipe" and throw the answer away. So what is written after the other side hung
// up is dropped instead, and the reading side decides: it finds the answer, or
// that there is none.
type answerConn struct {
	net.Conn
	hungUp atomic.Bool
}

func (c *answerConn) Write(b []byte) (int, error) {
	if c.hungUp.Load() {
		return len(b), nil
	}
	n, err := c.Conn.Write(b)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		c.hungUp.Store(true)
		return len(b), nil
	}
	return n, err
}
