package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ostiary/internal/client"
	"ostiary/internal/wire"
)

type importFlags struct {
	passphraseFile, keyHexFile, privateKeyFile string
	hints                                      hintFlags
	upload                                     client.Upload
}

// addSecrets adds the flags that name where the key of a file is.
func (f *importFlags) addSecrets(flags *pflag.FlagSet) {
	flags.StringVar(&f.passphraseFile, "passphrase-file", "", "`FILE` that holds the passphrase")
	flags.StringVar(&f.keyHexFile, "key-hex-file", "", "`FILE` that holds the pre-shared key in hexadecimal")
	flags.StringVar(&f.privateKeyFile, "private-key-file", "", "`FILE` with the RSA private key (PEM) that a PSKC file is encrypted to")
}

// addTrust adds the flag that takes a file on trust.
func (f *importFlags) addTrust(flags *pflag.FlagSet) {
	flags.BoolVar(&f.upload.AllowUnauthenticated, "allow-unauthenticated", false, "take an encrypted file without a MAC, if it came over a channel you trust")
}

func newTokenImport(a *app) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Import a manufacturer's file of tokens",
		Long: `Import a seed file and account for every key in it: imported, duplicate (the
same token with the same secret is there already), or refused. FILE "-" is
standard input. The format is recognised by the content:

` + formatList() + `
A table does not say all: compare the sample code with the device before you
give the tokens out, and correct with --encoding, --kind, --hash, --period and
--digits what was taken wrong. "ostiary seedfile inspect" looks at a file first.

A file is imported whole or not at all. With --skip-bad the good keys are
imported although others are refused; --dry-run shows what would happen.

The passphrase or key of an encrypted file comes from a file, never from the
command line, where others could read it. One line break at its end does not
count; "-" is standard input.

Exit code 0 means that no key was refused, 1 that some were, 2 an error.`,
		Example: `  ostiary token import tokens.pskc --dry-run
  ostiary token import tokens.pskc --passphrase-file letter.txt
  ostiary token import tokens.pskc --key-hex-file transport.key --json
  ostiary token import fobs.csv --kind totp --period 60`,
		Args: arguments("FILE"),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := f.check(cmd, args[0]); err != nil {
				return err
			}
			rep, err := a.importFile(cmd.Context(), c, &f, args[0])
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(rep)
			} else {
				err = a.printReport(rep)
			}
			if err == nil && rep.Refused > 0 {
				err = errNo
			}
			return err
		}),
	}
	flags := cmd.Flags()
	f.addSecrets(flags)
	f.hints.add(flags)
	flags.BoolVar(&f.upload.DryRun, "dry-run", false, "show what would happen and change nothing")
	flags.BoolVar(&f.upload.SkipBad, "skip-bad", false, "import the good keys although others are refused")
	f.addTrust(flags)
	return cmd
}

func (f *importFlags) check(cmd *cobra.Command, file string) error {
	switch {
	case f.passphraseFile != "" && f.keyHexFile != "":
		return mistakef(cmd, "--passphrase-file and --key-hex-file exclude each other: a file has one or the other")
	case f.privateKeyFile != "" && (f.passphraseFile != "" || f.keyHexFile != ""):
		return mistakef(cmd, "--private-key-file excludes --passphrase-file and --key-hex-file: a file has one of them")
	case file == "-" && (f.passphraseFile == "-" || f.keyHexFile == "-" || f.privateKeyFile == "-"):
		return mistakef(cmd, "standard input cannot be both the file and its secret")
	}
	return nil
}

func (a *app) importFile(ctx context.Context, c *client.Client, f *importFlags, path string) (rep wire.ImportReport, err error) {
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
	if !a.json || terminal(a.Stderr) {
		stop := startProgress(a.Stderr, &counted.n, size)
		defer stop()
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

// shownRows is how many rows of one reason people get to see.
const shownRows = 20

// printReport prints the counts, and the rows that were not imported.
func (a *app) printReport(rep wire.ImportReport) error {
	imported := "imported"
	if rep.DryRun {
		imported = "would be imported"
	}
	counts := fmt.Sprintf("%d %s, %d duplicate, %d refused", rep.Imported, imported, rep.Duplicate, rep.Refused)
	if _, err := fmt.Fprintln(a.Stdout, counts); err != nil {
		return err
	}
	for _, note := range rep.Notes {
		if _, err := fmt.Fprintln(a.Stdout, printable(note)); err != nil {
			return err
		}
	}
	if rep.Sample != nil {
		if _, err := fmt.Fprintln(a.Stdout, sampleText(*rep.Sample)); err != nil {
			return err
		}
	}
	var rest []string // reasons that have more rows than are shown
	seen := map[string]int{}
	out := newTable(a.Stdout)
	for _, row := range rep.Rows {
		if row.Outcome == "imported" {
			continue
		}
		if len(seen) == 0 {
			out.row("LINE", "SERIAL", "KEY ID", "OUTCOME", "REASON")
		}
		switch seen[row.Reason]++; seen[row.Reason] {
		default:
			if seen[row.Reason] > shownRows {
				continue
			}
			line := ""
			if row.Line > 0 {
				line = strconv.Itoa(row.Line)
			}
			out.row(line, row.Serial, row.KeyID, row.Outcome, row.Reason)
		case shownRows + 1:
			rest = append(rest, row.Reason)
		}
	}
	if err := out.flush(); err != nil {
		return err
	}
	for _, reason := range rest {
		more := plural(seen[reason]-shownRows, "more row", "more rows")
		if _, err := fmt.Fprintf(a.Stdout, "and %s (--json lists all): %s\n", more, printable(reason)); err != nil {
			return err
		}
	}
	return nil
}
