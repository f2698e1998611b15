package users

import (
	"errors"
	"regexp"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// isDN tells a distinguished name from a plain one: it begins with the name of an
// attribute, or its number, and an equals sign (RFC 4514 section 3).
var isDN = regexp.MustCompile(`^\s*([A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+)\s*=`)

// inBER finds values as encoded bytes, which names of people are not and whose lengths
// the library takes on trust.
var inBER = regexp.MustCompile(`=\s*#`)

// OfDN gives the user that a distinguished name means: its UID, else its CN, of these
// the first, without what escapes it (RFC 4514 section 2.4). A name with several
// attributes in one place (UID=max+CN=Max) is one user. What is no distinguished name
// is given as it is. The error says what is wrong, and nothing of the name.
func OfDN(name string) (string, error) {
	if !isDN.MatchString(name) {
		return name, nil
	}
	if inBER.MatchString(name) {
		return "", errors.New("the distinguished name of its user contains an encoded value")
	}
	dn, err := ldap.ParseDN(unquoteDN(name))
	if err != nil {
		return "", errors.New("the distinguished name of its user cannot be read (RFC 4514)")
	}
	for _, attribute := range []struct{ name, number string }{{"UID", "0.9.2342.19200300.100.1.1"}, {"CN", "2.5.4.3"}} {
		for _, rdn := range dn.RDNs {
			for _, a := range rdn.Attributes {
				if strings.EqualFold(a.Type, attribute.name) || a.Type == attribute.number {
					return strings.TrimSpace(a.Value), nil
				}
			}
		}
	}
	return "", errors.New("the distinguished name of its user has neither a UID nor a CN")
}

// unquoteDN writes values in quotation marks, which RFC 4514 left to its predecessors
// (RFC 2253 section 4), with the escapes that it has.
func unquoteDN(name string) string {
	var b strings.Builder
	begins, quoted := false, false // at the beginning of a value; inside of marks
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '\\' && i+1 < len(name):
			b.WriteString(name[i : i+2])
			i++
			begins = false
			continue
		case quoted && c == '"':
			quoted = false
			continue
		case quoted && strings.IndexByte(`,+<>;=# `, c) >= 0:
			b.WriteByte('\\')
		case begins && c == '"':
			quoted, begins = true, false
			continue
		}
		if !quoted && c == '=' {
			begins = true
		} else if c != ' ' {
			begins = false
		}
		b.WriteByte(c)
	}
	if quoted {
		return name // the closing mark is missing: as it is, it is refused
	}
	return b.String()
}
