package seedfile

import (
	"fmt"
	"io"

	"ostiary/pskc"
)

// DualShieldAssignments says which user has which token. It holds no keys:
// [ReadAssignments] reads it.
const DualShieldAssignments Format = "dualshield-assignments"

var assignmentsFormat = format{
	name:        DualShieldAssignments,
	description: "Deepnet DualShield assignment list (CSV): which user has which token, no secrets",
	recognise: func(h *head) bool {
		return h.titled && h.cols.has(colUser) && h.cols.has(colSerial) && !h.hasSecrets()
	},
	open: func(*job) (parser, error) {
		return nil,
			&Error{Err: ErrAssignments, Hint: "Import the seed file first, then assign the tokens by this list."}
	},
}

// Assignment says that a user has a token.
type Assignment struct {
	Line         int
	Serial       string
	User         string
	Domain       string
	Product      ProductCode // as written
	Kind         pskc.Kind   // "" if the product is not known, as are the next two
	Manufacturer string
	Model        string
}

// ReadAssignments reads the assignment list of DualShield: which user has which
// token. Rows that make no sense come back as refused, with line and cell; an
// error is about the file as a whole. Products that are not known are no error:
// such assignments lack a kind.
func ReadAssignments(r io.Reader, opt Options) (list []Assignment, refused []*pskc.KeyError, err error) {
	if err := opt.check(); err != nil {
		return nil, nil, err
	}
	data, err := readAll(r)
	if err != nil {
		return nil, nil, err
	}
	defer clear(data)
	if f := Detect(data); f != DualShieldAssignments && opt.Format != DualShieldAssignments {
		return nil, nil, &Error{Err: ErrUnknown, Format: f, Text: "the file is not an assignment list",
			Hint: "Its first line must have the titles domain, loginName, manufacturerCode, productCode, serial."}
	}
	t := newTable(charsetOf(data).decode(data, false), false)
	first, err := t.next()
	if err != nil || first.bad != "" {
		return nil, nil, malformed(t.n, "the titles cannot be read")
	}
	cols, err := readHeader(first, func(k column) bool { return k >= colDomain || k == colSerial || k == colUser })
	if err != nil {
		return nil, nil, err
	}
	if !cols.has(colUser) || !cols.has(colSerial) {
		return nil, nil, malformed(first.line, "the titles loginName and serial are missing")
	}
	check := serialCheck{}
	for {
		r, err := t.next()
		if err != nil {
			break
		}
		check.add(r.cell(cols.at[colSerial]))
	}
	damage := check.decide(&job{opt: opt})
	t.rewind()
	_, _ = t.next() // the titles
	for {
		r, err := t.next()
		switch {
		case err != nil:
			return list, refused, nil
		case len(list)+len(refused) == MaxKeys:
			return nil, nil, &Error{Err: ErrLimit, Format: DualShieldAssignments,
				Text: fmt.Sprintf("the file has more than %d rows", MaxKeys)}
		case r.bad != "":
			refused = append(refused, refuse(r.line, "", "%s", r.bad))
			continue
		}
		if a, why := assignment(r, cols, damage, &opt); why != "" {
			refused = append(refused, refuse(r.line, a.Serial, "%s", why))
		} else {
			list = append(list, a)
		}
	}
}

// assignment reads one row, or says what is wrong.
func assignment(r row, cols columns, damage serialDamage, opt *Options) (Assignment, string) {
	get := func(c column) string { return string(r.cell(cols.at[c])) }
	a := Assignment{Line: r.line, Serial: get(colSerial), User: get(colUser), Domain: get(colDomain),
		Product: ProductCode{get(colManufacturerCode), get(colProductCode)}}
	if why := beyond(r, cols.width); why != "" {
		return a, why
	}
	if why := damage.wrong(r.cell(cols.at[colSerial])); why != "" {
		return a, "cell " + r.address(cols.at[colSerial]) + " " + why
	}
	if a.User == "" {
		return a, "cell " + r.address(cols.at[colUser]) + " should contain the user, but is empty"
	}
	if p, err := opt.product(a.Product); err == nil {
		a.Kind, a.Manufacturer, a.Model = p.Kind, p.Manufacturer, p.Model
	}
	return a, ""
}
