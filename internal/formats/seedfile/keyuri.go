package seedfile

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ostiary/pskc"
)

// A key URI in a list is read as people and apps write it: what does not change codes
// never refuses it. Package oath has the strict reader, for what a stranger scans.

// presentation are parameters that apps add for their own display. They are
// dropped: image by FreeOTP, icon, color and tags by andOTP and others, lock by
// FreeOTP, codeDisplay by Ente.
var presentation = []string{"image", "icon", "color", "tags", "lock", "codedisplay"}

// uriParams are the parameters that say how codes are computed, and the issuer.
var uriParams = []string{"secret", "issuer", "algorithm", "digits", "period", "counter", "encoder"}

// params are the parameters of a URI by their names in lower case. Empty ones are as
// if they were absent.
type params map[string]string

// uri reads one otpauth URI.
func (u *uris) uri(text string) answer {
	k := &pskc.Key{Line: u.t.n}
	_, rest, _ := strings.Cut(text, ":")
	rest, ok := strings.CutPrefix(rest, "//")
	kind, rest, slash := strings.Cut(rest, "/")
	if !ok || !slash {
		return u.no("", "the line is not an otpauth URI")
	}
	label, query, _ := strings.Cut(rest, "?")
	p, why := u.params(query)
	if bad := u.setNames(k, unescape(label), u.issuer(p["issuer"], unescape(label))); why == "" {
		why = bad
	}
	if isSteam(kind, p) { // whatever else is said of it
		why = "it is an entry of Steam, whose codes have their own letters and digits: they cannot be checked here"
	}
	if why == "" {
		why = u.setCodes(k, strings.ToLower(kind), p)
	}
	if why != "" {
		clear(k.Secret)
		return u.no(k.Serial, "%s", why)
	}
	return verdict(k, "")
}

// isSteam tells an entry of the Steam app in the forms that other apps give it.
func isSteam(kind string, p params) bool {
	return strings.EqualFold(kind, "steam") || strings.EqualFold(p["encoder"], "steam") ||
		p["digits"] == "5" && strings.EqualFold(unescape(p["issuer"]), "steam")
}

// params reads the query of a URI, or says what is wrong with it and names where.
func (u *uris) params(query string) (p params, why string) {
	p = params{}
	refuse := func(format string, args ...any) {
		if why == "" {
			why = fmt.Sprintf(format, args...)
		}
	}
	for part := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(part, "=")
		name, html := strings.CutPrefix(strings.ToLower(strings.TrimSpace(name)), "amp;")
		if html {
			u.note("Between parameters &amp; was read as &.")
		}
		value = strings.TrimSpace(value)
		switch before, twice := p[name]; {
		case part == "" || part == "amp;" || ok && value == "":
		case !ok:
			refuse("a parameter has no value; an & that is a part of a value is written %%26")
		case slices.Contains(presentation, name):
			u.note("The parameter %s is for the display of an app and was ignored.", name)
		case !slices.Contains(uriParams, name):
			refuse("its parameter %s is not known, and may change its codes", paramName(name))
		case twice && before != value:
			refuse("its parameter %s is repeated", name)
		default:
			p[name] = value
		}
	}
	return p, why
}

// paramName is the name of a parameter as errors may show it: not if it may be a
// secret in the wrong place.
func paramName(name string) string {
	if len(name) > 15 || strings.ContainsFunc(name, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return "without a proper name"
	}
	return strconv.Quote(name)
}

// setCodes fills in what decides about codes, or says what is wrong.
func (u *uris) setCodes(k *pskc.Key, kind string, p params) (why string) {
	switch kind {
	case "hotp":
		k.Kind = pskc.HOTP
	case "totp":
		k.Kind = pskc.TOTP
	default:
		return "its type is neither hotp nor totp"
	}
	var ok bool
	if p["secret"] == "" {
		return "its parameter secret is missing"
	}
	if k.Secret, ok = Base32.decode([]byte(unescape(plus(p["secret"])))); !ok {
		return "its parameter secret is not base32"
	}
	digits := 6
	for _, read := range []struct {
		name string
		into func(text []byte) string
	}{
		{"algorithm", func(b []byte) (why string) { k.Hash, why = readHash(b); return why }},
		{"digits", func(b []byte) (why string) { digits, why = readDigits(b); return why }},
		{"period", func(b []byte) (why string) { k.Interval, why = readPeriod(b); return why }},
		{"counter", func(b []byte) (why string) { k.Counter, why = readCounter(b); return why }},
	} {
		if text := p[read.name]; text != "" {
			if why := read.into([]byte(strings.TrimSpace(unescape(plus(text))))); why != "" {
				return "its parameter " + read.name + " " + why
			}
		}
	}
	u.setDigits(k, digits)
	switch {
	case k.Kind == pskc.HOTP && p["counter"] == "":
		return "its parameter counter is missing"
	case k.Kind == pskc.HOTP:
		k.HasCounter, k.Interval = true, 0
	case k.Counter != 0:
		return "its parameter counter is not for a time-based key"
	case k.Interval == 0:
		k.Interval = 30
		fallthrough
	default:
		k.HasInterval = true
	}
	if p["encoder"] != "" {
		return "its parameter encoder names codes that are not digits"
	}
	return u.finish(k)
}

// issuer decodes the parameter of that name. A plus sign is a blank, as most apps
// write one, unless the label has the plus sign.
func (u *uris) issuer(text, label string) string {
	literal := unescape(text)
	if prefix, _, _ := strings.Cut(label, ":"); strings.TrimSpace(prefix) == strings.TrimSpace(literal) {
		return literal
	}
	return unescape(plus(text))
}

// plus makes blanks of plus signs (the encoding of forms, WHATWG URL section 5).
func plus(text string) string { return strings.ReplaceAll(text, "+", " ") }

// unescape undoes percent-encoding. A percent sign that begins none is one.
func unescape(text string) string {
	if s, err := url.PathUnescape(text); err == nil {
		return s
	}
	var b strings.Builder
	for text != "" {
		if len(text) >= 3 && text[0] == '%' {
			if s, err := url.PathUnescape(text[:3]); err == nil {
				b.WriteString(s)
				text = text[3:]
				continue
			}
		}
		b.WriteByte(text[0])
		text = text[1:]
	}
	return b.String()
}
