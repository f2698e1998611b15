package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// params are those that a URL may have. pgx would send what it does not know to the
// server as a setting.
var params = []string{"host", "port", "target_session_attrs", "connect_timeout", "search_path", "application_name",
	"sslmode", "sslrootcert", "sslcert", "sslkey", "sslsni", execMode}

const execMode = "default_query_exec_mode"

// execModes are the modes of pgx in which the server tells the types of what it answers
// before it does. cache_describe is the one for PgBouncer before 1.21.
var execModes = []string{"", "cache_statement", "cache_describe", "describe_exec"}

// configured reads the URL and the file with the password. No error holds a part of what
// may be a password.
func configured(cfg Config) (*pgx.ConnConfig, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" {
		return nil, errors.New("the database's URL cannot be read; write it as postgres://USER@HOST/DATABASE, " +
			"with %XX for what is special")
	}
	if _, there := u.User.Password(); there {
		return nil, errors.New("the database's URL has a password, which others could see; " +
			"write it into a file, and name that")
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("the database's URL cannot be read behind the ?")
	}
	for name, all := range values {
		if !slices.Contains(params, name) {
			return nil, fmt.Errorf("the database's URL has the parameter %q; it may have %s", name,
				strings.Join(params, ", "))
		}
		if len(all) != 1 {
			return nil, fmt.Errorf("the database's URL has the parameter %s more than once", name)
		}
	}
	if mode := values.Get(execMode); !slices.Contains(execModes, mode) {
		return nil, fmt.Errorf("the database's URL has %s=%s; it may be %s", execMode, mode,
			strings.Join(execModes[1:], ", "))
	}
	if values.Get("sslmode") == "" {
		values.Set("sslmode", "verify-full")
		u.RawQuery = values.Encode()
	}
	c, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, fmt.Errorf("the database's URL: %w", err)
	}
	if err := checkTLS(c, values.Get("sslmode")); err != nil {
		return nil, err
	}
	if cfg.PasswordFile != "" {
		if c.Password, err = password(cfg.PasswordFile); err != nil {
			return nil, err
		}
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "ostiary"
	}
	// Of the connection, because the role or the database may have others. A commit is on
	// the disk, and on the synchronous standby if there is one, before it is answered; it
	// waits as long as that takes.
	c.RuntimeParams["synchronous_commit"] = "on"
	c.RuntimeParams["statement_timeout"] = "0"
	c.OnNotice = noted
	return c, nil
}

// checkTLS demands that a server is known by its certificate, unless it is on this
// machine.
func checkTLS(c *pgx.ConnConfig, mode string) error {
	if mode == "verify-full" || mode == "verify-ca" {
		return nil
	}
	hosts := []string{c.Host}
	for _, f := range c.Fallbacks {
		hosts = append(hosts, f.Host)
	}
	for _, host := range hosts {
		ip := net.ParseIP(host)
		local := strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" ||
			ip != nil && ip.IsLoopback()
		if !local {
			return fmt.Errorf("the database's URL has sslmode=%s, and with it anybody could pass for %s; "+
				"use verify-full, and sslrootcert=FILE for an authority of your own", mode, host)
		}
	}
	return nil
}

func password(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("the file with the database's password: %w", err)
	}
	defer clear(text)
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 || len(rest) > 0 {
		return "", fmt.Errorf("the file %s should hold the database's password in its only line", file)
	}
	return string(line), nil
}
