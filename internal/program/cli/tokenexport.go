package cli

import (
	"io"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

func newTokenExport(a *app) *cobra.Command {
	var req wire.ExportRequest
	var passphraseFile, importFlag string
	cmd := &cobra.Command{
		Use:   "export FILE --passphrase-file FILE",
		Short: "Export tokens with their secrets, for another server",
		Long: `Export tokens with their secrets into a PSKC file (RFC 6030), encrypted under a
passphrase. Other servers and this one can read it; this one also reads the state,
counter, drift and owner of each token from it. A token that is activated on a
phone is exported with what the phone needs: its profile with the issuer's key, and its
activation.

Say which tokens: by --serial, --type, --user, --state, --kind, --batch, --import,
or --all. It takes the role ROOT or SUPER_ADMIN, and the audit log keeps the
serials. The passphrase comes from a file and has at least 12 characters; send it to
the receiver separately from FILE. FILE is created with mode 0600 and must not
exist.

Without --move the tokens remain here and continue to work. A code that was used there
after an import can be used here, and the other way round: do not use both. With
--move they are MOVING from this moment, their codes are refused here, and their open
activations end; "ostiary move" explains how a move ends.`,
		Example: `  ostiary token export stock.pskc --passphrase-file phrase.txt --type totp
  ostiary token export one.pskc --passphrase-file phrase.txt --serial 12345678
  ostiary token export all.pskc --passphrase-file phrase.txt --kind software --move`,
		Args: cmdline.Arguments("FILE"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			chosen := false
			for _, name := range []string{"serial", "type", "user", "state", "kind", "batch", "import"} {
				chosen = chosen || cmd.Flags().Changed(name)
			}
			switch {
			case passphraseFile == "":
				return cmdline.Mistakef(cmd, "--passphrase-file is missing: the file is encrypted under a passphrase")
			case chosen && req.All:
				return cmdline.Mistakef(cmd, "--all exports every token: omit it, or the flags that choose tokens")
			case !chosen && !req.All:
				return cmdline.Mistakef(cmd, "say which tokens to export: --serial, --type, --user, --state, "+
					"--kind, --batch, --import, or --all")
			}
			if req.Kind != "" {
				if err := cmdline.OneOf(cmd, "kind", req.Kind, "hardware", "software"); err != nil {
					return err
				}
			}
			var err error
			if req.State != "" {
				if req.State, err = stateArg(cmd, req.State); err != nil {
					return err
				}
			}
			if importFlag != "" {
				if req.Import, err = importID(cmd, importFlag); err != nil {
					return err
				}
			}
			phrase, err := a.readSecret(passphraseFile)
			if err != nil {
				return err
			}
			req.Passphrase = string(phrase)
			clear(phrase)
			move, ended := "", 0
			size, err := writeNew(args[0], func(w io.Writer) (err error) {
				move, ended, err = c.Export(cmd.Context(), req, w)
				return err
			})
			if err != nil && move != "" {
				a.suggest("The move has begun anyway. Take the tokens back: ostiary move cancel %s --yes", move)
			}
			if err != nil {
				return err
			}
			type result struct {
				File  string `json:"file"`
				Bytes int64  `json:"bytes"`
				Move  string `json:"move,omitempty"`
				Ended int    `json:"activations_ended,omitempty"`
			}
			if err := a.say(result{args[0], size, move, ended}, "%s is written (%s). The audit log lists what it contains.",
				args[0], byteCount(size)); err != nil || move == "" || a.json {
				return err
			}
			if ended > 0 {
				if err := a.say(nil, "Open activations that were ended: %d. Begin them again on the other server.",
					ended); err != nil {
					return err
				}
			}
			return a.say(nil, "All that it contains is MOVING until the receipt of the other server arrives: ostiary move "+
				"confirm RECEIPT (move %s)", move)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&passphraseFile, "passphrase-file", "", "`FILE` with the passphrase")
	flags.StringArrayVar(&req.Serials, "serial", nil, "the token of this `SERIAL`; may be repeated")
	flags.StringVar(&req.Type, "type", "", "tokens of this `TYPE`")
	flags.StringVar(&req.User, "user", "", "tokens of this `USER`")
	flags.StringVar(&req.State, "state", "", "tokens in this `STATE`")
	flags.StringVar(&req.Kind, "kind", "", "tokens of this `KIND`: hardware or software")
	flags.StringVar(&req.Batch, "batch", "", "tokens of this `BATCH`")
	flags.StringVar(&importFlag, "import", "", "tokens of the import of this `ID`")
	flags.BoolVar(&req.Move, "move", false, "the tokens move to the other server: their codes are refused "+
		"here")
	flags.BoolVar(&req.All, "all", false, "every token")
	return cmd
}
