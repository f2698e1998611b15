package audit

import "bytes"

// skim reads an entry in canonical form whose text needs no escapes, which is nearly
// every one, in a tenth of the time that a JSON decoder takes: each code that is
// checked is indexed. It reports false for what it does not know; a decoder reads that.
func (e *entryFacets) skim(entry []byte) bool {
	if bytes.IndexByte(entry, '\\') >= 0 {
		return false
	}
	rest, ok := object(entry, func(name, value []byte) {
		switch string(name) {
		case "action":
			e.Action = Action(value)
		case "actor":
			e.Actor = string(value)
		case "actor_id":
			e.ActorID = string(value)
		case "outcome":
			e.Outcome = Outcome(value)
		case "reason":
			e.Reason = string(value)
		case "time":
			e.Time = string(value)
		}
	}, func(name, from []byte) ([]byte, bool) {
		return object(from, func(field, value []byte) {
			e.field(string(name), string(field), value)
		}, nil)
	})
	return ok && len(rest) == 0
}

func (e *entryFacets) field(part, name string, value []byte) {
	side := &e.After
	switch part {
	case "subject":
		switch name {
		case "serial":
			e.Subject.Serial = string(value)
		case "user":
			e.Subject.User = string(value)
		}
		return
	case "before":
		side = &e.Before
	case "after":
	default:
		return
	}
	switch name {
	case "owner":
		side.Owner = string(value)
	case "user":
		side.User = string(value)
	case "replaced_by":
		side.ReplacedBy = string(value)
	case "serials":
		side.Serials = string(value)
	}
}

// object reads an object: text tells of each member that is text, inner reads each that
// is an object. Numbers and the like are passed over.
func object(b []byte, text func(name, value []byte), inner func(name, from []byte) ([]byte, bool)) (
	rest []byte, ok bool) {
	if len(b) < 2 || b[0] != '{' {
		return nil, false
	}
	if b[1] == '}' {
		return b[2:], true
	}
	for sep := byte('{'); ; sep = ',' {
		if len(b) == 0 || b[0] != sep {
			return nil, false
		}
		name, after, ok := quoted(b[1:])
		if !ok || len(after) < 2 || after[0] != ':' {
			return nil, false
		}
		switch b = after[1:]; {
		case b[0] == '"':
			value, after, ok := quoted(b)
			if !ok {
				return nil, false
			}
			text(name, value)
			b = after
		case b[0] == '{' && inner != nil:
			if b, ok = inner(name, b); !ok {
				return nil, false
			}
		default:
			n := bytes.IndexAny(b, ",}")
			if n < 1 || bytes.ContainsAny(b[:n], "\"{[: ") {
				return nil, false
			}
			b = b[n:]
		}
		if len(b) > 0 && b[0] == '}' {
			return b[1:], true
		}
	}
}

// quoted reads a text without escapes.
func quoted(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	n := bytes.IndexByte(b[1:], '"')
	if n < 0 {
		return nil, nil, false
	}
	return b[1 : 1+n], b[2+n:], true
}
