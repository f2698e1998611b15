package look

// Act is a button: a page that opens as a dialog, another page, or a form without fields. The
// part is "act", and "row-act" where it stands in a row.
type Act struct {
	Link
	Dialog, Post, Primary bool
}

// Cell is a value of a list. Only its text is always there. The part is "cell".
type Cell struct {
	Text, Href string
	Label      string // the column's head, on a phone
	Machine    string // of a time
	More       string // in second place
	Badge      string
	State      *State
	Mono       bool
	Open       bool // the link is that of the row
	Number     bool
}

// Row is a row of a list; its first cell names it.
type Row struct {
	Cells []Cell
	Acts  []Act
}

// Table is a list, and where its other pages are; First and Next are empty where there is
// none. With Empty it has no rows. The part is "table".
type Table struct {
	Title       string
	Heads       []Head
	Rows        []Row
	Foot        string
	First, Next string
	Empty       *Empty
}

// TableOf is a list with its columns.
func TableOf(title string, heads ...string) Table {
	t := Table{Title: title}
	for _, h := range heads {
		t.Heads = append(t.Heads, Head{Label: h})
	}
	return t
}

// Add appends a row, whose cells are in the order of the heads.
func (t *Table) Add(acts []Act, cells ...Cell) {
	for i := range cells {
		cells[i].Label = t.Heads[i].Label
		t.Heads[i].Number = t.Heads[i].Number || cells[i].Number
	}
	t.Rows = append(t.Rows, Row{cells, acts})
}

// Acting reports whether a row has a button.
func (t Table) Acting() bool {
	for _, r := range t.Rows {
		if len(r.Acts) > 0 {
			return true
		}
	}
	return false
}
