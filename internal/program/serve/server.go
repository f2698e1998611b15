package serve

import (
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
	"ostiary/internal/doors/enrol"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/integrity"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/engine/secrets"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/engine/users"
	"ostiary/internal/program/steadylog"
	"ostiary/internal/seal"
	"ostiary/internal/seal/filekek"
	"ostiary/internal/store"
	"ostiary/internal/store/sqlite"
)

// Server is the parts of a running server.
type Server struct {
	cfg    Config
	log    *slog.Logger
	steady *steadylog.Handler // behind log
	lock   *flock.Flock
	db     store.DB

	database    *integrity.Database
	alarms      *alarms
	marks       *secrets.Marker
	engine      *codes.Engine
	lifecycle   *lifecycle.Service
	imports     *imports.Service
	activations *activations.Service
	profiles    *profiles.Service
	users       *users.Users
	temporary   *tempcodes.Codes
	keys        *credentials.Keys
	root        *credentials.Root
	ledger      *ledger.Ledger
	api         *api.API
	watch       *watch
	demo        *demo // nil unless this is one
	hook        *hook // nil without an address
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
		hook: newHook(cfg, log)}
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

// openDatabase opens the database and checks that it is the one that this server
// wrote last, or makes it the first time.
func (s *Server) openDatabase(ctx context.Context) error {
	opening, err := s.opening(ctx)
	if err == nil {
		s.database, err = integrity.Open(ctx, opening)
	}
	return err
}

// opening opens the key file and the file of the database, and makes both the first
// time. A database without its key file is refused: its secrets would be lost.
func (s *Server) opening(ctx context.Context) (c integrity.Config, err error) {
	kekPath, dbPath := filepath.Join(s.cfg.Data, "kek"), filepath.Join(s.cfg.Data, "ostiary.db")
	haveKey, err := filekek.Exists(kekPath)
	if err != nil {
		return c, err
	}
	if !haveKey {
		if _, err := os.Lstat(dbPath); err == nil {
			return c, fmt.Errorf("there is a database in %s but no key file %s: restore the key file from its "+
				"backup; without it the tokens' secrets cannot be read", s.cfg.Data, kekPath)
		}
		if err := filekek.Create(kekPath); err != nil {
			return c, err
		}
	}
	kek, err := filekek.Open(kekPath)
	if err != nil {
		return c, err
	}
	db, err := sqlite.Open(ctx, sqlite.Config{Path: dbPath, Report: s.commits})
	if errors.Is(err, store.ErrTampered) {
		err = fmt.Errorf("%w: %w", integrity.ErrRefused, err)
	}
	if err != nil {
		return c, fmt.Errorf("database %s: %w", dbPath, err)
	}
	s.db = db
	return integrity.Config{DB: db, KEK: kek, Marks: markFile(markPath(kekPath)), Now: s.cfg.Now,
		Alarm: s.alarms.raise}, nil
}

// commits tells the log when the database takes no changes, and when it does again.
func (s *Server) commits(trouble error) {
	if trouble != nil {
		s.log.Error("the database takes no changes: not ready", "error", trouble)
		return
	}
	s.log.Info("the database takes changes again: ready")
}

func (s *Server) wire(ctx context.Context) (err error) {
	now, keyring := s.cfg.Now, s.database.Keys
	s.ledger = s.database.Ledger
	hashers := map[seal.Purpose]*seal.Hasher{}
	for _, p := range []seal.Purpose{seal.Code, seal.KeyHash, seal.Link, seal.Password, seal.Twin} {
		if hashers[p], err = s.database.Hasher(p); err != nil {
			return err
		}
	}
	s.marks = secrets.NewMarker(hashers[seal.Twin])
	s.temporary = tempcodes.New(s.db, hashers[seal.Code], now)
	if s.engine, err = codes.New(
		codes.Config{Store: s.db, Keys: keyring, Policy: s.cfg.Codes, Temporary: s.temporary, Now: now}); err != nil {
		return err
	}
	if s.lifecycle, err = lifecycle.New(
		lifecycle.Config{DB: s.db, Keys: keyring, Marks: s.marks, Links: hashers[seal.Link], Issuer: s.cfg.Issuer,
			Unlocked: s.engine.ForgetClients, Now: now}); err != nil {
		return err
	}
	if s.imports, err = imports.New(imports.Config{DB: s.db, Keys: keyring, Marks: s.marks, Now: now}); err != nil {
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
	s.root = credentials.NewRoot(s.db, hashers[seal.Password], now)
	if s.activations, err = activations.New(
		activations.Config{DB: s.db, Keys: keyring, Marks: s.marks, Codes: s.engine, Tokens: s.lifecycle,
			Policy: s.cfg.Activations, Tell: s.hook.told,
			Now: now}); err != nil {
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

// API builds the REST face over the server's parts, with v to decide codes. The
// server's own has its engine there; the benchmark compares it with one that
// decides nothing.
func (s *Server) API(v api.Verifier) (*api.API, error) {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics.MustRegister(s.alarms.gauge(), s.watch.findings, s.watch.at, keyExpiry(s.keys))
	return api.New(api.Config{Version: s.cfg.Version, Verifier: v, Lifecycle: s.lifecycle, Imports: s.imports,
		Activations: s.activations, Profiles: s.profiles, Users: s.users, Temporary: s.temporary,
		Keys: s.keys, Root: s.root, Ledger: s.ledger, Log: s.log, Metrics: metrics, Ready: s.db.Check,
		Degraded:  s.degraded,
		Proxies:   s.cfg.TrustedProxies,
		PublicURL: s.cfg.PublicURL,
		Pages:     enrol.Pages()})
}

// degraded reports whether something does not fit: a forged row was met, or the last
// verification found what does not follow from the log.
func (s *Server) degraded() bool { return s.alarms.degraded() || s.watch.degraded.Load() }

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
	if s.cfg.RootPassword != nil {
		chosen, err := s.cfg.RootPassword()
		if err != nil {
			return fmt.Errorf("the password of ROOT: %w", err)
		}
		defer clear(chosen)
		return s.root.ChoosePassword(ctx, string(chosen), system())
	}
	password, err := s.root.SetPassword(ctx, system())
	if err == nil {
		_, err = fmt.Fprintf(s.cfg.Out, "ROOT password: %s\n", password)
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
	if s.db != nil {
		err = s.db.Close()
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Unlock())
	}
	return err
}
