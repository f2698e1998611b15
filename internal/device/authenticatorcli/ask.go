package authenticatorcli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ostiary/activation"
	"ostiary/authenticator"
	"ostiary/internal/program/cmdline"
)

// askTries is how often a question is asked whose answer cannot be one.
const askTries = 3

// secret reads a secret from the file of a flag, or asks for it.
func (a *app) secret(cmd *cobra.Command, flag, file, question string) (authenticator.Secret, error) {
	switch {
	case file != "":
		return cmdline.ReadSecret(file, a.Stdin)
	case a.Ask != nil:
		return a.Ask(cmd.Context(), question, true)
	}
	return nil, cmdline.Mistakef(cmd, "there is no terminal for the question: give --%s FILE", flag)
}

// pinFlag is where the PIN of a command comes from.
type pinFlag struct{ file string }

func (p *pinFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.file, "pin-file", "", "`FILE` with the PIN; - is standard input (default: asked for)")
}

func (p *pinFlag) read(a *app, cmd *cobra.Command, of authenticator.Account) (authenticator.Secret, error) {
	return a.secret(cmd, "pin-file", p.file, "PIN of "+of.Name+":")
}

// choosePIN reads the PIN that a user chooses from the file of a flag, or asks for it
// until it is one, and is typed twice alike.
func (a *app) choosePIN(cmd *cobra.Command, flag, file string, rules activation.PINRules) (authenticator.Secret,
	error) {
	if file != "" || a.Ask == nil {
		return a.secret(cmd, flag, file, "")
	}
	digits := fmt.Sprintf("%d to %d", rules.Min, rules.Max)
	if rules.Min == rules.Max {
		digits = fmt.Sprint(rules.Min)
	}
	var last error
	for range askTries {
		pin, err := a.Ask(cmd.Context(), "Choose a PIN of "+digits+" digits:", true)
		if err != nil {
			return nil, err
		}
		if last = authenticator.CheckPIN(rules, pin); last == nil {
			again, err := a.Ask(cmd.Context(), "Once more:", true)
			if err != nil {
				return nil, err
			}
			if bytes.Equal(pin, again) {
				return pin, nil
			}
			last = errors.New("the two PINs differ: type the same twice")
		}
		a.note("%v", last)
	}
	return nil, last
}

// agree asks whether to go on with what was shown. Where nobody can be asked, --yes
// must have said so.
func (a *app) agree(cmd *cobra.Command, yes bool, question string) (bool, error) {
	if yes {
		return true, nil
	}
	if a.Ask == nil {
		return false, cmdline.Mistakef(cmd, "there is no terminal for the question: check what is shown above, and give --yes")
	}
	for range askTries {
		answer, err := a.Ask(cmd.Context(), question+" [y/N]", false)
		if err != nil {
			return false, err
		}
		// A no may use up a code, so what is neither is asked again.
		switch strings.ToLower(string(answer)) {
		case "y", "yes":
			return true, nil
		case "", "n", "no":
			return false, nil
		}
		a.note("type y for yes, or n for no")
	}
	return false, nil
}

// find returns the account of a name, a serial or an id, or the only one.
func find(cmd *cobra.Command, v *authenticator.Vault, what string) (authenticator.Account, error) {
	all, err := v.List()
	if what == "" && err == nil {
		return only(cmd, all)
	}
	var found []authenticator.Account
	for _, account := range all {
		if account.Name == what || account.ID == what {
			return account, nil // names are unique
		}
		if account.Serial == strings.ToUpper(what) {
			found = append(found, account)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return authenticator.Account{}, cmdline.Mistakef(cmd, "several issuers have given out the serial %s: name "+
			"the account", what)
	case err != nil:
		return authenticator.Account{}, err
	}
	return authenticator.Account{}, authenticator.ErrAccount
}

func only(cmd *cobra.Command, all []authenticator.Account) (authenticator.Account, error) {
	switch len(all) {
	case 0:
		return authenticator.Account{}, cmdline.WithHint(errors.New("the vault has no accounts"), "see "+program+
			" activate --help")
	case 1:
		return all[0], nil
	}
	var names []string
	for _, account := range all {
		names = append(names, cmdline.ShellQuote(account.Name))
	}
	return authenticator.Account{}, cmdline.Mistakef(cmd, "which account? There are %s", strings.Join(names, ", "))
}

// first returns the first argument, or "".
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// account checks the arguments of a command of which the last is an account and may be
// left out.
func account(most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > most {
			return cmdline.Mistakef(cmd, "%s takes %s at most, not %d", cmd.Name(),
				cmdline.Plural(most, "argument", "arguments"), len(args))
		}
		for _, arg := range args {
			if arg == "" {
				return cmdline.Mistakef(cmd, "an argument is empty")
			}
		}
		return nil
	}
}
