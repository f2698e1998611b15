package upload

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"slices"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/engine/imports"
	"ostiary/internal/formats/seedfile"
	"ostiary/oath"
	"ostiary/pskc"
)

// MaxField bounds a part that is not the file, in bytes.
const MaxField = 16 << 10

// Form is the parts beside the file.
type Form struct {
	// Request is what is to be done with the file.
	Request imports.Request

	options pskc.Options
	signers []*x509.Certificate
	others  seedfile.Options

	shortSecrets, longSteps bool
}

// Wipe forgets the keys of the file.
func (f *Form) Wipe() {
	clear(f.options.PreSharedKey)
	clear(f.options.Passphrase)
	f.options.PreSharedKey, f.options.Passphrase, f.options.PrivateKey = nil, nil, nil
}

// HasKeys says whether a key of the file is known.
func (f *Form) HasKeys() bool {
	return f.options.PreSharedKey != nil || f.options.Passphrase != nil || f.options.PrivateKey != nil
}

// Adopt takes the keys and the signers of a form before, unless this one has its own.
func (f *Form) Adopt(before *Form) {
	if !f.HasKeys() {
		o := &before.options
		f.options.PreSharedKey, f.options.Passphrase, f.options.PrivateKey = o.PreSharedKey, o.Passphrase, o.PrivateKey
		o.PreSharedKey, o.Passphrase, o.PrivateKey = nil, nil, nil
	}
	if f.signers == nil {
		f.signers = before.signers
	}
	before.Wipe()
}

// Secret says whether a part must not be shown to anybody.
func Secret(name string) bool {
	return name == "passphrase" || name == "key_hex" || name == "private_key"
}

// Options say how a file of a name is read.
func (f *Form) Options(name string) (imports.FileOptions, error) {
	if o := f.options; o.PreSharedKey != nil && o.Passphrase != nil || o.PrivateKey != nil &&
		(o.PreSharedKey != nil || o.Passphrase != nil) {
		return imports.FileOptions{}, fault.New(fault.Invalid, "key_or_passphrase", "Give only one of passphrase, key "+
			"and private key, not several of them.")
	}
	others := f.others
	others.Name, others.Now = name, time.Now()
	return imports.FileOptions{PSKC: f.options, Others: others, Signers: f.signers, ShortSecrets: f.shortSecrets,
		LongSteps: f.longSteps}, nil
}

// Label is the name of a file as far as it can be shown.
func Label(name string) string {
	name = strings.ToValidUTF8(name, "?")
	if runes := []rune(name); len(runes) > 128 {
		return string(runes[:128])
	}
	return name
}

// ReadForm reads the parts up to the file and leaves the file to be read.
func ReadForm(parts *multipart.Reader) (f *Form, file *multipart.Part, err error) {
	f = &Form{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil, fault.New(fault.Invalid, "no_file", "The request has no part named file.")
		} else if err != nil {
			return nil, nil, Malformed(err)
		}
		if part.FormName() == "file" {
			return f, part, nil
		}
		value, err := Value(part)
		if err == nil {
			err = f.Set(part.FormName(), value)
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

// Value reads a part that is not the file.
func Value(part *multipart.Part) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(part, MaxField+1))
	if err != nil {
		return nil, Malformed(err)
	}
	if len(value) > MaxField {
		return nil, fault.New(fault.TooLarge, "too_large", fmt.Sprintf("The part %q is larger than %d bytes.",
			part.FormName(), MaxField))
	}
	return value, nil
}

// Malformed says what is wrong with a body that cannot be read on.
func Malformed(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f // the upload itself
	}
	return fault.New(fault.Invalid, "malformed_request", "The multipart body is malformed.").Because(err)
}

// Set takes a part by its name.
func (f *Form) Set(name string, value []byte) error {
	flag := func(dest *bool) error {
		switch string(value) {
		case "true":
			*dest = true
		case "false":
		default:
			return fault.New(fault.Invalid, "form_flag", fmt.Sprintf("The part %s must be true or false.", name))
		}
		return nil
	}
	switch name {
	case "passphrase":
		f.options.Passphrase = pskc.Secret(value)
	case "key_hex":
		key, err := hex.DecodeString(strings.TrimSpace(string(value)))
		if err != nil {
			return fault.New(fault.Invalid, "key_hex", "The key is not hexadecimal: pairs of the digits 0-9 and "+
				"a-f, with nothing between them.")
		}
		f.options.PreSharedKey = key
	case "private_key":
		key, err := pskc.ParsePrivateKey(value)
		if err != nil {
			return fault.New(fault.Invalid, "private_key", fault.Sentence(strings.TrimPrefix(err.Error(), "pskc: ")))
		}
		f.options.PrivateKey = key
	case "signer_certificate":
		certs, err := imports.Signers(value)
		f.signers = certs
		return err
	case "dry_run":
		return flag(&f.Request.DryRun)
	case "skip_bad":
		return flag(&f.Request.SkipBad)
	case "replace":
		return flag(&f.Request.Replace)
	case "new_serials":
		return flag(&f.Request.Renumber)
	case "create_users":
		return flag(&f.Request.CreateUsers)
	case "batch":
		f.Request.Batch = string(value)
	case "note":
		f.Request.Note = string(value)
	case "supplier":
		f.Request.Supplier = string(value)
	case "allow_unauthenticated":
		return flag(&f.options.AllowUnauthenticated)
	case "allow_3des":
		return flag(&f.options.AllowTripleDES)
	case "allow_part":
		return flag(&f.options.AllowPart)
	case "allow_short_secrets":
		return flag(&f.shortSecrets)
	case "allow_long_steps":
		return flag(&f.longSteps)
	case "keep_serials":
		return flag(&f.others.KeepSerials)
	default:
		return f.setFormat(name, string(value))
	}
	return nil
}

// setFormat takes the parts that say what a file does not say itself.
func (f *Form) setFormat(name, value string) (err error) {
	refuse := func(want string) error {
		return fault.New(fault.Invalid, "form_value", fmt.Sprintf("The part %s is %s.", name, want))
	}
	assume := &f.others.Assume
	switch name {
	case "format":
		f.others.Format = seedfile.Format(value)
		if !slices.ContainsFunc(seedfile.Formats(),
			func(i seedfile.FormatInfo) bool { return i.Name == f.others.Format }) {
			return refuse("not one of the formats: " + seedfile.FormatNames())
		}
	case "encoding":
		f.others.Encoding = seedfile.Encoding(value)
		if !slices.Contains([]seedfile.Encoding{seedfile.Hex, seedfile.Base32, seedfile.Base64}, f.others.Encoding) {
			return refuse("not hex, base32 or base64")
		}
	case "kind":
		if assume.Kind = pskc.Kind(strings.ToUpper(value)); assume.Kind != pskc.HOTP && assume.Kind != pskc.TOTP {
			return refuse("neither hotp nor totp")
		}
	case "digits":
		if assume.Digits, err = strconv.Atoi(value); err != nil || assume.Digits < 6 || assume.Digits > 10 {
			return refuse("not a number from 6 to 10")
		}
	case "period":
		if assume.Period, err = strconv.Atoi(value); err != nil || assume.Period < 1 || assume.Period > 172_800 {
			return refuse("not a number of seconds from 1 to 172800")
		}
	case "hash":
		h, err := oath.ParseHash(value)
		if err != nil {
			return refuse("not SHA1, SHA256 or SHA512")
		}
		assume.Hash = h.String()
	case "manufacturer":
		assume.Manufacturer = value
	case "product":
		code, product, err := seedfile.ParseProduct(value)
		if err != nil {
			return refuse(err.Error())
		}
		if f.others.Products == nil {
			f.others.Products = map[seedfile.ProductCode]seedfile.Product{}
		}
		f.others.Products[code] = product
	default:
		return fault.New(fault.Invalid, "form_part", fmt.Sprintf("The part %q is unknown.", name))
	}
	return nil
}
