package seedfile

import (
	"bytes"
	"slices"
	"strings"

	"ostiary/oath"
	"ostiary/pskc"
)

// What servers write behind the digits of a table without titles differs: the time
// step and the counter; or one column, which is the counter of a HOTP token and the
// time step of a TOTP token; or this column and a hash. So the sixth column of the
// whole file decides about the fifth.

// layout gives the columns of a table without titles, whose first ones are known.
func (c *csvKeys) layout() columns {
	fifth := len(c.untitled)
	sixth := fifth + 1
	used, hashes, others := false, 0, 0
	for {
		r, err := c.t.next()
		if err != nil {
			break
		}
		used = used || len(r.cell(fifth)) > 0
		switch s := r.cell(sixth); {
		case len(s) == 0:
		case isHash(s):
			hashes++
		default:
			others++
		}
	}
	order := slices.Clone(c.untitled)
	switch {
	case others > 0 || hashes == 0 && !used:
		return positions(append(order, colPeriod, colCounter)...)
	case hashes > 0:
		return positions(append(order, colEither, colHash)...)
	}
	return positions(append(order, colEither)...)
}

func isHash(s []byte) bool {
	_, err := oath.ParseHash(string(s))
	return err == nil
}

// unclear finds out whether what HOTP tokens have in a column of counters and time
// steps may be time steps as well: some servers write one into every row. Then all
// of them are 30, or all are 60.
type unclear struct{ steps, others int }

func (u *unclear) add(c *csvKeys, r row) {
	s := r.cell(c.cols.at[colEither])
	if len(s) == 0 || !c.isKind(r, pskc.HOTP) {
		return
	}
	if n, ok := number(s, maxPeriod); ok && (n == 30 || n == 60) {
		u.steps++
	} else {
		u.others++
	}
}

func (u *unclear) decide() bool { return u.steps > 0 && u.others == 0 }

// isStepAlone tells a row of a HOTP token that has a time step and no counter.
func (c *csvKeys) isStepAlone(r row) bool {
	return len(r.cell(c.cols.at[colPeriod])) > 0 && c.cols.has(colCounter) && len(r.cell(c.cols.at[colCounter])) == 0 &&
		c.isKind(r, pskc.HOTP)
}

// isKind tells what a row says of its kind, or else the caller.
func (c *csvKeys) isKind(r row, kind pskc.Kind) bool {
	var k pskc.Key
	if why := c.readKind(&k, r.cell(c.cols.at[colType])); why != "" {
		return false
	}
	if k.Kind == "" {
		k.Kind = c.opt.Assume.Kind
	}
	return k.Kind == kind
}

// readEither reads a cell that is a counter or a time step, as the kind of its token
// has it.
func (c *csvKeys) readEither(k *pskc.Key, text []byte) (why string) {
	kind := k.Kind
	if kind == "" {
		kind = c.opt.Assume.Kind
	}
	switch {
	case kind == pskc.HOTP && c.unclear:
		return "may be the counter of a HOTP token or a time step, and all HOTP tokens of the file have a value that is " +
			"usual for time steps; let the first line of the file name the columns, such as " +
			"serial,secret,type,digits,counter or serial,secret,type,digits,period"
	case kind == pskc.HOTP:
		if k.Counter, why = readCounter(text); why == "" {
			k.HasCounter = true
		}
	case kind == pskc.TOTP:
		if k.Interval, why = readPeriod(text); why == "" {
			k.HasInterval = true
		}
	default:
		return "is a counter if the token is event-based and a time step if it is time-based, and the row does not say " +
			"which; specify it (kind hotp or totp)"
	}
	if why == "" {
		c.note("Column %s holds the counters of HOTP tokens and the time steps of TOTP tokens; compare the sample code.",
			columnName(c.cols.at[colEither]))
	}
	return why
}

// realms finds out whether one user name stands in two realms: here it would be one
// user.
type realms map[string]string

func (m realms) add(c *csvKeys, r row) error {
	user := strings.ToLower(string(r.cell(c.cols.at[colUser])))
	if user == "" || !c.cols.has(colRealm) && !c.cols.has(colResolver) {
		return nil
	}
	where := string(bytes.ToLower(r.cell(c.cols.at[colRealm]))) + "\x00" + string(r.cell(c.cols.at[colResolver]))
	before, ok := m[user]
	if m[user] = where; ok && before != where {
		return &Error{Err: ErrMalformed, Line: r.line, Text: "cell " + r.address(c.cols.at[colUser]) + " names a user " +
			"that another row has in another realm or resolver; here both would be the same user",
			Hint: "Split it into two files, one for each realm, and give the users different names."}
	}
	return nil
}
