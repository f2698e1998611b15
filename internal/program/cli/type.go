package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newType(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "type",
		Short: "Manage the token types: settings of codes and serials",
		Long: `Manage the token types. A type says how its tokens generate codes, what their serials
look like, how many a user may hold and how long they are valid.

Built in are hotp, totp and ocra for imported hardware; app-totp and app-hotp
for any authenticator app; mobile-totp, mobile-hotp and mobile-license
for the activated authenticator.`,
		Example: `  ostiary type list
  ostiary type create app-long --kind software --algorithm TOTP --digits 8 --prefix AL
  ostiary type change app-totp --max-per-user 2 --lifetime 365`,
	}
	cmd.AddCommand(newTypeList(a), newTypeShow(a), newTypeCreate(a), newTypeChange(a), newTypeRetire(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

func newTypeList(a *app) *cobra.Command {
	return a.addCSV(&cobra.Command{
		Use:     "list",
		Short:   "List token types",
		Long:    "List all token types by name, including retired ones.",
		Example: "  ostiary type list",
		Args:    cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			list, err := c.Types(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			out := a.listTable("NAME", "KIND", "CODES", "SERIALS", "ACTIVATION", "PER USER", "DAYS", "RETIRED")
			for _, t := range list.Types {
				activation := t.Activation
				if t.Kind == "hardware" {
					activation = ""
				}
				out.row(t.Name, t.Kind, typeCodes(t), typeSerials(t), activation, noLimit(t.MaxPerUser),
					noLimit(t.LifetimeDays), a.retiredOf(t))
			}
			return out.flush()
		}),
	})
}

// typeCodes says how codes are made; of a built-in hardware type only in part.
func typeCodes(t wire.TokenType) string {
	if t.Digits == 0 {
		return t.Algorithm
	}
	return codes(wire.Token{Algorithm: t.Algorithm, Hash: t.Hash, Digits: t.Digits, Period: t.Period, Suite: t.Suite})
}

// typeSerials shows the shape of serials, such as AT########.
func typeSerials(t wire.TokenType) string { return t.Prefix + strings.Repeat("#", t.Width) }

func noLimit(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func newTypeShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a token type",
		Long:    "Show everything about a token type.",
		Example: "  ostiary type show app-totp",
		Args:    cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			t, err := c.Type(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(t)
			}
			out := newTable(a.Stdout)
			out.row("Name", t.Name)
			out.row("Kind", t.Kind)
			out.row("Built in", cmdline.YesNo(t.BuiltIn))
			out.row("Codes", typeCodes(t))
			if t.Kind == "software" {
				out.row("Serials", typeSerials(t))
				out.row("Series start", strconv.FormatUint(t.Start, 10))
				out.row("Activation", t.Activation)
				out.row("Profile", profileOf(t))
			}
			out.row("Manufacturer", t.Manufacturer)
			out.row("Product", t.Product)
			out.row("Most per user", orElse(noLimit(t.MaxPerUser), "no limit"))
			lifetime := "no end"
			if t.LifetimeDays != 0 {
				lifetime = cmdline.Plural(t.LifetimeDays, "day", "days")
			}
			out.row("Lifetime", lifetime)
			out.row("Retired", optionalTime(t.Retired, "no"))
			return out.flush()
		}),
	}
}

// typeFlags are what can be said about a type, at its creation and later.
type typeFlags struct {
	algorithm, hash, suite, prefix, activation, profile, manufacturer, product string
	digits, width, maxPerUser, lifetime                                        int
	period                                                                     int64
	start                                                                      uint64
}

func (f *typeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.algorithm, "algorithm", "", "`ALGORITHM` of the codes: HOTP, TOTP or OCRA")
	flags.StringVar(&f.hash, "hash", "", "`HASH`: SHA1, SHA256 or SHA512 (default SHA1)")
	flags.IntVar(&f.digits, "digits", 0, "`N` digits of a code, 6 to 10 (default 6)")
	flags.Int64Var(&f.period, "period", 0, "`SECONDS` of a TOTP time step (default 30)")
	flags.StringVar(&f.suite, "suite", "", "OCRA `SUITE`")
	flags.StringVar(&f.prefix, "prefix", "", "`TEXT` that serials begin with, up to 3 of A-Z and 0-9")
	flags.IntVar(&f.width, "width", 0, "`N` digits of a serial after its prefix (default 8)")
	flags.Uint64Var(&f.start, "start", 0, "number `N` of the first serial (default 10000001)")
	flags.StringVar(&f.activation, "activation", "", "`MODE`: none, one-step or two-step (default none)")
	flags.StringVar(&f.profile, "profile", "", "`NAME` of the profile, for types with an activation")
	flags.StringVar(&f.manufacturer, "manufacturer", "", "`NAME` of the manufacturer in vendor files")
	flags.StringVar(&f.product, "product", "", "`CODE` of the product in vendor files")
	flags.IntVar(&f.maxPerUser, "max-per-user", 0, "at most `N` tokens of the type for a user; 0 for no limit")
	flags.IntVar(&f.lifetime, "lifetime", 0, "`DAYS` that a new token is valid; 0 for no end")
}

func newTypeCreate(a *app) *cobra.Command {
	var f typeFlags
	var kind string
	cmd := &cobra.Command{
		Use:   "create NAME --kind KIND --algorithm ALGORITHM",
		Short: "Create a token type",
		Long: `Create a token type. Serials of a software type are its prefix and a number;
no two types may have the same serial.

Other authenticator apps support TOTP with SHA1, 6 digits and 30 seconds.
Many ignore other settings and show wrong codes; the command warns about this.

A type with an activation names the profile of its tokens, which must have the
same serial prefix, the same activation, and the same algorithm as the type.`,
		Example: `  ostiary type create app-long --kind software --algorithm TOTP --digits 8 --prefix AL
  ostiary type create bank-app --kind software --algorithm TOTP --hash SHA256 \
      --prefix BNK --activation one-step --profile bank
  ostiary type create safeid --kind hardware --algorithm TOTP --period 60 \
      --manufacturer Deepnet --product SafeID/Time`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := cmdline.OneOf(cmd, "kind", kind, "hardware", "software"); err != nil {
				return err
			}
			if err := cmdline.OneOf(cmd, "algorithm", f.algorithm, "HOTP", "TOTP", "OCRA"); err != nil {
				return err
			}
			t, err := c.CreateType(
				cmd.Context(), wire.TokenTypeRequest{Name: args[0], Kind: kind, Algorithm: f.algorithm, Hash: f.hash,
					Digits: f.digits,
					Period: f.period, Suite: f.suite, Prefix: f.prefix, Width: f.width, Start: f.start,
					Activation: f.activation, Profile: f.profile,
					Manufacturer: f.manufacturer, Product: f.product, MaxPerUser: f.maxPerUser,
					LifetimeDays: f.lifetime})
			if err != nil {
				return err
			}
			return a.sayType(t, "Type %s is created.")
		}),
	}
	cmd.Flags().StringVar(&kind, "kind", "", "`KIND`: hardware or software")
	f.add(cmd)
	return cmd
}

func newTypeChange(a *app) *cobra.Command {
	var f typeFlags
	cmd := &cobra.Command{
		Use:   "change NAME FLAGS",
		Short: "Change a token type",
		Long: `Change the given settings of a token type.

You can always change profile, manufacturer, product, max-per-user and lifetime; a
new lifetime and limit apply to new tokens, not to existing ones. You can change how
codes and serials are generated only if there never was a token of the type, and
never for hotp, totp and ocra.`,
		Example: `  ostiary type change app-totp --max-per-user 2 --lifetime 365
  ostiary type change mobile-totp --profile staff-2026`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			change := f.change(cmd)
			if change == (wire.TokenTypeChange{}) {
				return cmdline.Mistakef(cmd, "nothing to change: give at least one flag")
			}
			t, err := c.ChangeType(cmd.Context(), args[0], change)
			if err != nil {
				return err
			}
			return a.sayType(t, "Type %s is changed.")
		}),
	}
	f.add(cmd)
	cmdline.MayBeEmpty(cmd, "hash", "suite", "prefix", "profile", "manufacturer", "product")
	for _, name := range []string{"hash", "digits", "period", "width", "start", "activation"} {
		flag := cmd.Flags().Lookup(name)
		flag.Usage, _, _ = strings.Cut(flag.Usage, " (default")
	}
	return cmd
}

// change holds the flags that were given.
func (f *typeFlags) change(cmd *cobra.Command) (c wire.TokenTypeChange) {
	given(cmd, "algorithm", &f.algorithm, &c.Algorithm)
	given(cmd, "hash", &f.hash, &c.Hash)
	given(cmd, "digits", &f.digits, &c.Digits)
	given(cmd, "period", &f.period, &c.Period)
	given(cmd, "suite", &f.suite, &c.Suite)
	given(cmd, "prefix", &f.prefix, &c.Prefix)
	given(cmd, "width", &f.width, &c.Width)
	given(cmd, "start", &f.start, &c.Start)
	given(cmd, "activation", &f.activation, &c.Activation)
	given(cmd, "profile", &f.profile, &c.Profile)
	given(cmd, "manufacturer", &f.manufacturer, &c.Manufacturer)
	given(cmd, "product", &f.product, &c.Product)
	given(cmd, "max-per-user", &f.maxPerUser, &c.MaxPerUser)
	given(cmd, "lifetime", &f.lifetime, &c.LifetimeDays)
	return c
}

func given[T any](cmd *cobra.Command, flag string, value *T, to **T) {
	if cmd.Flags().Changed(flag) {
		*to = value
	}
}

func newTypeRetire(a *app) *cobra.Command {
	var undo bool
	cmd := &cobra.Command{
		Use:   "retire NAME",
		Short: "Retire a type: no new tokens",
		Long: `Retire a type: no new tokens; existing ones continue to work. Its serials remain in use.
--undo allows new ones again.`,
		Example: `  ostiary type retire app-long
  ostiary type retire app-long --undo`,
		Args: cmdline.Arguments("NAME"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			do, done := c.RetireType, "Type %s is retired."
			if undo {
				do, done = c.RestoreType, "Type %s is in use again."
			}
			t, err := do(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.say(t, done, t.Name)
		}),
	}
	cmd.Flags().BoolVar(&undo, "undo", false, "allow new tokens again")
	return cmd
}

// sayType tells what became of a type, and what to beware of.
func (a *app) sayType(t wire.TokenType, done string) error {
	if err := a.say(t, done, t.Name); err != nil {
		return err
	}
	a.beware(t.Warnings)
	return nil
}

// beware tells what works but may not be meant; with --json it is in the answer.
func (a *app) beware(warnings []string) {
	if a.json {
		return
	}
	for _, w := range warnings {
		a.note("Warning: %s", w)
	}
}

// profileOf names the profile of a type, and says if it is retired.
func profileOf(t wire.TokenType) string {
	if t.ProfileRetired != nil {
		return t.Profile + " (retired)"
	}
	return t.Profile
}

// retiredOf says since when a type has no new tokens, or that its profile allows none.
func (a *app) retiredOf(t wire.TokenType) string {
	if t.Retired == nil && t.ProfileRetired != nil {
		return "its profile"
	}
	return a.atOr(t.Retired, "no")
}
