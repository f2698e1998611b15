package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newProfile(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Manage the profiles of software authenticators",
		Long: `Manage the profiles, the parameter sheets of software authenticators: which
applications they have, what PINs and activation codes look like, and whether
their keys are bound to the device. A token type names the profile of its tokens.

A profile never changes, because apps and letters contain it: create a new one and
set it for the type. mobile-totp and mobile-hotp have one from the start.`,
		Example: `  ostiary profile create bank --file bank.toml
  ostiary profile show bank
  ostiary profile show bank --static-vector > bank.vector`,
	}
	cmd.AddCommand(newProfileCreate(a), newProfileList(a), newProfileShow(a), newProfileLimits(a),
		newProfileRetire(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

const maxProfileFile = 64 << 10

func newProfileCreate(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "create NAME --file FILE",
		Short: "Create a profile",
		Long: `Create a profile from a TOML file; examples/profiles/plain.toml explains every
setting. The server generates the id and the keys, so the same file gives another
profile each time.

A profile never changes. It does nothing until a token type names it, and its
serial prefix must be that of the type; the command shows how to create a type if
there is none.`,
		Example: `  ostiary profile create bank --file bank.toml
  ostiary type create bank-app --kind software --algorithm TOTP --hash SHA256 \
      --prefix BNK --activation one-step --profile bank`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if file == "" {
				return cmdline.Mistakef(cmd, "--file is missing: the profile in TOML, or - for standard input")
			}
			text, err := a.readSmall(file, maxProfileFile)
			if err != nil {
				return err
			}
			p, err := c.CreateProfile(cmd.Context(), wire.ProfileRequest{Name: args[0], TOML: string(text)})
			if err != nil {
				return err
			}
			if err := a.say(p, "Profile %s is created. Its fingerprint is %s.", p.Name, p.Fingerprint); err != nil {
				return err
			}
			a.beware(p.Warnings)
			return nil
		}),
	}
	cmd.Flags().StringVar(&file, "file", "", "`FILE` with the profile, in TOML; - is standard input")
	return cmd
}

func newProfileList(a *app) *cobra.Command {
	return a.addCSV(&cobra.Command{
		Use:     "list",
		Short:   "List profiles",
		Long:    "List all profiles by name, with the token types that use them.",
		Example: "  ostiary profile list",
		Args:    cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			list, err := c.Profiles(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			out := a.listTable("NAME", "TITLE", "ISSUER", "PREFIX", "ACTIVATION", "APPLICATIONS", "USED BY",
				"RETIRED", "CREATED")
			for _, p := range list.Profiles {
				out.row(p.Name, p.Title, p.Issuer, p.Prefix, steps(p), strconv.Itoa(len(p.Applications)),
					strings.Join(p.UsedBy, ", "), a.atOr(p.Retired, "no"), a.at(p.Created))
			}
			return out.flush()
		}),
	})
}

// steps names the activation that a profile is for, as types do.
func steps(p wire.Profile) string {
	switch {
	case p.Channel:
		return "two-step, secure channel"
	case p.TwoStep:
		return "two-step"
	}
	return "one-step"
}

func newProfileShow(a *app) *cobra.Command {
	var vector bool
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a profile, or its static vector",
		Long: `Show everything about a profile. An app shows the same fingerprint before it
accepts the profile.

With --static-vector only the static vector is printed, as text on one line: the
configuration of an app. It is not secret, but an app trusts the issuer in it.`,
		Example: `  ostiary profile show bank
  ostiary profile show bank --static-vector > bank.vector
  ostiary-authenticator activate --static-vector-file bank.vector --serial BNK10000001`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if vector && a.json {
				return cmdline.Mistakef(cmd, "--static-vector prints text; with --json alone the answer has it as "+
					"static_vector")
			}
			p, err := c.Profile(cmd.Context(), args[0])
			switch {
			case err != nil:
				return err
			case a.json:
				return a.printJSON(p)
			case vector:
				_, err := fmt.Fprintln(a.Stdout, p.StaticVector)
				return err
			}
			return a.printProfile(p)
		}),
	}
	cmd.Flags().BoolVar(&vector, "static-vector", false, "print the static vector and nothing else")
	return cmd
}

func (a *app) printProfile(p wire.Profile) error {
	out, rules, stretch := newTable(a.Stdout), p.Activation, p.Activation.Argon2id
	out.row("Name", p.Name)
	out.row("Title", p.Title)
	out.row("Issuer", p.Issuer)
	out.row("Serial prefix", p.Prefix)
	out.row("Fingerprint", p.Fingerprint)
	out.row("Used by", strings.Join(p.UsedBy, ", "))
	for _, app := range p.Applications {
		out.row(fmt.Sprintf("Application %d", app.Index), fmt.Sprintf("%s: %s, %s", app.Name, app.Mode, app.Suite))
	}
	out.row("Activation", steps(p))
	out.row("Activation code", rules.Code)
	password := cmdline.YesNo(rules.Password)
	if rules.CheckPassword {
		password += ", checked by the app"
	}
	out.row("Password", password)
	out.row("Device binding", cmdline.YesNo(rules.DeviceBinding))
	out.row("New keys", cmdline.YesNo(rules.NewKey))
	out.row("Reactivation", cmdline.YesNo(rules.Reactivation))
	out.row("PIN", pinRules(p.PIN))
	out.row("Argon2id", fmt.Sprintf("%s, %d KiB, %s", cmdline.Plural(stretch.Passes, "pass", "passes"), stretch.Memory,
		cmdline.Plural(stretch.Lanes, "lane", "lanes")))
	out.row("Retired", optionalTime(p.Retired, "no"))
	out.row("Created", a.at(p.Created))
	return out.flush()
}

func pinRules(r wire.ProfilePIN) string {
	text := fmt.Sprintf("%d to %d digits", r.Min, r.Max)
	if r.RefuseWeak {
		text += ", weak ones refused"
	}
	if r.Level == "none" {
		return text + ", not checked"
	}
	return fmt.Sprintf("%s, after %s: %s", text, cmdline.Plural(r.Tries, "wrong one", "wrong ones"), r.Penalty)
}

func newProfileRetire(a *app) *cobra.Command {
	var undo bool
	cmd := &cobra.Command{
		Use:   "retire NAME",
		Short: "Retire a profile: no new tokens and no first activations",
		Long: `Allow no new tokens with a profile, and no first activations. Activated tokens
continue to work, and may be activated again; an open activation may be confirmed. A
type with this profile needs another one before it can have new tokens: ostiary type
change. --undo allows new tokens again. The profile itself never changes.`,
		Example: `  ostiary profile retire bank
  ostiary profile retire bank --undo`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if undo {
				p, err := c.RestoreProfile(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.say(p, "Profile %s is in use again.", p.Name)
			}
			p, err := c.RetireProfile(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := a.say(p, "Profile %s is retired.", p.Name); err != nil || len(p.UsedBy) == 0 || a.json {
				return err
			}
			a.note("These types can have no new tokens until they have another profile: %s", strings.Join(p.UsedBy, ", "))
			return nil
		}),
	}
	cmd.Flags().BoolVar(&undo, "undo", false, "allow new tokens with it again")
	return cmd
}
