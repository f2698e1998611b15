package pskc

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Property is one entry of the record of a [Key].
type Property struct {
	Name  string // 1 to 32 characters of a to z and _, once in a record
	Value string // at most 2048 bytes of UTF-8, without control characters
}

// Bounds of a record.
const (
	maxProperties    = 20
	maxPropertyName  = 32
	maxPropertyValue = 2048 // 500 characters of 4 bytes, and some
)

// appendRecord appends a record as it is encrypted: lines of name and value.
// The first five say whose it is, so that records that change places are noticed.
func appendRecord(b []byte, k *Key) []byte {
	for _, p := range []Property{
		{"manufacturer", k.Manufacturer}, {"serial", k.Serial}, {"issue_no", k.IssueNo}, {"id", k.ID},
		{"algorithm", k.Algorithm},
	} {
		b = appendProperty(b, p)
	}
	for _, p := range k.Record {
		b = appendProperty(b, p)
	}
	return b
}

func appendProperty(b []byte, p Property) []byte {
	b = append(append(b, p.Name...), '=')
	return append(append(b, p.Value...), '\n')
}

// parseRecord is the reverse, for a key that has no record yet.
func parseRecord(b []byte, k *Key) ([]Property, refusal) {
	binding := appendRecord(make([]byte, 0, len(b)), k)
	if !bytes.HasPrefix(b, binding) {
		return nil, against(ErrAltered, "its record is that of another key")
	}
	rest := string(b[len(binding):])
	record := make([]Property, 0, min(strings.Count(rest, "\n"), maxProperties))
	for len(rest) > 0 {
		line, after, ended := strings.Cut(rest, "\n")
		name, value, ok := strings.Cut(line, "=")
		if !ended || !ok {
			return nil, against(ErrMalformed, "its record is not made of lines of name and value")
		}
		record, rest = append(record, Property{name, value}), after
	}
	if len(record) == 0 {
		return nil, against(ErrMalformed, "its record is empty")
	}
	return record, checkRecord(record)
}

// checkRecord applies the bounds. Values may be personal: they are not repeated.
func checkRecord(record []Property) refusal {
	if len(record) > maxProperties {
		return against(ErrLimit, "its record has more than %d properties", maxProperties)
	}
	for i, p := range record {
		switch {
		case !isPropertyName(p.Name):
			return against(ErrMalformed, "its record has the property %s: names are 1 to %d characters of a to z and _",
				quote(p.Name), maxPropertyName)
		case slices.ContainsFunc(record[:i], func(q Property) bool { return q.Name == p.Name }):
			return against(ErrMalformed, "its record has the property %s twice", p.Name)
		case len(p.Value) > maxPropertyValue:
			return against(ErrLimit, "the property %s of its record is longer than %d bytes", p.Name, maxPropertyValue)
		case !utf8.ValidString(p.Value), strings.ContainsFunc(p.Value, unicode.IsControl):
			return against(ErrMalformed, "the property %s of its record holds a control character, or is not UTF-8",
				p.Name)
		}
	}
	return refusal{}
}

func isPropertyName(s string) bool {
	other := func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }
	return s != "" && len(s) <= maxPropertyName && !strings.ContainsFunc(s, other)
}

// record reads Record: a value like others, but for its MAC.
func (p *parser) record(local string) error {
	if local != "Record" {
		return p.unknownOwn(local)
	}
	v := &p.rec
	if v.seen {
		return p.twice("Record")
	}
	v.seen, v.record = true, true
	return p.value(v, "Record")
}

// openRecord turns the record of the key just read into its field.
func (p *parser) openRecord(k *Key) error {
	v := &p.rec
	if !v.seen || p.scope.text != "" {
		return nil
	}
	if !v.hasCipher {
		return p.refuse(ErrAltered, "its record is not encrypted")
	}
	plain, err := p.decrypt(v, "record")
	if err != nil || plain == nil {
		return err
	}
	defer clear(plain)
	record, why := parseRecord(plain, k)
	if why.text != "" {
		return p.refuse(why.kind, "%s", why.text)
	}
	k.Record = record
	return nil
}
