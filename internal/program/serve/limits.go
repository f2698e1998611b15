package serve

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"ostiary/internal/engine/codes"
	"ostiary/internal/program/connlimit"
)

// Limits of connections, of which flags change the first two.
const (
	DefaultConnections           = 4096
	DefaultConnectionsPerAddress = 1024

	localConnections = 256 // on the socket, apart from the others, so that it always answers

	readTimeout = 10 * time.Second // of a header, and of a TLS handshake
	idleTimeout = 2 * time.Minute
	headerBytes = 16 << 10

	streams = 100 // HTTP/2 requests of one connection at a time
	// An HTTP/2 connection on which nothing arrives is asked whether it lives.
	silence, pingTimeout = 30 * time.Second, 15 * time.Second

	// descriptors are kept for files and for what the server itself opens.
	descriptors = 128
)

// Wrong codes under one name that lock the client that presents them: half of those that
// lock the name, and all of them at most.
const (
	DefaultClientShare = codes.FailureLimit / 2
	MaxClientShare     = codes.FailureLimit
)

// limits gives the bounds of the network's connections: what is configured, and not
// more than the process may open. Behind a proxy all come from its address.
func (s *Server) limits() connlimit.Limits {
	l := connlimit.Limits{Total: s.cfg.Connections, PerAddress: s.cfg.ConnectionsPerAddress,
		Proxies: s.cfg.TrustedProxies}
	if l.Total == 0 {
		l.Total = DefaultConnections
	}
	if l.PerAddress == 0 {
		l.PerAddress = DefaultConnectionsPerAddress
	}
	if may := openFiles() - descriptors - localConnections; may < l.Total {
		may = max(may, 64)
		s.log.Warn("fewer connections than configured: the process may open too few files", "connections", may,
			"configured", l.Total, "open files", openFiles())
		l.Total = may
	}
	if s.cfg.BehindProxy {
		l.PerAddress = 0
	}
	return l
}

// httpServer serves h on the connections of l.
func (s *Server) httpServer(h http.Handler, l *connlimit.Listener) *http.Server {
	return &http.Server{Handler: connlimit.Timed(h), ConnState: l.State,
		ReadHeaderTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: streams, SendPingTimeout: silence, PingTimeout: pingTimeout,
			WriteByteTimeout: time.Minute},
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
}

// bounded is a listener within the limits.
func (s *Server) bounded(l net.Listener, limits connlimit.Limits) *connlimit.Listener {
	return connlimit.Listen(l, limits, s.log)
}
