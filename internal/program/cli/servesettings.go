package cli

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ostiary/internal/doors/wire"
)

// settingsOf gives the flags of serve with their values and where these come from, for
// administrators to look at. Secrets are in files, so that a value is the name of one; what
// an address may have besides, such as a password, is left out.
func settingsOf(cmd *cobra.Command, data string) (all []wire.Setting) {
	add := func(f *pflag.Flag) {
		_, means := pflag.UnquoteUsage(f)
		s := wire.Setting{Name: f.Name, Value: f.Value.String(), Source: "default", Means: means}
		if f.Changed {
			s.Source = "flag"
		}
		switch {
		case f.Value.Type() == "stringSlice" && s.Value == "[]":
			s.Value = ""
		case strings.Contains(s.Value, "://"):
			s.Value = plainURL(s.Value, f.Name == "notify-url")
		case f.Name == "data" && !f.Changed && data != "":
			s.Value, s.Source = data, "environment"
		}
		all = append(all, s)
	}
	if f := cmd.Flags().Lookup("data"); f != nil {
		add(f)
	}
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && f.Name != "data" {
			add(f)
		}
	})
	return all
}

// plainURL is an address without what may be secret in it; with host, that is its path, too.
func plainURL(text string, host bool) string {
	u, err := url.Parse(text)
	if err != nil {
		return "an address that cannot be read"
	}
	u.RawQuery, u.Fragment = "", ""
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	if host {
		u.Path, u.RawPath, u.User = "", "", nil
	}
	return u.String()
}
