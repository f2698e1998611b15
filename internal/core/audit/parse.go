package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Parsed is an entry read back. Its texts stand in the bytes that were parsed,
// or in the Parser; both are good until the next one is parsed.
type Parsed struct {
	Version               int
	Action, Outcome, Time []byte
	ParsedChange
	Also []ParsedChange
}

// ParsedChange is what an entry says of one row.
type ParsedChange struct {
	Subject       ParsedSubject
	Before, After Values
}

// ParsedSubject is a Subject read back.
type ParsedSubject struct{ Type, Manufacturer, Serial, KeyID, User, Other []byte }

// Empty tells whether nothing is named.
func (s *ParsedSubject) Empty() bool {
	return len(s.Type)+len(s.Manufacturer)+len(s.Serial)+len(s.KeyID)+len(s.User)+len(s.Other) == 0
}

// Value is a Field read back: the text of a string, or a number or truth value as it
// is written.
type Value struct{ Name, Text []byte }

// Values are the fields of one side, by name.
type Values []Value

// Find gives the text of a field, and whether there is one.
func (v Values) Find(name string) (text []byte, ok bool) {
	for i := range v {
		if string(v[i].Name) == name {
			return v[i].Text, true
		}
	}
	return nil, false
}

// Parser reads entries in the form that Canonical writes, of any version, and
// nothing else. It keeps its memory from one entry to the next.
type Parser struct {
	in     []byte
	at     int
	parsed Parsed
}

var errForm = errors.New("not in the form of an entry")

// bounds of what one entry may hold; Canonical's callers stay far below.
const maxAlso = 10_000

// Parse reads an entry.
func (p *Parser) Parse(entry []byte) (*Parsed, error) {
	p.in, p.at = entry, 0
	out := &p.parsed
	*out = Parsed{ParsedChange: ParsedChange{Before: out.Before[:0], After: out.After[:0]}, Also: out.Also[:0]}
	err := p.object(func(name []byte) (err error) {
		switch string(name) {
		case "action":
			out.Action, err = p.text()
		case "outcome":
			out.Outcome, err = p.text()
		case "time":
			out.Time, err = p.text()
		case "actor", "actor_id", "reason", "request", "role", "source":
			_, err = p.text()
		case "also":
			err = p.also(out)
		case "v":
			out.Version, err = p.version()
		default:
			err = p.member(name, &out.ParsedChange)
		}
		return err
	})
	if err == nil && p.at != len(entry) {
		err = errForm
	}
	if err != nil {
		return nil, fmt.Errorf("byte %d: %w", p.at, err)
	}
	return out, nil
}

func (p *Parser) version() (int, error) {
	raw, err := p.scalar()
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < 1 || n > version-'0' {
		return 0, errors.New("an entry of a version that this program does not know")
	}
	return n, nil
}

// member reads what an entry says of one row.
func (p *Parser) member(name []byte, c *ParsedChange) (err error) {
	switch string(name) {
	case "after":
		c.After, err = p.values(c.After[:0])
	case "before":
		c.Before, err = p.values(c.Before[:0])
	case "subject":
		err = p.object(func(name []byte) error { return p.subject(name, &c.Subject) })
	default:
		err = errForm
	}
	return err
}

func (p *Parser) subject(name []byte, s *ParsedSubject) (err error) {
	switch string(name) {
	case "key_id":
		s.KeyID, err = p.text()
	case "manufacturer":
		s.Manufacturer, err = p.text()
	case "other":
		s.Other, err = p.text()
	case "serial":
		s.Serial, err = p.text()
	case "type":
		s.Type, err = p.text()
	case "user":
		s.User, err = p.text()
	default:
		err = errForm
	}
	return err
}

func (p *Parser) also(out *Parsed) error {
	if !p.take('[') {
		return errForm
	}
	for n := 0; ; n++ {
		if n == maxAlso {
			return errForm
		}
		if n > 0 && !p.take(',') {
			break
		}
		if len(out.Also) < cap(out.Also) {
			out.Also = out.Also[:n+1] // with its memory
		} else {
			out.Also = append(out.Also, ParsedChange{})
		}
		c := &out.Also[n]
		c.Subject, c.Before, c.After = ParsedSubject{}, c.Before[:0], c.After[:0]
		if err := p.object(func(name []byte) error { return p.member(name, c) }); err != nil {
			return err
		}
	}
	if !p.take(']') {
		return errForm
	}
	return nil
}

// object reads an object whose members rise by name.
func (p *Parser) object(member func(name []byte) error) error {
	if !p.take('{') {
		return errForm
	}
	if p.take('}') {
		return nil
	}
	var last []byte
	for {
		name, err := p.text()
		if err != nil {
			return err
		}
		if last != nil && string(name) <= string(last) || !p.take(':') {
			return errForm
		}
		last = name
		if err := member(name); err != nil {
			return err
		}
		if p.take('}') {
			return nil
		}
		if !p.take(',') {
			return errForm
		}
	}
}

func (p *Parser) values(to Values) (Values, error) {
	err := p.object(func(name []byte) error {
		v := Value{Name: name}
		var err error
		if p.at < len(p.in) && p.in[p.at] == '"' {
			v.Text, err = p.text()
		} else {
			v.Text, err = p.scalar()
		}
		to = append(to, v)
		return err
	})
	return to, err
}

func (p *Parser) take(c byte) bool {
	if p.at < len(p.in) && p.in[p.at] == c {
		p.at++
		return true
	}
	return false
}

// text reads a string. One without escapes stands in the entry.
func (p *Parser) text() ([]byte, error) {
	if !p.take('"') {
		return nil, errForm
	}
	for i := p.at; i < len(p.in); i++ {
		switch c := p.in[i]; {
		case c == '"':
			s := p.in[p.at:i]
			p.at = i + 1
			return s, nil
		case c == '\\':
			return p.escaped(i)
		case c < 0x20:
			return nil, errForm
		}
	}
	return nil, errForm
}

// escaped reads a string whose first escape stands at i.
func (p *Parser) escaped(i int) ([]byte, error) {
	for ; i < len(p.in) && p.in[i] != '"'; i++ {
		if p.in[i] == '\\' {
			i++
		}
	}
	if i >= len(p.in) {
		return nil, errForm
	}
	var s string
	if err := json.Unmarshal(p.in[p.at-1:i+1], &s); err != nil {
		return nil, errForm
	}
	p.at = i + 1
	return []byte(s), nil
}

// scalar reads a whole number or a truth value.
func (p *Parser) scalar() ([]byte, error) {
	start := p.at
	for p.at < len(p.in) && (p.in[p.at] == '-' || p.in[p.at] >= '0' && p.in[p.at] <= '9' ||
		p.in[p.at] >= 'a' && p.in[p.at] <= 'z') {
		p.at++
	}
	s := p.in[start:p.at]
	if string(s) == "true" || string(s) == "false" || number(s) {
		return s, nil
	}
	return nil, errForm
}

func number(s []byte) bool {
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 20 || s[0] == '0' && len(s) > 1 {
		return false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// stampForm writes a time of a field to the millisecond, as it is stored.
const stampForm = "2006-01-02T15:04:05.999Z07:00"

// None is how a time that is none stands in a field.
const None = "none"

// Stamp writes a time into a field: RFC 3339 in UTC, with the milliseconds where
// there are any.
func Stamp(at time.Time) string {
	if at.IsZero() {
		return None
	}
	return at.UTC().Truncate(time.Millisecond).Format(stampForm)
}

// ParseStamp reads what Stamp wrote, as milliseconds since 1970; 0 for None.
func ParseStamp(text []byte) (int64, error) {
	if string(text) == None {
		return 0, nil
	}
	at, err := time.Parse(time.RFC3339, string(text))
	return at.UnixMilli(), err
}
