package console

import (
	"net/url"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/store"
)

func (c *Console) keyPages() []page {
	add := sheetPage{"Create an API key", (*visit).newKeySheet, (*visit).createKey}
	revoke := sheetPage{"Revoke", (*visit).revokeSheet, (*visit).revokeKey}
	return []page{
		{"GET /keys", authz.KeyView, "list-keys", (*visit).keys},
		{"GET /key-new", authz.KeyManage, "create-key", add.get},
		{"POST /key-new", authz.KeyManage, "create-key", add.post},
		{"GET /keys/{name}/revoke", authz.KeyManage, "revoke-key", revoke.get},
		{"POST /keys/{name}/revoke", authz.KeyManage, "revoke-key", revoke.post},
	}
}

// keyRow is an API key in the list.
type keyRow struct {
	Name, Role, Revoke  string // Revoke is empty where there is nothing to revoke, or nobody may
	State               look.State
	Used, Ends, Created moment
}

func (v *visit) keyRow(k store.APIKey) keyRow {
	role, _ := authz.ParseRole(k.Role)
	r := keyRow{Name: k.Name, Role: roleWords(authz.Principal{Role: role, HelpDesk: k.HelpDesk}), Used: at(k.LastUsed),
		Ends: at(k.Expires), Created: at(k.Created), State: look.State{Shape: look.Disc, Word: "Works"}}
	if !k.Expires.IsZero() && !v.cfg.Now().Before(k.Expires) {
		r.State = look.State{Shape: look.Ring, Word: "Expired"}
	}
	if !k.Revoked.IsZero() {
		r.State = look.State{Shape: look.Ring, Word: "Revoked"}
	} else if v.may(authz.KeyManage) && v.session.Principal.Outranks(role) {
		r.Revoke = v.root() + "keys/" + url.PathEscape(k.Name) + "/revoke"
	}
	return r
}

// keyDone says what was done, on the page that a form leads to.
var keyDone = map[string]string{"revoke": "The key is revoked, and opens nothing any more"}

func (v *visit) keys() {
	all, err := v.cfg.Keys.List(v.r.Context())
	if err != nil {
		v.fail(err)
		return
	}
	l := struct {
		Done  *look.Note
		Rows  []keyRow
		New   string
		Empty *look.Empty
	}{}
	if words, ok := keyDone[v.r.URL.Query().Get("done")]; ok {
		l.Done = &look.Note{Tone: look.Good, What: words}
	}
	if v.may(authz.KeyManage) {
		l.New = v.root() + "key-new"
	}
	for _, k := range all {
		l.Rows = append(l.Rows, v.keyRow(k))
	}
	if len(all) == 0 {
		l.Empty = &look.Empty{What: "An API key lets a program use REST: a gateway that checks codes, or a script. There is " +
			"none yet.", Action: &look.Link{Label: "Create an API key", Href: l.New}}
	}
	v.show(look.Page{Name: "keys", Title: "API keys", Body: l})
}

func (v *visit) newKeySheet() (sheet, error) {
	s := sheet{Means: "The text of the key is shown once.", Fields: []look.Field{
		{ID: "name", Label: "Name", Hint: "Letters, digits, and . _ -", Max: 64, Required: true},
		{ID: "expires", Label: "Last day", Hint: "Empty is no end", Type: "date"}},
		Legend: "Role", Group: "role", Checks: helpDesk(), Submit: "Create the key",
		Action: v.root() + "key-new", Close: v.root() + "keys"}
	s.Radios = append([]option{{Value: authz.Verifier.String(), Label: "VERIFIER: checks codes, and nothing else"},
		{Value: authz.Portal.String(), Label: "PORTAL: acts for users whom it has signed in"}}, v.rolesBelow()...)
	return s, nil
}

func (v *visit) createKey() error {
	role, err := v.role()
	if err != nil {
		return err
	}
	ends, err := v.day("expires")
	if err != nil {
		return err
	}
	key, text, err := v.cfg.Keys.Create(v.r.Context(), v.session.Principal, credentials.KeyRequest{
		Name: v.posted("name"), Role: role, HelpDesk: v.r.PostForm.Has("help_desk"), Expires: ends}, v.origin())
	if err != nil {
		return err
	}
	v.showOnce("The key is created", once{Subject: key.Name, Label: "Key", Secret: text, Close: v.root() + "keys",
		Means: "The program sends it as a bearer token: Authorization: Bearer KEY."})
	return nil
}

func (v *visit) revokeSheet() (sheet, error) {
	all, err := v.cfg.Keys.List(v.r.Context())
	if err != nil {
		return sheet{}, err
	}
	for _, k := range all {
		row := v.keyRow(k)
		if k.Name != v.r.PathValue("name") || !k.Revoked.IsZero() {
			continue
		}
		if row.Revoke == "" {
			return sheet{}, fault.New(fault.Forbidden, "role_too_high", "You revoke keys of lower roles than yours.")
		}
		return sheet{Subject: k.Name, About: row.Role, Means: "Programs that use the key are refused from now on.",
			Submit: "Revoke", Danger: true, Action: row.Revoke, Close: v.root() + "keys"}, nil
	}
	return sheet{}, fault.New(fault.NotFound, "key_not_found", "There is no working key of this name.")
}

func (v *visit) revokeKey() error {
	err := v.cfg.Keys.Revoke(v.r.Context(), v.session.Principal, v.r.PathValue("name"), v.origin())
	if err == nil {
		v.lead("keys?done=revoke")
	}
	return err
}
