package imports

import (
	"context"
	"errors"
	"strings"

	"ostiary/internal/core/fault"
	"ostiary/pskc"
)

// trimPackage gives an error's text without the package that speaks.
func trimPackage(err error) string {
	text := err.Error()
	for _, name := range []string{"pskc: ", "xmlsig: "} {
		text = strings.TrimPrefix(text, name)
	}
	return text
}

// failure words why an import has no result. Who ended its context may have said why.
func failure(ctx context.Context, err error) string {
	if why, ok := errors.AsType[*fault.Error](context.Cause(ctx)); ok {
		return why.Text
	}
	if errors.Is(err, context.Canceled) {
		return "The upload was interrupted: the caller disconnected."
	}
	return fault.Of(err).Text
}

// fileFault words what is wrong with the file as a whole.
func fileFault(err error) error {
	make := func(code, hint string) error {
		text := trimPackage(err)
		for _, option := range []string{"AllowTripleDES", "AllowPart"} { // the hint says it
			text = strings.Replace(text, " (option "+option+" reads it anyway)", "", 1)
		}
		return fault.New(fault.Invalid, code, fault.Sentence(text)).WithHint(hint).Because(err)
	}
	switch {
	case errors.Is(err, pskc.ErrKeyNeeded):
		return make("key_needed", "Give the passphrase or the key that came with the file (ostiary token import "+
			"--passphrase-file, --key-hex-file or --private-key-file).")
	case errors.Is(err, pskc.ErrWrongKey):
		return make("wrong_key", "Compare the passphrase or key with the manufacturer's letter. If it is right, "+
			"ask for the file again.")
	case errors.Is(err, pskc.ErrKeyLength):
		return make("key_length", "")
	case errors.Is(err, pskc.ErrNoMAC):
		return fault.New(fault.Invalid, "no_mac", "The file is encrypted without a MAC: anyone between the sender and you could "+
			"have changed it.").
			WithHint("If it came over a channel that you trust, import it with --allow-unauthenticated.").Because(err)
	case errors.Is(err, pskc.ErrNotPSKC):
		return make("not_pskc", "Ostiary reads PSKC files (RFC 6030).")
	case errors.Is(err, pskc.ErrMalformed) && strings.Contains(err.Error(), "the file ends early"):
		return make("malformed_file", "It may be an incomplete download, or a log that is still open in the program that "+
			"writes it: end that program, or fetch the file again.")
	case errors.Is(err, pskc.ErrMalformed):
		return make("malformed_file", "The file is damaged; fetch or copy it again.")
	case errors.Is(err, pskc.ErrAltered):
		return make("altered_file", "Fetch or copy it again. A remainder of a file (--remainder), or another "+
			"part of one, is read with --allow-part.")
	case errors.Is(err, pskc.ErrLimit):
		return make("file_limit", "")
	case errors.Is(err, pskc.ErrUnsupported):
		if strings.Contains(err.Error(), "AllowTripleDES") {
			return make("unsupported_file", "Ask the manufacturer for the file encrypted with AES. If there is none, "+
				"--allow-3des reads this one.")
		}
		return make("unsupported_file", "")
	}
	return err
}
