package lifecycle

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
	Back  bool            `json:"b,omitempty"`
	Last  bool            `json:"l,omitempty"`
	With  bool            `json:"w,omitempty"` // the token at the place, too
	ID    int64           `json:"i,omitempty"`
	User  string          `json:"u,omitempty"`
	Token *[4]string      `json:"t,omitempty"` // serial, type, manufacturer, key id
	At    int64           `json:"a,omitempty"` // milliseconds
	N     int64           `json:"n,omitempty"`
}

// Around gives the cursors of the pages behind and before one, each nil where there is none.
// on is where the list goes on in the direction of the page.
func Around(page []token.Token, on *store.TokenPlace, o store.TokenOrder) (next, previous *string) {
	further, around := o, o
	further.After, around.After = on, nil
	around.Back = !o.Back
	switch {
	case o.After == nil: // the page is at the end from which it was asked for
	case len(page) == 0:
		back := *o.After
		back.Itself = !back.Itself
		around.After = &back
	case o.Back:
		around.After = new(store.PlaceOf(page[len(page)-1], o.By))
	default:
		around.After = new(store.PlaceOf(page[0], o.By))
	}
	next, previous = writeCursor(further), writeCursor(around)
	if o.Back {
		next, previous = previous, next
	}
	return next, previous
}

// writeCursor gives the cursor of an order that goes on somewhere; nil if it does not.
func writeCursor(o store.TokenOrder) *string {
	if o.After == nil {
		return nil
	}
	p := *o.After
	c := place{Sort: o.By, Desc: o.Desc, Back: o.Back, Last: p.Last, With: p.Itself, ID: int64(p.ID), User: p.User,
		N: p.Number}
	if id := p.Identity; id != (token.Identity{}) {
		c.Token = &[4]string{id.Serial, id.Type, id.Manufacturer, id.KeyID}
	}
	if !p.At.IsZero() {
		c.At = p.At.UnixMilli()
	}
	raw, _ := json.Marshal(c) // such a struct always can
	return new(base64.RawURLEncoding.EncodeToString(raw))
}

// Continue lets an order go on where a cursor of it says; an empty one is none.
func Continue(text string, o store.TokenOrder) (store.TokenOrder, error) {
	if text == "" {
		return o, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	var c place
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	// As it was written, to the letter: nothing else is in it.
	if again, _ := json.Marshal(c); err != nil || !bytes.Equal(again, raw) || c.Sort != o.By || c.Desc != o.Desc {
		return o, fault.New(fault.Invalid, "cursor", "The cursor is not from this server.").
			WithHint("Continue with the filters and the order of the previous page.").Because(err)
	}
	p := &store.TokenPlace{Last: c.Last, Itself: c.With, ID: token.ID(c.ID), User: c.User, Number: c.N}
	if t := c.Token; t != nil {
		p.Identity = token.Identity{Serial: t[0], Type: t[1], Manufacturer: t[2], KeyID: t[3]}
	}
	if c.At != 0 {
		p.At = time.UnixMilli(c.At)
	}
	o.Back, o.After = c.Back, p
	return o, nil
}
