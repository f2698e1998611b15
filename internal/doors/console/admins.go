package console

import (
	"net/url"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/store"
)

func (c *Console) adminPages() (all []page) {
	all = []page{
		{"GET /admins", authz.AdminView, "list-admins", (*visit).admins},
		{"GET /admins/{name}", authz.AdminView, "show-admin", (*visit).admin},
	}
	for _, s := range []struct {
		where, rest string
		sheetPage
	}{
		{"/admin-new", "add-admin", sheetPage{"Add an administrator", (*visit).newAdminSheet, (*visit).addAdmin}},
		{"/admins/{name}/role", "set-admin-role", sheetPage{"Change the role", (*visit).roleSheet, (*visit).setRole}},
		{"/admins/{name}/disable", "disable-admin", sheetPage{"Disable", (*visit).disableSheet, (*visit).disableAdmin}},
		{"/admins/{name}/enable", "enable-admin", sheetPage{"Enable", (*visit).enableSheet, (*visit).enableAdmin}},
		{"/admins/{name}/password", "reset-admin-password",
			sheetPage{"Reset the password", (*visit).passwordSheet, (*visit).resetPassword}},
		{"/admins/{name}/sessions", "end-admin-sessions",
			sheetPage{"End all sessions", (*visit).sessionsSheet, (*visit).endSessions}},
	} {
		all = append(all, page{"GET " + s.where, authz.AdminManage, s.rest, s.get},
			page{"POST " + s.where, authz.AdminManage, s.rest, s.post})
	}
	return all
}

// adminRow is an administrator as pages show it.
type adminRow struct {
	Name, Page, Role, Factor string
	Weak                     bool // the password alone opens the console
	State                    look.State
	SignedIn, Created        moment
}

func (v *visit) adminRow(is store.Admin, f credentials.Factors) adminRow {
	role, _ := authz.ParseRole(is.Role)
	var has []string
	if f.Tokens > 0 {
		has = append(has, fault.Plural(f.Tokens, "token", "tokens"))
	}
	if f.Passkeys > 0 {
		has = append(has, fault.Plural(f.Passkeys, "passkey", "passkeys"))
	}
	r := adminRow{Name: is.Name, Page: v.adminAt(is.Name),
		Role:   roleWords(authz.Principal{Role: role, HelpDesk: is.HelpDesk}),
		Factor: strings.Join(has, ", "), Weak: len(has) == 0, State: look.State{Shape: look.Disc, Word: "Active"},
		SignedIn: at(is.SignedIn), Created: at(is.Created)}
	switch {
	case !is.Disabled.IsZero():
		r.State = look.State{Shape: look.Ring, Word: "Disabled"}
	case is.MustChange:
		r.State = look.State{Shape: look.Square, Word: "Has to choose a password"}
	}
	return r
}

func (v *visit) adminAt(name string) string { return v.root() + "admins/" + url.PathEscape(name) }

// toAdmin leads to the page of an administrator, which says what was done.
func (v *visit) toAdmin(name, done string) {
	v.lead(strings.TrimPrefix(v.adminAt(name), v.root()) + "?" + query("done", done))
}

func (v *visit) admins() {
	all, err := v.cfg.Accounts.List(v.r.Context())
	var factors []credentials.Factors
	if err == nil {
		factors, err = v.cfg.Accounts.Factors(v.r.Context(), all...)
	}
	if err != nil {
		v.fail(err)
		return
	}
	l := struct {
		Rows  []adminRow
		New   string
		Empty *look.Empty
	}{}
	if v.may(authz.AdminManage) {
		l.New = v.root() + "admin-new"
	}
	for i, is := range all {
		l.Rows = append(l.Rows, v.adminRow(is, factors[i]))
	}
	if len(all) == 0 {
		l.Empty = &look.Empty{What: "ROOT is the only administrator yet. Give each person an account of their own: the log " +
			"then says who did what.", Action: &look.Link{Label: "Add an administrator", Href: l.New}}
	}
	v.show(look.Page{Name: "admins", Title: "Administrators", Body: l})
}

// found gives the administrator of the address, and whether this one may manage it.
func (v *visit) found() (is store.Admin, may bool, err error) {
	is, err = v.cfg.Accounts.Find(v.r.Context(), v.r.PathValue("name"))
	if err != nil {
		return is, false, err
	}
	role, err := authz.ParseRole(is.Role)
	return is, err == nil && v.may(authz.AdminManage) && v.session.Principal.Outranks(role), err
}

// adminDone says what was done, on the page that a form leads to.
var adminDone = map[string]string{"role": "The role is changed, and the sessions have ended",
	"disable": "The account is disabled, and its sessions have ended", "enable": "The account can sign in again",
	"sessions": "The sessions have ended", "session": "The session has ended"}

func (v *visit) admin() {
	is, may, err := v.found()
	var factors []credentials.Factors
	var stays []credentials.Session
	if err == nil {
		factors, err = v.cfg.Accounts.Factors(v.r.Context(), is)
	}
	if err == nil {
		stays, err = v.cfg.Accounts.Sessions(v.r.Context(), is.Name)
	}
	if err != nil {
		v.fail(err)
		return
	}
	p := struct {
		adminRow
		Done     *look.Note
		Seen     string
		Tokens   string // of the user of the name, for those who may see them
		Sessions []stay
		Manage   bool
		Actions  []look.Link
	}{adminRow: v.adminRow(is, factors[0]), Sessions: v.stays(stays), Manage: may, Seen: credentials.Mark(is)}
	if factors[0].Tokens > 0 {
		p.Tokens = v.at(view{User: is.Name, Sort: store.ByUser, Size: usualSize}, "tokens")
	}
	if words, ok := adminDone[v.r.URL.Query().Get("done")]; ok {
		p.Done = &look.Note{Tone: look.Good, What: words}
	}
	if may {
		able := look.Link{Label: "Disable", Href: p.Page + "/disable"}
		if !is.Disabled.IsZero() {
			able = look.Link{Label: "Enable", Href: p.Page + "/enable"}
		}
		p.Actions = []look.Link{{Label: "Change the role", Href: p.Page + "/role"},
			{Label: "Reset the password", Href: p.Page + "/password"}, able}
		if len(stays) > 0 {
			p.Actions = append(p.Actions, look.Link{Label: "End all sessions", Href: p.Page + "/sessions"})
		}
	}
	v.show(look.Page{Name: "admin", Title: "Administrator", Body: p})
}

// manage begins a form of one administrator. It is refused for roles that are too high.
func (v *visit) manage(s sheet) (sheet, error) {
	is, may, err := v.found()
	if err == nil && !may {
		err = fault.New(fault.Forbidden, "role_too_high", "You manage administrators of lower roles than yours.")
	}
	if err != nil {
		return s, err
	}
	role, _ := authz.ParseRole(is.Role)
	s.Subject, s.About = is.Name, roleWords(authz.Principal{Role: role, HelpDesk: is.HelpDesk})
	s.Action, s.Close = v.root()+strings.TrimPrefix(v.r.URL.EscapedPath(), "/"), v.adminAt(is.Name)
	s.Hidden = map[string]string{"seen": credentials.Mark(is)}
	for i := range s.Radios {
		s.Radios[i].Chosen = s.Radios[i].Value == is.Role
	}
	for i, c := range s.Checks {
		s.Checks[i].Chosen = c.Value == "help_desk" && is.HelpDesk
	}
	return s, nil
}

// asSeenAdmin are the accounts as a form showed one.
func (v *visit) asSeenAdmin() *credentials.Accounts {
	return v.cfg.Accounts.AsSeen(v.r.PostForm.Get("seen"))
}

// rolesBelow offers the roles that this administrator may give.
func (v *visit) rolesBelow() (all []option) {
	for _, r := range []struct {
		role  authz.Role
		means string
	}{
		{authz.Operator, "OPERATOR: reads users and the audit log"},
		{authz.Admin, "ADMIN: everything with tokens and users"},
		{authz.SuperAdmin, "SUPER_ADMIN: also administrators and API keys"},
	} {
		if v.session.Principal.Outranks(r.role) {
			all = append(all, option{Value: r.role.String(), Label: r.means})
		}
	}
	return all
}

// helpDesk is the choice of the help-desk set.
func helpDesk() []option {
	return []option{{Value: "help_desk", Label: "OPERATOR with help desk: also verifies, unlocks, marks lost"}}
}

// role is the role that a form gives.
func (v *visit) role() (authz.Role, error) {
	role, err := authz.ParseRole(v.r.PostForm.Get("role"))
	if err != nil {
		return role, fault.New(fault.Invalid, "role", "Choose a role.")
	}
	return role, nil
}

func (v *visit) newAdminSheet() (sheet, error) {
	return sheet{Means: "The first password is shown once, and has to be changed at the first sign-in.",
		Fields: []look.Field{{ID: "name", Label: "Name", Hint: "A code of the token of the user of this name is the second factor",
			Max: 128, Required: true}}, Legend: "Role", Group: "role", Radios: v.rolesBelow(), Checks: helpDesk(),
		Submit: "Add the administrator", Action: v.root() + "admin-new", Close: v.root() + "admins"}, nil
}

func (v *visit) addAdmin() error {
	role, err := v.role()
	if err != nil {
		return err
	}
	is, password, err := v.cfg.Accounts.Add(v.r.Context(), v.session.Principal, credentials.AdminRequest{
		Name: v.r.PostForm.Get("name"), Role: role, HelpDesk: v.r.PostForm.Has("help_desk")}, v.origin())
	if err != nil {
		return err
	}
	o := once{Subject: is.Name, Label: "First password", Secret: password, Close: v.adminAt(is.Name),
		Means: "Give it to " + is.Name + ", who has to choose another one at the first sign-in."}
	// The account is there: its password is shown, whatever else fails.
	if f, err := v.cfg.Accounts.Factors(v.r.Context(), is); err == nil && f[0].Tokens > 0 {
		o.Warning = &look.Note{Tone: look.Warning, What: "User " + is.Name + " has " +
			fault.Plural(f[0].Tokens, "token", "tokens") + " already",
			Means: "Whoever holds one that is valid holds the second factor. Look whose they are."}
	}
	v.showOnce("The administrator is added", o)
	return nil
}

func (v *visit) roleSheet() (sheet, error) {
	return v.manage(sheet{Means: "The sessions of the administrator end.", Legend: "Role", Group: "role",
		Radios: v.rolesBelow(), Checks: helpDesk(), Submit: "Change the role"})
}

func (v *visit) setRole() error {
	role, err := v.role()
	if err != nil {
		return err
	}
	is, err := v.asSeenAdmin().SetRole(v.r.Context(), v.session.Principal, v.r.PathValue("name"), role,
		v.r.PostForm.Has("help_desk"), v.origin())
	if err == nil {
		v.toAdmin(is.Name, "role")
	}
	return err
}

func (v *visit) disableSheet() (sheet, error) {
	return v.manage(sheet{Means: "The administrator cannot sign in any more, and the sessions end at once. The account " +
		"remains, because the log names it.", Submit: "Disable", Danger: true})
}

func (v *visit) disableAdmin() error {
	is, err := v.asSeenAdmin().Disable(v.r.Context(), v.session.Principal, v.r.PathValue("name"), v.origin())
	if err == nil {
		v.toAdmin(is.Name, "disable")
	}
	return err
}

func (v *visit) enableSheet() (sheet, error) {
	return v.manage(sheet{Means: "The administrator can sign in again, with the password of before.", Submit: "Enable"})
}

func (v *visit) enableAdmin() error {
	is, err := v.asSeenAdmin().Enable(v.r.Context(), v.session.Principal, v.r.PathValue("name"), v.origin())
	if err == nil {
		v.toAdmin(is.Name, "enable")
	}
	return err
}

func (v *visit) passwordSheet() (sheet, error) {
	return v.manage(sheet{Means: "The old password and all sessions end. The new one is shown once, and has to be changed " +
		"at the next sign-in. The second factor stays.", Submit: "Reset the password",
		Checks: []option{{Value: "forget_passkeys", Label: "Remove the passkeys, too: the device is lost"}}})
}

func (v *visit) resetPassword() error {
	name := v.r.PathValue("name")
	password, err := v.asSeenAdmin().ResetPassword(v.r.Context(), v.session.Principal, name,
		v.r.PostForm.Has("forget_passkeys"), v.origin())
	if err != nil {
		return err
	}
	v.showOnce("The password is reset", once{Subject: name, Label: "New password", Secret: password,
		Means: "Give it to " + name + ", who has to choose another one at the next sign-in.", Close: v.adminAt(name)})
	return nil
}

func (v *visit) sessionsSheet() (sheet, error) {
	return v.manage(sheet{Means: "The administrator has to sign in again, everywhere.", Submit: "End all sessions",
		Danger: true})
}

// endSessions ends all sessions, or the one that is named.
func (v *visit) endSessions() error {
	name, session, done := v.r.PathValue("name"), v.r.PostForm.Get("session"), "sessions"
	if session != "" {
		done = "session"
	}
	_, err := v.cfg.Accounts.EndSessions(v.r.Context(), v.session.Principal, name, session, v.origin())
	if err == nil {
		v.toAdmin(name, done)
	}
	return err
}

// stays are sessions as lists show them.
func (v *visit) stays(all []credentials.Session) (stays []stay) {
	for _, s := range all {
		what := "A program"
		if s.Kind == credentials.Page {
			what = browserOf(s.Agent)
		}
		stays = append(stays, stay{Session: s, Here: s.Name == v.session.Name, Began: at(s.Started), LastUsed: at(s.Used),
			Ends: at(s.Until), Place: s.Source, What: what})
	}
	return stays
}
