package serve

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"syscall"
)

type peerKey struct{}

// withPeer remembers the user at the other end of a local connection, as the
// kernel tells it.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if counted, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = counted.NetConn()
	}
	unix, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *syscall.Ucred
	if cerr := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); cerr != nil || err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, strconv.Itoa(int(cred.Uid)))
}

// peerUser names the user at the other end by number.
func peerUser(r *http.Request) string {
	if uid, ok := r.Context().Value(peerKey{}).(string); ok {
		return uid
	}
	return "unknown"
}
