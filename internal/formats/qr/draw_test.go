package qr

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"image"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ostiary/internal/formats/qr/scan"
)

// texts are one for each mode.
var texts = map[string]string{
	"digits":   long(digits, 90),
	"capitals": "OST1:" + long(base45, 120),
	"bytes":    "otpauth://hotp/Sample:alice?secret=GEZDGNBVGY3TQOJQ&issuer=Sample&counter=0",
	"UTF-8":    "Zoë Müller, 山田",
}

// raster is a code as our PNG shows it.
func raster(t *testing.T, c *Code, scale int) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(drawn(t, func(w io.Writer) error { return c.PNG(w, scale) })))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func drawn(t *testing.T, draw func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := draw(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// run runs a program of a Debian package, and gives what it prints.
func run(t *testing.T, pkg, program string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("this test needs the program %s: install the Debian package %s", program, pkg)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, stderr.Bytes())
	}
	return out
}

func saved(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// zbarimg is a reader by other people, in another language.
func TestZbarReadsPNG(t *testing.T) {
	t.Parallel()
	for name, text := range texts {
		for level := L; level <= H; level++ {
			scale := 2 + int(level)
			file := saved(
				t, "code.png", drawn(t, func(w io.Writer) error { return encode(t, text, level).PNG(w, scale) }))
			if got := string(run(t, "zbar-tools", "zbarimg", "--quiet", "--raw", file)); got != text+"\n" {
				t.Errorf("%s at level %s, scale %d: %q, want %q", name, level, scale, got, text)
			}
		}
	}
}

func TestPNG(t *testing.T) {
	t.Parallel()
	c := encode(t, texts["capitals"], M)
	for _, scale := range []int{1, 4, MaxScale} {
		content := drawn(t, func(w io.Writer) error { return c.PNG(w, scale) })
		side := uint32((c.Size() + 2*QuietZone) * scale)
		// The header: width, height, one bit per pixel, a palette.
		if width, height := binary.BigEndian.Uint32(content[16:]),
			binary.BigEndian.Uint32(content[20:]); width != side || height != side || content[24] != 1 ||
			content[25] != 3 {
			t.Errorf("scale %d: %d by %d pixels, %d bits, colour type %d", scale, width, height, content[24],
				content[25])
		}
		if again := drawn(t, func(w io.Writer) error { return c.PNG(w, scale) }); !bytes.Equal(content, again) {
			t.Errorf("scale %d: other bytes the second time", scale)
		}
	}
	img := raster(t, c, 5)
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if black(img, x, y) != c.Black(x/5-QuietZone, y/5-QuietZone) {
				t.Fatalf("pixel %d, %d is another than its module", x, y)
			}
		}
	}
}

// black tells a pixel that is exactly black from one that is exactly white.
func black(img image.Image, x, y int) bool {
	r, g, b, a := img.At(x, y).RGBA()
	switch [...]uint32{r, g, b, a} {
	case [...]uint32{0, 0, 0, 0xffff}:
		return true
	case [...]uint32{0xffff, 0xffff, 0xffff, 0xffff}:
		return false
	}
	panic("neither black nor white")
}

// rsvg-convert, a renderer by other people, makes of our SVG what our PNG is, to
// the pixel.
func TestSVGIsRendered(t *testing.T) {
	t.Parallel()
	for name, text := range texts {
		c := encode(t, text, M)
		for _, scale := range []int{1, 5} {
			file := saved(
				t, "code.svg", drawn(t, func(w io.Writer) error { return c.SVG(w, SVGOptions{Scale: scale}) }))
			got, err := png.Decode(bytes.NewReader(run(t, "librsvg2-bin", "rsvg-convert", file)))
			if err != nil {
				t.Fatal(err)
			}
			want := raster(t, c, scale)
			if got.Bounds() != want.Bounds() {
				t.Fatalf("%s, scale %d: %v, want %v", name, scale, got.Bounds(), want.Bounds())
			}
			for y := range want.Bounds().Dy() {
				for x := range want.Bounds().Dx() {
					if black(got, x, y) != black(want, x, y) {
						t.Fatalf("%s, scale %d: pixel %d, %d differs", name, scale, x, y)
					}
				}
			}
		}
	}
}

// An SVG can run scripts and fetch things. Ours has these elements and attributes
// and no others, and says nothing but its title.
func TestSVGContent(t *testing.T) {
	t.Parallel()
	text := "secret of alice"
	for _, c := range []struct {
		name  string
		opt   SVGOptions
		title string
		attrs string // of the root
	}{
		{"by default", SVGOptions{}, "QR code", "xmlns role shape-rendering viewBox"},
		{"with a size", SVGOptions{Scale: 4}, "QR code", "xmlns role shape-rendering width height viewBox"},
		{"with a title", SVGOptions{Title: `</title><script>"1" & '2'`}, `</title><script>"1" & '2'`, "xmlns role shape-rendering viewBox"},
	} {
		out := drawn(t, func(w io.Writer) error { return encode(t, text, M).SVG(w, c.opt) })
		if bytes.Contains(out, []byte("secret")) || bytes.Contains(out, []byte("alice")) {
			t.Errorf("%s: it repeats the text", c.name)
		}
		var elements []string
		attrs := map[string]string{}
		title := ""
		for d := xml.NewDecoder(bytes.NewReader(out)); ; {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			switch e := token.(type) {
			case xml.StartElement:
				elements = append(elements, e.Name.Local)
				var names []string
				for _, a := range e.Attr {
					names = append(names, a.Name.Local)
					attrs[e.Name.Local+" "+a.Name.Local] = a.Value
				}
				attrs[e.Name.Local] = strings.Join(names, " ")
			case xml.CharData:
				title += string(e)
			case xml.ProcInst, xml.Directive, xml.Comment:
				t.Errorf("%s: there is a %T", c.name, e)
			}
		}
		if want := []string{"svg", "title", "rect", "path"}; !slices.Equal(elements, want) {
			t.Errorf("%s: elements %q, want %q", c.name, elements, want)
		}
		if title != c.title+"\n" {
			t.Errorf("%s: title %q, want %q", c.name, title, c.title)
		}
		for element, want := range map[string]string{"svg": c.attrs, "title": "", "rect": "width height fill",
			"path":     "d",
			"svg role": "img", "svg shape-rendering": "crispEdges", "svg xmlns": "http://www.w3.org/2000/svg",
			"svg viewBox": "0 0 33 33"} {
			if attrs[element] != want {
				t.Errorf("%s: %s has %q, want %q", c.name, element, attrs[element], want)
			}
		}
	}
}

// The golden file was drawn by another program, python-qrcode 7.4.2.
func TestPlain(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(filepath.Join("testdata", "message.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if got := drawn(t, encode(t, "OST1:QED8WEX0", M).Plain); !bytes.Equal(got, want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What a terminal shows is read as a picture: each half of a character is a
// module, in the colour that the line begins with.
func TestTerminal(t *testing.T) {
	t.Parallel()
	for name, text := range texts {
		c := encode(t, text, M)
		shown := string(drawn(t, c.Terminal))
		if got, err := scan.Decode(screen(t, c, shown)); got != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		plain := strings.NewReplacer(blackOnWhite, "", reset, "").Replace(shown)
		if want := string(drawn(t, c.Plain)); plain != want {
			t.Errorf("%s: without colours it is not what Plain draws", name)
		}
	}
}

// screen is what a terminal shows, of 4 by 4 pixels to a module. Only what comes
// between the colours and their end is drawn on white; the screen itself is grey.
func screen(t *testing.T, c *Code, shown string) image.Image {
	t.Helper()
	side := c.Size() + 2*QuietZone
	lines := strings.Split(strings.TrimSuffix(shown, "\n"), "\n")
	if len(lines) != (side+1)/2 {
		t.Fatalf("%d lines for %d modules", len(lines), side)
	}
	img := image.NewGray(image.Rect(0, 0, 4*side, 8*len(lines)))
	for i := range img.Pix {
		img.Pix[i] = 0x40
	}
	for row, line := range lines {
		line, begun := strings.CutPrefix(line, "\x1b[38;5;16;48;5;231m")
		line, ended := strings.CutSuffix(line, "\x1b[0m")
		cells := []rune(line)
		if !begun || !ended || len(cells) != side {
			t.Fatalf("line %d: %q", row+1, line)
		}
		for column, cell := range cells {
			halves, known := map[rune][2]uint8{' ': {255, 255}, '▀': {0, 255}, '▄': {255, 0}, '█': {0, 0}}[cell]
			if !known {
				t.Fatalf("line %d has %q", row+1, cell)
			}
			for i := range 4 * 8 {
				img.Pix[(8*row+i/4)*img.Stride+4*column+i%4] = halves[i/16]
			}
		}
	}
	return img
}

func TestDrawingFails(t *testing.T) {
	t.Parallel()
	c := encode(t, "text", M)
	for _, scale := range []int{-1, 0, MaxScale + 1} {
		if err := c.PNG(io.Discard, scale); err == nil {
			t.Errorf("PNG accepts a scale of %d", scale)
		}
		if err := c.SVG(io.Discard, SVGOptions{Scale: scale}); err == nil && scale != 0 {
			t.Errorf("SVG accepts a scale of %d", scale)
		}
	}
	for name, draw := range map[string]func(io.Writer) error{
		"PNG":      func(w io.Writer) error { return c.PNG(w, 1) },
		"SVG":      func(w io.Writer) error { return c.SVG(w, SVGOptions{}) },
		"Terminal": c.Terminal,
		"Plain":    c.Plain,
	} {
		if err := draw(full{}); !errors.Is(err, errFull) {
			t.Errorf("%s on a full disk: %v", name, err)
		}
	}
}

var errFull = errors.New("the disk is full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
