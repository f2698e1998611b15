package console

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/printable"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/tokens"
)

// shownToken is a token as pages show it.
type shownToken struct {
	Serial, User, Type, Manufacturer string
	Model, Label, Reason             string
	State                            look.State
	Badge                            string // what is to be noticed
	Drift                            string
	Far                              bool
	Used, From, Until, Created       moment
	Page                             string // its own
	Algorithm                        string
	Failures                         int
}

// far is from which drift on a token is at risk, in steps.
const far = 8

func (v *visit) shown(t token.Token, back string) shownToken {
	c := t.Condition
	s := shownToken{Serial: t.Identity.Serial, User: t.OwnerName, Type: t.Identity.Type,
		Manufacturer: t.Identity.Manufacturer, Model: t.Model, Label: t.Label, Reason: t.StateReason,
		State: stateWords[c.State], Drift: driftOf(t), Used: at(c.LastUsed), From: at(c.NotBefore), Until: at(c.NotAfter),
		Created: at(t.Created), Page: v.tokenAt(t, "", back), Algorithm: string(t.Spec.Algorithm),
		Failures: c.Failures}
	s.Far = s.Drift != "" && (c.Drift >= far || c.Drift <= -far)
	switch {
	case v.cfg.Verifier.Locked(c.Failures, c.RetryAt):
		s.Badge = "locked"
	case c.Fenced():
		s.Badge = "needs two codes"
	}
	return s
}

// tokenAt is the address of a token's page, or of what a verb does with it. back is the view
// of the list to which to come back.
func (v *visit) tokenAt(t token.Token, verb, back string) string {
	id := t.Identity
	where := v.root() + shelves[t.Kind].path + "/" + url.PathEscape(id.Serial)
	if verb != "" {
		where += "/" + verb
	}
	q := url.Values{"type": {id.Type}, "manufacturer": {id.Manufacturer}, "key_id": {id.KeyID}}
	if back != "" {
		q.Set("back", back)
	}
	return where + "?" + q.Encode()
}

// selector is the token of the address.
func (v *visit) selector() tokens.Selector {
	q := v.r.URL.Query()
	s := tokens.Selector{Serial: v.r.PathValue("serial"), Type: q.Get("type")}
	for name, to := range map[string]**string{"manufacturer": &s.Manufacturer, "key_id": &s.KeyID} {
		if q.Has(name) {
			*to = new(q.Get(name))
		}
	}
	return s
}

// find gives the token of the address; it has answered if there is none. A token has its
// pages beside the list that it is in, and nowhere else.
func (v *visit) find() (t token.Token, ok bool) {
	t, err := v.cfg.Lifecycle.Show(v.r.Context(), v.selector())
	if err == nil && t.Kind != v.kind() {
		err = token.NotFoundError(t.Identity.Serial)
	}
	if err != nil {
		v.fail(err)
		return t, false
	}
	return t, true
}

// ofUser is before the name of the user whose page a page was opened from.
const ofUser = "@"

// back is the view of the list that a page was opened from, or the user; empty if it was
// opened from neither.
func (v *visit) back() string {
	text := v.r.URL.Query().Get("back")
	if strings.HasPrefix(text, ofUser) && len(text) <= 4096 {
		return text
	}
	asked, err := url.ParseQuery(text)
	if err != nil || len(asked) == 0 {
		return ""
	}
	f, err := readView(asked)
	if err != nil {
		return ""
	}
	return cmp.Or(f.encode(), usualView)
}

// row is a token in a list. Its actions lead back there.
func (v *visit) row(t token.Token, back string, i int) row {
	r := row{shownToken: v.shown(t, ""), RowMenu: look.RowMenu{Of: t.Identity.Serial, Menu: "menu-" + strconv.Itoa(i)},
		Pick: pick(t.Identity)}
	if t.OwnerName != "" && v.may(authz.UserView) {
		r.Owner = v.userAt(t.OwnerName)
	}
	for _, a := range v.actions(t, nil, back) {
		switch a.verb {
		case "verify":
			r.Verify = a.Href
		case "delete":
			r.Delete = &a.Link
		default:
			r.Actions = append(r.Actions, a.Link)
		}
	}
	return r
}

// usualView is how an address names the list without filters.
const usualView = "-"

// tokenPage is the page of one token.
type tokenPage struct {
	shownToken
	Done    *look.Note
	Actions []actionLink
	List    look.Link
	Owner   string // the page of the user, for who may see it
	// Activations is nil for a token that is not activated.
	Activations *activationHistory
}

func (v *visit) token() {
	t, ok := v.find()
	if !ok {
		return
	}
	p := tokenPage{shownToken: v.shown(t, ""), Done: v.done(), List: v.shelf().link(v.root())}
	if t.OwnerName != "" && v.may(authz.UserView) {
		p.Owner = v.userAt(t.OwnerName)
	}
	var o *activations.Overview
	if t.Profile != "" {
		found, err := v.cfg.Activations.Show(v.r.Context(), exactly(t))
		if err != nil {
			v.fail(err)
			return
		}
		o, p.Activations = &found, shownActivations(found)
	}
	p.Actions = v.actions(t, o, "")
	v.show(look.Page{Name: "token", Title: "Token", Body: p}, v.undo(""))
}

// done says what was done, on the page that it led to.
func (v *visit) done() *look.Note {
	q := v.r.URL.Query()
	a, ok := actionOf(q.Get("did"))
	serial := q.Get("of")
	if !ok || a.done == "" || printable.Check(serial, 128) != "" {
		return nil
	}
	return &look.Note{Tone: look.Good, What: a.done, Means: "Token " + serial}
}

// undoFor is how long a change can be set back by a button.
const undoFor = 15 * time.Second

// undo offers to set a change of state back, for a short time after it.
func (v *visit) undo(back string) *look.Undo {
	q := v.r.URL.Query()
	was, err := token.ParseState(q.Get("was"))
	until, bad := strconv.ParseInt(q.Get("until"), 10, 64)
	left := time.Unix(until, 0).Sub(v.cfg.Now())
	if err != nil || bad != nil || left <= 0 || left > undoFor || was > token.RevokedOther || !v.may(authz.TokenState) {
		return nil
	}
	sel := v.selector()
	if sel.Serial == "" {
		sel.Serial = q.Get("of")
	}
	t, err := v.cfg.Lifecycle.Show(v.r.Context(), sel)
	if err != nil || t.Condition.State == was {
		return nil // of a serial that several tokens have, the token's page offers it
	}
	return &look.Undo{What: "Token " + t.Identity.Serial + ": " + stateWords[t.Condition.State].Word,
		Seconds: int(left.Seconds()), Action: v.tokenAt(t, "state", back),
		Fields: map[string]string{"state": was.String(), "reason": "undone", "seen": tokens.Mark(t)}}
}

// history is what the log has of a token.
type history struct {
	Serial  string
	Entries []entry
	Older   string
	Close   string
}

type entry struct {
	At      moment
	Action  string
	Outcome string
	Reason  string
	Actor   string
	User    string
}

const historyPage = 20

func (v *visit) history() {
	t, ok := v.find()
	if !ok {
		return
	}
	if !v.may(authz.AuditView) {
		v.fail(v.forbidden(authz.AuditView))
		return
	}
	found, next, err := v.entries(audit.Filter{Serial: t.Identity.Serial})
	if err != nil {
		v.fail(err)
		return
	}
	h := history{Serial: t.Identity.Serial, Close: v.closeAt(t)}
	for _, e := range found {
		h.Entries = append(h.Entries, entry{at(e.Time), e.Action, e.Outcome, e.Reason, e.Actor, e.Subject.User})
	}
	if next > 0 {
		h.Older = v.tokenAt(t, "history", v.back()) + "&before=" + strconv.FormatInt(next, 10)
	}
	v.show(look.Page{Name: "history", Title: "History", Dialog: true, Body: h})
}

// closeAt is the page under a dialog: the list or the user's, if it was opened there, or the
// token's.
func (v *visit) closeAt(t token.Token) string {
	list := v.root() + v.shelf().path
	back := v.back()
	if name, ok := strings.CutPrefix(back, ofUser); ok {
		return v.userAt(name)
	}
	switch back {
	case "":
		return v.tokenAt(t, "", "")
	case usualView:
		return list
	default:
		return list + "?" + back
	}
}
