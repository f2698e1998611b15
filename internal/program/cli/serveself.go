package cli

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ostiary/internal/engine/selfservice"
	"ostiary/internal/program/cmdline"
)

// selfFlags are what serve is told of self-service.
type selfFlags struct{ pages, password, app, help string }

const (
	on  = "on"
	off = "off"
	// onPage shows the activation password on a page.
	onPage = "page"

	maxSelfHelp = 200 // characters
)

func addSelfFlags(flags *pflag.FlagSet, f *selfFlags) {
	flags.StringVar(&f.pages, "self-service", on, "`on|off`: the pages at /me, where users look after their own tokens")
	flags.StringVar(&f.app, "self-service-app", "app-totp", "`TYPE` of the tokens that users create for authenticator apps; off for none")
	flags.StringVar(&f.password, "self-service-password", off, "`page|off`: show users the activation password on a page of its own")
	flags.StringVar(&f.help, "self-service-help", "", "`TEXT` that tells users how the help desk is reached, such as a telephone number")
}

// policy is what the flags say.
func (f selfFlags) policy(cmd *cobra.Command) (p selfservice.Policy, err error) {
	if err := cmdline.OneOf(cmd, "self-service", f.pages, on, off); err != nil {
		return p, err
	}
	if err := cmdline.OneOf(cmd, "self-service-password", f.password, onPage, off); err != nil {
		return p, err
	}
	if utf8.RuneCountInString(f.help) > maxSelfHelp ||
		strings.ContainsFunc(f.help, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return p, cmdline.Mistakef(cmd, "--self-service-help must be one line of at most %d characters", maxSelfHelp)
	}
	p = selfservice.Policy{Off: f.pages == off, ShowPassword: f.password == onPage, AppType: f.app}
	if f.app == off {
		p.AppType = ""
	}
	return p, nil
}
