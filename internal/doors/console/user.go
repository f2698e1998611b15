package console

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/printable"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// userDeed is what can be done with a user: a page with a form.
type userDeed struct {
	verb, label string
	needs       authz.Operation
	rest        string
	form        func(*visit, store.User) titledForm
	// do does it, and gives the name of the user whose page shows it; empty if it has answered.
	do func(*visit, store.User) (name string, err error)
}

func userDeeds() []userDeed {
	return []userDeed{
		{"assign", "Assign a token", authz.TokenAssign, "assign-token", assignToForm, (*visit).assignTo},
		{"codes", "Temporary codes", authz.UserCode, "issue-codes", codesForm, (*visit).issueCodes},
		{"revoke-codes", "Revoke codes", authz.UserCode, "revoke-codes", revokeForm, (*visit).revokeCodes},
		{"rename", "Rename", authz.UserManage, "rename-user", renameForm, (*visit).renameUser},
		{"delete", "Delete", authz.UserManage, "delete-user", deleteUserForm, (*visit).deleteUser},
	}
}

func (c *Console) userDeedPages() []page {
	all := []page{
		{"GET /users/{name}", authz.UserView, "show-user", (*visit).user},
		{"GET /users/{name}/activity", authz.AuditView, "list-audit", (*visit).activity},
		{"POST /users/{name}/unlock", authz.UserUnlock, "unlock-user", (*visit).unlockUser},
	}
	for _, d := range userDeeds() {
		where := " /users/{name}/" + d.verb
		all = append(all, page{"GET" + where, d.needs, d.rest, func(v *visit) {
			if u, ok := v.findUser(); ok {
				v.showTitled(d.at(v, u), nil, http.StatusOK)
			}
		}}, page{"POST" + where, d.needs, d.rest, func(v *visit) {
			if u, ok := v.findUser(); ok {
				v.send(func() titledForm { return d.at(v, u) }, func() error {
					name, err := d.do(v, u)
					if err == nil && name != "" {
						v.lead(strings.TrimPrefix(v.userAt(name), v.root()) + "?done=" + d.verb)
					}
					return err
				})
			}
		}})
	}
	return all
}

// at is the form for a user.
func (d userDeed) at(v *visit, u store.User) titledForm {
	s := d.form(v, u)
	s.Title, s.Close = d.label+" · "+u.Name, v.userAt(u.Name)
	s.Action = v.userAt(u.Name) + "/" + d.verb
	return s
}

// findUser gives the user of the address; it has answered if there is none.
func (v *visit) findUser() (u store.User, ok bool) {
	u, err := v.cfg.Users.Find(v.r.Context(), v.r.PathValue("name"))
	if err != nil {
		v.fail(err)
		return u, false
	}
	return u, true
}

// userPage is the page of one user.
type userPage struct {
	userRow
	Done     *look.Note
	Former   string // names
	Tokens   []userToken
	MayList  bool   // sees tokens
	Count    int    // of tokens
	Unlock   string // empty where there is nothing to unlock, or nobody may
	Deeds    []look.Link
	Activity string
	New      string // where a software token is made for the user
}

// userToken is a token in the list of a user's.
type userToken struct {
	row
	Kind string
}

// userDone says what was done, on the user's page.
var userDone = map[string]string{"unlock": "The user and the user’s tokens are unlocked", "add": "The user is added",
	"assign": "The token is assigned", "revoke-codes": "The unused temporary codes are revoked",
	"rename": "The user has another name"}

func (v *visit) user() {
	u, ok := v.findUser()
	if !ok {
		return
	}
	p := userPage{userRow: v.userRow(u), Count: u.Tokens, MayList: v.may(authz.TokenView)}
	ctx := v.r.Context()
	former, err := v.cfg.Ledger.FormerNames(ctx, u.Name)
	if err == nil && p.MayList {
		p.Tokens, err = v.userTokens(ctx, u)
	}
	if err != nil {
		v.fail(err)
		return
	}
	p.Former = strings.Join(former, ", ")
	if u.Failures > 0 && v.may(authz.UserUnlock) {
		p.Unlock = v.userAt(u.Name) + "/unlock"
	}
	for _, d := range userDeeds() {
		if v.may(d.needs) && (d.verb != "delete" || u.Tokens == 0) {
			p.Deeds = append(p.Deeds, look.Link{Label: d.label, Href: v.userAt(u.Name) + "/" + d.verb})
		}
	}
	if v.may(authz.TokenCreate) {
		p.New = v.root() + "software-new?" + query("user", u.Name)
	}
	if v.may(authz.AuditView) {
		p.Activity = v.userAt(u.Name) + "/activity"
	}
	if words, ok := userDone[v.r.URL.Query().Get("done")]; ok {
		p.Done = &look.Note{Tone: look.Good, What: words}
	} else if p.MayList {
		p.Done = v.done()
	}
	v.show(look.Page{Name: "user", Title: "User", Body: p}, v.undo(ofUser+u.Name))
}

// userTokens are the tokens of a user, of both kinds.
func (v *visit) userTokens(ctx context.Context, u store.User) (all []userToken, err error) {
	err = v.cfg.Rest.Turn(ctx, v.session.Principal, func(ctx context.Context) error {
		found, _, err := v.cfg.Lifecycle.List(ctx, lifecycle.Filter{User: u.Name, Limit: store.MaxCandidates},
			store.TokenOrder{By: store.BySerial})
		all = nil
		for i, t := range found {
			all = append(all, userToken{v.row(t, ofUser+u.Name, i), strings.ToUpper(string(t.Kind)[:1]) + string(t.Kind)[1:]})
		}
		return err
	})
	return all, err
}

func (v *visit) unlockUser() {
	name := v.r.PathValue("name")
	if _, err := v.cfg.Users.Unlock(v.r.Context(), name, v.origin()); err != nil {
		v.fail(err)
		return
	}
	v.lead(strings.TrimPrefix(v.userAt(name), v.root()) + "?done=unlock")
}

func assignToForm(*visit, store.User) titledForm {
	return titledForm{form: form{Submit: "Assign", Means: "A hardware token or a software token that is nobody’s.",
		Fields: []look.Field{{ID: "serial", Label: "Serial number", Max: 128, Required: true}}}}
}

func (v *visit) assignTo(u store.User) (string, error) {
	serial := v.posted("serial")
	if serial == "" {
		return "", fault.New(fault.Invalid, "serial", "Enter the serial number of a token in stock.")
	}
	_, err := v.cfg.Lifecycle.Assign(v.r.Context(), tokens.Selector{Serial: serial}, u.Name, v.origin())
	return u.Name, err
}

func codesForm(*visit, store.User) titledForm {
	return titledForm{form: form{Submit: "Issue the codes", Means: "Each code lets the user sign in once, in place of a token. " +
		"Codes that were issued before and not used end.",
		Fields: []look.Field{
			{ID: "count", Label: "How many", Hint: "1 to " + strconv.Itoa(tempcodes.MaxCount), Type: "number",
				Value: strconv.Itoa(tempcodes.DefaultCount), Required: true},
			{ID: "hours", Label: "Good for", Hint: "Hours, 1 to " + strconv.Itoa(tempcodes.MaxHours), Type: "number",
				Value: strconv.Itoa(tempcodes.DefaultHours), Required: true}}}}
}

func (v *visit) issueCodes(u store.User) (string, error) {
	count, err := v.whole("count", "How many", tempcodes.MaxCount)
	if err != nil {
		return "", err
	}
	hours, err := v.whole("hours", "Good for", tempcodes.MaxHours)
	if err != nil {
		return "", err
	}
	issued, err := v.cfg.Temporary.Issue(v.r.Context(), tempcodes.Request{User: u.Name, Count: count, Hours: hours,
		Origin: v.origin()})
	if err != nil {
		return "", err
	}
	i := item{Title: issued.User, Page: v.userAt(issued.User)}
	for n, code := range issued.Codes {
		text := string(code.Bytes())
		i.Values = append(i.Values, value{"Code " + strconv.Itoa(n+1), text[:len(text)/2] + " " + text[len(text)/2:]})
	}
	v.hand("Temporary codes", handed{About: "Good until " + at(issued.Expires).Text, Items: []item{i},
		Means: "Give them to the user in person, or by telephone after you know who it is.",
		Next:  []look.Link{{Label: "To the user", Href: v.userAt(issued.User)}}})
	return "", nil
}

func revokeForm(*visit, store.User) titledForm {
	return titledForm{form: form{Submit: "Revoke", Danger: true, Means: "The temporary codes that were not used end."}}
}

func (v *visit) revokeCodes(u store.User) (string, error) {
	_, _, err := v.cfg.Temporary.Revoke(v.r.Context(), u.Name, v.origin())
	return u.Name, err
}

func renameForm(_ *visit, u store.User) titledForm {
	return titledForm{form: form{Submit: "Rename", Means: "The user keeps tokens, temporary codes and activations. Codes under " +
		"the old name are refused.",
		Fields: []look.Field{{ID: "name", Label: "New name", Value: u.Name, Max: 128, Required: true}}}}
}

func (v *visit) renameUser(u store.User) (string, error) {
	to, err := v.cfg.Users.Rename(v.r.Context(), u.Name, v.r.PostForm.Get("name"), v.origin())
	return to.Name, err
}

func deleteUserForm(*visit, store.User) titledForm {
	return titledForm{form: form{Submit: "Delete", Danger: true,
		Means: "The user is gone for good, with all temporary codes. A user who holds a token is not deleted."}}
}

func (v *visit) deleteUser(u store.User) (string, error) {
	err := v.cfg.Users.Delete(v.r.Context(), u.Name, v.origin())
	if err == nil {
		v.lead("users?" + url.Values{"gone": {u.Name}}.Encode())
	}
	return "", err
}

// gone says on the list of users that one was deleted.
func (v *visit) gone() *look.Note {
	name := v.r.URL.Query().Get("gone")
	if name == "" || printable.Check(name, 128) != "" {
		return nil
	}
	return &look.Note{Tone: look.Good, What: "The user is deleted", Means: name}
}
