package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ostiary/internal/core/peer"
	"ostiary/internal/doors/webhook"
	"ostiary/internal/engine/activations"
	"ostiary/internal/program/cmdline"
	"ostiary/internal/program/serve"
)

// How long import reports are kept, in days.
const (
	defaultReportDays = 365
	maxReportDays     = 36_500
)

// How long wrong codes lock.
const (
	defaultLock        = 30 * time.Minute
	defaultLongestLock = 24 * time.Hour
)

func newServe(a *app) *cobra.Command {
	cfg := serve.Config{Version: cmdline.BuildInfo().Version, Out: a.Stdout, Activations: activations.DefaultPolicy()}
	var level, format, notifyKey, rootPassword string
	var reportDays int
	var own selfFlags
	var proxies []string
	cmd := &cobra.Command{
		Use:         "serve --data DIR",
		Short:       "Run the server",
		Annotations: map[string]string{cmdline.OnlyGlobalFlags: "data"},
		Long: `Run the server on a data directory until it is interrupted.

The first start creates the directory with the database and the key file, and
prints the password of ROOT once, unless --root-password-file gives one that you
chose. Keep a copy of the key file (DIR/kek)
separately from the backups of the database: without it no backup can be used, and
with it every backup can be read.

Without TLS the server listens on this machine only. While it runs, commands
with --data DIR reach it through the socket DIR/ostiary.sock, which only the
user who runs the server can open.

The limits of activations hold for profiles that have none of their own; see
ostiary profile limits.

With --database the tokens are in a PostgreSQL database (15 or newer) and not in
the directory, which still holds the key file and the socket. The first start
creates the tables. Several servers may use one database: give each a copy of kek
and kek.mark. The server refuses a PostgreSQL that may lose what it confirmed, or
that has no synchronous standby; --no-standby allows the latter. A host on the
network must prove its name by a certificate (sslmode=verify-full).

--demo runs on a throwaway directory with sample tokens and users.`,
		Example: `  ostiary serve --data /var/lib/ostiary
  ostiary serve --data /var/lib/ostiary --listen :8443 --tls-cert cert.pem --tls-key key.pem
  ostiary serve --data /var/lib/ostiary --listen :8080 --behind-proxy --trusted-proxy 10.0.0.0/24
  ostiary serve --data /var/lib/ostiary --database postgres://ostiary@db1,db2/ostiary \
    --database-file /etc/ostiary/password
  ostiary serve --demo`,
		Args: cmdline.Arguments(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			for _, flag := range []string{"server", "insecure-http", "json"} {
				if cmd.Flags().Changed(flag) {
					return cmdline.Mistakef(cmd, "--%s is not for serve", flag)
				}
			}
			if cfg.Data = a.connection.data; cfg.Data == "" && !cfg.Demo {
				cfg.Data = a.Getenv(envData)
			}
			switch {
			case cfg.Demo && cfg.Data != "":
				return cmdline.Mistakef(cmd, "--demo creates its own data directory and deletes it at the end: "+
					"omit --data")
			case !cfg.Demo && cfg.Data == "":
				return cmdline.Mistakef(cmd, "no data directory is given: use --data DIR (or %s), or --demo to try "+
					"the server out", envData)
			}
			if !cfg.Demo {
				if err := checkSocketPath(serve.SocketPath(cfg.Data)); err != nil {
					return err
				}
			}
			if err := checkDatabase(cmd, cfg); err != nil {
				return err
			}
			if err := checkActivations(cmd, cfg.Activations); err != nil {
				return err
			}
			if n := cfg.Codes.ClientShare; n < 1 || n > serve.MaxClientShare {
				return cmdline.Mistakef(cmd, "--client-share %d: it must be 1 to %d wrong codes", n,
					serve.MaxClientShare)
			}
			if err := cfg.Codes.Check(); err != nil || cfg.Codes.LongestLock < cfg.Codes.FirstLock {
				return cmdline.Mistakef(cmd, "--lock must be 1m to 30d, or 0 for a lock that does not end; --longest-lock must be "+
					"at least --lock, up to 30d")
			}
			if cfg.Connections < 1 || cfg.ConnectionsPerAddress < 1 {
				return cmdline.Mistakef(cmd, "--max-connections and --max-connections-per-address must be 1 or more")
			}
			if reportDays < 0 || reportDays > maxReportDays {
				return cmdline.Mistakef(cmd, "--import-report-days %d is not between 0 (for ever) and %d", reportDays,
					maxReportDays)
			}
			if err := a.checkNotify(cmd, &cfg, notifyKey); err != nil {
				return err
			}
			if rootPassword != "" {
				cfg.RootPassword = func() ([]byte, error) { return a.readSecret(rootPassword) }
			}
			cfg.KeepReports = time.Duration(reportDays) * 24 * time.Hour
			if cfg.TrustedProxies, err = proxiesOf(cmd, proxies); err != nil {
				return err
			}
			if cfg.SelfService, err = own.policy(cmd); err != nil {
				return err
			}
			cfg.SelfServiceHelp = own.help
			log, err := a.logger(cmd, level, format)
			if err != nil {
				return err
			}
			cfg.Log = log
			cfg.Settings = settingsOf(cmd, a.Getenv(envData))
			err = serve.Run(cmd.Context(), cfg)
			if errors.Is(err, syscall.EADDRINUSE) {
				err = cmdline.WithHint(err, "stop it, or choose another address with --listen")
			}
			return err
		},
	}
	flags := cmd.Flags()
	addDatabaseFlags(flags, &cfg)
	addTakeBackFlag(flags, &cfg)
	flags.StringVar(&cfg.Listen, "listen", serve.DefaultListen, "`ADDRESS` of the REST API; port 0 takes any free one")
	flags.StringVar(&cfg.TLSCert, "tls-cert", "", "PEM `FILE` with the certificate and its chain")
	flags.StringVar(&cfg.TLSKey, "tls-key", "", "PEM `FILE` with the certificate's private key")
	flags.BoolVar(&cfg.BehindProxy, "behind-proxy", false, "listen beyond this machine without TLS: a proxy "+
		"terminates it")
	flags.StringSliceVar(&proxies, "trusted-proxy", nil, "`CIDR` of proxies whose X-Forwarded-For names the client; "+
		"several: with commas, or again")
	flags.StringVar(&cfg.PublicURL, "public-url", "", "`URL` at which users and their apps reach the server, for enrolment links and activations (default: where it listens)")
	flags.BoolVar(&cfg.RequireSecondFactor, "require-second-factor", false,
		"refuse the sign-in of administrators who have neither a token nor a passkey")
	flags.StringVar(&cfg.Issuer, "issuer", "Ostiary", "`NAME` of the organisation in authenticator apps")
	flags.IntVar(&cfg.Connections, "max-connections", serve.DefaultConnections, "`N` connections from the network at "+
		"a time, at most")
	flags.IntVar(&cfg.ConnectionsPerAddress, "max-connections-per-address", serve.DefaultConnectionsPerAddress,
		"`N` connections of one address (IPv6: of one /64 network) at a time, at most; no limit with --behind-proxy")
	cmdline.SpanVar(flags, &cfg.Codes.FirstLock, "lock", defaultLock, "`TIME` that ten wrong codes in a row lock a token or a user; a wrong code after that locks for twice as long; 0 locks until somebody unlocks")
	cmdline.SpanVar(flags, &cfg.Codes.LongestLock, "longest-lock", defaultLongestLock, "longest `TIME` of a lock, however many wrong codes come")
	flags.IntVar(&cfg.Codes.ClientShare, "client-share", serve.DefaultClientShare, "`N` wrong codes under one name lock the client that presents them, under that name, as long as --lock; for requests that name their client")
	addActivationFlags(flags, &cfg.Activations)
	flags.StringVar(&cfg.NotifyURL, "notify-url", "", "`URL` to which is posted what happens to users and their tokens, so that they can be told (default: none)")
	flags.StringVar(&notifyKey, "notify-key-file", "", "`FILE` with the key that signs what is posted to --notify-url, of ostiary events new-key")
	flags.BoolVar(&cfg.NotifyPasswords, "notify-passwords", false, "post the passwords of activations that users begin themselves to --notify-url; answers do not have them")
	addSelfFlags(flags, &own)
	flags.StringVar(&rootPassword, "root-password-file", "", "`FILE` with the first password of ROOT (default: "+
		"generated and printed); later starts do not read it")
	flags.IntVar(&reportDays, "import-report-days", defaultReportDays, "`DAYS` for which import reports keep the rows "+
		"of single keys; 0 for forever")
	flags.BoolVar(&cfg.Demo, "demo", false, "run on a throwaway data directory with sample tokens and users")
	flags.StringVar(&level, "log-level", "info", "`LEVEL`: debug, info, warn or error")
	flags.StringVar(&format, "log-format", "text", "`FORMAT`: text or json")
	return cmd
}

// addDatabaseFlags adds what says where the database is.
func addDatabaseFlags(flags *pflag.FlagSet, cfg *serve.Config) {
	flags.StringVar(&cfg.Database, "database", "", "`URL` of a PostgreSQL database, postgres://USER@HOST[,HOST]/NAME, "+
		"without a password (default: a file in the data directory)")
	flags.StringVar(&cfg.DatabaseFile, "database-file", "", "`FILE` with the password of --database in its only line; "+
		"others must not be able to read it, unless it is a credential of systemd")
	flags.BoolVar(&cfg.NoStandby, "no-standby", false, "allow a --database without a synchronous standby; never let "+
		"another kind of standby take over, because used codes would work again")
}

// checkDatabase refuses flags that say something of a database that is not named.
func checkDatabase(cmd *cobra.Command, cfg serve.Config) error {
	if cfg.Database == "" {
		for _, flag := range []string{"database", "database-file", "no-standby"} {
			if cmd.Flags().Changed(flag) {
				return cmdline.Mistakef(cmd, "--%s needs a URL in --database", flag)
			}
		}
		return nil
	}
	if cfg.Demo {
		return cmdline.Mistakef(cmd, "--demo has a database of its own: omit --database")
	}
	if err := serve.CheckDatabase(cfg); err != nil {
		return cmdline.Mistakef(cmd, "--database: %v", err)
	}
	return nil
}

// checkNotify reads the keys that sign events.
func (a *app) checkNotify(cmd *cobra.Command, cfg *serve.Config, keyFile string) error {
	if cfg.NotifyURL == "" {
		for _, flag := range []string{"notify-key-file", "notify-passwords"} {
			if cmd.Flags().Changed(flag) {
				return cmdline.Mistakef(cmd, "--%s needs --notify-url", flag)
			}
		}
		return nil
	}
	if err := webhook.CheckURL(cfg.NotifyURL); err != nil {
		return cmdline.Mistakef(cmd, "--notify-url: %v", err)
	}
	if keyFile == "" {
		return cmdline.Mistakef(cmd, "--notify-url needs --notify-key-file: make a key with ostiary events new-key")
	}
	text, err := a.readSecret(keyFile)
	if err != nil {
		return err
	}
	defer clear(text)
	if cfg.NotifyKeys, err = webhook.ParseKeys(text); err != nil {
		return &inputError{fmt.Errorf("%s: %w", keyFile, err)}
	}
	return nil
}

// addActivationFlags adds the limits of activations. Their defaults are what they have.
func addActivationFlags(flags *pflag.FlagSet, p *activations.Policy) {
	cmdline.SpanVar(flags, &p.Expiry, "activation-expiry", p.Expiry, "`TIME` that an activation is open, unless it is begun with --days")
	flags.IntVar(&p.Tries, "activation-tries", p.Tries, "`N` wrong confirmations end an activation, 1 to 99")
	flags.IntVar(&p.Successes, "reactivations", p.Successes, "`N` activations of a token after the first, at most, within --reactivation-window")
	flags.IntVar(&p.Failures, "reactivation-failures", p.Failures, "`N` wrong confirmations of a token, at most, within --reactivation-window")
	cmdline.SpanVar(flags, &p.Window, "reactivation-window", p.Window, "`TIME` over which activations are counted")
	cmdline.SpanVar(flags, &p.Interval, "reactivation-interval", p.Interval, "`TIME` from an activation of a token to the next")
}

// checkActivations refuses limits that are out of bounds. Zero is none: it would mean
// the default.
func checkActivations(cmd *cobra.Command, p activations.Policy) error {
	if p.Expiry == 0 || p.Tries == 0 || p.Successes == 0 || p.Failures == 0 || p.Window == 0 || p.Interval == 0 {
		return cmdline.Mistakef(cmd, "limits of activations must not be 0")
	}
	if err := p.Check(); err != nil {
		return cmdline.Mistakef(cmd, "%v", err)
	}
	return nil
}

// proxiesOf reads networks; an address is one of itself alone.
func proxiesOf(cmd *cobra.Command, texts []string) (proxies peer.Proxies, err error) {
	for _, text := range texts {
		n, err := netip.ParsePrefix(text)
		if a, aerr := netip.ParseAddr(text); aerr == nil {
			n, err = a.Prefix(a.BitLen())
		}
		if err != nil || n.Masked() != n {
			return nil, cmdline.Mistakef(cmd, "--trusted-proxy %q is neither a network, such as 10.0.0.0/8, nor an address", text)
		}
		proxies = append(proxies, n)
	}
	return proxies, nil
}

// logger writes to standard error.
func (a *app) logger(cmd *cobra.Command, level, format string) (*slog.Logger, error) {
	if err := cmdline.OneOf(cmd, "log-level", level, "debug", "info", "warn", "error"); err != nil {
		return nil, err
	}
	if err := cmdline.OneOf(cmd, "log-format", format, "text", "json"); err != nil {
		return nil, err
	}
	var options slog.HandlerOptions
	var at slog.Level
	if err := at.UnmarshalText([]byte(level)); err != nil {
		return nil, err
	}
	options.Level = at
	if format == "json" {
		return slog.New(slog.NewJSONHandler(a.Stderr, &options)), nil
	}
	return slog.New(slog.NewTextHandler(a.Stderr, &options)), nil
}
