package seedfile

import (
	"bytes"
	"strconv"
)

// PrivacyIDEACSV is the list of tokens with their owners.
const PrivacyIDEACSV Format = "privacyidea-csv"

var privacyIDEAFormat = format{
	name:        PrivacyIDEACSV,
	description: "privacyIDEA list, version 2 (CSV), with the owner of each token",
	recognise: func(h *head) bool {
		return listVersion(h.text) == 2 || h.titled && h.cols.has(colResolver) && h.cols.has(colRealm) &&
			h.cols.has(colSerial) && h.cols.has(colSecret)
	},
	open: func(j *job) (parser, error) { return openCSV(j, dialect{comments: true, untitled: ownerColumns}) },
}

// ownerColumns are those of version 2, before the one that is a counter or a time
// step.
var ownerColumns = append([]column{colUser, colResolver, colRealm}, oathColumns...)

// listVersion is what the first line of a list of tokens, # version: 2, says; 0 if
// there is none.
func listVersion(text []byte) int {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	line, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("#"))
	if !ok {
		return 0
	}
	line, ok = bytes.CutPrefix(bytes.TrimSpace(line), []byte("version:"))
	if !ok {
		return 0
	}
	n, _ := strconv.Atoi(string(bytes.TrimSpace(line)))
	return n
}
