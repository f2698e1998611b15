package seedfile

import (
	"errors"
	"strings"

	"ostiary/pskc"
)

// ParseProduct reads what a person says of a DualShield product, in the form
// MANUFACTURER/PRODUCT=totp or =hotp.
func ParseProduct(text string) (ProductCode, Product, error) {
	code, kind, ok := strings.Cut(text, "=")
	maker, product, both := strings.Cut(code, "/")
	p := Product{Kind: pskc.Kind(strings.ToUpper(kind))}
	if !ok || !both || maker == "" || product == "" || (p.Kind != pskc.HOTP && p.Kind != pskc.TOTP) {
		return ProductCode{}, Product{}, errors.New("not in the form MANUFACTURER/PRODUCT=totp or =hotp")
	}
	return ProductCode{Manufacturer: maker, Product: product}, p, nil
}
