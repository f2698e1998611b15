package seedfile

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"unicode"
	"unicode/utf8"
)

const (
	maxLine  = 16 << 10 // bytes of a row
	maxCells = 64       // of a row
)

// table reads the rows of a CSV file.
type table struct {
	data     []byte
	comments bool // lines that start with # are passed over
	sep      byte
	start    int // where the rows begin, behind a line sep=
	skipped  int // lines before start
	pos      int
	n        int    // lines read
	inside   int    // of these, how many ended inside a cell
	line     []byte // the current one
	from     int    // where that begins
	end      int    // and ends, before the line break
	rest     []byte // a line #rest: at the start, see judgement
	cells    [][]byte
}

// row is one row. Its cells are valid until the next call.
type row struct {
	line   int // where it begins
	number int // as spreadsheet programs count rows
	cells  [][]byte
	bad    string // why this is no row; there are no cells then

	from, to int    // where it stands
	fence    string // see entry
}

// entry is the row with its answers.
func (r row) entry(answers ...answer) entry {
	return entry{from: r.from, to: r.to, answers: answers, fence: r.fence}
}

// cell is the content of column i, or empty.
func (r row) cell(i int) []byte {
	if i < 0 || i >= len(r.cells) {
		return nil
	}
	return r.cells[i]
}

// address names a cell as spreadsheet programs do.
func (r row) address(i int) string { return columnName(i) + strconv.Itoa(r.number) }

func columnName(i int) string {
	name := ""
	for i++; i > 0; i = (i - 1) / 26 {
		name = string(rune('A'+(i-1)%26)) + name
	}
	return name
}

// newTable reads what may stand before the rows, a line sep= and a line #rest:,
// and finds the separator: what sep= says, else by the first line.
func newTable(data []byte, comments bool) *table {
	t := &table{data: data, comments: comments}
	line := t.nextLine()
	if s := bytes.TrimRight(line, " "); len(s) == 5 && bytes.EqualFold(s[:4], []byte("sep=")) &&
		bytes.IndexByte([]byte(",;\t|"), s[4]) >= 0 {
		t.sep, t.start, t.skipped = s[4], t.pos, 1
		line = t.nextLine()
	}
	if restWords(line) != nil {
		t.rest, t.start, t.skipped = line, t.pos, t.n
		line = t.nextLine()
	}
	if t.sep == 0 {
		if line != nil && t.blank(line) {
			line = t.nextFilled()
		}
		t.sep = separator(line)
	}
	t.rewind()
	return t
}

// separator is tab or semicolon where one stands outside quotes, else comma.
func separator(line []byte) byte {
	quoted, sep := false, byte(',')
	for _, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\t':
			return c
		case c == ';':
			sep = c
		}
	}
	return sep
}

func (t *table) rewind() { t.pos, t.n, t.inside = t.start, t.skipped, 0 }

// nextLine gives the next line without its end, nil at the end of the file.
func (t *table) nextLine() []byte {
	if t.pos >= len(t.data) {
		return nil
	}
	t.n++
	rest := t.data[t.pos:]
	end := bytes.IndexByte(rest, '\n')
	if end < 0 {
		end = len(rest)
	}
	line := bytes.TrimSuffix(rest[:end:end], []byte("\r"))
	t.line, t.from, t.end = line, t.pos, t.pos+len(line)
	t.pos = min(t.pos+end+1, len(t.data))
	return line
}

// blank tells whether a line holds nothing: white space, or a comment. A row whose
// first cell a spreadsheet program has turned into #NUM! is none.
func (t *table) blank(line []byte) bool {
	s := bytes.TrimSpace(line)
	if len(s) == 0 || s[0] != '#' || !t.comments {
		return len(s) == 0
	}
	first, _, more := bytes.Cut(s, []byte{t.sep})
	return !more || !isSheetError(bytes.TrimSpace(first))
}

// nextFilled gives the next line that is not blank.
func (t *table) nextFilled() []byte {
	line := t.nextLine()
	for line != nil && t.blank(line) {
		line = t.nextLine()
	}
	return line
}

// next gives the next row that is not blank, or io.EOF.
func (t *table) next() (row, error) {
	for {
		line := t.nextFilled()
		if line == nil {
			return row{}, io.EOF
		}
		r := row{line: t.n, number: t.n - t.inside, cells: t.cells[:0], from: t.from}
		if len(line) > maxLine {
			r.bad = fmt.Sprintf("the line is longer than %d bytes", maxLine)
		} else {
			t.split(&r, line)
		}
		if r.to = t.pos; r.bad != "" {
			r.cells, r.fence = nil, string(t.sep)+"\n"
		}
		if r.bad != "" || !r.empty() {
			return r, nil
		}
	}
}

func (r row) empty() bool {
	for _, c := range r.cells {
		if len(c) > 0 {
			return false
		}
	}
	return true
}

// split cuts a line into cells and trims them.
func (t *table) split(r *row, line []byte) {
	bad := func(what string) { r.bad = "cell " + r.address(len(r.cells)) + what }
	for more := true; more; {
		if len(r.cells) == maxCells {
			r.bad = fmt.Sprintf("the line has more than %d cells", maxCells)
			return
		}
		line = bytes.TrimLeft(line, " ")
		var cell []byte
		if len(line) > 0 && line[0] == '"' {
			var ok bool
			if cell, line, ok = t.quoted(line[1:]); !ok {
				bad(": the quotation mark is not closed on its line")
				return
			}
			line = bytes.TrimLeft(line, " ")
			if more = len(line) > 0; more && line[0] != t.sep {
				bad(" continues after its closing quotation mark")
				return
			}
			line = line[min(1, len(line)):]
		} else {
			cell, line, more = bytes.Cut(line, []byte{t.sep})
			if bytes.IndexByte(cell, '"') >= 0 {
				bad(" has a quotation mark inside")
				return
			}
		}
		if !printable(cell) {
			bad(" is not UTF-8 text; let the program that wrote the table save it as CSV UTF-8")
			return
		}
		r.cells = append(r.cells, bytes.TrimSpace(cell))
	}
	t.cells = r.cells
}

// quoted reads a cell from behind its opening quotation mark, and gives what is
// left of the line. A cell may hold line breaks, which become blanks. But a mark
// that was forgotten must not swallow the rows up to the next one: so what stands
// on the further lines has no separator, and the closing mark ends the cell.
func (t *table) quoted(s []byte) (cell, rest []byte, ok bool) {
	if cell, rest, ok = unquote(s); ok {
		return cell, rest, true
	}
	start := t.end - len(s)
	window := t.data[start:min(start+maxLine, len(t.data))]
	cell, rest, ok = unquote(window)
	if !ok {
		return nil, nil, false
	}
	mark := start + len(window) - len(rest)
	further := t.data[t.end:mark]
	window = t.data[mark:min(mark+maxLine, len(t.data))]
	rest, _, broken := bytes.Cut(window, []byte("\n"))
	end := mark + len(rest)
	rest = bytes.TrimSuffix(rest, []byte("\r"))
	next := bytes.TrimLeft(rest, " ")
	if bytes.IndexByte(further, t.sep) >= 0 || len(next) > 0 && next[0] != t.sep || !broken && end < len(t.data) {
		return nil, nil, false
	}
	breaks := bytes.Count(further, []byte("\n"))
	t.n, t.inside = t.n+breaks, t.inside+breaks
	t.end, t.pos = mark+len(rest), min(end+1, len(t.data))
	cell = bytes.ReplaceAll(cell, []byte("\r\n"), []byte(" "))
	return bytes.ReplaceAll(cell, []byte("\n"), []byte(" ")), rest, true
}

// unquote reads up to the closing quotation mark; a doubled one is one.
func unquote(s []byte) (cell, rest []byte, ok bool) {
	for i := 0; ; {
		j := bytes.IndexByte(s[i:], '"')
		if j < 0 {
			return nil, nil, false
		}
		i += j
		if i+1 == len(s) || s[i+1] != '"' {
			if cell = s[:i]; bytes.IndexByte(cell, '"') >= 0 {
				cell = bytes.ReplaceAll(cell, []byte(`""`), []byte(`"`))
			}
			return cell, s[i+1:], true
		}
		i += 2
	}
}

// printable tells whether a cell is UTF-8 without control characters.
func printable(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError || unicode.IsControl(r) && r != '\t' {
			return false
		}
		b = b[n:]
	}
	return true
}
