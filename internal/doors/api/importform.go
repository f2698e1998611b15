package api

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

	"ostiary/internal/core/fault"
	"ostiary/internal/engine/imports"
	"ostiary/internal/formats/seedfile"
	"ostiary/oath"
	"ostiary/pskc"
)

// form is the parts before the file.
type form struct {
	options pskc.Options
	signers []*x509.Certificate
	others  seedfile.Options
	request imports.Request

	shortSecrets, longSteps bool
}

func (f *form) wipe() {
	clear(f.options.PreSharedKey)
	clear(f.options.Passphrase)
}

// readForm reads the parts up to the file and leaves the file to be read.
func readForm(parts *multipart.Reader) (f *form, file *multipart.Part, err error) {
	f = &form{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil, fault.New(fault.Invalid, "no_file", "The request has no part named file.")
		} else if err != nil {
			return nil, nil, malformedBody(err)
		}
		if part.FormName() == "file" {
			return f, part, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, maxImportField+1))
		if err != nil {
			return nil, nil, malformedBody(err)
		}
		if len(value) > maxImportField {
			return nil, nil,
				fault.New(fault.TooLarge, "too_large", fmt.Sprintf("The part %q is larger than %d bytes.",
					part.FormName(), maxImportField))
		}
		if err := f.set(part.FormName(), value); err != nil {
			return nil, nil, err
		}
	}
}

// malformedBody says what is wrong with a body that cannot be read on.
func malformedBody(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f // the upload itself
	}
	return fault.New(fault.Invalid, "malformed_request", "The multipart body is malformed.").Because(err)
}

func (f *form) set(name string, value []byte) error {
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
			return fault.New(fault.Invalid, "private_key", upperFirst(strings.TrimPrefix(err.Error(), "pskc: "))+".")
		}
		f.options.PrivateKey = key
	case "signer_certificate":
		certs, err := imports.Signers(value)
		f.signers = certs
		return err
	case "dry_run":
		return flag(&f.request.DryRun)
	case "skip_bad":
		return flag(&f.request.SkipBad)
	case "replace":
		return flag(&f.request.Replace)
	case "new_serials":
		return flag(&f.request.Renumber)
	case "create_users":
		return flag(&f.request.CreateUsers)
	case "batch":
		f.request.Batch = string(value)
	case "note":
		f.request.Note = string(value)
	case "supplier":
		f.request.Supplier = string(value)
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
func (f *form) setFormat(name, value string) (err error) {
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
