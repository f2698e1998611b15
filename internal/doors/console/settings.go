package console

import (
	"ostiary/internal/core/authz"
	"ostiary/internal/doors/look"
)

func (c *Console) settingPages() []page {
	return []page{{"GET /settings", authz.SettingView, "list-settings", (*visit).settings}}
}

// settings shows how the server was started. Nothing here can be changed: each setting is a
// flag of serve, so that a stolen session changes none.
func (v *visit) settings() {
	v.show(look.Page{Name: "settings", Title: "Settings", Body: v.cfg.Settings})
}
