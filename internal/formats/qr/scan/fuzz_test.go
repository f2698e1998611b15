package scan

import (
	"bytes"
	"errors"
	"image"
	"slices"
	"testing"
	"unicode/utf8"

	"ostiary/internal/formats/qr"
)

var sentinels = []error{ErrNotImage, ErrDamaged, ErrTooLarge, ErrNoCode, ErrSeveral, ErrPart}

// checkAnswer demands what callers rely on: a text or an error of the package.
func checkAnswer(t *testing.T, text string, err error) {
	t.Helper()
	if err == nil && (text == "" || !utf8.ValidString(text)) {
		t.Fatalf("text %q", text)
	}
	if err != nil && (text != "" || !slices.ContainsFunc(sentinels, func(s error) bool { return errors.Is(err, s) })) {
		t.Fatalf("text %q, error %v", text, err)
	}
}

func FuzzFile(f *testing.F) {
	img := drawn(f, body, qr.M, 3)
	code := pngOf(f, body, qr.M, 3)
	f.Add(code)
	f.Add(code[:len(code)/2])
	f.Add(code[:33]) // the header and nothing more
	f.Add(jpegOf(f, img, 50))
	f.Add(jpegOf(f, shaded(turned(img, 30), 10), 30))
	f.Add(bomb(1<<28, 1<<28))
	f.Add([]byte("GIF89a"))
	f.Fuzz(func(t *testing.T, content []byte) {
		text, err := File(bytes.NewReader(content))
		checkAnswer(t, text, err)
	})
}

// The checksums of a file keep a fuzzer out of the picture; here every bit is a
// pixel.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{"1", "OST1:QED8WEX0", body} {
		f.Add(bitsOf(drawn(f, text, qr.L, 1)))
		f.Add(bitsOf(inverted(drawn(f, text, qr.H, 1))))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		img := imageOf(content)
		text, err := Decode(img)
		checkAnswer(t, text, err)
	})
}

// bitsOf and imageOf turn a picture of less than 256 pixels in width into bytes
// and back: the width, then a bit for each pixel, 1 for black.
func bitsOf(img image.Image) []byte {
	g := grey(img)
	content := make([]byte, 1+(len(g.Pix)+7)/8)
	content[0] = byte(g.Rect.Dx())
	for i, p := range g.Pix {
		if p < 128 {
			content[1+i/8] |= 0x80 >> (i % 8)
		}
	}
	return content
}

func imageOf(content []byte) *image.Gray {
	if len(content) == 0 || content[0] == 0 {
		return image.NewGray(image.Rectangle{})
	}
	width := int(content[0])
	g := image.NewGray(image.Rect(0, 0, width, 8*(len(content)-1)/width))
	for i := range g.Pix {
		if content[1+i/8]&(0x80>>(i%8)) == 0 {
			g.Pix[i] = 255
		}
	}
	return g
}
