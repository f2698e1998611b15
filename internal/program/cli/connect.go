package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ostiary/internal/doors/client"
	"ostiary/internal/program/cmdline"
	"ostiary/internal/program/serve"
)

// The environment variables that say where the server is.
const (
	envData   = "OSTIARY_DATA"
	envServer = "OSTIARY_SERVER"
	envKey    = "OSTIARY_API_KEY"
)

// maxSocketPath is the longest path of a socket that every system takes.
const maxSocketPath = 103

// connectionFlags say which server to speak to.
type connectionFlags struct {
	data     string
	server   string
	insecure bool
}

func (c *connectionFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&c.data, "data", "", "`DIR` with the data of a server on this machine (or "+envData+")")
	flags.StringVar(&c.server, "server", "",
		"`URL` of a server on the network (or "+envServer+"), with an API key in "+envKey)
	flags.BoolVar(&c.insecure, "insecure-http", false, "allow http with a --server that is not on this machine: others on the "+
		"network can read keys and codes")
}

// place is where the server is: exactly one of the two is set.
type place struct{ data, server string }

// place decides between flags and environment; flags win.
func (a *app) place(cmd *cobra.Command) (place, error) {
	p := place{a.connection.data, a.connection.server}
	switch {
	case p.data != "" && p.server != "":
		return p, cmdline.Mistakef(cmd, "--data and --server exclude each other: give one of them")
	case p.data == "" && p.server == "":
		if p = (place{a.Getenv(envData), a.Getenv(envServer)}); p.data != "" && p.server != "" {
			return p, cmdline.Mistakef(cmd, "%s and %s are both set: choose one with --data or --server", envData,
				envServer)
		}
	}
	if p.data == "" && p.server == "" {
		return p, cmdline.Mistakef(cmd, "no server is given: use --data DIR (or %s) for the server of a data directory "+
			"on this machine, "+
			"or --server URL (or %s) with an API key in %s for one on the network", envData, envServer, envKey)
	}
	return p, nil
}

// withServer makes the body of a command that speaks to a server.
func (a *app) withServer(do func(*cobra.Command, *client.Client, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		where, err := a.place(cmd)
		if err != nil {
			return err
		}
		c, err := a.connect(where)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := do(cmd, c, args); err != nil {
			return where.explain(err)
		}
		return nil
	}
}

// withServerOrFiles is withServer, for commands that must work while the server of a data
// directory is stopped: there it opens the files, and does what the server would do.
func (a *app) withServerOrFiles(do func(*cobra.Command, *client.Client, []string) error) func(*cobra.Command,
	[]string) error {
	ask := a.withServer(do)
	return func(cmd *cobra.Command, args []string) (err error) {
		where, err := a.place(cmd)
		if err != nil {
			return err
		}
		if where.data == "" {
			return ask(cmd, args)
		}
		stop, failed := serve.Locally(cmd.Context(), where.data)
		switch {
		case errors.Is(failed, serve.ErrRunning), errors.Is(failed, fs.ErrNotExist):
			return ask(cmd, args)
		case failed != nil:
			return failed
		}
		defer func() { err = errors.Join(err, stop()) }()
		return ask(cmd, args)
	}
}

func (a *app) connect(where place) (*client.Client, error) {
	if where.data != "" {
		socket := serve.SocketPath(where.data)
		if err := checkSocketPath(socket); err != nil {
			return nil, err
		}
		return client.Local(socket), nil
	}
	key := a.Getenv(envKey)
	if key == "" {
		return nil, cmdline.WithHint(fmt.Errorf("there is no API key for %s", where.server),
			"put it into "+envKey+"; an administrator creates keys with: ostiary key create NAME --role ROLE")
	}
	c, err := client.New(client.Config{Server: where.server, Key: key, AllowInsecure: a.connection.insecure})
	switch {
	case errors.Is(err, client.ErrInsecure):
		return nil, cmdline.WithHint(fmt.Errorf("refusing to connect to %s: %w", where.server, err),
			"use https, or --insecure-http if the network is yours")
	case err != nil:
		return nil, fmt.Errorf("--server or %s, with %s: %w", envServer, envKey, err)
	}
	return c, nil
}

// checkSocketPath refuses what the system would only call an invalid argument.
func checkSocketPath(path string) error {
	if len(path) > maxSocketPath {
		return cmdline.WithHint(fmt.Errorf("the path %s has %d bytes, but a socket path can have at most %d", path, len(path),
			maxSocketPath),
			"use a data directory with a shorter path, or reach it through a symbolic link")
	}
	return nil
}

// explain adds what to do to the common failures to reach a server.
func (p place) explain(err error) error {
	if p.data == "" {
		if errors.Is(err, syscall.ECONNREFUSED) {
			return cmdline.WithHint(err, "is the server running, and is this its address?")
		}
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			return cmdline.WithHint(err, "if your own authority issued the certificate, name its file in "+
				"SSL_CERT_FILE")
		}
		return err
	}
	switch {
	case errors.Is(err, errInput):
		return err
	case errors.Is(err, fs.ErrNotExist) && serve.InPostgres(p.data), errors.Is(err, syscall.ECONNREFUSED) &&
		serve.InPostgres(p.data):
		return fmt.Errorf("no server is running on %s, and a database of PostgreSQL is read by a server only; start it with: "+
			"ostiary serve --data %s --database URL", p.data, cmdline.ShellQuote(p.data))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("no server is running on %s; start it with: ostiary serve --data %s", p.data,
			cmdline.ShellQuote(p.data))
	case errors.Is(err, fs.ErrPermission):
		return cmdline.WithHint(fmt.Errorf("the server of %s accepts local commands only from the user who runs it",
			p.data),
			"run this as that user, or use --server URL with an API key in "+envKey)
	}
	return err
}
