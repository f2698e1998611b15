package console

import (
	"slices"
	"strings"

	"ostiary/internal/doors/look"
	"ostiary/internal/doors/upload"
	"ostiary/internal/formats/seedfile"
)

// importForm is the form of a file that is to be imported: to send it, or to look at it
// another way. Its fields are the parts that REST knows.
type importForm struct {
	Title  string
	File   bool // the file is to be chosen
	Most   string
	Fields []look.Field
	Groups []importGroup
	Action string
	Submit string
	Close  string
}

// importGroup is fields that few files need.
type importGroup struct {
	Title   string
	Open    bool
	Fields  []look.Field
	Selects []choiceField
	Flags   []flagField
}

type choiceField struct {
	ID, Label string
	Options   []option
}

type flagField struct {
	ID, Label string
	On        bool
}

// importField is a part of the form. Its kind is that of an input, or select or flag.
type importField struct {
	name, label, hint string
	kind              string
	max               int
	options           []string
}

// importGroups are the fields that are folded away.
var importGroups = []struct {
	title  string
	fields []importField
}{
	{"Key or signature", []importField{
		{name: "key_hex", label: "Pre-shared key", hint: "Hexadecimal, in place of a passphrase", kind: "password", max: 128},
		{name: "private_key", label: "Private key", hint: "PEM file of the RSA key that the file is encrypted to", kind: "file"},
		{name: "signer_certificate", label: "Signer’s certificate",
			hint: "PEM file; the file must be signed by it", kind: "file"},
		{name: "allow_unauthenticated", label: "Accept an encrypted file without a MAC", kind: "flag"},
		{name: "allow_3des", label: "Read a file under Triple-DES", kind: "flag"},
		{name: "allow_part", label: "Read a part of a file that had a MAC over the whole of it", kind: "flag"},
	}},
	{"Delivery", []importField{
		{name: "batch", label: "Batch", hint: "Name of the delivery, by which its tokens are found", max: 500},
		{name: "supplier", label: "Supplier", max: 500},
		{name: "note", label: "Note", max: 500},
	}},
	{"Keys that do not fit", []importField{
		{name: "skip_bad", label: "Import the good keys even if others are bad", kind: "flag"},
		{name: "replace", label: "Give tokens that are here the secret of the file", kind: "flag"},
		{name: "new_serials", label: "Give software tokens a new serial if theirs is in use", kind: "flag"},
		{name: "create_users", label: "Add the users that the file names", kind: "flag"},
		{name: "allow_short_secrets", label: "Accept secrets of at least 80 bits", kind: "flag"},
		{name: "allow_long_steps", label: "Accept time steps of more than an hour", kind: "flag"},
		{name: "keep_serials", label: "Accept serials that may have lost leading zeros", kind: "flag"},
	}},
	{"What the file does not say", []importField{
		{name: "format", label: "Format", kind: "select", options: formatNames()},
		{name: "encoding", label: "Secrets are written in", kind: "select", options: []string{"hex", "base32", "base64"}},
		{name: "kind", label: "Kind", kind: "select", options: []string{"hotp", "totp"}},
		{name: "hash", label: "Hash", kind: "select", options: []string{"SHA1", "SHA256", "SHA512"}},
		{name: "digits", label: "Digits", kind: "number"},
		{name: "period", label: "Seconds of a time step", kind: "number"},
		{name: "manufacturer", label: "Manufacturer", max: 128},
		{name: "product", label: "Product", hint: "Of a DualShield file, as MANUFACTURER/PRODUCT=totp", max: 128},
	}},
}

func formatNames() (names []string) {
	for _, f := range seedfile.Formats() {
		names = append(names, string(f.Name))
	}
	return names
}

// importFormOf gives the form with what was chosen before. Keys are never shown again.
func importFormOf(values map[string]string, kept bool) importForm {
	hint := "Only for a file that is encrypted with one"
	if kept {
		hint = "Empty: the key that was given before"
	}
	f := importForm{Fields: []look.Field{{ID: "passphrase", Label: "Passphrase", Hint: hint, Type: "password",
		Autocomplete: "off", Max: upload.MaxField}}}
	for _, g := range importGroups {
		group := importGroup{Title: g.title}
		for _, o := range g.fields {
			value := values[o.name]
			group.Open = group.Open || value != ""
			switch o.kind {
			case "flag":
				group.Flags = append(group.Flags, flagField{o.name, o.label, value == "true"})
			case "select":
				c := choiceField{ID: o.name, Label: o.label}
				for _, name := range o.options {
					c.Options = append(c.Options, option{Value: name, Label: name, Chosen: name == value})
				}
				group.Selects = append(group.Selects, c)
			default:
				group.Fields = append(group.Fields, look.Field{ID: o.name, Label: o.label, Hint: o.hint, Type: o.kind, Value: value,
					Max: o.max})
			}
		}
		f.Groups = append(f.Groups, group)
	}
	return f
}

// inWords names the fields of the form in the place of the flags of the command line.
var inWords = func() *strings.Replacer {
	pairs := [][2]string{{"--passphrase-file", "Passphrase"}, {"--key-hex-file", "Pre-shared key"},
		{"--private-key-file", "Private key"}, {"--signer-cert-file", "Signer’s certificate"}}
	for _, g := range importGroups {
		for _, o := range g.fields {
			pairs = append(pairs, [2]string{"--" + strings.ReplaceAll(o.name, "_", "-"), o.label})
		}
	}
	// A flag that begins as another one does comes before it.
	slices.SortFunc(pairs, func(a, b [2]string) int { return len(b[0]) - len(a[0]) })
	all := []string{"ostiary token import ", ""}
	for _, p := range pairs {
		all = append(all, p[0], "“"+p[1]+"”")
	}
	return strings.NewReplacer(all...)
}()
