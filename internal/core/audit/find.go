package audit

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Filter chooses entries. Empty fields do not restrict.
type Filter struct {
	Serial  string // of a token that the entry is about
	User    string // whom it is about, or who has or had the token
	Action  Action
	Outcome Outcome
	Reason  string // as the entry has it, to the letter
	Actor   string // the name
	ActorID string // one key of that name
	// From and To bound the time: From is in, To is not.
	From, To time.Time
}

// Facets are what an entry is found by.
type Facets struct {
	Time           time.Time // zero if it has none that can be read
	Action         Action
	Outcome        Outcome
	Reason         string
	Actor, ActorID string
	Serials, Users []string
}

// entryFacets is an entry as far as it is found.
type entryFacets struct {
	Action  Action  `json:"action"`
	Actor   string  `json:"actor"`
	ActorID string  `json:"actor_id"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason"`
	Time    string  `json:"time"`
	Subject struct {
		Serial string `json:"serial"`
		User   string `json:"user"`
	} `json:"subject"`
	Before stateFacets `json:"before"`
	After  stateFacets `json:"after"`
	Also   []struct {
		Subject struct {
			Serial string `json:"serial"`
		} `json:"subject"`
	} `json:"also"`
}

// stateFacets are the fields that name tokens and users.
type stateFacets struct {
	Owner      string `json:"owner"`
	User       string `json:"user"`
	ReplacedBy string `json:"replaced_by"`
	Serials    string `json:"serials"` // separated by blanks
}

// FacetsOf reads a stored entry. One that cannot be read has no facets: only an
// empty filter finds it.
func FacetsOf(entry []byte) Facets {
	var e entryFacets
	if !e.skim(entry) {
		e = entryFacets{}
		if err := json.Unmarshal(entry, &e); err != nil {
			return Facets{}
		}
	}
	f := Facets{Action: e.Action, Outcome: e.Outcome, Reason: e.Reason, Actor: e.Actor, ActorID: e.ActorID}
	f.Time, _ = time.Parse(time.RFC3339, e.Time)
	f.Users = distinct(e.Subject.User, e.Before.Owner, e.After.Owner, e.Before.User, e.After.User)
	serials := append(strings.Fields(e.Before.Serials+" "+e.After.Serials),
		e.Subject.Serial, e.Before.ReplacedBy, e.After.ReplacedBy)
	for i := range e.Also {
		serials = append(serials, e.Also[i].Subject.Serial)
	}
	f.Serials = distinct(serials...)
	return f
}

func distinct(values ...string) (all []string) {
	for _, v := range values {
		if v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// Matches tells whether an entry with these facets is chosen.
func (f Filter) Matches(e Facets) bool {
	return (f.Serial == "" || slices.Contains(e.Serials, f.Serial)) &&
		(f.User == "" || slices.Contains(e.Users, f.User)) &&
		(f.Action == "" || f.Action == e.Action) && (f.Outcome == "" || f.Outcome == e.Outcome) &&
		(f.Reason == "" || f.Reason == e.Reason) &&
		(f.Actor == "" || f.Actor == e.Actor) && (f.ActorID == "" || f.ActorID == e.ActorID) &&
		(f.From.IsZero() || !e.Time.IsZero() && !e.Time.Before(f.From)) &&
		(f.To.IsZero() || !e.Time.IsZero() && e.Time.Before(f.To))
}

// Matcher gives Matches for stored entries. Most that do not match are told by their
// bytes, without being read.
func (f Filter) Matcher() func(entry []byte) bool {
	if f == (Filter{}) {
		return func([]byte) bool { return true }
	}
	var marks [][]byte
	for _, text := range []string{f.Serial, f.User, string(f.Action), string(f.Outcome), f.Reason, f.Actor, f.ActorID} {
		if text != "" {
			w := writer{}
			w.quote(text)
			marks = append(marks, w.buf[1:len(w.buf)-1])
		}
	}
	return func(entry []byte) bool {
		for _, m := range marks {
			if !bytes.Contains(entry, m) {
				return false
			}
		}
		return f.Matches(FacetsOf(entry))
	}
}
