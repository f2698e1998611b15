package scan

import (
	"image"
	"image/draw"
	"iter"
)

const (
	// Below this length of the longer side a code may have too few pixels to a
	// module for the decoder, so it is looked at magnified.
	smallSide = 512
	// Beyond this many pixels a code has more of them than the decoder needs.
	viewPixels = 10_000_000
	// The shorter side is not made smaller than this: three pixels to each of the
	// 21 modules of the smallest code.
	leastSide = 3 * 21
)

// grey is a picture as it looks on white paper, without colours.
func grey(img image.Image) *image.Gray {
	b := img.Bounds()
	g := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	for i := range g.Pix {
		g.Pix[i] = 255
	}
	draw.Draw(g, g.Rect, img, b.Min, draw.Over)
	return g
}

// views are the magnifications of a picture at which a code is looked for, the
// largest first. Noise and the grain of a screen vanish in the smaller ones.
func views(g *image.Gray) iter.Seq[*image.Gray] {
	return func(yield func(*image.Gray) bool) {
		if max(g.Rect.Dx(), g.Rect.Dy()) < smallSide {
			g = quadruple(g)
		}
		for len(g.Pix) > viewPixels {
			g = halve(g)
		}
		for yield(g) && min(g.Rect.Dx(), g.Rect.Dy()) >= 2*leastSide {
			g = halve(g)
		}
	}
}

// halve makes one pixel of two by two.
func halve(g *image.Gray) *image.Gray {
	h := image.NewGray(image.Rect(0, 0, g.Rect.Dx()/2, g.Rect.Dy()/2))
	for y := range h.Rect.Dy() {
		upper, lower := g.Pix[2*y*g.Stride:], g.Pix[(2*y+1)*g.Stride:]
		row := h.Pix[y*h.Stride:][:h.Rect.Dx()]
		for x := range row {
			row[x] = uint8((int(upper[2*x]) + int(upper[2*x+1]) + int(lower[2*x]) + int(lower[2*x+1]) + 2) / 4)
		}
	}
	return h
}

// quadruple makes four by four pixels of one.
func quadruple(g *image.Gray) *image.Gray {
	q := image.NewGray(image.Rect(0, 0, 4*g.Rect.Dx(), 4*g.Rect.Dy()))
	for y := range q.Rect.Dy() {
		from, row := g.Pix[y/4*g.Stride:], q.Pix[y*q.Stride:][:q.Rect.Dx()]
		for x := range row {
			row[x] = from[x/4]
		}
	}
	return q
}
