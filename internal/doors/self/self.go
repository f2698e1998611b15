// Package self is the door for users with a browser: /me, where they look after their own
// tokens. Its pages are beside those of administrators and have nothing in common with them but
// the look: another cookie, other sessions, other words.
//
// A row of the table (pages) is a page, or what a form of one does, and names the deed that it
// needs; the gate asks the session for it before anything else is read. What a session may not
// do is also left out of its pages. The door decides nothing: engine/selfservice does.
//
// A page is a list of cards (view.go), which one template shows. It has no text of its own: all
// texts come from package words, in the language of the reader. Errors of the services are told
// by their code, in the reader's words, because theirs are for administrators.
//
// Everything works without scripts. A script takes the text of a link out of the address, and
// says when the phone has fetched its activation.
//
// When something was done, the answer leads to the page that shows it. There are two exceptions,
// because what they show is shown once: the key of a new app token, and the activation password.
package self

import (
	"context"
	"embed"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/look"
	"ostiary/internal/doors/wire"
	"ostiary/internal/doors/words"
	"ostiary/internal/engine/selfservice"
)

//go:embed pages
var files embed.FS

// Rest is what the pages have in common with REST; *api.API is one.
type Rest interface {
	Turn(ctx context.Context, p authz.Principal, do func(context.Context) error) error
	Verified(valid bool)
	Problem(ctx context.Context, p authz.Principal, request string, err error) wire.Problem
}

// Config is what the pages stand on. Help is how the help desk is reached, in the
// organisation's own words; empty for nothing.
type Config struct {
	Rest    Rest
	Service *selfservice.Service
	Help    string
	// PublicURL is where browsers reach the server.
	PublicURL func() string
	Now       func() time.Time
}

// Self shows the pages.
type Self struct {
	cfg  Config
	book *look.Book
}

// page is a page, or what a form does.
type page struct {
	needs selfservice.Deed // empty: also for those who are not signed in
	do    func(*visit)
}

// New builds the door.
func New(cfg Config) (*Self, error) {
	if cfg.Rest == nil || cfg.Service == nil || cfg.PublicURL == nil || cfg.Now == nil {
		return nil, errors.New("self: a required part is missing")
	}
	return &Self{cfg: cfg, book: look.Open(files, "pages")}, nil
}

// table is the pages by their patterns of http.ServeMux.
var table = map[string]page{
	"GET /me":           {"", (*visit).home},
	"POST /me/sign-in":  {"", (*visit).signIn},
	"POST /me/sign-out": {"", (*visit).signOut},
	"GET /me/help":      {"", (*visit).showHelp},
	"GET /me/link":      {"", func(v *visit) { v.showLink(nil) }},
	"POST /me/link":     {"", (*visit).useLink},

	"GET /me/try":     {selfservice.Try, func(v *visit) { v.showTry(nil, nil) }},
	"POST /me/try":    {selfservice.Try, (*visit).try},
	"GET /me/fix":     {selfservice.Fix, func(v *visit) { v.showFix(nil) }},
	"POST /me/fix":    {selfservice.Fix, (*visit).fix},
	"GET /me/lost":    {selfservice.Lose, func(v *visit) { v.showLost(nil) }},
	"POST /me/lost":   {selfservice.Lose, (*visit).lose},
	"GET /me/past":    {selfservice.Past, (*visit).showPast},
	"GET /me/disown":  {selfservice.Lose, func(v *visit) { v.showDisown(nil) }},
	"POST /me/disown": {selfservice.Lose, (*visit).disown},

	"GET /me/activate":           {selfservice.TakeUp, func(v *visit) { v.showActivation(nil) }},
	"POST /me/activate":          {selfservice.Begin, (*visit).activate},
	"POST /me/activate/password": {selfservice.Begin, (*visit).showPassword},
	"GET /me/activate/state":     {selfservice.TakeUp, (*visit).activationState},
	"GET /me/app":                {selfservice.App, func(v *visit) { v.showApp(nil) }},
	"POST /me/app":               {selfservice.App, (*visit).createApp},
	"POST /me/app/confirm":       {selfservice.App, (*visit).confirmApp},
}

// Pages gives what answers each pattern.
func (s *Self) Pages() map[string]look.Visited {
	all := map[string]look.Visited{}
	for _, pattern := range slices.Sorted(maps.Keys(table)) {
		all[pattern] = s.gate(table[pattern])
	}
	return all
}

// gate lets those pass whose session may do what a page is for.
func (s *Self) gate(p page) look.Visited {
	sites := http.NewCrossOriginProtection()
	return func(w http.ResponseWriter, r *http.Request, from look.Visit) {
		v := &visit{Self: s, w: w, r: r, from: from, lang: words.Of(w, r)}
		if err := sites.Check(r); err != nil {
			v.refuse(http.StatusForbidden, "fault.other_site")
			return
		}
		if r.Method == http.MethodPost {
			if err := look.ReadForm(w, r, 0); err != nil {
				v.refuse(http.StatusBadRequest, "fault.form")
				return
			}
		}
		if err := v.identify(); err != nil {
			v.fail(err)
			return
		}
		switch {
		case p.needs == "":
		case !v.known:
			v.lead("me")
			return
		case !v.session.May(p.needs):
			v.fail(fault.New(fault.Forbidden, "self_forbidden", "The sign-in does not allow this."))
			return
		}
		p.do(v)
	}
}

// root is the path of the server, as browsers see it.
func (s *Self) root() string {
	u, err := url.Parse(s.cfg.PublicURL())
	if err != nil {
		return "/"
	}
	return strings.TrimSuffix(u.Path, "/") + "/"
}
