package seedfile

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// judgement is what the rows of a table say together. A remainder has too few of
// them to say it again: a serial number that has lost its zeros among others that
// have not would be taken as it is when it stands alone. So a remainder begins
// with a line that says it, such as
//
//	#rest: secrets=hex digits=8
type judgement struct {
	enc    Encoding // of the secrets; "": none, each is refused by itself
	why    string
	damage serialDamage
	// least is the length in characters of the shortest secret before the last
	// one, if that is shorter and ends the file: then it was cut off. Else 0.
	least int
	// unclear: what HOTP tokens have in a column of counters and time steps may be
	// either.
	unclear bool
	// stepAlone: without titles, some HOTP tokens have a counter in its own column and
	// others have nothing but what stands where the time step should.
	stepAlone bool
}

// restMark begins the line of a judgement.
const restMark = "#rest:"

// restWords are the words of a line, without what a spreadsheet program may have
// put around it; nil if it is no line of a judgement.
func restWords(line []byte) []string {
	line = bytes.Trim(line, "\",;|\t ")
	if !bytes.HasPrefix(line, []byte(restMark)) || len(line) > maxLine {
		return nil
	}
	return strings.Fields(string(line))[1:]
}

// judge decides by the whole columns, or takes what a line of the file says.
func (c *csvKeys) judge() (v judgement, err error) {
	if c.t.rest != nil {
		v, err = readJudgement(c.t.rest)
	} else {
		v, err = c.judgeColumns()
	}
	if c.opt.Encoding != "" {
		v.enc, v.why = c.opt.Encoding, "as asked for"
	}
	if c.opt.KeepSerials {
		v.damage.digits = 0
	}
	return v, err
}

func (c *csvKeys) judgeColumns() (v judgement, err error) {
	var secrets census
	var serials serialCheck
	var either unclear
	users := realms{}
	var last, shortest, end int // lengths of secrets: the last one, and the shortest before it
	for {
		r, err := c.t.next()
		if err != nil {
			break
		}
		if r.bad != "" {
			continue // refused when its turn comes
		}
		if s := r.cell(c.cols.at[colSecret]); len(s) > 0 {
			secrets.add(s, r.address(c.cols.at[colSecret]))
			if last != 0 && (shortest == 0 || last < shortest) {
				shortest = last
			}
			last, end = len(s), r.to
		}
		serials.add(r.cell(c.cols.at[colSerial]))
		either.add(c, r)
		v.stepAlone = v.stepAlone || !c.header && c.isStepAlone(r)
		if err := users.add(c, r); err != nil {
			return v, err
		}
	}
	if last < shortest && end == len(c.data) && !bytes.HasSuffix(c.data, []byte("\n")) {
		v.least = shortest
	}
	v.damage, v.unclear = serials.decide(c.job), either.decide()
	if c.opt.Encoding == "" {
		v.enc, v.why, err = secrets.decide()
	}
	return v, err
}

// line writes the judgement, readJudgement reads it.
func (v judgement) line() string {
	line := restMark
	if v.enc != "" {
		line += " secrets=" + string(v.enc)
	}
	if v.damage.digits != 0 {
		line += fmt.Sprintf(" digits=%d", v.damage.digits)
	}
	if v.damage.rounded {
		line += " rounded"
	}
	if v.unclear {
		line += " unclear"
	}
	if v.stepAlone {
		line += " step-alone"
	}
	if v.least != 0 {
		line += fmt.Sprintf(" least=%d", v.least)
	}
	return line
}

func readJudgement(line []byte) (v judgement, err error) {
	v.why = "as the line " + restMark + " of the file says"
	for _, word := range restWords(line) {
		name, value, _ := strings.Cut(word, "=")
		ok := false
		switch name {
		case "secrets":
			v.enc, ok = parseEncoding(value)
		case "digits":
			v.damage.digits, err = strconv.Atoi(value)
			ok = err == nil && v.damage.digits > 0
		case "least":
			v.least, err = strconv.Atoi(value)
			ok = err == nil && v.least > 0
		case "rounded":
			v.damage.rounded, ok = true, word == name
		case "step-alone":
			v.stepAlone, ok = true, word == name
		case "unclear":
			v.unclear, ok = true, word == name
		}
		if !ok {
			return v, malformed(0, "the line %s at the start of the file is not understood: %s", restMark, quote(word))
		}
	}
	return v, nil
}
