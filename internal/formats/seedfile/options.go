package seedfile

import (
	"fmt"
	"time"

	"ostiary/oath"
	"ostiary/pskc"
)

// What one file may cost at most.
const (
	MaxBytes = 64 << 20
	MaxKeys  = 1_000_000
)

// maxSecret and maxPeriod bound one key; the period is the longest that
// manufacturers' files have.
const (
	maxSecret = 1024
	maxPeriod = 172_800
)

// Options are what Open needs to know beside the file. The zero value is fine
// for most files.
type Options struct {
	// Format overrides what Detect finds.
	Format Format
	// Name is the name of the file. Its ending serves to name a file whose
	// content is not recognised, nothing else.
	Name string
	// Encoding overrides how secrets are written, where the format does not
	// fix it.
	Encoding Encoding
	// Products says what DualShield products are, beside and before those that
	// are known.
	Products map[ProductCode]Product
	// Assume replaces the defaults where a file is silent.
	Assume Assume
	// MinSecret is the shortest secret in bytes that is not refused; 0 means
	// [pskc.DefaultMinSecret].
	MinSecret int
	// KeepSerials takes serial numbers that look as if a spreadsheet program
	// had removed leading zeros.
	KeepSerials bool
	// Now is the moment of the sample code of a time-based token; zero: the
	// sample has no code then.
	Now time.Time
}

// Assume is what to take for parameters that a file does not state. Zero fields
// mean the default of the format.
type Assume struct {
	Kind         pskc.Kind // pskc.HOTP or pskc.TOTP
	Digits       int
	Period       int // seconds
	Hash         string
	Manufacturer string
}

// ProductCode names a product as DualShield does.
type ProductCode struct{ Manufacturer, Product string }

// Product is what a ProductCode stands for.
type Product struct {
	Kind pskc.Kind
	// Manufacturer and Model are given to the keys; empty: the code.
	Manufacturer, Model string
	// Period is the time step in seconds where the file has none; 0: 30.
	Period int
}

// products are those that DualShield brings along and those of its manual. The
// time-based SafeID of the stock is the 60-second one.
var products = map[ProductCode]Product{
	{"DN", "ST"}:  {pskc.TOTP, "Deepnet Security", "SafeID/Time-Based", 60},
	{"DN", "SE"}:  {pskc.HOTP, "Deepnet Security", "SafeID/Event-Based", 0},
	{"DN", "STE"}: {pskc.TOTP, "Deepnet Security", "SafeID/Enterprise", 30},
	{"DN", "MT"}:  {pskc.TOTP, "Deepnet Security", "MobileID/Time-Based", 0},
	{"GG", "GT"}:  {pskc.TOTP, "Google", "Google Authenticator", 30},
	{"GG", "MST"}: {pskc.TOTP, "Google", "Microsoft Authenticator", 30},
	{"AY", "AYT"}: {pskc.TOTP, "Authy", "Authy", 30},
}

// product looks a code up.
func (o *Options) product(c ProductCode) (Product, error) {
	p, ok := o.Products[c]
	if !ok {
		p, ok = products[c]
	}
	if !ok {
		return p, &ProductError{c}
	}
	if p.Manufacturer == "" {
		p.Manufacturer = c.Manufacturer
	}
	if p.Model == "" {
		p.Model = c.Product
	}
	return p, nil
}

func (o *Options) check() error {
	bad := func(format string, args ...any) error {
		return &Error{Err: ErrOptions, Text: fmt.Sprintf(format, args...)}
	}
	switch o.Encoding {
	case "", Hex, Base32, Base64:
	default:
		return bad("there is no encoding %s", quote(string(o.Encoding)))
	}
	for c, p := range o.Products {
		if p.Kind != pskc.HOTP && p.Kind != pskc.TOTP {
			return bad("product %s of %s must be HOTP or TOTP", quote(c.Product), quote(c.Manufacturer))
		}
		if p.Period < 0 || p.Period > maxPeriod {
			return bad("the time step of product %s of %s is not between 1 and %d seconds", quote(c.Product),
				quote(c.Manufacturer), maxPeriod)
		}
	}
	a := &o.Assume
	if a.Kind != "" && a.Kind != pskc.HOTP && a.Kind != pskc.TOTP {
		return bad("tokens are HOTP or TOTP, not %s", quote(string(a.Kind)))
	}
	if a.Digits != 0 && (a.Digits < 6 || a.Digits > 10) {
		return bad("codes have 6 to 10 digits, not %d", a.Digits)
	}
	if a.Period < 0 || a.Period > maxPeriod {
		return bad("a time step of %d seconds is not between 1 and %d", a.Period, maxPeriod)
	}
	if a.Hash != "" {
		h, err := oath.ParseHash(a.Hash)
		if err != nil {
			return bad("the hash %s is not known", quote(a.Hash))
		}
		a.Hash = h.String()
	}
	if o.MinSecret < 0 {
		return bad("the shortest secret cannot have %d bytes", o.MinSecret)
	}
	return nil
}
