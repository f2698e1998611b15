// Package scan finds the QR code in a picture and reads it.
//
// Pictures come from strangers. Their size is known before they are decoded, the
// effort spent on each is bounded, and what the decoder library does with a
// hostile one, a panic included, ends as an error. No error repeats what a code
// says, which is usually a secret.
package scan

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
)

// What a picture may be at most.
const (
	MaxBytes  = 64 << 20   // of a file
	MaxPixels = 40_000_000 // width times height
)

// What can be wrong with a picture. An error that wraps none of these comes from
// the reader.
var (
	ErrNotImage = errors.New("scan: neither a PNG nor a JPEG image")
	ErrDamaged  = errors.New("scan: the image is damaged or cut off")
	ErrTooLarge = fmt.Errorf("scan: the image has more than %d megapixels or %d MiB", MaxPixels/1_000_000, MaxBytes>>20)
	ErrNoCode   = errors.New("scan: no QR code was found in the image")
	ErrSeveral  = errors.New("scan: there are several QR codes in the image")
	ErrPart     = errors.New("scan: the QR code is one part of a text in several QR codes")
)

// format is a kind of image file, told by how it begins.
type format struct {
	magic  string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var formats = []format{
	{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
	{"\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
}

// File reads the one QR code in a PNG or JPEG file, as Decode does.
func File(r io.Reader) (string, error) {
	content, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return "", fmt.Errorf("scan: reading the image: %w", err)
	}
	if len(content) > MaxBytes {
		return "", ErrTooLarge
	}
	for _, f := range formats {
		if !bytes.HasPrefix(content, []byte(f.magic)) {
			continue
		}
		c, err := f.config(bytes.NewReader(content))
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if tooLarge(c.Width, c.Height) {
			return "", ErrTooLarge
		}
		img, err := f.decode(bytes.NewReader(content))
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return Decode(img)
	}
	return "", ErrNotImage
}

// Decode reads the one QR code in a picture: dark on light or the other way
// round, turned, mirrored, photographed at an angle. The text is never empty.
// Several codes of different content are refused, if they can be read at the
// same magnification and contrast: which of them is meant is not for a program
// to guess.
func Decode(img image.Image) (string, error) {
	b := img.Bounds()
	if tooLarge(b.Dx(), b.Dy()) {
		return "", ErrTooLarge
	}
	s := search{tries: maxTries}
	for view := range views(grey(img)) {
		if text, err := s.read(view); !errors.Is(err, ErrNoCode) {
			return text, err
		}
	}
	return "", ErrNoCode
}

func tooLarge(width, height int) bool { return int64(width)*int64(height) > MaxPixels }
