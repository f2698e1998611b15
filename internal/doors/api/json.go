package api

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/danielgtaylor/huma/v2"
)

// strictJSON is JSON in which an object names each member once. Of two, one
// reader takes the first and another the last; a proxy that checks requests must
// not see another code than we do.
var strictJSON = huma.Format{
	Marshal: huma.DefaultJSONFormat.Marshal,
	Unmarshal: func(data []byte, v any) error {
		// The framework decodes a body twice; once is enough to look.
		if _, first := v.(*any); first {
			if err := checkMembers(data); err != nil {
				return err
			}
		}
		return json.Unmarshal(data, v)
	},
}

var errDuplicateMember = errors.New("an object names a member twice")

// checkMembers refuses duplicate members at every depth. What is no JSON it
// leaves to the decoder.
func checkMembers(data []byte) error {
	type level struct {
		object, value bool // value: the next token is a member's value
		seen          map[string]bool
	}
	var open []level
	tokens := json.NewDecoder(bytes.NewReader(data))
	for {
		t, err := tokens.Token()
		if err != nil {
			return nil //nolint:nilerr // the decoder behind it says what is malformed
		}
		in := len(open) - 1
		if d, ok := t.(json.Delim); ok && (d == '}' || d == ']') {
			open = open[:in]
			continue
		}
		if in >= 0 && open[in].object {
			if name, ok := t.(string); ok && !open[in].value {
				if open[in].seen[name] {
					return errDuplicateMember
				}
				open[in].seen[name], open[in].value = true, true
				continue
			}
			open[in].value = false
		}
		switch t {
		case json.Delim('{'):
			open = append(open, level{object: true, seen: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		}
	}
}
