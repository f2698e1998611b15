// Package serve starts the server and stops it: it opens the data directory,
// wires the parts together, and listens.
//
// A data directory holds everything of one server:
//
//	ostiary.db    the database (and its -wal and -shm)
//	kek           the key-encryption key; keep a copy elsewhere
//	kek.mark      how far this server has been; never put back from a backup
//	lock          held while a server runs
//	node          the number of the server that ran last, if others work on its database
//	ostiary.sock  local administration, while a server runs
//
// With a database of PostgreSQL (store.go) there is no ostiary.db.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/peer"
	"ostiary/internal/doors/webhook"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/selfservice"
	"ostiary/internal/program/connlimit"
)

// Config is what an administrator can set. Every field has a flag of
// `ostiary serve` that documents it.
type Config struct {
	Data   string // data directory; made with mode 0700 when missing
	Listen string // address of the REST API; default 127.0.0.1:8080

	// Database is the URL of a PostgreSQL database, and DatabaseFile holds its password;
	// without it the database is a file in Data. NoStandby allows a PostgreSQL without a
	// synchronous standby.
	Database, DatabaseFile string
	NoStandby              bool
	// TakeBack has a database live again that was moved to another one.
	TakeBack bool

	// TLSCert and TLSKey are PEM files. Without them the server listens on
	// loopback only, unless BehindProxy says that a proxy terminates TLS.
	TLSCert, TLSKey string
	BehindProxy     bool
	// TrustedProxies are believed when X-Forwarded-For says for whom they speak.
	TrustedProxies peer.Proxies

	// Connections bounds those from the network at a time, ConnectionsPerAddress those
	// of one address, unless BehindProxy. Zero fields take the defaults.
	Connections, ConnectionsPerAddress int

	// PublicURL is where users and their apps reach the server, for enrolment links
	// and activations; by default the address it listens on.
	PublicURL string
	// RequireSecondFactor refuses administrators who have none, but for ROOT.
	RequireSecondFactor bool
	// Issuer names the organisation in authenticator apps; default "Ostiary".
	Issuer string

	// Codes says how long wrong codes lock; zero fields take the defaults of package
	// codes, where a lock does not end.
	Codes codes.Policy

	// Activations are the limits of activations; zero fields take the defaults.
	Activations activations.Policy

	// NotifyURL is an address to which is posted what users are to know, signed with
	// NotifyKeys; empty for none. NotifyPasswords has the passwords of activations that users
	// begin themselves posted there, too, instead of answered.
	NotifyURL       string
	NotifyKeys      webhook.Keys
	NotifyPasswords bool

	// SelfService is what users may do at /me; SelfServiceHelp tells them how the help desk is
	// reached.
	SelfService     selfservice.Policy
	SelfServiceHelp string

	// KeepReports is how long the rows of import reports are kept; zero is for ever.
	KeepReports time.Duration

	// RootPassword gives the password that ROOT has from the first start on; nil has one
	// drawn and printed. It is not asked for where ROOT has a password.
	RootPassword func() ([]byte, error)

	// Demo runs on a throwaway data directory with sample tokens and users.
	Demo bool

	// Settings are the settings with their sources, for administrators to look at.
	Settings []wire.Setting

	Version string
	Log     *slog.Logger
	Out     io.Writer // what a person is told at the start
	// Now is time.Now unless a test replaces it.
	Now func() time.Time
}

// DefaultListen is where the server listens when nothing else is said.
const DefaultListen = "127.0.0.1:8080"

// A stop takes stopTimeout for the requests under way and lastTimeout for the last
// entries: together the ten seconds after which containers are killed.
const (
	stopTimeout = 7 * time.Second
	lastTimeout = 3 * time.Second
)

// Run serves until ctx ends, then finishes the requests that are under way.
func Run(ctx context.Context, cfg Config) (err error) {
	if cfg.Listen == "" {
		cfg.Listen = DefaultListen
	}
	if cfg.Demo {
		if cfg.Data != "" {
			return errors.New("a demo needs no data directory: it creates one and deletes it at the end")
		}
		if cfg.Data, err = os.MkdirTemp("", "ostiary-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(cfg.Data)) }()
	}
	if err := mayListen(cfg); err != nil {
		return err
	}
	if err := checkPublicURL(cfg.PublicURL); err != nil {
		return err
	}
	s, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, s.Close())
		s.steady.Flush()
	}()
	return s.serve(ctx)
}

// mayListen refuses to put passwords and codes on a network in the clear.
func mayListen(cfg Config) error {
	if (cfg.TLSCert == "") != (cfg.TLSKey == "") {
		return errors.New("TLS needs both a certificate and a key (--tls-cert and --tls-key)")
	}
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", cfg.Listen, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() || cfg.TLSCert != "" ||
		cfg.BehindProxy {
		return nil
	}
	return fmt.Errorf("refusing to listen on %s without TLS: give --tls-cert and --tls-key, or --behind-proxy if a "+
		"proxy terminates TLS", cfg.Listen)
}

// checkPublicURL refuses an address that would not lead users here, or not
// safely.
func checkPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("the public URL %q is not an address such as https://tokens.example.com", text)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" &&
		(ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("the public URL %q must begin with https: it shows secrets", text)
	}
	return nil
}

// serve listens on the network and on the socket.
func (s *Server) serve(ctx context.Context) error {
	tcp, err := net.Listen("tcp", s.cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("another program listens on %s: %w", s.cfg.Listen, syscall.EADDRINUSE)
	} else if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	bounded := s.bounded(tcp, s.limits())
	tcp = bounded
	scheme := "http"
	if s.cfg.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(s.cfg.TLSCert, s.cfg.TLSKey)
		if err != nil {
			return errors.Join(fmt.Errorf("TLS certificate: %w", err), tcp.Close())
		}
		tcp = tls.NewListener(tcp, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
			NextProtos: []string{"h2", "http/1.1"}})
		scheme = "https"
	}
	local, err := listenLocal(s.cfg.Data)
	if err != nil {
		return errors.Join(err, tcp.Close())
	}
	network := s.httpServer(s.api, bounded)
	socketConns := s.bounded(local, connlimit.Limits{Total: localConnections})
	local = socketConns
	socket := s.httpServer(s.api.Local(peerUser), socketConns)
	socket.ConnContext = withPeer

	err = s.firstPassword(ctx)
	if err == nil {
		err = s.ledger.Record(ctx, audit.Entry{Action: audit.ServerStarted, Outcome: audit.Done, Origin: system(),
			After: []audit.Field{{Name: "listen", Value: tcp.Addr().String()}, {Name: "node", Value: s.node.ID()},
				{Name: "version", Value: s.cfg.Version}}})
	}
	if err != nil {
		return errors.Join(err, tcp.Close(), local.Close())
	}
	s.expire(ctx) // before the first list is asked for
	address := scheme + "://" + tcp.Addr().String()
	s.address = address
	s.api.Listening(address)
	s.announce(address)

	run, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	failed := make(chan error, 2)
	for _, l := range []struct {
		server   *http.Server
		listener net.Listener
	}{{network, tcp}, {socket, local}} {
		wg.Go(func() {
			if err := l.server.Serve(l.listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	wg.Go(func() {
		s.ledger.Run(run, s.database.KeepMark, func(err error) { s.log.Error("audit log", "error", err) })
	})
	wg.Go(func() { s.alarms.record(run, s.ledger) })
	wg.Go(func() { s.expireHourly(run) })
	wg.Go(func() { s.saveKeyUse(run) })
	wg.Go(func() { s.trim(run) })
	wg.Go(func() { s.outbox.Run(run) })
	wg.Go(func() { s.ledger.Watch(run, s.verified) })
	wg.Go(func() { s.tidyImports(run) })
	wg.Go(func() { s.jobs.Run(run, func(err error) { s.log.Error("changes of many tokens wait", "error", err) }) })
	wg.Go(func() { s.tidyJobs(run) })
	if !s.alone {
		wg.Go(func() { s.follow(run) })
	}
	select {
	case <-ctx.Done():
		s.log.Info("stopping")
	case err = <-failed:
	case <-s.overtaken.told:
		err = s.drain(ctx.Done())
	}
	cancel()
	return errors.Join(err, s.stop(context.WithoutCancel(ctx), &wg, network, socket))
}

// stop ends the requests and closes the log. No client can keep it: a checkpoint is
// signed before any is waited for, so that there is one even if the process is
// killed while it waits; and the time for the last entries is not theirs.
func (s *Server) stop(ctx context.Context, wg *sync.WaitGroup, servers ...*http.Server) error {
	first, done := context.WithTimeout(ctx, lastTimeout)
	defer done()
	if s.overtaken.is() {
		s.log.Info("nothing is written at the end: the database is not this server's any more")
	} else if err := s.ledger.Checkpoint(first); err != nil {
		s.log.Error("audit log", "error", err) // the last one is tried all the same
	}
	patience, over := context.WithTimeout(ctx, stopTimeout)
	defer over()
	wg.Go(s.drafts.Close)
	errs := make([]error, len(servers))
	for i, server := range servers {
		wg.Go(func() { errs[i] = s.shutdown(patience, server) })
	}
	wg.Wait()
	if s.overtaken.is() {
		return errors.Join(errs...)
	}
	last, end := context.WithTimeout(ctx, lastTimeout)
	defer end()
	return errors.Join(errors.Join(errs...), s.keys.SaveUse(last), s.node.Leave(last),
		s.ledger.Record(last, audit.Entry{Action: audit.ServerStopped, Outcome: audit.Done, Origin: system()}),
		s.checkpoint(last))
}

// shutdown waits for requests under way; those that take too long are cut off.
func (s *Server) shutdown(ctx context.Context, server *http.Server) error {
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests that take too long are cut off")
		return server.Close()
	}
	return err
}

func system() audit.Origin { return audit.Origin{Actor: "system"} }

// SocketPath is where local administration finds the server.
func SocketPath(data string) string { return filepath.Join(data, "ostiary.sock") }

// listenLocal makes the socket; the lock on the data directory is held, so a
// socket that is there is a leftover.
func listenLocal(data string) (net.Listener, error) {
	path := SocketPath(data)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("local socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
