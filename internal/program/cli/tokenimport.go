package cli

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync/atomic"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/program/cmdline"
)

type importFlags struct {
	passphraseFile, keyHexFile, privateKeyFile string
	signerFile                                 string
	remainder                                  string
	hints                                      hintFlags
	upload                                     client.Upload
}

// addSecrets adds the flags that name where the key of a file is.
func (f *importFlags) addSecrets(flags *pflag.FlagSet) {
	flags.StringVar(&f.passphraseFile, "passphrase-file", "", "`FILE` with the passphrase")
	flags.StringVar(&f.keyHexFile, "key-hex-file", "", "`FILE` with the pre-shared key in hexadecimal")
	flags.StringVar(&f.privateKeyFile, "private-key-file", "", "`FILE` with the RSA private key (PEM) that a PSKC file is encrypted to")
	flags.StringVar(&f.signerFile, "signer-cert-file", "", "`FILE` with certificates (PEM): a PSKC file must be signed by one of them")
}

// addTrust adds the flag that takes a file on trust.
func (f *importFlags) addTrust(flags *pflag.FlagSet) {
	flags.BoolVar(&f.upload.AllowUnauthenticated, "allow-unauthenticated", false, "accept an encrypted file without a "+
		"MAC, if it came over a channel that you trust")
}

func newTokenImport(a *app) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Import a manufacturer's file of tokens",
		Long: `Import a seed file and report every key in it: imported, duplicate (the
same token with the same secret is already here), in conflict (it is here with
another secret), difference (it is here with the same secret, but other code settings
than in the file), twin (another token has its secret, so a code of one would
be right for both), or refused. FILE "-" is standard input. The format is detected
from the content:

` + formatList() + `
A table does not contain everything: compare the sample code with the device before you
distribute the tokens, and correct wrong assumptions with --encoding, --kind, --hash,
--period and --digits. "ostiary seedfile inspect" shows a file without importing it.

A file is imported completely or not at all. With --skip-bad the good keys are
imported even if others are refused, in conflict, different or twins; --replace
gives tokens in conflict the secret of the file, and different ones its period,
digits and hash; --dry-run shows what would happen.

Software tokens of another server may have serials that are in use here. That is a
conflict, too; --new-serials gives them the next serials of their series instead.
Users' authenticators continue to work: for them the serial is a label.

Tokens whose user the file names are assigned to that user. Unknown users are
reported, or added with --create-users. --batch names the delivery, so that its
tokens can be listed and revoked together.

--remainder writes the keys that were refused, in conflict or twins to a separate
file, as they are in FILE: still encrypted, with the same passphrase or key. Once
the reason is removed, import that file.

With --signer-cert-file the XML signature of a PSKC file is verified: unsigned
files, files that were changed and files signed by somebody else are refused.

The passphrase or key of an encrypted file comes from a file, never from the
command line, where others could read it. One line break at its end does not
count; "-" is standard input.

Exit code 0 means that no key was refused, in conflict, different or a twin, 1 that
some were, 2 an error.`,
		Example: `  ostiary token import tokens.pskc --dry-run
  ostiary token import tokens.pskc --passphrase-file letter.txt
  ostiary token import tokens.pskc --key-hex-file transport.key --json
  ostiary token import tokens.pskc --batch 'order 4711' --supplier ACME
  ostiary token import tokens.pskc --skip-bad --remainder rest.pskc
  ostiary token import fobs.csv --kind totp --period 60`,
		Args: cmdline.Arguments("FILE"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := f.check(cmd, args[0]); err != nil {
				return err
			}
			if err := absent(f.remainder); err != nil {
				return err
			}
			rep, err := a.importFile(cmd.Context(), c, &f, args[0])
			if err != nil {
				return err
			}
			answer := a.showReport(rep)
			if err := a.writeRemainder(cmd.Context(), c, &f, args[0], rep); err != nil {
				return err
			}
			return answer
		}),
	}
	flags := cmd.Flags()
	f.addSecrets(flags)
	f.hints.add(flags)
	flags.BoolVar(&f.upload.DryRun, "dry-run", false, "show what would happen and change nothing")
	flags.BoolVar(&f.upload.SkipBad, "skip-bad", false, "import the good keys even if others are refused")
	flags.BoolVar(&f.upload.Replace, "replace", false, "if a token exists with another secret, or has other code "+
		"settings, change it to what the file says")
	flags.BoolVar(&f.upload.NewSerials, "new-serials", false, "give software tokens whose serial is in use here the "+
		"next serials of their series")
	flags.BoolVar(&f.upload.CreateUsers, "create-users", false, "add the users that the file names and that "+
		"do not exist")
	flags.StringVar(&f.upload.Batch, "batch", "", "`NAME` of the delivery")
	flags.StringVar(&f.upload.Note, "note", "", "`TEXT` to keep with the batch")
	flags.StringVar(&f.upload.Supplier, "supplier", "", "`NAME` of the supplier of the batch")
	flags.StringVar(&f.remainder, "remainder", "", "`FILE` to write refused, conflicting and twin keys to; "+
		"it must not exist")
	flags.BoolVar(&f.upload.AllowPart, "allow-part", false, "accept a part of a file that had a MAC over the whole of "+
		"it, such as a remainder")
	f.addTrust(flags)
	return cmd
}

func (f *importFlags) check(cmd *cobra.Command, file string) error {
	switch {
	case f.passphraseFile != "" && f.keyHexFile != "":
		return cmdline.Mistakef(cmd, "--passphrase-file and --key-hex-file exclude each other: a file has one "+
			"or the other")
	case f.upload.Batch == "" && (f.upload.Note != "" || f.upload.Supplier != ""):
		return cmdline.Mistakef(cmd, "--note and --supplier belong to a batch: add --batch NAME")
	case f.privateKeyFile != "" && (f.passphraseFile != "" || f.keyHexFile != ""):
		return cmdline.Mistakef(cmd, "--private-key-file excludes --passphrase-file and --key-hex-file: a file has "+
			"one of them")
	case file == "-" && f.remainder != "":
		return cmdline.Mistakef(cmd, "--remainder needs a file that can be read twice, not standard input")
	case file == "-" && (f.passphraseFile == "-" || f.keyHexFile == "-" || f.privateKeyFile == "-"):
		return cmdline.Mistakef(cmd, "standard input cannot be both the file and its secret")
	}
	return nil
}

func (a *app) importFile(ctx context.Context, c *client.Client, f *importFlags, path string) (rep wire.ImportReport,
	err error) {
	u := f.upload
	u.Hints = f.hints.parts()
	if f.passphraseFile != "" {
		if u.Passphrase, err = a.readSecret(f.passphraseFile); err != nil {
			return rep, err
		}
	}
	if f.privateKeyFile != "" {
		if u.PrivateKey, err = a.readSecret(f.privateKeyFile); err != nil {
			return rep, err
		}
	}
	if f.signerFile != "" {
		if u.Signers, err = a.readSmall(f.signerFile, maxCertFile); err != nil {
			return rep, err
		}
	}
	if f.keyHexFile != "" {
		if u.KeyHex, err = a.readSecret(f.keyHexFile); err != nil {
			return rep, err
		}
	}
	file, size, err := a.open(path)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	counted := &countingReader{r: file}
	u.File, u.Name = counted, filepath.Base(path)
	if path == "-" {
		u.Name = "standard input"
	}
	if !a.json || cmdline.Terminal(a.Stderr) {
		s := &sending{sent: &counted.n, size: size}
		u.Progress = s.imported
		defer startProgress(a.Stderr, s.line).stop()
	}
	return c.Import(ctx, u)
}

// countingReader counts what is read through it.
type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		err = &inputError{err}
	}
	return n, err
}
