package qr

import (
	"bytes"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"io"
	"strconv"
)

// MaxScale is the largest number of pixels on a side of a module.
const MaxScale = 32

// PNG draws the code with its quiet zone as a PNG image of one bit per pixel, in
// which a module is scale by scale pixels, 1 to MaxScale. The same code gives the
// same bytes.
func (c *Code) PNG(w io.Writer, scale int) error {
	if err := checkScale(scale); err != nil {
		return err
	}
	side := (c.Size() + 2*QuietZone) * scale
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		row := img.Pix[y*img.Stride:][:side]
		if y%scale > 0 {
			copy(row, img.Pix[(y-1)*img.Stride:])
			continue
		}
		for x := range side {
			if c.Black(x/scale-QuietZone, y/scale-QuietZone) {
				row[x] = 1
			}
		}
	}
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(w, img); err != nil {
		return fmt.Errorf("qr: writing the PNG image: %w", err)
	}
	return nil
}

// SVGOptions is how an SVG image is made.
type SVGOptions struct {
	// Title is what a screen reader says; "QR code" if it is empty. It must not
	// repeat what the code says.
	Title string
	// Scale is the width of a module in pixels, 1 to MaxScale. With 0 the image
	// has no size of its own and fills what the page gives it.
	Scale int
}

// SVG draws the code with its quiet zone as an SVG image, black on white. It
// stands alone as a file and inside a page alike: no script, no style, no
// identifiers, no references.
func (c *Code) SVG(w io.Writer, opt SVGOptions) error {
	if opt.Scale != 0 {
		if err := checkScale(opt.Scale); err != nil {
			return err
		}
	}
	if opt.Title == "" {
		opt.Title = "QR code"
	}
	side := c.Size() + 2*QuietZone
	var b bytes.Buffer
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" role="img" shape-rendering="crispEdges"`)
	if opt.Scale > 0 {
		fmt.Fprintf(&b, ` width="%d" height="%[1]d"`, side*opt.Scale)
	}
	fmt.Fprintf(&b, ` viewBox="0 0 %d %[1]d"><title>%s</title><rect width="%[1]d" height="%[1]d" fill="#fff"/><path d="`, side, html.EscapeString(opt.Title))
	c.outline(&b)
	b.WriteString(`"/></svg>` + "\n")
	return write(w, &b)
}

// outline writes the runs of dark modules as path data, each a box of height 1.
func (c *Code) outline(b *bytes.Buffer) {
	n := c.Size()
	for y := range n {
		for x := 0; x < n; x++ {
			from := x
			for c.Black(x, y) {
				x++
			}
			if x > from {
				width := strconv.Itoa(x - from)
				fmt.Fprintf(b, "M%d %dh%sv1h-%[3]sz", from+QuietZone, y+QuietZone, width)
			}
		}
	}
}

// Colours 16 and 231 of a terminal of 256 are black and white whatever its theme.
const (
	blackOnWhite = "\x1b[38;5;16;48;5;231m"
	reset        = "\x1b[0m"
)

// Terminal draws the code with its quiet zone for a terminal, in black on white
// whatever the theme, one character for two modules one above the other. It is
// Size()+2*QuietZone columns wide, and cannot be read where lines are wrapped.
func (c *Code) Terminal(w io.Writer) error { return c.halfBlocks(w, blackOnWhite, reset) }

// Plain draws the code as Terminal does, without colours, for a file or a printer:
// it wants dark characters on a light ground.
func (c *Code) Plain(w io.Writer) error { return c.halfBlocks(w, "", "") }

func (c *Code) halfBlocks(w io.Writer, begin, end string) error {
	var b bytes.Buffer
	for y := -QuietZone; y < c.Size()+QuietZone; y += 2 {
		b.WriteString(begin)
		for x := -QuietZone; x < c.Size()+QuietZone; x++ {
			switch upper, lower := c.Black(x, y), c.Black(x, y+1); {
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString(end)
		b.WriteByte('\n')
	}
	return write(w, &b)
}

func checkScale(scale int) error {
	if scale < 1 || scale > MaxScale {
		return fmt.Errorf("qr: a scale of %d; it must be 1 to %d", scale, MaxScale)
	}
	return nil
}

func write(w io.Writer, b *bytes.Buffer) error {
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("qr: writing the drawing: %w", err)
	}
	return nil
}
