package pskc

import (
	"bytes"
	"encoding/hex"
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

// HiddenProperty is a property that is itself a secret: its name begins with "secret_",
// and its value is bytes that can be wiped. In a record it stands in hexadecimal.
type HiddenProperty struct {
	Name  string
	Value Secret // at most 1024 bytes
}

// hiddenPrefix tells the names of hidden properties from the others.
const hiddenPrefix = "secret_"

// Bounds of a record.
const (
	maxProperties    = 32
	maxPropertyName  = 32
	maxPropertyValue = 2048 // 500 characters of 4 bytes, and some
	// maxRecord is what names and values come to, because an element holds 64 KiB: 20
	// of the longest, and some.
	maxRecord = 42_000
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
	for _, h := range k.Hidden {
		b = append(append(b, h.Name...), '=')
		b = append(hex.AppendEncode(b, h.Value), '\n')
	}
	return b
}

func appendProperty(b []byte, p Property) []byte {
	b = append(append(b, p.Name...), '=')
	return append(append(b, p.Value...), '\n')
}

// parseRecord is the reverse, for a key that has no record yet. What it gives
// refers to nothing of b.
func parseRecord(b []byte, k *Key) (record []Property, hidden []HiddenProperty, why refusal) {
	binding := appendRecord(make([]byte, 0, len(b)), k)
	if !bytes.HasPrefix(b, binding) {
		return nil, nil, against(ErrAltered, "its record is that of another key")
	}
	rest := b[len(binding):]
	record = make([]Property, 0, min(bytes.Count(rest, []byte("\n")), maxProperties))
	for len(rest) > 0 && len(record)+len(hidden) <= maxProperties {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		name, value, ok := bytes.Cut(line, []byte("="))
		if !ended || !ok {
			return nil, hidden, against(ErrMalformed, "its record is not made of lines of name and value")
		}
		if rest = after; !bytes.HasPrefix(name, []byte(hiddenPrefix)) {
			record = append(record, Property{string(name), string(value)})
			continue
		}
		plain := make(Secret, hex.DecodedLen(len(value)))
		hidden = append(hidden, HiddenProperty{string(name), plain})
		// One spelling: lower case.
		if n, err := hex.Decode(plain, value); err != nil || n != len(plain) || bytes.ContainsAny(value, "ABCDEF") {
			return nil, hidden, against(ErrMalformed, "a secret property of its record is not hexadecimal")
		}
	}
	if len(record) == 0 {
		return nil, hidden, against(ErrMalformed, "its record is empty")
	}
	return record, hidden, checkRecord(record, hidden)
}

// checkRecord applies the bounds. Values may be personal: they are not repeated.
func checkRecord(record []Property, hidden []HiddenProperty) refusal {
	if len(record)+len(hidden) > maxProperties {
		return against(ErrLimit, "its record has more than %d properties", maxProperties)
	}
	size := 0
	for _, p := range record {
		size += len(p.Name) + len(p.Value)
	}
	for _, h := range hidden {
		size += len(h.Name) + hex.EncodedLen(len(h.Value))
	}
	if size > maxRecord {
		return against(ErrLimit, "its record holds more than %d bytes", maxRecord)
	}
	for i, p := range record {
		switch {
		case !isPropertyName(p.Name):
			return against(ErrMalformed, "its record has the property %s: names are 1 to %d characters of a to z and _",
				quote(p.Name), maxPropertyName)
		case strings.HasPrefix(p.Name, hiddenPrefix):
			return against(ErrMalformed, "the property %s of its record is no hidden one", p.Name)
		case slices.ContainsFunc(record[:i], func(q Property) bool { return q.Name == p.Name }):
			return against(ErrMalformed, "its record has the property %s twice", p.Name)
		case len(p.Value) > maxPropertyValue:
			return against(ErrLimit, "the property %s of its record is longer than %d bytes", p.Name, maxPropertyValue)
		case !utf8.ValidString(p.Value), strings.ContainsFunc(p.Value, unicode.IsControl):
			return against(ErrMalformed, "the property %s of its record holds a control character, or is not UTF-8",
				p.Name)
		}
	}
	for i, h := range hidden {
		switch {
		case !isPropertyName(h.Name), !strings.HasPrefix(h.Name, hiddenPrefix):
			return against(ErrMalformed, "its record has the hidden property %s: names begin with %s", quote(h.Name),
				hiddenPrefix)
		case len(record) == 0:
			return against(ErrMalformed, "its record has none but hidden properties")
		case slices.ContainsFunc(hidden[:i], func(q HiddenProperty) bool { return q.Name == h.Name }):
			return against(ErrMalformed, "its record has the property %s twice", h.Name)
		case hex.EncodedLen(len(h.Value)) > maxPropertyValue:
			return against(ErrLimit, "the property %s of its record is longer than %d bytes", h.Name, maxPropertyValue)
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
	record, hidden, why := parseRecord(plain, k)
	if why.text != "" {
		for _, h := range hidden {
			clear(h.Value)
		}
		return p.refuse(why.kind, "%s", why.text)
	}
	k.Record, k.Hidden = record, hidden
	return nil
}
