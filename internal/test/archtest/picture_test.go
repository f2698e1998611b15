package archtest

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw docs/house.svg anew")

const picture = root + "/docs/house.svg"

// bands are the layers from the roof down, with the folder that holds their rooms.
var bands = []struct{ name, folder, about string }{
	{"cmd", "cmd/", "the programs"},
	{"device", "internal/device/", "the authenticator"},
	{"program", "internal/program/", "puts it together"},
	{"doors", "internal/doors/", "one technology each"},
	{"engine", "internal/engine/", "what the server does"},
	{"formats", "internal/formats/", "files and pictures"},
	{"store", "internal/store/", "the contract, the database"},
	{"seal", "internal/seal/", "encryption of secrets"},
	{"public", "", "no clock, no files, no network"},
	{"codec", "internal/codec/", "bytes of activation"},
	{"core", "internal/core/", "what things are"},
}

// plan is what the picture shows: the rooms of each band, and how many imports of one
// room by another go from band to band.
type plan struct {
	rooms  []map[string]bool
	arrows map[[2]int]map[string]bool // from band, to band: the pairs of rooms
}

// bandOf gives the band of a room, and what the room is called there.
func bandOf(pkg string) (band int, room string) {
	for i, b := range bands {
		name, ok := strings.CutPrefix(pkg+"/", b.folder)
		if ok && (b.folder != "" || !strings.HasPrefix(pkg, "internal/")) {
			name = strings.TrimSuffix(name, "/")
			if name == "" {
				name = b.name
			}
			return i, name
		}
	}
	return -1, ""
}

func survey(t *testing.T) plan {
	t.Helper()
	p := plan{rooms: make([]map[string]bool, len(bands)), arrows: map[[2]int]map[string]bool{}}
	for i := range bands {
		p.rooms[i] = map[string]bool{}
	}
	for _, f := range files(t) {
		if f.test || holdsAny(helpers, f.pkg) || holdsAny(outside, f.pkg) {
			continue
		}
		from, room := bandOf(f.pkg)
		if _, known := floorOf(f.pkg); from < 0 || !known {
			continue // TestLayers says so
		}
		p.rooms[from][room] = true
		for _, path := range f.imports {
			pkg, ok := own(path)
			if !ok {
				continue
			}
			to, other := bandOf(pkg)
			if to < from {
				t.Errorf("%s imports %s, which is above it in the picture", f.path, path)
			}
			key := [2]int{from, to}
			if p.arrows[key] == nil {
				p.arrows[key] = map[string]bool{}
			}
			p.arrows[key][room+" "+other] = true
		}
	}
	return p
}

// The picture of the house in docs/architecture.md is drawn from the imports, and all
// its arrows go down.
func TestPicture(t *testing.T) {
	t.Parallel()
	drawn := survey(t).draw()
	if *update {
		if err := os.WriteFile(picture, drawn, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	there, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(there, drawn) {
		t.Error("docs/house.svg is not the house any more; draw it anew: " +
			"go test ./internal/test/archtest -run Picture -update")
	}
}

// Measures of the picture, in pixels.
const (
	margin  = 16
	nameX   = 2*margin + 4
	roomX   = 270 // where the rooms begin
	wall    = 790 // where the bands end
	glyph   = 7.3 // width of a letter of a room's name
	boxH    = 24
	gap     = 8  // between boxes
	between = 12 // between bands
	step    = 18 // between arrows that reach a band
	lane    = 28 // between the shafts
)

const style = `<style>
text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1f2328}
.name{font-size:15px;font-weight:bold}.small{font-size:11px;fill:#59636e}
.band{fill:#eef1f5}.room{fill:#fff;stroke:#8c959f}.page{fill:#fff}
.shaft{fill:none;stroke-width:1.5}.n{font-size:11px;text-anchor:middle}.under{fill:#fff}
.s0{stroke:#0969da}.h0{fill:#0969da}.s1{stroke:#bc4c00}.h1{fill:#bc4c00}.s2{stroke:#1a7f37}.h2{fill:#1a7f37}
.s3{stroke:#8250df}.h3{fill:#8250df}.s4{stroke:#bf3989}.h4{fill:#bf3989}.s5{stroke:#57606a}.h5{fill:#57606a}
@media(prefers-color-scheme:dark){
text{fill:#e6edf3}.small{fill:#9198a1}
.band{fill:#1c222b}.room{fill:#0d1117;stroke:#6e7681}.page,.under{fill:#0d1117}
.s0{stroke:#58a6ff}.h0{fill:#58a6ff}.s1{stroke:#f0883e}.h1{fill:#f0883e}.s2{stroke:#3fb950}.h2{fill:#3fb950}
.s3{stroke:#bc8cff}.h3{fill:#bc8cff}.s4{stroke:#f778ba}.h4{fill:#f778ba}.s5{stroke:#9198a1}.h5{fill:#9198a1}}
</style>
`

// draw gives the picture. Each band sends one shaft down beside the house; where it
// reaches a band below, an arrow with the number of imports goes in.
func (p plan) draw() []byte {
	var out bytes.Buffer
	top, height := p.bands()
	bottom := top[len(top)-1] + height[len(height)-1] + margin
	width := wall + lane*len(bands) + 2*margin
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" `+
		`width="%[1]d" height="%[2]d" role="img">`+"\n", width, bottom+step)
	out.WriteString("<title>The layers of the house, their rooms, and the imports between layers</title>\n" + style)
	fmt.Fprintf(&out, `<rect class="page" width="%d" height="%d"/>`+"\n", width, bottom+step)
	for i, b := range bands {
		fmt.Fprintf(&out, `<rect class="band" x="%d" y="%d" width="%d" height="%d" rx="6"/>`+"\n",
			margin, top[i], wall-margin, height[i])
		fmt.Fprintf(&out, `<text class="name" x="%d" y="%d">%s</text>`+"\n", nameX, top[i]+20, b.name)
		note := b.about
		if n := len(p.arrows[[2]int{i, i}]); n > 0 {
			note += fmt.Sprintf(" (%d)", n)
		}
		fmt.Fprintf(&out, `<text class="small" x="%d" y="%d">%s</text>`+"\n", nameX, top[i]+35, note)
		p.walk(i, func(room string, x, y, w int) {
			fmt.Fprintf(&out, `<rect class="room" x="%d" y="%d" width="%d" height="%d" rx="3"/>`, x, top[i]+y, w, boxH)
			fmt.Fprintf(&out, `<text x="%d" y="%d">%s</text>`+"\n", x+gap, top[i]+y+16, room)
		})
	}
	p.shafts(&out, top, height)
	fmt.Fprintf(&out, `<text class="small" x="%d" y="%d">A number counts which rooms import which; in brackets, `+
		`within the layer. Tests are left out.</text>`+"\n</svg>\n", margin, bottom+4)
	return out.Bytes()
}

// bands says where each band begins and how high it is.
func (p plan) bands() (top, height []int) {
	y := margin
	for i := range bands {
		rows := 0
		p.walk(i, func(_ string, _, y, _ int) { rows = y })
		h := max(rows+boxH+gap, p.slots(i)*step+gap, 44)
		top, height = append(top, y), append(height, h)
		y += h + between
	}
	return top, height
}

// walk lays the rooms of a band out in rows.
func (p plan) walk(band int, place func(room string, x, y, w int)) {
	x, y := roomX, gap
	for _, room := range slices.Sorted(maps.Keys(p.rooms[band])) {
		w := int(float64(len(room))*glyph) + 2*gap
		if x+w > wall-gap {
			x, y = roomX, y+boxH+gap
		}
		place(room, x, y, w)
		x += w + gap
	}
}

// into gives the bands whose shafts reach a band, the outermost first.
func (p plan) into(band int) (from []int) {
	for i := range band {
		if len(p.arrows[[2]int{i, band}]) > 0 {
			from = append(from, i)
		}
	}
	return from
}

// slots is how many lines a band has at its side: those that come in, and below them
// the one that goes out.
func (p plan) slots(band int) int {
	n := len(p.into(band))
	for to := band + 1; to < len(bands); to++ {
		if len(p.arrows[[2]int{band, to}]) > 0 {
			return n + 1
		}
	}
	return n
}

// shafts draws the arrows. The shaft of the uppermost band is the outermost.
func (p plan) shafts(out *bytes.Buffer, top, height []int) {
	slot := func(band, n int) int { return top[band] + (height[band]-(p.slots(band)-1)*step)/2 + n*step }
	for from := range bands {
		x, end := wall+lane*(len(bands)-from)+margin, 0
		colour := from % 6
		var heads bytes.Buffer
		for to := from + 1; to < len(bands); to++ {
			n := len(p.arrows[[2]int{from, to}])
			if n == 0 {
				continue
			}
			y := slot(to, slices.Index(p.into(to), from))
			fmt.Fprintf(&heads, `<path class="shaft s%d" d="M%d %dH%d"/><path class="h%d" d="M%d %dl8 -4v8z"/>`,
				colour, x, y, wall+8, colour, wall, y)
			fmt.Fprintf(&heads, `<rect class="under" x="%d" y="%d" width="18" height="12"/>`+
				`<text class="n" x="%d" y="%d">%d</text>`+"\n", wall+10, y-6, wall+19, y+4, n)
			end = y
		}
		if end > 0 {
			y := slot(from, p.slots(from)-1)
			fmt.Fprintf(out, `<path class="shaft s%d" d="M%d %dH%dV%d"/>`+
				`<circle class="h%d" cx="%d" cy="%d" r="4"/>`+"\n", colour, wall, y, x, end, colour, wall, y)
			out.Write(heads.Bytes())
		}
	}
}
