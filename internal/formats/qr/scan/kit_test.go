package scan

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"ostiary/internal/formats/qr"
)

// What the codes in these tests say: a key URI, an activation code, a message.
var (
	keyURI  = "otpauth://totp/Sample%20Works:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Sample%20Works&algorithm=SHA1&digits=6&period=30"
	body    = "<QRCode><SN>FDM10000001</SN><AC>0123456789ABCDEFGHJKMNPQRSTVWX</AC></QRCode>"
	message = "OST1:" + strings.Repeat("QED8WEX0-$%*+./:", 20)
)

// texts are those that the tests of pictures go through.
var texts = map[string]string{"key URI": keyURI, "activation code": body, "message": message}

// drawn is a code as our PNG shows it.
func drawn(t testing.TB, text string, level qr.Level, scale int) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(pngOf(t, text, level, scale)))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func pngOf(t testing.TB, text string, level qr.Level, scale int) []byte {
	t.Helper()
	c, err := qr.Encode(text, level)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.PNG(&b, scale); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// mapped draws a picture of a size whose point x, y shows the point of img that
// from says, from one corner to the other 0 to 1; around img it is light.
func mapped(img image.Image, width, height int, from func(x, y float64) (float64, float64)) *image.Gray {
	source := grey(img)
	b := source.Rect
	out := image.NewGray(image.Rect(0, 0, width, height))
	const sub = 3 // samples of a pixel each way, which is what smooths edges
	for y := range height {
		for x := range width {
			sum := 0
			for i := range sub * sub {
				u, v := from((float64(x)+(float64(i%sub)+0.5)/sub)/float64(width),
					(float64(y)+(float64(i/sub)+0.5)/sub)/float64(height))
				p := image.Pt(int(math.Floor(u*float64(b.Dx()))), int(math.Floor(v*float64(b.Dy()))))
				shade := uint8(255)
				if p.In(b) {
					shade = source.Pix[p.Y*source.Stride+p.X]
				}
				sum += int(shade)
			}
			out.Pix[y*out.Stride+x] = uint8(sum / (sub * sub))
		}
	}
	return out
}

// turned is a picture turned about its middle, on a square that holds it.
func turned(img image.Image, degrees float64) *image.Gray {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	grow := math.Abs(sin) + math.Abs(cos)
	side := int(float64(img.Bounds().Dx()) * grow)
	return mapped(img, side, side, func(x, y float64) (float64, float64) {
		x, y = (x-0.5)*grow, (y-0.5)*grow
		return 0.5 + x*cos - y*sin, 0.5 + x*sin + y*cos
	})
}

// leaning is a picture seen at an angle: its upper edge is farther away than its
// lower one, by a part of the distance.
func leaning(img image.Image, part float64) *image.Gray {
	b := img.Bounds()
	return mapped(img, b.Dx(), b.Dy(), func(x, y float64) (float64, float64) {
		away := (1 + part/2) / (1 + part*(y-0.5))
		return 0.5 + (x-0.5)*away, 0.5 + (y-0.5)*away
	})
}

// shaded is a picture in bad light: from bright at the left to a fourth of that
// at the right, with noise of the camera.
func shaded(img image.Image, noise float64) *image.Gray {
	r := rand.New(rand.NewPCG(1, 2))
	b := img.Bounds()
	out := grey(img)
	for y := range b.Dy() {
		for x := range b.Dx() {
			p := &out.Pix[y*out.Stride+x]
			light := 1 - 0.75*float64(x)/float64(b.Dx())
			*p = uint8(min(255, max(0, (20+float64(*p)*0.85)*light+noise*r.NormFloat64())))
		}
	}
	return out
}

func inverted(img image.Image) *image.Gray {
	g := grey(img)
	for i := range g.Pix {
		g.Pix[i] = 255 - g.Pix[i]
	}
	return g
}

func mirrored(img image.Image) *image.Gray {
	b := img.Bounds()
	return mapped(img, b.Dx(), b.Dy(), func(x, y float64) (float64, float64) { return 1 - x, y })
}

// cropped is a picture without its margin of so many pixels.
func cropped(img image.Image, margin int) image.Image {
	return grey(img).SubImage(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()).Inset(margin))
}

// onGlass is a picture in black on nothing, as some programs export it.
func onGlass(img image.Image) *image.NRGBA {
	g := grey(img)
	out := image.NewNRGBA(g.Rect)
	for i, p := range g.Pix {
		out.Pix[4*i+3] = 255 - p
	}
	return out
}

// faint is a picture in two greys that are close to each other.
func faint(img image.Image) *image.Gray {
	g := grey(img)
	for i, p := range g.Pix {
		g.Pix[i] = 120 + p/6
	}
	return g
}

// framed is a picture inside a larger one of a colour, not in its middle.
func framed(img image.Image, width, height int, ground color.Color) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(out, out.Rect, image.NewUniform(ground), image.Point{}, draw.Src)
	b := img.Bounds()
	at := image.Pt((width-b.Dx())*2/3, (height-b.Dy())/4)
	draw.Draw(out, b.Sub(b.Min).Add(at), img, b.Min, draw.Src)
	return out
}
