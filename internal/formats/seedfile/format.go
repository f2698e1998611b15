package seedfile

import "strings"

// Format names a format.
type Format string

// format is all there is to one format. It stands in a file of its own, and has
// a row in formats.
type format struct {
	name Format
	// description is what people read in lists.
	description string
	// recognise tells the format by how a file begins.
	recognise func(h *head) bool
	// open checks the beginning of a file and stands before its first entry. An
	// *Error refuses the file.
	open func(j *job) (parser, error)
}

// formats are all that can be asked for, in the order of lists. The first whose
// rule recognises a file has it: so a special one stands before a general one.
var formats = []format{
	pskcFormat,
	dualShieldFormat,
	dualShieldV3Format,
	safeNetFormat,
	otpauthFormat,
	migrationFormat,
	yubicoFormat,
	privacyIDEAFormat,
	assignmentsFormat,
	entraFormat,
	oathFormat,
}

// find gives the format of a name, or nil.
func find(name Format) *format {
	for i := range formats {
		if formats[i].name == name {
			return &formats[i]
		}
	}
	return nil
}

// FormatInfo describes a format.
type FormatInfo struct {
	Name        Format
	Description string
}

// Formats lists the formats that can be asked for.
func Formats() []FormatInfo {
	list := make([]FormatInfo, len(formats))
	for i, f := range formats {
		list[i] = FormatInfo{f.name, f.description}
	}
	return list
}

// FormatNames lists the names of the formats, for people.
func FormatNames() string {
	var names []string
	for _, f := range formats {
		names = append(names, string(f.name))
	}
	return strings.Join(names, ", ")
}

// Description says what f is.
func (f Format) Description() string {
	if x := find(f); x != nil {
		return x.description
	}
	if x, ok := foreign[f]; ok {
		return x.what
	}
	return string(f)
}

// PSKC is the format of package pskc, which reads it.
const PSKC Format = "pskc"

var pskcFormat = format{
	name:        PSKC,
	description: "PSKC key container (RFC 6030 and the drafts before it)",
	recognise:   func(h *head) bool { return h.root == "KeyContainer" || h.root == "SecretContainer" },
	open:        func(*job) (parser, error) { return nil, &Error{Err: ErrPSKC} },
}
