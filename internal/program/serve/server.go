package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"ostiary/internal/doors/api"
	"ostiary/internal/doors/console"
	"ostiary/internal/doors/drafts"
	"ostiary/internal/doors/enrol"
	"ostiary/internal/doors/self"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/events"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/integrity"
	"ostiary/internal/engine/jobs"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/nodes"
	"ostiary/internal/engine/overview"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/engine/secrets"
	"ostiary/internal/engine/selfservice"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/engine/users"
	"ostiary/internal/program/steadylog"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Server is the parts of a running server.
type Server struct {
	cfg    Config
	log    *slog.Logger
	steady *steadylog.Handler // behind log
	lock   *flock.Flock
	db     store.DB
	fill   func() // db's cache; does nothing where there is none
	lacks  *lacks
	alone  bool // no other server works on db

	overtaken *overtaken
	newer     func() int // the number of db's schema, if it is a newer version's

	database    *integrity.Database
	node        *nodes.Node
	follower    *nodes.Follower
	alarms      *alarms
	marks       *secrets.Marker
	engine      *codes.Engine
	lifecycle   *lifecycle.Service
	imports     *imports.Service
	drafts      *drafts.Drafts
	activations *activations.Service
	profiles    *profiles.Service
	users       *users.Users
	temporary   *tempcodes.Codes
	jobs        *jobs.Service
	keys        *credentials.Keys
	root        *credentials.Root
	accounts    *credentials.Accounts
	sessions    *seal.Hasher
	address     string // where it listens; empty before it does
	ledger      *ledger.Ledger
	api         *api.API
	watch       *watch
	demo        *demo // nil unless this is one
	outbox      *events.Outbox
}

// Open takes the data directory and wires the parts. Close gives it back.
func Open(ctx context.Context, cfg Config) (s *Server, err error) {
	if cfg.Data == "" {
		return nil, errors.New("no data directory")
	}
	collectLess()
	s = newServer(cfg)
	if err := s.takeData(); err != nil {
		return nil, err
	}
	taken := s // s is nil after return nil
	defer func() {
		if err != nil {
			err = errors.Join(err, taken.Close())
		}
	}()
	if err := s.openDatabase(ctx); err != nil {
		return nil, err
	}
	if err := s.wire(ctx); err != nil {
		return nil, err
	}
	s.fill()
	return s, s.database.KeepMark(ctx)
}

func newServer(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Out == nil {
		cfg.Out = io.Discard
	}
	steady := steadylog.New(cfg.Log.Handler())
	log := slog.New(steady)
	return &Server{cfg: cfg, steady: steady, log: log, alarms: newAlarms(log), watch: newWatch(),
		lacks: &lacks{log: log}, overtaken: newOvertaken(),
		newer: func() int { return 0 }, fill: func() {}}
}

// takeData makes the data directory and locks it.
func (s *Server) takeData() error {
	if err := os.MkdirAll(s.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	info, err := os.Stat(s.cfg.Data)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("data directory %s has mode %04o and is open to others; run: chmod 700 %s", s.cfg.Data,
			info.Mode().Perm(), s.cfg.Data)
	}
	lock := flock.New(filepath.Join(s.cfg.Data, "lock"), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock data directory: %w", err)
	}
	if !ok {
		return &lockedError{s.cfg.Data}
	}
	s.lock = lock
	return nil
}

// lockedError says that another process has the data directory.
type lockedError struct{ data string }

func (e *lockedError) Error() string {
	return "another server is running on " + e.data + " (or its log is being read); stop it first, or use another " +
		"data directory"
}

func (e *lockedError) Unwrap() error { return ErrRunning }

func (s *Server) wire(ctx context.Context) (err error) {
	now, keyring := s.cfg.Now, s.database.Keys
	s.ledger = s.database.Ledger
	hashers := map[seal.Purpose]*seal.Hasher{}
	for _, p := range []seal.Purpose{seal.Code, seal.Job, seal.KeyHash, seal.Link, seal.Password, seal.Session,
		seal.Twin} {
		if hashers[p], err = s.database.Hasher(p); err != nil {
			return err
		}
	}
	if s.node, err = s.join(ctx); err != nil {
		return err
	}
	if s.outbox, err = s.newOutbox(); err != nil {
		return err
	}
	s.db = s.outbox.Watch(s.db)
	s.marks = secrets.NewMarker(hashers[seal.Twin])
	s.temporary = tempcodes.New(s.db, hashers[seal.Code], now)
	if s.engine, err = codes.New(
		codes.Config{Store: s.db, Keys: keyring, Policy: s.cfg.Codes, Temporary: s.temporary,
			Shared: !s.alone, Now: now}); err != nil {
		return err
	}
	if s.lifecycle, err = lifecycle.New(
		lifecycle.Config{DB: s.db, Keys: keyring, Marks: s.marks, Links: hashers[seal.Link], Issuer: s.cfg.Issuer,
			Unlocked: s.engine.ForgetClients, Now: now}); err != nil {
		return err
	}
	if s.jobs, err = jobs.New(jobs.Config{DB: s.db, Tokens: s.lifecycle, Hasher: hashers[seal.Job], Node: s.node.ID(),
		Now: now}); err != nil {
		return err
	}
	if s.imports, err = imports.New(
		imports.Config{DB: s.db, Keys: keyring, Marks: s.marks, Node: s.node.ID(), Now: now}); err != nil {
		return err
	}
	if s.drafts, err = drafts.New(drafts.Config{Imports: s.imports}); err != nil {
		return err
	}
	if err := s.imports.SweepAbandoned(ctx); err != nil {
		return err
	}
	if err := s.markSecrets(ctx, keyring); err != nil {
		return err
	}
	s.profiles = profiles.New(s.db, keyring, now)
	if err := s.profiles.EnsureDefaults(ctx, s.lifecycle.Issuer(), system()); err != nil {
		return err
	}
	s.users = users.New(s.db, now, func(user int64) { s.engine.ForgetClients(user, 0) })
	if s.keys, err = credentials.OpenKeys(ctx, s.db, hashers[seal.KeyHash], now); err != nil {
		return err
	}
	s.sessions = hashers[seal.Session]
	s.root = credentials.NewRoot(s.db, hashers[seal.Password], s.sessions, now)
	if s.accounts, err = credentials.NewAccounts(credentials.AccountsConfig{DB: s.db, Root: s.root, Codes: s.engine,
		RequireSecondFactor: s.cfg.RequireSecondFactor, PublicURL: s.publicURL, Now: now}); err != nil {
		return err
	}
	s.follower = s.newFollower()
	if s.activations, err = activations.New(
		activations.Config{DB: s.db, Keys: keyring, Marks: s.marks, Codes: s.engine, Tokens: s.lifecycle,
			Policy: s.cfg.Activations, Passwords: s.passwords(), Now: now}); err != nil {
		return err
	}
	if s.cfg.Demo {
		if err := s.fillDemo(ctx); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	s.api, err = s.API(s.engine)
	return err
}

// markSecrets brings a database of an older version up to date, and says what of it
// somebody should look at.
func (s *Server) markSecrets(ctx context.Context, keyring *seal.Keyring) error {
	marked, shared, err := s.marks.Upgrade(ctx, s.db, keyring, s.cfg.Now(), system())
	if err != nil {
		return err
	}
	if marked > 0 {
		s.log.Info("computed the marks of the tokens' secrets", "tokens", marked)
	}
	if shared > 0 {
		_, err = fmt.Fprintf(
			s.cfg.Out, "Secrets that several tokens hold: %d. A code of one counts once for all of its "+
				"tokens. See: ostiary token list --twins\n", shared)
	}
	return err
}

// API builds the REST face, with the console beside it, over the server's parts, with v to decide codes. The
// server's own has its engine there; the benchmark compares it with one that
// decides nothing.
func (s *Server) API(v api.Verifier) (*api.API, error) {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics.MustRegister(s.alarms.gauge(), s.watch.findings, s.watch.at, keyExpiry(s.keys))
	metrics.MustRegister(eventMetrics(s.outbox)...)
	counts, err := overview.New(overview.Config{DB: s.db, Holds: v.Holds, Now: s.cfg.Now})
	if err != nil {
		return nil, err
	}
	own, err := selfservice.New(selfservice.Config{DB: s.db, Hasher: s.sessions, Codes: v, Lifecycle: s.lifecycle,
		Activations: s.activations, Ledger: s.ledger, Policy: s.cfg.SelfService, Now: s.cfg.Now})
	if err != nil {
		return nil, err
	}
	rest, err := api.New(api.Config{Version: s.cfg.Version, Verifier: v, Lifecycle: s.lifecycle, Imports: s.imports,
		Jobs:        s.jobs,
		Activations: s.activations, Profiles: s.profiles, Users: s.users, Temporary: s.temporary,
		Keys: s.keys, Root: s.root, Accounts: s.accounts, Ledger: s.ledger, Overview: counts, Events: s.outbox,
		SelfService: own,
		Log:         s.log, Metrics: metrics, Ready: s.db.Check,
		Degraded:  s.degraded,
		Lacks:     s.lacks.words,
		Proxies:   s.cfg.TrustedProxies,
		PublicURL: s.cfg.PublicURL,
		Settings:  s.cfg.Settings,
		Pages:     enrol.Pages()})
	if err != nil {
		return nil, err
	}
	pages, err := console.New(console.Config{Rest: rest, Verifier: v, Lifecycle: s.lifecycle, Users: s.users,
		Jobs: s.jobs, Activations: s.activations, Profiles: s.profiles, Temporary: s.temporary,
		Accounts: s.accounts, Keys: s.keys, Settings: s.cfg.Settings,
		Ledger: s.ledger, Overview: counts, Imports: s.imports, Drafts: s.drafts,
		PublicURL: s.publicURL, Now: s.cfg.Now})
	if err != nil {
		return nil, err
	}
	rest.Mount(pages.Pages())
	return rest, s.mountSelf(rest, own)
}

// mountSelf serves the pages of self-service, unless they are off.
func (s *Server) mountSelf(rest *api.API, service *selfservice.Service) error {
	if s.cfg.SelfService.Off {
		return nil
	}
	pages, err := self.New(self.Config{Rest: rest, Service: service, Help: s.cfg.SelfServiceHelp, PublicURL: s.publicURL,
		Now: s.cfg.Now})
	if err == nil {
		rest.Mount(pages.Pages())
	}
	return err
}

// publicURL is where browsers reach the server.
func (s *Server) publicURL() string { return cmp.Or(s.cfg.PublicURL, s.address) }

// degraded reports whether something does not fit: a forged row was met, the last
// verification found what does not follow from the log, or PostgreSQL lacks what it must
// not.
func (s *Server) degraded() bool {
	return s.alarms.degraded() || s.watch.degraded.Load() || s.lacks.degraded()
}

// DB is the server's database, for a measurement that fills it.
func (s *Server) DB() store.DB { return s.db }

// Engine is the server's decision engine.
func (s *Server) Engine() *codes.Engine { return s.engine }

// firstPassword gives ROOT its password at the first start, and prints one that it has
// drawn. It is called when the server listens: a password that was printed by a start that
// failed is overlooked, and the next start prints none.
func (s *Server) firstPassword(ctx context.Context) error {
	has, err := s.root.HasPassword(ctx)
	if err != nil || has {
		return err
	}
	var chosen *string
	if s.cfg.RootPassword != nil {
		given, err := s.cfg.RootPassword()
		if err != nil {
			return fmt.Errorf("the password of ROOT: %w", err)
		}
		defer clear(given)
		chosen = new(string(given))
	}
	drawn, err := s.root.FirstPassword(ctx, chosen, system())
	if errors.Is(err, store.ErrConflict) {
		return nil // another node has given it, and told it there
	}
	if err == nil && drawn != "" {
		_, err = fmt.Fprintf(s.cfg.Out, "ROOT password: %s\n", drawn)
	}
	return err
}

// announce tells where the server is.
func (s *Server) announce(address string) {
	fmt.Fprintf(s.cfg.Out, "Listening on %s\n", address)
	if s.demo != nil {
		s.demo.print(s.cfg.Out, address, s.cfg.Data)
	}
	s.log.Info("listening", "address", address, "data", s.cfg.Data)
}

// Close finishes writing and gives the data directory back.
func (s *Server) Close() error {
	var err error
	if s.drafts != nil {
		s.drafts.Close()
	}
	if s.db != nil {
		err = s.db.Close()
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Unlock())
	}
	return err
}
