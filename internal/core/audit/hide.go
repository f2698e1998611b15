package audit

import "encoding/json"

// told are the fields whose text is shown to those who see no serials: words of this
// program, dates, and the names of users, profiles and versions.
var told = map[string]bool{"algorithm": true, "expires": true, "hash": true, "kind": true, "link_expires": true,
	"owner": true, "profile": true, "retired_since": true, "retry_at": true, "role": true, "route": true, "state": true,
	"user": true, "user_retry_at": true, "valid_from": true, "valid_until": true, "version": true}

// HideTokens takes out of a decoded entry whatever may tell a token's serial: what the
// subject says of a token or a file, what people wrote, and text in fields that are not
// known to hold none. What was taken out is marked: "hidden": true.
func HideTokens(entry map[string]any) {
	hidden := false
	drop := func(from map[string]any, name string) {
		if _, there := from[name]; there {
			delete(from, name)
			hidden = true
		}
	}
	if subject, ok := entry["subject"].(map[string]any); ok {
		for name := range subject {
			if name != "user" && !(name == "other" && otherIsPlain(entry)) {
				drop(subject, name)
			}
		}
		if len(subject) == 0 {
			delete(entry, "subject")
		}
	}
	drop(entry, "also") // it is of further tokens
	if entry["outcome"] != string(Refused) {
		drop(entry, "reason") // of what was refused, the reason is a word of ours
	}
	for _, side := range []string{"before", "after"} {
		fields, _ := entry[side].(map[string]any)
		for name, value := range fields {
			switch value.(type) {
			case json.Number, float64, bool:
			default:
				if !told[name] {
					drop(fields, name)
				}
			}
		}
	}
	if hidden {
		entry["hidden"] = true
	}
}

// otherIsPlain tells whether the subject is a key, a type, a profile or a caller, and
// no name of a file.
func otherIsPlain(entry map[string]any) bool {
	action, _ := entry["action"].(string)
	switch Action(action) {
	case KeyCreated, KeyRevoked, KeyExpired, TypeCreated, TypeChanged, TypeRetired, TypeRestored, ProfileCreated,
		ProfileRetired, ProfileRestored, ProfileLimited, SeriesSet, SeriesAdvanced, SessionStarted, SessionEnded,
		RootPasswordSet, RefusalsSuppressed:
		return true
	}
	return false
}
