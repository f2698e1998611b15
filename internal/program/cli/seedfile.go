package cli

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/imports"
	"ostiary/internal/formats/seedfile"
	"ostiary/internal/program/cmdline"
	"ostiary/oath"
	"ostiary/pskc"
)

// hintFlags say what a seed file does not say itself.
type hintFlags struct {
	format, encoding, kind, hash, manufacturer string
	digits, period                             int
	products                                   []string
	keepSerials, tripleDES                     bool
	shortSecrets, longSteps                    bool
}

func (h *hintFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&h.tripleDES, "allow-3des", false, "read a PSKC file encrypted with Triple-DES, which is no longer safe")
	flags.BoolVar(&h.shortSecrets, "allow-short-secrets", false, "accept secrets of at least 80 bits, where RFC 4226 "+
		"demands 128")
	flags.BoolVar(&h.longSteps, "allow-long-steps", false, "accept time steps of more than an hour")
	flags.StringVar(&h.format, "format", "", "`FORMAT` of the file, instead of detecting it; ostiary token import --help lists them")
	flags.StringVar(&h.encoding, "encoding", "", "`ENCODING` of secrets, if it is ambiguous: hex, base32 or base64")
	flags.StringVar(&h.kind, "kind", "", "`KIND` where the file does not say: hotp or totp")
	flags.IntVar(&h.digits, "digits", 0, "`DIGITS` of a code, where the file does not say (default 6)")
	flags.IntVar(&h.period, "period", 0, "`SECONDS` of a time step, where the file does not say (default 30)")
	flags.StringVar(&h.hash, "hash", "", "`HASH` where the file does not say: SHA1, SHA256 or SHA512 (default SHA1)")
	flags.StringVar(&h.manufacturer, "manufacturer", "", "`NAME` of the manufacturer, where the file does not say")
	flags.StringArrayVar(&h.products, "product", nil, "`PRODUCT` of a DualShield file, as MAKER/CODE=totp; may be repeated")
	flags.BoolVar(&h.keepSerials, "keep-serials", false, "accept serials that seem to have lost leading zeros in a "+
		"spreadsheet")
}

// parts are the hints as parts of an upload.
func (h *hintFlags) parts() []client.Hint {
	var parts []client.Hint
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, client.Hint{Name: name, Value: value})
		}
	}
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	if h.tripleDES {
		add("allow_3des", "true")
	}
	if h.shortSecrets {
		add("allow_short_secrets", "true")
	}
	if h.longSteps {
		add("allow_long_steps", "true")
	}
	add("format", h.format)
	add("encoding", h.encoding)
	add("kind", h.kind)
	add("digits", number(h.digits))
	add("period", number(h.period))
	add("hash", h.hash)
	add("manufacturer", h.manufacturer)
	for _, p := range h.products {
		add("product", p)
	}
	if h.keepSerials {
		add("keep_serials", "true")
	}
	return parts
}

// formatList names the formats, for help texts.
func formatList() string {
	var b strings.Builder
	for _, f := range seedfile.Formats() {
		if f.Name != seedfile.DualShieldAssignments {
			fmt.Fprintf(&b, "  %-18s %s\n", f.Name, f.Description)
		}
	}
	return b.String()
}

func sampleText(s wire.Sample) string {
	at := ""
	switch {
	case s.Counter != nil:
		at = fmt.Sprintf("at counter %d", *s.Counter)
	case s.Time != nil:
		at = "at " + cmdline.LocalTime(*s.Time)
	}
	return fmt.Sprintf("Compare with the device: token %s shows %s %s.", cmdline.Printable(s.Serial), s.Code, at)
}

func newSeedfile(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "seedfile",
		Short:   "Inspect a manufacturer's file without a server",
		Long:    "Inspect a manufacturer's file of tokens without a server.",
		Example: "  ostiary seedfile inspect tokens.pskc",
	}
	cmd.AddCommand(newSeedfileInspect(a))
	cmdline.MakeGroup(cmd)
	return cmd
}

// fileOptions turns the flags into what the reader of files needs.
func (a *app) fileOptions(f *importFlags) (opt imports.FileOptions, err error) {
	h := f.hints
	if f.passphraseFile != "" {
		if opt.PSKC.Passphrase, err = a.readSecret(f.passphraseFile); err != nil {
			return opt, err
		}
	}
	opt.ShortSecrets, opt.LongSteps = h.shortSecrets, h.longSteps
	opt.PSKC.AllowTripleDES, opt.PSKC.AllowUnauthenticated = h.tripleDES, f.upload.AllowUnauthenticated
	if f.signerFile != "" {
		pem, err := a.readSmall(f.signerFile, maxCertFile)
		if err != nil {
			return opt, err
		}
		if opt.Signers, err = imports.Signers(pem); err != nil {
			return opt, err
		}
	}
	if f.privateKeyFile != "" {
		pem, err := a.readSecret(f.privateKeyFile)
		if err != nil {
			return opt, err
		}
		defer clear(pem)
		if opt.PSKC.PrivateKey, err = pskc.ParsePrivateKey(pem); err != nil {
			return opt, fmt.Errorf("%s: %w", f.privateKeyFile, err)
		}
	}
	if f.keyHexFile != "" {
		text, err := a.readSecret(f.keyHexFile)
		if err != nil {
			return opt, err
		}
		defer clear(text)
		if opt.PSKC.PreSharedKey, err = hex.DecodeString(string(text)); err != nil {
			return opt, fmt.Errorf("%s does not contain a key in hexadecimal", f.keyHexFile)
		}
	}
	opt.Others = seedfile.Options{Format: seedfile.Format(h.format), Encoding: seedfile.Encoding(h.encoding),
		KeepSerials: h.keepSerials,
		Assume: seedfile.Assume{Kind: pskc.Kind(strings.ToUpper(h.kind)), Digits: h.digits, Period: h.period,
			Manufacturer: h.manufacturer}}
	if h.hash != "" {
		hash, err := oath.ParseHash(h.hash)
		if err != nil {
			return opt, fmt.Errorf("--hash %s: it must be SHA1, SHA256 or SHA512", h.hash)
		}
		opt.Others.Assume.Hash = hash.String()
	}
	for _, text := range h.products {
		code, product, err := seedfile.ParseProduct(text)
		if err != nil {
			return opt, fmt.Errorf("--product %s: %w", text, err)
		}
		if opt.Others.Products == nil {
			opt.Others.Products = map[seedfile.ProductCode]seedfile.Product{}
		}
		opt.Others.Products[code] = product
	}
	opt.Others.Now = time.Time{} // no sample code: nothing here shows codes
	return opt, nil
}
