package seedfile

import (
	"fmt"
	"slices"
	"strings"

	"ostiary/pskc"
)

// SafeNet is the token file of SafeNet, later Gemalto.
const SafeNet Format = "safenet-xml"

var safeNetFormat = format{
	name:        SafeNet,
	description: "SafeNet and Gemalto token file (XML, Tokens)",
	recognise:   func(h *head) bool { return h.root == "Tokens" },
	open:        openSafeNet,
}

// safeNet reads Tokens > Token > Applications > Application > Seed, MovingFactor.
// One token may have several keys.
type safeNet struct {
	*job
	x *xmlReader
}

func openSafeNet(j *job) (parser, error) {
	s := &safeNet{job: j, x: newXMLReader(j.data)}
	return s, s.x.root("Tokens")
}

func (s *safeNet) rewind() {
	s.x = newXMLReader(s.data)
	_ = s.x.root("Tokens") // read before
}

func (s *safeNet) next() (entry, error) {
	t, err := s.x.next()
	switch {
	case err != nil:
		return entry{}, err
	case t == nil:
		return entry{}, s.x.end()
	}
	keys := t.applications()
	e := t.entry(s.read(t, keys)...)
	if len(e.answers) > 1 {
		e.part = func(keep []bool) []byte { return s.part(t, keys, keep) }
	}
	return e, nil
}

// applications are the keys of a token.
func (e *element) applications() (keys []*element) {
	for _, c := range e.children {
		if strings.EqualFold(c.name, "Applications") {
			keys = append(keys, c.children...)
		}
	}
	return keys
}

// part is the text of a token with those keys that are kept.
func (s *safeNet) part(t *element, keys []*element, keep []bool) (out []byte) {
	at := t.from
	for i, k := range keys {
		if !keep[i] {
			out = append(out, s.data[at:k.from]...)
			at = k.to
		}
	}
	return append(out, s.data[at:t.to]...)
}

// about are elements of a token that do not change how it computes.
var about = []string{"casemodel", "model", "productiondate", "productname", "manufacturer", "vendor", "name",
	"description"}

// read gives the keys of one token, at least one answer.
func (s *safeNet) read(t *element, keys []*element) []answer {
	serial := t.attr("serial")
	no := func(format string, args ...any) []answer {
		return []answer{{bad: refuse(t.line, serial, format, args...)}}
	}
	switch {
	case t.name != "Token":
		return no("there is an element %s among the tokens", quote(t.name))
	case serial == "":
		return no("it has no serial number")
	}
	var model string
	for _, c := range t.children {
		switch name := strings.ToLower(c.name); {
		case name == "applications":
		case !slices.Contains(about, name):
			return no("its element %s is not known", quote(c.name))
		case len(c.children) > 0:
			return no("its element %s contains elements", quote(c.name))
		case name == "productname", name == "model" && model == "":
			model = c.text
		}
	}
	if len(keys) == 0 {
		return no("it has no key")
	}
	var out []answer
	for _, e := range keys {
		k := &pskc.Key{ID: e.attr("ConnectorID"), Line: e.line, Serial: serial, Model: model}
		out = append(out, verdict(k, s.readKey(k, e)))
	}
	return out
}

func (s *safeNet) readKey(k *pskc.Key, e *element) string {
	if !strings.EqualFold(e.name, "Application") {
		return fmt.Sprintf("there is an element %s among its applications", quote(e.name))
	}
	f, why := e.fields("Seed", "MovingFactor")
	if why != "" {
		return why
	}
	enc := Hex
	if s.opt.Encoding != "" {
		enc = s.opt.Encoding
	}
	if why := s.setSecret(k, enc, f["Seed"]); why != "" {
		return why
	}
	if text := f["MovingFactor"]; text != "" {
		if k.Counter, why = readCounter([]byte(text)); why != "" {
			return "its element MovingFactor " + why
		}
		k.HasCounter = true
	}
	if s.opt.Assume.Kind == "" {
		s.note("The format does not say whether its tokens are event-based or time-based, and HOTP was assumed; " +
			"compare the sample code.")
	}
	if s.silent(k, pskc.HOTP, 0); k.Kind == pskc.TOTP {
		k.Counter, k.HasCounter = 0, false
	}
	return ""
}
