package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ostiary/internal/client"
	"ostiary/internal/wire"
)

func newTokenExport(a *app) *cobra.Command {
	var req wire.ExportRequest
	var passphraseFile, importFlag string
	cmd := &cobra.Command{
		Use:   "export FILE --passphrase-file FILE",
		Short: "Export tokens with their secrets, for another server",
		Long: `Export tokens with their secrets into a PSKC file (RFC 6030), encrypted under a
passphrase. Other servers and this one read it; this one also reads the state,
counter, drift and owner of each token from it.

Say which tokens: by --serial, --type, --user, --state, --kind, --batch, --import,
or --all. It takes the role ROOT or SUPER_ADMIN, and the audit log keeps the
serials. The passphrase comes from a file, has at least 12 characters, and goes to
the receiver by another way than FILE. FILE is made with mode 0600 and must not
exist.

The tokens stay here and go on working. A code that was used there after an
import can be used here, and the other way round: do not use both.`,
		Example: `  ostiary token export stock.pskc --passphrase-file phrase.txt --type totp
  ostiary token export one.pskc --passphrase-file phrase.txt --serial 12345678`,
		Args: arguments("FILE"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			chosen := false
			for _, name := range []string{"serial", "type", "user", "state", "kind", "batch", "import"} {
				chosen = chosen || cmd.Flags().Changed(name)
			}
			switch {
			case passphraseFile == "":
				return mistakef(cmd, "--passphrase-file is missing: the file is encrypted under a passphrase")
			case chosen == req.All:
				return mistakef(cmd, "say which tokens to export: --serial, --type, --user, --state, --kind, --batch, --import, or --all")
			}
			if req.Kind != "" {
				if err := oneOf(cmd, "kind", req.Kind, "hardware", "software"); err != nil {
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
			return a.exportTo(cmd, c, req, args[0])
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&passphraseFile, "passphrase-file", "", "`FILE` that holds the passphrase")
	flags.StringArrayVar(&req.Serials, "serial", nil, "the token of this `SERIAL`; may be repeated")
	flags.StringVar(&req.Type, "type", "", "tokens of this `TYPE`")
	flags.StringVar(&req.User, "user", "", "tokens of this `USER`")
	flags.StringVar(&req.State, "state", "", "tokens in this `STATE`")
	flags.StringVar(&req.Kind, "kind", "", "tokens of this `KIND`: hardware or software")
	flags.StringVar(&req.Batch, "batch", "", "tokens of this `BATCH`")
	flags.StringVar(&importFlag, "import", "", "tokens of the import of this `ID`")
	flags.BoolVar(&req.All, "all", false, "every token")
	return cmd
}

// exportTo writes the file beside its place and puts it there when it is whole.
func (a *app) exportTo(cmd *cobra.Command, c *client.Client, req wire.ExportRequest, path string) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return &inputError{fmt.Errorf("%s exists already; an export does not overwrite", path)}
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".export-*") // mode 0600
	if err != nil {
		return &inputError{err}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	err = c.Export(cmd.Context(), req, file)
	if err == nil {
		err = file.Sync()
	}
	size, serr := file.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, serr, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	type result struct {
		File  string `json:"file"`
		Bytes int64  `json:"bytes"`
	}
	return a.say(result{path, size}, "%s holds the tokens (%s). The audit log has the list.", path, byteCount(size))
}
