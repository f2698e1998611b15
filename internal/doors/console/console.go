// Package console is the door for administrators with a browser. Its pages are beside
// REST, on the same server: / leads to the first page that an administrator may see, and
// what nobody has a page for is answered as before.
//
// A row of the table (pages) is a page, or what a form of one does, and names the
// operation of authz that it needs. The gate lets nobody pass who has no session of the
// kind Page, in a cookie that belongs to this host alone; it asks authz for the operation,
// and refuses forms of other sites. A bearer token is not looked at here, nor a cookie by
// REST. What the roles may not do is also left out of the pages (visit.may).
//
// The console decides nothing: it calls the services that REST calls. Errors have REST's
// words, lists take turns with its lists, and codes are counted as its codes.
//
// A row's actions are pages with addresses of their own, which scripts open as dialogs.
// What is typed comes back with an error; a code or a password never does. When something
// was done, the answer leads to the page that shows it, so that a reload repeats nothing.
package console

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/drafts"
	"ostiary/internal/doors/look"
	"ostiary/internal/doors/upload"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

//go:embed pages
var files embed.FS

// Verifier decides codes; *codes.Engine is one.
type Verifier interface {
	Explain(ctx context.Context, r codes.Request) (codes.Verdict, error)
	Resync(ctx context.Context, r codes.ResyncRequest) (valid bool, err error)
	Locked(failures int, retryAt time.Time) bool
	Holds() (failures int, delay store.Span)
}

// Rest is what the console has in common with REST; *api.API is one.
type Rest interface {
	Turn(ctx context.Context, p authz.Principal, do func(context.Context) error) error
	Verified(valid bool)
	Problem(ctx context.Context, p authz.Principal, request string, err error) wire.Problem
	Upload(w http.ResponseWriter, r *http.Request) *upload.Body
	MaxUpload() int64
}

// Config is what the console stands on. All fields are required.
type Config struct {
	Rest      Rest
	Verifier  Verifier
	Lifecycle *lifecycle.Service
	Users     *users.Users
	Accounts  *credentials.Accounts
	Ledger    *ledger.Ledger
	Imports   *imports.Service
	Drafts    *drafts.Drafts
	// PublicURL is where browsers reach the server; empty if nobody has said it.
	PublicURL func() string
	Now       func() time.Time
}

// Console shows the pages.
type Console struct {
	cfg  Config
	book *look.Book
}

// page is a page, or what a form does.
type page struct {
	pattern string
	needs   authz.Operation // empty: also for those who are not signed in
	rest    string          // the operation of REST that does the same
	do      func(*visit)
}

// New builds the console. It fails if a page needs an operation that nobody has.
func New(cfg Config) (*Console, error) {
	if cfg.Rest == nil || cfg.Verifier == nil || cfg.Lifecycle == nil || cfg.Users == nil ||
		cfg.Accounts == nil || cfg.Ledger == nil || cfg.Imports == nil || cfg.Drafts == nil ||
		cfg.PublicURL == nil || cfg.Now == nil {
		return nil, errors.New("console: a required part is missing")
	}
	c := &Console{cfg: cfg, book: look.Open(files, "pages")}
	var needed []authz.Operation
	for _, p := range c.pages() {
		if p.needs != "" {
			needed = append(needed, p.needs)
		}
	}
	return c, authz.Check(needed...)
}

func (c *Console) pages() []page {
	all := slices.Concat(
		c.signInPages(),
		c.accountPages(),
		c.tokenPages(),
		c.actionPages(),
		c.userPages(),
		c.importPages(),
		c.draftPages(),
		c.checkPages(),
	)
	return append(all, page{"GET /{$}", authz.SessionManage, "", func(v *visit) { v.lead(v.home()) }})
}

// Pages gives what answers each pattern of http.ServeMux.
func (c *Console) Pages() map[string]look.Visited {
	all := map[string]look.Visited{}
	for _, p := range c.pages() {
		all[p.pattern] = c.gate(p)
	}
	return all
}

const (
	maxForm  = 16 << 10         // bytes
	formWait = 10 * time.Second // for all of a form
)

// gate lets those pass who may use a page.
func (c *Console) gate(p page) look.Visited {
	sites := http.NewCrossOriginProtection()
	return func(w http.ResponseWriter, r *http.Request, from look.Visit) {
		v := &visit{Console: c, w: w, r: r, from: from}
		if err := sites.Check(r); err != nil {
			v.refuse(http.StatusForbidden, "Refused: a form of another site",
				"The form was not sent by a page of this server.",
				"Open the page again by https, or on the machine itself at http://localhost, and send it from there.")
			return
		}
		if r.Method == http.MethodPost && !p.uploads() && !v.readForm() {
			return
		}
		if p.needs != "" && !v.enter(p.needs) {
			return
		}
		p.do(v)
	}
}

// readForm reads a form, which must come soon.
func (v *visit) readForm() bool {
	_ = http.NewResponseController(v.w).SetReadDeadline(time.Now().Add(formWait)) // where the connection has one
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		v.refuse(http.StatusBadRequest, "The form cannot be read", "It is too long, or did not arrive whole.",
			"Go back, and send it again.")
		return false
	}
	return true
}

// root is the path of the server, as browsers see it.
func (c *Console) root() string {
	u, err := url.Parse(c.cfg.PublicURL())
	if err != nil {
		return "/"
	}
	return strings.TrimSuffix(u.Path, "/") + "/"
}
