package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/printable"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
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
		Created: at(t.Created), Page: v.tokenAt(t.Identity, "", back), Algorithm: string(t.Spec.Algorithm),
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
func (v *visit) tokenAt(id token.Identity, verb, back string) string {
	where := v.root() + "tokens/" + url.PathEscape(id.Serial)
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

// find gives the token of the address; it has answered if there is none. Software tokens
// have no pages here.
func (v *visit) find() (t token.Token, ok bool) {
	t, err := v.cfg.Lifecycle.Show(v.r.Context(), v.selector())
	if err == nil && t.Kind != token.Hardware {
		err = token.NotFoundError(t.Identity.Serial)
	}
	if err != nil {
		v.fail(err)
		return t, false
	}
	return t, true
}

// back is the view of the list that a page was opened from; empty if it was not.
func (v *visit) back() string {
	asked, err := url.ParseQuery(v.r.URL.Query().Get("back"))
	if err != nil || len(asked) == 0 {
		return ""
	}
	f, err := readView(asked)
	if err != nil {
		return ""
	}
	return cmp.Or(f.encode(), usualView)
}

// row is a token in the list. Where its actions lead back to is the view.
func (v *visit) row(t token.Token, f view, i int) row {
	r := row{shownToken: v.shown(t, ""), Menu: "menu-" + strconv.Itoa(i), Pick: pick(t.Identity)}
	if t.OwnerName != "" {
		r.Owner = v.at(view{User: t.OwnerName, Sort: f.Sort, Size: f.Size, Sized: f.Sized,
			Columns: f.Columns}, "tokens")
	}
	for _, a := range v.actions(t, cmp.Or(f.encode(), usualView)) {
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
	List    string
}

func (v *visit) token() {
	t, ok := v.find()
	if !ok {
		return
	}
	p := tokenPage{shownToken: v.shown(t, ""), Done: v.done(), Actions: v.actions(t, ""), List: v.root() + "tokens"}
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
		Seconds: int(left.Seconds()), Action: v.tokenAt(t.Identity, "state", back),
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
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	rows, next, err := v.cfg.Ledger.List(v.r.Context(), audit.Filter{Serial: t.Identity.Serial}, max(before, 0),
		historyPage)
	if err != nil {
		v.fail(err)
		return
	}
	h := history{Serial: t.Identity.Serial, Close: v.closeAt(t.Identity)}
	for _, row := range rows {
		var e struct {
			Time                           time.Time
			Action, Outcome, Reason, Actor string
			Subject                        struct{ User string }
		}
		if err := json.NewDecoder(bytes.NewReader(row.Entry)).Decode(&e); err != nil {
			v.fail(err)
			return
		}
		h.Entries = append(h.Entries, entry{at(e.Time), e.Action, e.Outcome, e.Reason, e.Actor, e.Subject.User})
	}
	if next > 0 {
		h.Older = v.tokenAt(t.Identity, "history", v.back()) + "&before=" + strconv.FormatInt(next, 10)
	}
	v.show(look.Page{Name: "history", Status: http.StatusOK, Title: "History", Dialog: true, Body: h})
}

// closeAt is the page under a dialog: the list, if it was opened there, or the token's.
func (v *visit) closeAt(id token.Identity) string {
	switch back := v.back(); back {
	case "":
		return v.tokenAt(id, "", "")
	case usualView:
		return v.root() + "tokens"
	default:
		return v.root() + "tokens?" + back
	}
}
