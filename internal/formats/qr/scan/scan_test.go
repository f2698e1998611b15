package scan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"rsc.io/qr/coding"

	"ostiary/internal/formats/qr"
)

func TestReadsPNG(t *testing.T) {
	t.Parallel()
	for name, text := range texts {
		for level := qr.L; level <= qr.H; level++ {
			for _, scale := range []int{1, 2, 3, 7} {
				got, err := File(bytes.NewReader(pngOf(t, text, level, scale)))
				if got != text {
					t.Errorf("%s at level %s, scale %d: %q, %v", name, level, scale, got, err)
				}
			}
		}
	}
}

func TestReadsPictures(t *testing.T) {
	t.Parallel()
	for name, text := range texts {
		img := drawn(t, text, qr.M, 5)
		side := img.Bounds().Dx()
		pictures := map[string]image.Image{
			"inverted":                inverted(img),
			"mirrored":                mirrored(img),
			"without margins":         cropped(img, 4*5),
			"wide margins, red":       framed(img, 4*side, 3*side, color.RGBA{R: 200, A: 255}),
			"dark surroundings":       framed(img, 2*side, 2*side, color.Black),
			"inverted, dark around":   framed(inverted(img), 2*side, 3*side, color.Black),
			"on glass":                onGlass(img),
			"sharp but faint":         faint(img),
			"noise and shadow":        shaded(img, 12),
			"at an angle":             leaning(img, 0.15),
			"turned, angle and noise": shaded(leaning(turned(img, 12), 0.1), 6),
		}
		for _, degrees := range []float64{7, 45, 90, 135, 180, 270, 301} {
			pictures[fmt.Sprintf("turned by %v degrees", degrees)] = turned(img, degrees)
		}
		for kind, picture := range pictures {
			if got, err := Decode(picture); got != text {
				t.Errorf("%s, %s: %q, %v", name, kind, got, err)
			}
		}
		for _, quality := range []int{90, 40, 15} {
			picture := framed(shaded(turned(img, 5), 5), 2*side, 2*side, color.RGBA{R: 90, G: 120, B: 60, A: 255})
			if got, err := File(bytes.NewReader(jpegOf(t, picture, quality))); got != text {
				t.Errorf("%s, JPEG of quality %d: %q, %v", name, quality, got, err)
			}
		}
	}
}

// Two pixels to a module are too few for a code that is turned, unless the picture
// is magnified.
func TestReadsSmallPicture(t *testing.T) {
	t.Parallel()
	for name, text := range texts {
		for _, degrees := range []float64{10, 30, 45} {
			if got, err := Decode(turned(drawn(t, text, qr.M, 2), degrees)); got != text {
				t.Errorf("%s, turned by %v degrees: %q, %v", name, degrees, got, err)
			}
		}
	}
}

func TestViews(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		width, height int
		want          string
	}{
		{0, 0, "0x0"},
		{1, 1, "4x4"},
		{29, 60, "116x240"},
		{100, 200, "400x800 200x400 100x200"},
		{511, 511, "2044x2044 1022x1022 511x511 255x255 127x127 63x63"},
		{512, 300, "512x300 256x150 128x75"},
		{1920, 125, "1920x125"},
		{4000, 3000, "2000x1500 1000x750 500x375 250x187 125x93"},
		{1, 12_000_000, "0x6000000"},
	} {
		var got []string
		for g := range views(image.NewGray(image.Rect(0, 0, c.width, c.height))) {
			got = append(got, fmt.Sprintf("%dx%d", g.Rect.Dx(), g.Rect.Dy()))
		}
		if all := strings.Join(got, " "); all != c.want {
			t.Errorf("%d by %d: %s, want %s", c.width, c.height, all, c.want)
		}
	}
}

// Twelve megapixels, as a telephone takes them, are looked at in half.
func TestReadsLargePicture(t *testing.T) {
	t.Parallel()
	picture := framed(drawn(t, message, qr.M, 12), 4000, 3000, color.RGBA{R: 120, G: 110, B: 90, A: 255})
	if got, err := Decode(picture); got != message {
		t.Errorf("%q, %v", got, err)
	}
}

// A part of a larger picture keeps the coordinates it has there.
func TestReadsPartOfPicture(t *testing.T) {
	t.Parallel()
	img := drawn(t, body, qr.M, 4)
	side := img.Bounds().Dx()
	sheet := image.NewRGBA(image.Rect(-50, -50, 3*side, 2*side))
	draw.Draw(sheet, sheet.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(sheet, img.Bounds().Add(image.Pt(side, 10)), img, image.Point{}, draw.Src)
	part := sheet.SubImage(image.Rect(side-20, -10, 2*side+20, side+30))
	if got, err := Decode(part); got != body {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSeveral(t *testing.T) {
	t.Parallel()
	one, other := drawn(t, body, qr.M, 4), drawn(t, keyURI, qr.M, 4)
	beside := func(a, b image.Image) image.Image {
		sheet := image.NewGray(image.Rect(0, 0, a.Bounds().Dx()+b.Bounds().Dx(), max(a.Bounds().Dy(), b.Bounds().Dy())))
		draw.Draw(sheet, sheet.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(sheet, a.Bounds(), a, image.Point{}, draw.Src)
		draw.Draw(sheet, b.Bounds().Add(image.Pt(a.Bounds().Dx(), 0)), b, image.Point{}, draw.Src)
		return sheet
	}
	if got, err := Decode(beside(one, other)); !errors.Is(err, ErrSeveral) || got != "" {
		t.Errorf("two codes: %q, %v", got, err)
	}
	if got, err := Decode(beside(beside(one, other), beside(other, one))); !errors.Is(err, ErrSeveral) || got != "" {
		t.Errorf("four codes: %q, %v", got, err)
	}
	if got, err := Decode(beside(one, one)); got != body {
		t.Errorf("the same code twice: %q, %v", got, err)
	}
}

// bits are the fields of a code by hand: value and width.
type bits [][2]int

func (bits) Check() error { return nil }

func (b bits) Bits(coding.Version) (n int) {
	for _, field := range b {
		n += field[1]
	}
	return n
}

func (b bits) Encode(out *coding.Bits, _ coding.Version) {
	for _, field := range b {
		out.Write(uint(field[0]), field[1])
	}
}

func (b bits) image(t *testing.T) image.Image {
	t.Helper()
	plan, err := coding.NewPlan(1, coding.L, 3)
	if err != nil {
		t.Fatal(err)
	}
	code, err := plan.Encode(b)
	if err != nil {
		t.Fatal(err)
	}
	const scale, margin = 5, 4
	img := image.NewGray(image.Rect(0, 0, scale*(code.Size+2*margin), scale*(code.Size+2*margin)))
	for i := range img.Pix {
		if !code.Black(i%img.Stride/scale-margin, i/img.Stride/scale-margin) {
			img.Pix[i] = 255
		}
	}
	return img
}

// What our encoder does not write; ISO/IEC 18004 section 7.4.
func TestForeignContent(t *testing.T) {
	t.Parallel()
	const eci, bytes, kanji, hanzi, part = 7, 4, 8, 13, 3
	for _, c := range []struct {
		name string
		code bits
		want string
		err  error
	}{
		{"Latin-1 declared", bits{{eci, 4}, {3, 8}, {bytes, 4}, {1, 8}, {0xe4, 8}}, "ä", nil},
		{"Windows-1252 declared", bits{{eci, 4}, {23, 8}, {bytes, 4}, {1, 8}, {0x80, 8}}, "€", nil},
		{"ASCII declared", bits{{eci, 4}, {27, 8}, {bytes, 4}, {1, 8}, {'A', 8}}, "A", nil},
		{"two segments", bits{{bytes, 4}, {1, 8}, {'A', 8}, {bytes, 4}, {1, 8}, {'B', 8}}, "AB", nil},
		{"Kanji", bits{{kanji, 4}, {1, 8}, {0xd9f, 13}}, "点", nil},
		{"nothing", bits{{bytes, 4}, {0, 8}}, "", ErrNoCode},
		{"unknown character set", bits{{eci, 4}, {14, 8}, {bytes, 4}, {1, 8}, {'A', 8}}, "", ErrNoCode},
		{"half of a UTF-16 pair", bits{{bytes, 4}, {4, 8}, {0xfe, 8}, {0xff, 8}, {0xd8, 8}, {0, 8}}, "", ErrNoCode},
		{"no such Kanji", bits{{kanji, 4}, {1, 8}, {8191, 13}}, "", ErrNoCode},
		{"no such Hanzi", bits{{hanzi, 4}, {1, 4}, {1, 8}, {8191, 13}}, "", ErrNoCode},
		{"no such mode", bits{{6, 4}, {1, 8}, {'A', 8}}, "", ErrNoCode},
		{"more bytes than there are", bits{{bytes, 4}, {255, 8}, {'A', 8}}, "", ErrNoCode},
		{"a part", bits{{part, 4}, {0x01, 8}, {'A', 8}, {bytes, 4}, {1, 8}, {'A', 8}}, "", ErrPart},
	} {
		got, err := Decode(c.code.image(t))
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v, want %q, %v", c.name, got, err, c.want, c.err)
		}
	}
}

// bomb is a PNG file that promises a picture and has none.
func bomb(width, height uint32) []byte {
	header := []byte("IHDR")
	header = binary.BigEndian.AppendUint32(header, width)
	header = binary.BigEndian.AppendUint32(header, height)
	header = append(header, 1, 0, 0, 0, 0) // one bit of grey
	file := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(header))
}

func TestFileRefuses(t *testing.T) {
	t.Parallel()
	code := pngOf(t, body, qr.M, 4)
	photo := jpegOf(t, drawn(t, body, qr.M, 4), 80)
	// The size in a JPEG file follows the marker ff c0: length, depth, height, width.
	large := bytes.Clone(photo)
	copy(large[bytes.Index(large, []byte{0xff, 0xc0})+5:], []byte{0xff, 0xff, 0xff, 0xff})
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"empty":                {nil, ErrNotImage},
		"text":                 {[]byte("otpauth://totp/a?secret=GEZDGNBV"), ErrNotImage},
		"GIF":                  {[]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), ErrNotImage},
		"SVG":                  {[]byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), ErrNotImage},
		"PNG without a header": {code[:8], ErrDamaged},
		"PNG cut off":          {code[:len(code)-30], ErrDamaged},
		"PNG with a bit turned": {append(append(bytes.Clone(code[:len(code)/2]), code[len(code)/2]^1),
			code[len(code)/2+1:]...), ErrDamaged},
		"JPEG cut off":             {photo[:len(photo)/2], ErrDamaged},
		"JPEG without a picture":   {photo[:4], ErrDamaged},
		"PNG of 2^28 by 2^28":      {bomb(1<<28, 1<<28), ErrTooLarge},
		"PNG a pixel row too high": {bomb(10_000, MaxPixels/10_000+1), ErrTooLarge},
		"PNG just small enough":    {bomb(10_000, MaxPixels/10_000), ErrDamaged},
		"JPEG of 2^16 by 2^16":     {large, ErrTooLarge},
	} {
		got, err := File(bytes.NewReader(c.content))
		if !errors.Is(err, c.want) || got != "" {
			t.Errorf("%s: %q, %v, want %v", name, got, err, c.want)
		}
	}
}

func TestFileIsReadInBounds(t *testing.T) {
	t.Parallel()
	endless := io.MultiReader(bytes.NewReader(pngOf(t, body, qr.M, 4)), zeros{})
	if got, err := File(endless); !errors.Is(err, ErrTooLarge) || got != "" {
		t.Errorf("an endless file: %q, %v", got, err)
	}
	broken := errors.New("the disk is broken")
	if got, err := File(iotest.ErrReader(broken)); !errors.Is(err, broken) || got != "" {
		t.Errorf("a broken disk: %q, %v", got, err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	damaged := grey(drawn(t, message, qr.L, 4))
	draw.Draw(damaged, damaged.Rect.Inset(damaged.Rect.Dx()/3), image.Black, image.Point{}, draw.Src)
	for name, c := range map[string]struct {
		img  image.Image
		want error
	}{
		"no pixels":   {image.NewGray(image.Rectangle{}), ErrNoCode},
		"a line":      {image.NewGray(image.Rect(0, 0, 1, 12_000_000)), ErrNoCode},
		"white":       {inverted(image.NewGray(image.Rect(0, 0, 500, 300))), ErrNoCode},
		"black":       {image.NewGray(image.Rect(0, 0, 500, 300)), ErrNoCode},
		"transparent": {image.NewNRGBA(image.Rect(0, 0, 300, 300)), ErrNoCode},
		"noise":       {shaded(image.NewGray(image.Rect(0, 0, 400, 400)), 90), ErrNoCode},
		"damaged":     {damaged, ErrNoCode},
		"endless":     {image.White, ErrTooLarge},
	} {
		if got, err := Decode(c.img); !errors.Is(err, c.want) || got != "" {
			t.Errorf("%s: %q, %v, want %v", name, got, err, c.want)
		}
	}
}

// More finder patterns than any picture has by chance make the library try
// millions of triples; it is stopped, by a panic.
func TestTooManyFinderPatterns(t *testing.T) {
	t.Parallel()
	const lines = "#######..#.....#..#.###.#..#.###.#..#.###.#..#.....#..#######...................."
	g := image.NewGray(image.Rect(0, 0, 900, 900))
	for i := range g.Pix {
		if lines[i/g.Stride/3%9*9+i%g.Stride/3%9] == '.' {
			g.Pix[i] = 255
		}
	}
	stopped := false
	func() {
		defer func() { stopped = recover() != nil }()
		seen := bounded()
		for range maxFinders + 1 {
			seen(nil)
		}
	}()
	if !stopped {
		t.Errorf("%d finder patterns do not stop the library", maxFinders+1)
	}
	if got, err := Decode(g); !errors.Is(err, ErrNoCode) || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}

// However many places seem to hold a code, no more than a number is read.
func TestTriesAreBounded(t *testing.T) {
	t.Parallel()
	s := search{tries: 1}
	view := grey(drawn(t, body, qr.M, 4))
	if got, err := s.read(view); got != body || s.tries != 0 {
		t.Errorf("the last try: %q, %v, %d left", got, err, s.tries)
	}
	if got, err := s.read(view); !errors.Is(err, ErrNoCode) {
		t.Errorf("one try too many: %q, %v", got, err)
	}
}

func TestErrorsSayTheLimits(t *testing.T) {
	t.Parallel()
	if got := ErrTooLarge.Error(); !strings.Contains(got, "40 megapixels") || !strings.Contains(got, "64 MiB") {
		t.Error(got)
	}
}
