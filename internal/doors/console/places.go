package console

import (
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/look"
)

// place is a page that the side bar leads to.
type place struct {
	group, label string
	path         string          // below the root of the server
	needs        authz.Operation // of who sees it
	key          string          // that leads there after g; empty if none does
}

// places are in the order of the side bar, the rows of a group together.
var places = []place{
	{"Users & tokens", "Hardware tokens", "tokens", authz.TokenView, "t"},
	{"Users & tokens", "Check tokens", "check", authz.TokenView, ""},
	{"Users & tokens", "Imports", "imports", authz.TokenImport, "i"},
	{"Users & tokens", "Users", "users", authz.UserView, "u"},
	{"Users & tokens", "Jobs", "jobs", authz.JobView, "j"},
	{"Users & tokens", "Batches", "batches", authz.TokenView, ""},
	{"Users & tokens", "Moves", "moves", authz.TokenExport, ""},
	{"Activation", "Software tokens", "software", authz.TokenView, "s"},
	{"Activation", "Profiles", "profiles", authz.ProfileView, ""},
	{"Activation", "Token types", "types", authz.TypeView, ""},
	{"Activation", "Series", "series", authz.SeriesView, ""},
	{"Insight", "Dashboard", dashboardPath, authz.TokenView, "d"},
	{"Insight", "Audit log", "audit", authz.AuditView, "a"},
	{"System", "Administrators", "admins", authz.AdminView, ""},
	{"System", "API keys", "keys", authz.KeyView, ""},
	{"System", "Settings", "settings", authz.SettingView, ""},
}

// has tells whether a path is of this place: its own, one below it, or that of a form that
// makes one of its things (users, users/anna, user-new).
func (p place) has(path string) bool {
	return path == p.path || strings.HasPrefix(path, p.path+"/") ||
		strings.HasPrefix(path, strings.TrimSuffix(p.path, "s")+"-")
}

// groups is the side bar: only what there is, and the administrator may see.
func (v *visit) groups() (all []look.Group) {
	root, at := v.root(), strings.TrimPrefix(v.r.URL.Path, "/")
	for _, p := range places {
		if !v.may(p.needs) {
			continue
		}
		if len(all) == 0 || all[len(all)-1].Title != p.group {
			all = append(all, look.Group{Title: p.group})
		}
		g := &all[len(all)-1]
		g.Items = append(g.Items, look.Item{Key: p.key, Link: look.Link{Label: p.label, Href: root + p.path},
			Current: p.has(at)})
	}
	return all
}

const dashboardPath = "dashboard"

// home is the dashboard, or the first page of the side bar that the administrator may see.
func (v *visit) home() string {
	if v.may(authz.TokenView) {
		return dashboardPath
	}
	for _, p := range places {
		if v.may(p.needs) {
			return p.path
		}
	}
	return "account"
}
