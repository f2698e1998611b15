package seedfile

import (
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// rows are all rows of a table: the line, the address of the first cell, and the
// cells, or what is wrong.
func rows(t *testing.T, text string) (all []string) {
	t.Helper()
	for tab := newTable([]byte(text), true); ; {
		r, err := tab.next()
		if err == io.EOF {
			return all
		}
		cells := []string{r.bad}
		for i := range r.cells {
			cells = append(cells, string(r.cells[i]))
		}
		all = append(all, strings.TrimPrefix(strings.Join(cells, "|"), "|")+" "+r.address(0))
	}
}

// TestSeparators: tables say the same with every separator and every cell quoted.
func TestSeparators(t *testing.T) {
	t.Parallel()
	for _, format := range []Format{EntraCSV, OATHCSV, YubicoCSV} {
		for file, text := range samples(t, format) {
			want := mustOpen(t, text, Options{Format: format})
			decoded := charsetOf([]byte(text)).decode([]byte(text), false)
			for _, sep := range []string{",", ";", "\t"} {
				var b strings.Builder
				for tab := newTable(decoded, format != EntraCSV); ; {
					r, err := tab.next()
					if err != nil {
						break
					}
					if r.bad != "" {
						t.Fatalf("%s: %s", file, r.bad)
					}
					for i, cell := range r.cells {
						if i > 0 {
							b.WriteString(sep)
						}
						b.WriteString(`"` + strings.ReplaceAll(string(cell), `"`, `""`) + `"`)
					}
					b.WriteString("\r\n")
				}
				got := mustOpen(t, b.String(), Options{})
				if len(got.answers) != len(want.answers) || got.info.Format != format {
					t.Fatalf("%s, separator %q: %s with %d answers, want %d", file, sep, got.info.Format,
						len(got.answers), len(want.answers))
				}
				for i := range got.answers {
					if a, b := bare(got.answers[i]), bare(want.answers[i]); !reflect.DeepEqual(a, b) {
						t.Errorf("%s, separator %q: %+v %v, want %+v %v", file, sep, a.key, a.bad, b.key, b.bad)
					}
				}
			}
		}
	}
}

func TestLineBreaksInCells(t *testing.T) {
	t.Parallel()
	const open = ": the quotation mark is not closed on its line "
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"one", "a,\"x\ny\",b\nc", []string{"a|x y|b A1", "c A2"}},
		{"CRLF", "a,\"x\r\n\r\ny\"\r\nc\r\n", []string{"a|x  y A1", "c A2"}},
		{"at the end", "a,\"x\ny\"", []string{"a|x y A1"}},
		{"two cells", "\"1\n2\",\"x\ny\" ,z\nc", []string{"1 2|x y|z A1", "c A2"}},
		{"quotation marks inside", "a,\"x\n\"\"y\"\"\n\"\nc", []string{"a|x \"y\" A1", "c A2"}},
		{"a separator on its first line", "a,\"Maker, Inc.\nBerlin\"\nc", []string{"a|Maker, Inc. Berlin A1", "c A2"}},
		{"a line that is a comment elsewhere", "a,\"x\n# y\"\nc", []string{"a|x # y A1", "c A2"}},
		// What was forgotten to be closed costs its own row alone.
		{"forgotten", "a,\"x\nb,y\nc,z", []string{"cell B1" + open + "A1", "b|y A2", "c|z A3"}},
		{"up to a quoted cell", "a,\"x\nb,\"y\"\nc,z", []string{"cell B1" + open + "A1", "b|y A2", "c|z A3"}},
		{"up to a closing mark", "a,\"x\nb,y\"\nc,z", []string{"cell B1" + open + "A1", "cell B2 has a quotation " +
			"mark inside A2", "c|z A3"}},
		{"up to an empty cell", "a,\"x\n\"\",y,z\"\nc,z",
			[]string{"cell B1" + open + "A1", "cell C2 has a quotation mark inside A2", "c|z A3"}},
		{"up to a mark within", "a,\"x\ny\"z\nc", []string{"cell B1" + open + "A1", "cell A2 has a quotation " +
			"mark inside A2", "c A3"}},
		{"too long", "a,\"x\n" + strings.Repeat("y\n", maxLine) + "\"", nil},
	} {
		got := rows(t, tt.text)
		if tt.want == nil {
			if len(got) != maxLine+2 || got[0] != "cell B1"+open+"A1" {
				t.Errorf("%s: %d rows, first %q", tt.name, len(got), got[0])
			}
		} else if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestLineBreaksInFiles: titles, texts and secrets may be broken; lines are those
// of the file, addresses those of a spreadsheet program.
func TestLineBreaksInFiles(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, "\"serial\nnumber\",secret,interval,manufacturer\na,\""+k1hex[:20]+"\n"+k1hex[20:]+
		"\",30,\"Example\nMaker\"\nb,"+k2hex+",0,\n", Options{})
	if len(c.keys) != 1 || c.keys[0].Manufacturer != "Example Maker" || c.keys[0].Line != 3 ||
		string(c.keys[0].Secret) != string(unhex(t, k1hex)) {
		t.Errorf("keys %+v", c.keys)
	}
	refusals(t, c.refused, "6: cell C3 is not a time step")
}
