package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// place is a cursor of a list of tokens: the order, and where in it to go on. It says
// what the order looks at, not which token was the last: that one may be gone.
type place struct {
	Sort  store.TokenSort `json:"s"`
	Desc  bool            `json:"d,omitempty"`
	Last  bool            `json:"l,omitempty"`
	ID    int64           `json:"i,omitempty"`
	User  string          `json:"u,omitempty"`
	Token *[4]string      `json:"t,omitempty"` // serial, type, manufacturer, key id
	At    int64           `json:"a,omitempty"` // milliseconds
}

func writeCursor(p store.TokenPlace, o store.TokenOrder) string {
	c := place{Sort: o.By, Desc: o.Desc, Last: p.Last, ID: int64(p.ID), User: p.User}
	if id := p.Identity; id != (token.Identity{}) {
		c.Token = &[4]string{id.Serial, id.Type, id.Manufacturer, id.KeyID}
	}
	if !p.At.IsZero() {
		c.At = p.At.UnixMilli()
	}
	raw, _ := json.Marshal(c) // such a struct always can
	return base64.RawURLEncoding.EncodeToString(raw)
}

// readCursor reads a cursor of an order; an empty one is none.
func readCursor(text string, o store.TokenOrder) (*store.TokenPlace, error) {
	if text == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	var c place
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	// As it was written, to the letter: nothing else is in it.
	if again, _ := json.Marshal(c); err != nil || !bytes.Equal(again, raw) || c.Sort != o.By || c.Desc != o.Desc {
		return nil, badCursor().WithHint("Continue with the filters and the order of the previous page.").Because(err)
	}
	p := &store.TokenPlace{Last: c.Last, ID: token.ID(c.ID), User: c.User}
	if t := c.Token; t != nil {
		p.Identity = token.Identity{Serial: t[0], Type: t[1], Manufacturer: t[2], KeyID: t[3]}
	}
	if c.At != 0 {
		p.At = time.UnixMilli(c.At)
	}
	return p, nil
}

func badCursor() *fault.Error {
	return fault.New(fault.Invalid, "cursor", "The cursor is not from this server.")
}
