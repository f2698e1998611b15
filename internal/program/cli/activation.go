package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newActivation(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "activation",
		Short: "Activate a user's phone as a token, or reactivate it",
		Long: `Make an authenticator on a phone or computer a token of its user, or do so again after
a lost phone or a forgotten PIN.

Begin an activation (offline, qr or offer) and give the user what it shows. The
app then shows a first code, which you present with confirm; after an offer the app
does that by itself. Until then the previous device works, unless it was reported lost.
A new activation ends the open one of the token.

docs/activation.md explains each step.`,
		Example: `  ostiary token create mobile-totp --user alice
  ostiary activation offer MT10000001
  ostiary activation show MT10000001`,
	}
	cmd.AddCommand(newActivationOffline(a), newActivationQR(a), newActivationOffer(a), newActivationConfirm(a),
		newActivationBatch(a),
		newActivationLetterText(a),
		newActivationShow(a), newActivationCancel(a), newActivationReset(a), newActivationUnbind(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

// startFlags are what the commands share that begin an activation.
type startFlags struct {
	which        selectorFlags
	passwordFile string
	reason       string
	days         int
	erc          bool
}

const maxDays = 365 // the server's limit

func (f *startFlags) add(cmd *cobra.Command) {
	f.which.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.passwordFile, "password-file", "", "`FILE` with the activation password; default: generated, if the profile has one")
	flags.StringVar(&f.reason, "reason", "", "`REASON` of a reactivation: pin-forgotten, device-replaced or device-lost, which reports the token lost")
	flags.BoolVar(&f.erc, "erc", false, "also issue an event counter code at a first activation, if the profile counts events")
	addDays(flags, &f.days, "7, or as the limits of the profile say")
}

func addDays(flags *pflag.FlagSet, days *int, usual string) {
	flags.IntVar(days, "days", 0, "how many `DAYS` it is open, up to 365 (default "+usual+")")
}

func checkDays(cmd *cobra.Command, days int) error {
	if cmd.Flags().Changed("days") && (days < 1 || days > maxDays) {
		return cmdline.Mistakef(cmd, "--days %d: it must be 1 to %d", days, maxDays)
	}
	return nil
}

// activationRequest checks the flags and reads the password.
func (a *app) activationRequest(cmd *cobra.Command, f startFlags, route string) (r wire.ActivationRequest, err error) {
	if err := checkDays(cmd, f.days); err != nil {
		return r, err
	}
	if f.reason != "" {
		if err := cmdline.OneOf(cmd, "reason", f.reason, "pin-forgotten", "device-replaced",
			"device-lost"); err != nil {
			return r, err
		}
	}
	r = wire.ActivationRequest{Route: route, Reason: f.reason, Days: f.days, ERC: f.erc}
	if f.passwordFile != "" {
		password, err := a.readSecret(f.passwordFile)
		if err != nil {
			return r, err
		}
		if r.Password = string(password); r.Password == "" {
			return r, &inputError{fmt.Errorf("%s contains no password", f.passwordFile)}
		}
		clear(password)
	}
	return r, nil
}

func newActivationOffline(a *app) *cobra.Command {
	var f startFlags
	var letterFile string
	var says letterFlags
	cmd := &cobra.Command{
		Use:   "offline SERIAL",
		Short: "Begin an activation with codes to type",
		Long: `Begin an activation whose codes the user types into the app: serial, activation
code, and an event counter code if the app needs one. They are shown only once.

If the profile has activation passwords, one is generated and shown, unless
--password-file gives one. Send it to the user separately from the code.

--letter writes the codes as a letter to print instead of showing them; the
password is not in it. FILE is created with mode 0600 and must not exist. --page
gives the address at which the user types the first code; --language and --letter-text
choose the texts.`,
		Example: `  ostiary activation offline MT10000001
  ostiary activation offline MT10000001 --letter alice.pdf --page https://bank.example.com/token
  ostiary activation offline MT10000001 --reason device-lost --json`,
		Args: cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := says.check(cmd, letterFile != "", "--letter FILE.pdf"); err != nil {
				return err
			}
			if letterFile != "" && !strings.HasSuffix(letterFile, ".pdf") {
				return cmdline.Mistakef(cmd, "--letter %s: a letter is a PDF; name a FILE.pdf", letterFile)
			}
			texts, err := says.texts(a, cmd)
			if err != nil {
				return err
			}
			req, err := a.activationRequest(cmd, f, "offline")
			if err != nil {
				return err
			}
			start := func() (wire.Activation, error) {
				return c.Activate(cmd.Context(), f.which.selector(cmd, args[0]), req)
			}
			if letterFile == "" {
				made, err := start()
				if err != nil {
					return err
				}
				return a.printActivation(made)
			}
			var made wire.Activation
			_, err = writeNew(letterFile, func(w io.Writer) (err error) {
				if made, err = start(); err != nil {
					return err
				}
				return writeLetters(w, says.page, texts, made)
			})
			if err != nil && made.Serial != "" {
				a.suggest("An activation has begun anyway. Cancel it: ostiary activation cancel %s",
					cmdline.ShellQuote(made.Serial))
			}
			if err != nil {
				return err
			}
			return a.printLettered(made, letterFile)
		}),
	}
	f.add(cmd)
	cmd.Flags().StringVar(&letterFile, "letter", "", "write a letter to a new `FILE.pdf` instead of showing the codes")
	says.add(cmd.Flags())
	return cmd
}

func newActivationQR(a *app) *cobra.Command {
	var f startFlags
	var out string
	cmd := &cobra.Command{
		Use:   "qr SERIAL --out FILE",
		Short: "Begin an activation with a QR code",
		Long: `Begin an activation whose codes the app reads from an image: FILE.png, FILE.svg,
or with - the terminal. The file is created with mode 0600 and must not exist. Delete
it when the app has read it.

If the profile has activation passwords, one is generated and shown, unless
--password-file gives one. It is not in the image; send it to the user
separately.`,
		Example: `  ostiary activation qr MT10000001 --out -
  ostiary activation qr MT10000001 --out alice.png --password-file password.txt`,
		Args: cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if out == "" {
				return cmdline.Mistakef(cmd, "--out is missing: FILE.png or FILE.svg, or - for the terminal")
			}
			req, err := a.activationRequest(cmd, f, "qr")
			if err != nil {
				return err
			}
			made, err := a.startDrawn(cmd, c, f.which.selector(cmd, args[0]), req, out,
				func(m wire.Activation) string { return m.QRBody })
			if err != nil || a.json {
				return err
			}
			if out != "-" {
				if err := a.sayDrawn(out); err != nil {
					return err
				}
			}
			return a.endActivation(made)
		}),
	}
	f.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "draw the code to a new `FILE.png` or FILE.svg, or with - in the terminal")
	return cmd
}

// startDrawn begins an activation and draws a text of it. The file is made before
// there is a secret, which would be lost without it.
func (a *app) startDrawn(cmd *cobra.Command, c *client.Client, s client.Selector, req wire.ActivationRequest,
	out string, text func(wire.Activation) string) (made wire.Activation, err error) {
	d, err := drawingTo(cmd, out)
	if err != nil {
		return made, err
	}
	files, err := d.open()
	if err != nil {
		return made, err
	}
	if made, err = c.Activate(cmd.Context(), s, req); err != nil {
		files.discard()
		return made, err
	}
	if a.json {
		err = a.printJSON(made)
	} else {
		err = a.sayBegun(made)
	}
	if text(made) == "" {
		files.discard()
		return made, errors.Join(err, cmdline.WithHint(errors.New("this server's address does not fit into a code "+
			"image; the activation has begun anyway"),
			"give the user the address and the code to type, or start the server with --public-url https://HOST"))
	}
	return made, errors.Join(err, a.drawText(d, files, text(made)))
}

// sayDrawn tells where the code image is.
func (a *app) sayDrawn(file string) error { return a.say(nil, "%s contains the code image.", file) }

func newActivationOffer(a *app) *cobra.Command {
	var f startFlags
	var out string
	cmd := &cobra.Command{
		Use:   "offer SERIAL",
		Short: "Begin an activation online, by a registration code",
		Long: `Begin an activation that the app completes by itself, over the network: it needs
this server's address and a registration code, typed or read from an image. The
first device that sends the code gets the token, so anyone who sees it can take
the token: show it in the user's own session, or send it over a channel that you trust.

The address is that of ostiary serve --public-url. In a terminal the image is drawn;
--out writes it to a new file of mode 0600.

An offer is refused if a limit is reached: ostiary activation show, and reset.`,
		Example: `  ostiary activation offer MT10000001
  ostiary activation offer MT10000001 --out alice.png --reason device-replaced`,
		Args: cmdline.Arguments("SERIAL"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			req, err := a.activationRequest(cmd, f, "online")
			if err != nil {
				return err
			}
			s := f.which.selector(cmd, args[0])
			if out == "" && cmdline.Terminal(a.Stdout) && !a.json {
				out = "-"
			}
			if out == "" {
				made, err := c.Activate(cmd.Context(), s, req)
				if err != nil {
					return err
				}
				return a.printActivation(made)
			}
			made, err := a.startDrawn(cmd, c, s, req, out, func(m wire.Activation) string { return m.Offer })
			if made.Serial == "" || a.json {
				return err
			}
			if err == nil && out != "-" {
				err = a.sayDrawn(out)
			}
			return errors.Join(err, a.sayCodes(made))
		}),
	}
	f.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "draw the code to a new `FILE.png` or FILE.svg, or with - in the terminal")
	return cmd
}
