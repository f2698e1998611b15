package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/imports"
	"ostiary/internal/formats/seedfile"
	"ostiary/internal/program/cmdline"
)

// inspection is what is known of a file; it holds no secret.
type inspection struct {
	Format     string           `json:"format"`
	Protection *protection      `json:"protection,omitempty"`
	Notes      []string         `json:"notes,omitempty"`
	Keys       map[string]int   `json:"keys"`
	Parameters []parameters     `json:"parameters"`
	Refused    []wire.ImportRow `json:"refused"`
	Problem    string           `json:"problem,omitempty"`
}

// protection is how a PSKC file is protected; no key means not at all.
type protection struct {
	Key        string `json:"key,omitempty"`
	KeyName    string `json:"key_name,omitempty"`
	Derivation string `json:"derivation,omitempty"`
	Iterations int    `json:"iterations,omitempty"`
	Cipher     string `json:"cipher,omitempty"`
	MAC        string `json:"mac,omitempty"`
	Signature  bool   `json:"signature"`
	Signer     string `json:"signer,omitempty"`
}

// parameters are what some keys of a type have in common.
type parameters struct {
	Type   string `json:"type"`
	Digits int    `json:"digits"`
	Period int64  `json:"period,omitempty"`
	Hash   string `json:"hash,omitempty"`
	Suite  string `json:"suite,omitempty"`
	Keys   int    `json:"keys"`
}

func (p parameters) String() string {
	s := fmt.Sprintf("%d %s: %d digits", p.Keys, p.Type, p.Digits)
	if p.Period != 0 {
		s += fmt.Sprintf(", every %d s", p.Period)
	}
	if p.Hash != "" {
		s += ", " + p.Hash
	}
	if p.Suite != "" {
		s += ", " + p.Suite
	}
	return s
}

func newSeedfileInspect(a *app) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Describe a seed file and what would be refused",
		Long: `Show what a seed file is, how it is protected (cipher, MAC, key derivation,
signature), how many keys of which kinds it contains, with which digits and time
steps, and which would be refused and why. No server is needed, and no secret or
code is shown. The keys of an encrypted file are counted with its passphrase or
key.

Exit code 0 means that every key could be imported, 1 that some could not or that
reading ended early, 2 an error.`,
		Example: `  ostiary seedfile inspect tokens.pskc
  ostiary seedfile inspect tokens.pskc --passphrase-file letter.txt --json`,
		Args: cmdline.Arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd, args[0]); err != nil {
				return err
			}
			in, err := a.inspect(&f, args[0])
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(in)
			} else {
				err = a.printInspection(in)
			}
			if err == nil && (len(in.Refused) > 0 || in.Problem != "") {
				err = errNo
			}
			return err
		},
	}
	flags := cmd.Flags()
	f.addSecrets(flags)
	f.hints.add(flags)
	f.addTrust(flags)
	return cmd
}

func (a *app) inspect(f *importFlags, path string) (in inspection, err error) {
	opt, err := a.fileOptions(f)
	if err != nil {
		return in, err
	}
	defer func() { clear(opt.PSKC.Passphrase); clear(opt.PSKC.PreSharedKey) }()
	raw, _, err := a.open(path)
	if err != nil {
		return in, err
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	opt.Others.Name = path
	file, err := imports.OpenFile(raw, opt)
	if err != nil {
		return in, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	x, problem := imports.Examine(file)
	in = inspection{Format: file.Format, Notes: file.Notes, Keys: map[string]int{}, Parameters: []parameters{},
		Refused: []wire.ImportRow{}}
	if file.Format == string(seedfile.PSKC) {
		p := protection(file.Protection())
		in.Protection = &p
	}
	if problem != nil {
		in.Problem = problem.Error()
	}
	for _, g := range x.Keys {
		in.Keys[g.Type] += g.Keys
		in.Parameters = append(in.Parameters, parameters{g.Type, g.Spec.Digits, g.Spec.Period, g.Spec.Hash,
			g.Spec.Suite, g.Keys})
	}
	if x.PINs > 0 {
		in.Keys["PINs of tokens"] = x.PINs
	}
	for _, r := range x.Refused {
		in.Refused = append(in.Refused, wire.ImportRow(r))
	}
	return in, nil
}

func (a *app) printInspection(in inspection) error {
	out := newTable(a.Stdout)
	out.row("Format", seedfile.Format(in.Format).Description())
	if in.Protection != nil {
		in.Protection.print(out)
	}
	var kinds []string
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(in.Keys)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", in.Keys[kind], kind))
		total += in.Keys[kind]
	}
	keys := fmt.Sprint(total)
	if len(kinds) > 0 {
		keys += " (" + strings.Join(kinds, ", ") + ")"
	}
	out.row("Importable", keys)
	for _, p := range in.Parameters {
		out.row("Keys", p.String())
	}
	out.row("Refused", fmt.Sprint(len(in.Refused)))
	for _, note := range in.Notes {
		out.row("Note", note)
	}
	if in.Problem != "" {
		out.row("Ended", in.Problem)
	}
	for i, r := range in.Refused {
		if i == shownRows {
			out.row("", fmt.Sprintf("and %d more (--json lists all)", len(in.Refused)-shownRows))
			break
		}
		where := fmt.Sprintf("line %d", r.Line)
		if r.Serial != "" {
			where += ", serial " + r.Serial
		}
		if r.KeyID != "" {
			where += ", key " + r.KeyID
		}
		out.row("", where+": "+r.Reason)
	}
	return out.flush()
}

func (p *protection) print(out *table) {
	switch p.Key {
	case "":
		out.row("Protection", "none")
	case "RSA key":
		out.row("Protection", "encrypted to an "+p.Key)
	default:
		out.row("Protection", "encrypted under a "+p.Key)
	}
	if p.KeyName != "" {
		out.row("Key name", p.KeyName)
	}
	if p.Derivation != "" {
		out.row("Derivation", p.Derivation+", "+cmdline.Plural(p.Iterations, "iteration", "iterations"))
	}
	if p.Cipher != "" {
		out.row("Cipher", p.Cipher)
	}
	if p.MAC != "" {
		out.row("MAC", p.MAC)
	} else if p.Key != "" {
		out.row("MAC", "none")
	}
	switch {
	case p.Signer != "":
		out.row("Signature", "sound, by "+p.Signer)
	case p.Signature:
		out.row("Signature", "there is an XML signature; it is not verified (--signer-cert-file)")
	default:
		out.row("Signature", "none")
	}
}
