package authenticatorcli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ostiary/activation"
	"ostiary/authenticator"
	"ostiary/internal/program/cmdline"
)

// maxVectorFile is the size of the largest static vector file in bytes.
const maxVectorFile = 16 << 10

// activateFlags are the flags of activate, by the way in which the activation comes.
type activateFlags struct {
	vector, serial, code, codeFile, erc string // typed
	image                               string // scanned
	server, registration, registrationF string // online

	passwordFile, pinFile, name string
	yes                         bool
}

func newActivate(a *app) *cobra.Command {
	var f activateFlags
	cmd := &cobra.Command{
		Use:   "activate",
		Short: "Activate a token, or activate it again",
		Long: `Activate a token. It comes in one of three ways:

  typed    a letter with serial and activation code, and the static vector of the
           profile as a file
  scanned  a picture of the code image from a letter or a page (PNG or JPEG)
  online   a server's address and a registration code

The activation password, if the profile has one, comes separately from the code. You
choose a PIN. A token that the vault has already gets new keys and the new PIN, and you
are asked before; where it counts events, the letter has an event counter code (ERC).

What is typed or scanned is confirmed by you: type what is shown into the server's
page. Where the vault had the token, its old keys are kept until you say what the page
answered: run confirm --keep, or confirm --undo. Online the server is asked.

Other programs can see codes that stand on a command line. Put them into files, or
leave them out: then they are asked for.`,
		Example: `  ostiary-authenticator activate --static-vector-file bank.vector --serial FDM10000001 --code 4WQ0R-…
  ostiary-authenticator activate --qr letter.png --static-vector-file bank.vector
  ostiary-authenticator activate --server https://bank.example --registration ABCDE-…`,
		Args: cmdline.Arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(a, cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.vector, "static-vector-file", "", "`FILE` with the static vector of the profile; no other is accepted")
	flags.StringVar(&f.serial, "serial", "", "serial `S` of the token")
	flags.StringVar(&f.code, "code", "", "activation code `AC`")
	flags.StringVar(&f.codeFile, "code-file", "", "`FILE` with the activation code")
	flags.StringVar(&f.erc, "erc", "", "event counter code `E`, when the letter has one")
	flags.StringVar(&f.image, "qr", "", "`FILE` with a picture of the code image; - is standard input")
	flags.StringVar(&f.server, "server", "", "`URL` of the server, https://host")
	flags.StringVar(&f.registration, "registration", "", "registration `CODE` of the server's page")
	flags.StringVar(&f.registrationF, "registration-file", "", "`FILE` with the registration code")
	flags.StringVar(&f.passwordFile, "password-file", "", "`FILE` with the activation password (default: asked for)")
	flags.StringVar(&f.pinFile, "pin-file", "", "`FILE` with the PIN that you choose (default: asked for)")
	flags.StringVar(&f.name, "name", "", "`NAME` of the account (default: the serial, or what it was)")
	flags.BoolVar(&f.yes, "yes", false, "agree to what is shown, without being asked")
	return cmd
}

func (f *activateFlags) run(a *app, cmd *cobra.Command) error {
	online := f.server != "" || f.registration != "" || f.registrationF != ""
	typed := f.serial != "" || f.code != "" || f.codeFile != "" || f.erc != ""
	switch {
	case online && typed, online && f.image != "", typed && f.image != "":
		return cmdline.Mistakef(cmd, "give one of --serial with --code, --qr, and --server with --registration")
	case f.code != "" && f.codeFile != "", f.registration != "" && f.registrationF != "":
		return cmdline.Mistakef(cmd, "give a code, or a file with it, and not both")
	case !online && !typed && f.image == "" && (f.vector == "" || a.Ask == nil):
		return cmdline.Mistakef(cmd, "what is to be activated? Give --serial and --code, --qr, or --server and "+
			"--registration")
	case online && f.server == "":
		return cmdline.Mistakef(cmd, "--server is missing")
	}
	var cfg authenticator.Config
	if f.vector != "" {
		var err error
		if cfg.Vector, err = a.readVector(f.vector); err != nil {
			return err
		}
	}
	return a.withConfig(cmd.Context(), cfg, func(v *authenticator.Vault) error {
		s := &activating{app: a, cmd: cmd, flags: f, vault: v, vector: cfg.Vector}
		switch {
		case online:
			return s.typedOffer()
		case f.image != "":
			return s.image()
		}
		return s.typed()
	})
}

// readVector reads a static vector: the bytes, or the text that is scanned or pasted.
func (a *app) readVector(path string) (*activation.Vector, error) {
	data, err := cmdline.ReadSmall(path, a.Stdin, maxVectorFile)
	if err != nil {
		return nil, err
	}
	if text := string(data); strings.Contains(text, "ost1.") || strings.Contains(text, "OST1:") {
		m, err := activation.ReadMessage(text)
		if err != nil {
			return nil, err
		}
		if m.Type != activation.TypeVector {
			return nil, activation.ErrVector
		}
		data = m.Payload
	}
	return activation.ParseVector(data)
}

// activatedJSON is what --json prints of an activation.
type activatedJSON struct {
	Account    accountJSON `json:"account"`
	Again      bool        `json:"reactivated"`
	Confirmed  bool        `json:"confirmed"`
	OTP        string      `json:"otp,omitempty"`
	NextOTP    string      `json:"next_otp,omitempty"`
	Derivation string      `json:"derivation_code,omitempty"`
}

// showConfirmation shows what a user types into the server's page.
func (a *app) showConfirmation(account authenticator.Account, again bool, c activation.Confirmation) error {
	out := activatedJSON{Account: jsonOf(account), Again: again, OTP: string(c.OTP), NextOTP: string(c.Next)}
	if len(c.Derivation) > 0 {
		out.Derivation = activation.Group(string(c.Derivation))
	}
	if a.json {
		return a.printJSON(out)
	}
	fmt.Fprintln(a.Stdout, cmdline.Printable(fmt.Sprintf("Account %s (%s) is activated on this device. Type this "+
		"into the server's page:", account.Name, account.Serial)))
	table := cmdline.NewTable(a.Stdout)
	cmdline.Row(table, "One-time password", out.OTP)
	if out.NextOTP != "" {
		cmdline.Row(table, "Next one-time password", out.NextOTP)
	}
	if out.Derivation != "" {
		cmdline.Row(table, "Derivation code", out.Derivation)
	}
	if err := table.Flush(); err != nil || !account.Unconfirmed {
		return err
	}
	name := cmdline.ShellQuote(account.Name)
	_, err := fmt.Fprintf(a.Stdout, "When the page accepts it: %s confirm %s --keep\n"+
		"If it does not, the old keys come back with: %s confirm %s --undo\n", program, name, program, name)
	return err
}
