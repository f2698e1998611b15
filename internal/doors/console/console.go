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
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/jobs"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/overview"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/engine/users"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

//go:embed pages
var files embed.FS

// Verifier decides codes; *codes.Engine is one.
type Verifier interface {
	Confirm(ctx context.Context, r codes.ConfirmRequest) (valid bool, err error)
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
	Enrolment(link seal.Secret, expires time.Time) wire.Enrolment
	Upload(w http.ResponseWriter, r *http.Request) *upload.Body
	MaxUpload() int64
}

// Config is what the console stands on. All fields are required, but Settings.
type Config struct {
	Rest        Rest
	Verifier    Verifier
	Lifecycle   *lifecycle.Service
	Users       *users.Users
	Jobs        *jobs.Service
	Activations *activations.Service
	Profiles    *profiles.Service
	Temporary   *tempcodes.Codes
	Accounts    *credentials.Accounts
	Keys        *credentials.Keys
	Ledger      *ledger.Ledger
	Imports     *imports.Service
	Drafts      *drafts.Drafts
	Overview    *overview.Service
	// Settings are those that the server was started with.
	Settings []wire.Setting
	// PublicURL is where browsers reach the server; empty if nobody has said it.
	PublicURL func() string
	Now       func() time.Time
}

// Console shows the pages.
type Console struct {
	cfg   Config
	book  *look.Book
	onces onces
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
	if cfg.Rest == nil || cfg.Verifier == nil || cfg.Lifecycle == nil || cfg.Users == nil || cfg.Jobs == nil ||
		cfg.Accounts == nil || cfg.Keys == nil || cfg.Ledger == nil || cfg.Activations == nil || cfg.Profiles == nil ||
		cfg.Temporary == nil || cfg.Overview == nil || cfg.Imports == nil || cfg.Drafts == nil ||
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
		c.proofPages(),
		c.passkeyPages(),
		c.accountPages(),
		c.tokenPages(),
		c.actionPages(),
		c.softwarePages(),
		c.userPages(),
		c.userDeedPages(),
		c.manyPages(),
		c.jobPages(),
		c.viewPages(),
		c.adminPages(),
		c.keyPages(),
		c.settingPages(),
		c.dashboardPages(),
		c.auditPages(),
		c.typePages(),
		c.profilePages(),
		c.deliveryPages(),
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

// gate lets those pass who may use a page.
func (c *Console) gate(p page) look.Visited {
	sites := http.NewCrossOriginProtection()
	return func(w http.ResponseWriter, r *http.Request, from look.Visit) {
		v := &visit{Console: c, w: w, r: r, from: from, pattern: p.pattern}
		if err := sites.Check(r); err != nil {
			v.refuse(http.StatusForbidden, "Refused: a form of another site",
				"The form was not sent by a page of this server.",
				"Open the page again by https, or on the machine itself at http://localhost, and send it from there.")
			return
		}
		long := longForms[p.pattern] > 0 // from those who may send them alone
		if long && !v.enter(p.needs) {
			return
		}
		if r.Method == http.MethodPost && !p.uploads() && !v.readForm(p.pattern) {
			return
		}
		if !long && p.needs != "" && !v.enter(p.needs) {
			return
		}
		p.do(v)
	}
}

// readForm reads a form, which must come soon.
func (v *visit) readForm(pattern string) bool {
	if err := look.ReadForm(v.w, v.r, longForms[pattern]); err != nil {
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
