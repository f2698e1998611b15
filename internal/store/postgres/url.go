package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// params are those that a URL may have. pgx would send what it does not know to the
// server as a setting.
var params = []string{"host", "port", "target_session_attrs", "connect_timeout", "search_path", "application_name",
	"sslmode", "sslrootcert", "sslcert", "sslkey", "sslsni"}

// CheckURL refuses a URL that Open would refuse.
func CheckURL(url string) error {
	_, err := configured(Config{URL: url})
	return err
}

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
	// What is behind an unquoted /, ? or # of a password.
	if strings.ContainsRune(u.Path+u.RawQuery+u.Fragment, '@') || u.Fragment != "" {
		return nil, errors.New("the database's URL has an @ or a # that is not written as %40 or %23; " +
			"if it has a password, write that into a file, and name the file")
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
	c, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, fmt.Errorf("the database's URL: %w", err)
	}
	// What a URL leaves open depends on the hosts, of which some come from the environment.
	all := hosts(c)
	usual := map[string]string{"sslmode": "prefer"}
	if away := remote(all); len(away) > 0 {
		usual["sslmode"] = "verify-full"
		if mode := values.Get("sslmode"); mode != "" && mode != "verify-full" {
			return nil, fmt.Errorf("the database's URL has sslmode=%s, and with it another machine could pass for %s; "+
				"use verify-full, and sslrootcert=FILE for an authority of your own", mode, away[0])
		}
	}
	if len(all) > 1 {
		usual["target_session_attrs"] = "read-write" // one of them is the primary
	}
	for name, value := range usual {
		if values.Get(name) == "" {
			values.Set(name, value)
		}
	}
	u.RawQuery = values.Encode()
	if c, err = pgx.ParseConfig(u.String()); err != nil {
		return nil, fmt.Errorf("the database's URL: %w", err)
	}
	if cfg.PasswordFile != "" {
		if c.Password, err = password(cfg.PasswordFile); err != nil {
			return nil, err
		}
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "ostiary"
	}
	delete(c.RuntimeParams, "options") // of the environment
	// Of the connection, because the role or the database may have others. A commit is on
	// the disk, and on the synchronous standby if there is one, before it is answered; it
	// waits as long as that takes.
	c.RuntimeParams["synchronous_commit"] = "on"
	c.RuntimeParams["statement_timeout"] = "0"
	// A node that is stopped in the middle of a transaction must not keep its locks from the
	// others. Statements are many and short, so that to compile them costs more than it saves.
	c.RuntimeParams[idle] = idleOfChanges
	c.RuntimeParams["jit"] = "off"
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	// A server that is gone without a word is noticed, although nothing bounds how long a
	// commit may take: its machine does not answer. The kernel asks only while nothing is
	// under way; of what is under way it waits for the receipt (giveUp).
	c.DialFunc = (&net.Dialer{Control: giveUp, KeepAliveConfig: net.KeepAliveConfig{Enable: true,
		Idle: silence - 6*time.Second, Interval: 2 * time.Second, Count: 3}}).DialContext
	c.OnNotice = noted
	return c, nil
}

// silence is how long the machine of the server may leave unanswered what the kernel sends.
const silence = 11 * time.Second

// How long the server waits for the next statement of a transaction before it ends the
// connection, and with it the locks. A batch holds the rows of codes, on which the batches
// of other nodes wait; a change computes between its statements, and codes go on meanwhile.
const (
	idle          = "idle_in_transaction_session_timeout"
	idleOfBatches = "1s"
	idleOfChanges = "10s"
)

// connectTimeout is how long one of several hosts may take to answer.
const connectTimeout = 5 * time.Second

// hosts are those that are tried, each once.
func hosts(c *pgx.ConnConfig) []string {
	all := []string{c.Host}
	for _, f := range c.Fallbacks {
		if !slices.Contains(all, f.Host) {
			all = append(all, f.Host)
		}
	}
	return all
}

// remote gives the hosts that are reached over a network, so that a server must prove by a
// certificate who it is.
func remote(hosts []string) (away []string) {
	for _, host := range hosts {
		ip := net.ParseIP(host)
		if !strings.HasPrefix(host, "/") && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			away = append(away, host)
		}
	}
	return away
}

// password reads a file that only its owner can read, or one that systemd has put where only
// the service can read it.
func password(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("the file with the database's password: %w", err)
	}
	given := os.Getenv("CREDENTIALS_DIRECTORY")
	if !(given != "" && filepath.Dir(file) == filepath.Clean(given)) && runtime.GOOS != "windows" &&
		info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s has mode %04o, and the database's password is open to others than its owner; run: "+
			"chmod 600 %s", file, info.Mode().Perm(), file)
	}
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
