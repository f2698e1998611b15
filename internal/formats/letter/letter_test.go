package letter

import (
	"bytes"
	"errors"
	"image/color"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/font/sfnt"

	"ostiary/activation"
	"ostiary/internal/formats/qr/scan"
)

// after is what stands on a page between two texts.
func after(t *testing.T, page, from, to string) string {
	t.Helper()
	_, rest, ok1 := strings.Cut(page, from+" ")
	found, _, ok2 := strings.Cut(rest, " "+to)
	if !ok1 || !ok2 {
		t.Fatalf("nothing between %q and %q in\n%s", from, to, page)
	}
	return found
}

// What other programs read from the paper activates: typed, and scanned.
func TestPaperActivates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change   func(*activation.Profile)
		counters []uint64
	}{
		"base32":   {plain, nil},
		"password": {func(*activation.Profile) {}, nil},
		"decimal":  {func(p *activation.Profile) { p.Rules.Format = activation.Decimal }, []uint64{4711}},
		"eight applications": {func(p *activation.Profile) { p.Applications = applications(8) },
			[]uint64{1, 22, 333, 4444, 55555, 666666, 7777777, activation.MaxCounter}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := vector(c.change)
			l := of(v, "FDM10000001", c.counters...)
			file := written(t, l)
			page := textOf(t, file, "1")
			in := activation.CodeInput{Serial: after(t, page, "Serial number", "Activation code")}
			if l.Password {
				in.Password = activation.Secret(password)
			}
			end := "Good until"
			if c.counters != nil {
				counters, err := v.ReadERC(in.Serial, after(t, page, "Event counter code", end))
				if err != nil || !slices.Equal(counters, c.counters) {
					t.Errorf("counters %d (%v), want %d", counters, err, c.counters)
				}
				in.Counters, end = counters, "Event counter code"
			}
			code := after(t, page, "Activation code", end)
			if secret, err := v.OpenCode(code, in); err != nil || secret[0] != 0x5a {
				t.Errorf("the printed code %q does not activate: %v", code, err)
			}
			if strings.ReplaceAll(code, " ", "-") != activation.Group(string(l.Code)) {
				t.Errorf("%q is not in groups", code)
			}

			img := picture(t, file, "1", "150")
			scanned, err := scan.Decode(decoded(t, img))
			if err != nil || scanned != string(l.QRBody) {
				t.Errorf("the QR code says %q (%v)", scanned, err)
			}
			if zbar := run(t, "zbar-tools", "zbarimg", "--quiet", "--raw", img); zbar != string(l.QRBody)+"\n" {
				t.Errorf("zbarimg reads %q", zbar)
			}
			if strings.Contains(page, password) || strings.Contains(scanned, password) {
				t.Error("the activation password is on the page")
			}
		})
	}
}

// A QR code of any size is 52 mm wide and can be read from a coarse print.
func TestQRCodeIsLarge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, dpi string }{
		"smallest": {"<QRCode><SN>1</SN><AC>0123456789ABCDEFGHJKMNPQRSTVWX</AC></QRCode>", "72"},
		"usual":    {string(sample().QRBody), "72"},
		"largest":  {"<QRCode>" + strings.Repeat("x", 1024-8), "200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := sample()
			l.QRBody = activation.Secret(c.body)
			file := written(t, l)
			img := picture(t, file, "1", c.dpi)
			if got, err := scan.Decode(decoded(t, img)); err != nil || got != c.body {
				t.Errorf("%q (%v)", got, err)
			}
			if got := run(t, "zbar-tools", "zbarimg", "--quiet", "--raw", img); got != c.body+"\n" {
				t.Errorf("zbarimg reads %q", got)
			}

			// Five pixels are a millimetre; nothing else is black on the right in the middle.
			fine := decoded(t, picture(t, file, "1", "127"))
			x0, x1, y0, y1 := 1050, 0, 1485, 0
			for x := 625; x < 1050; x++ {
				for y := 200; y < 750; y++ {
					if color.GrayModel.Convert(fine.At(x, y)).(color.Gray).Y < 64 {
						x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
					}
				}
			}
			if w, h := x1-x0+1, y1-y0+1; w < 258 || 262 < w || h < 258 || 262 < h {
				t.Errorf("the code is %d by %d fifths of a millimetre", w, h)
			}
		})
	}
}

func TestWhatIsSaid(t *testing.T) {
	t.Parallel()
	l := sample()
	l.Issuer, l.Profile, l.User = "Bank für Fälle", "Τράπεζα Παραδειγμάτων", "Zoë Łukasz Жукова"
	renamed := l
	renamed.Here = "FDM10000009"
	least := l
	least.User, least.Server, least.Expires = "", "", time.Time{}
	all := l
	all.Password, all.Binding, all.Pair, all.ERC = true, true, true, "000000471119"
	all.Expires = l.Expires.In(time.FixedZone("CET", 3600))

	file := written(t, l, least, all, renamed)
	for i, c := range []struct{ has, lacks []string }{
		{[]string{"Bank für Fälle", "Τράπεζα Παραδειγμάτων", "For Zoë Łukasz Жукова", "1 March 2026", "1 Install the",
			"2 Add an account", "3 Choose a PIN",
			"4 Type the first code that the app shows into the page that asks you for it. Its address: " +
				"https://otp.example.com", "When the code is accepted",
			"Destroy this page", "FDM10000001", "Good until 8 March 2026, 12:00 UTC"},
			[]string{"password", "counter", "derivation"}},
		{[]string{"4 Type the first code that the app shows into the page that asks you for it."},
			[]string{"For ", "Good until", "https"}},
		{[]string{"3 Type the activation password. It was sent to you separately and is not on this page.",
			"4 Choose a PIN", "6 When the code",
			"the serial number, the activation code and the event counter code that are printed below",
			"Event counter code 00000-04711-19",
			"5 Type the two codes that the app shows, and the derivation code, into the page that asks you for them. " +
				"Its address: https://otp.example.com", "whoever has it and the " +
				"activation password", "Good until 8 March 2026, 13:00 CET"}, nil},
		{[]string{"Serial number (Server: FDM10000009) FDM10000001 Activation code"}, nil},
	} {
		page := textOf(t, file, strconv.Itoa(i+1))
		for _, s := range c.has {
			if !strings.Contains(page, s) {
				t.Errorf("page %d lacks %q:\n%s", i+1, s, page)
			}
		}
		for _, s := range c.lacks {
			if strings.Contains(page, s) {
				t.Errorf("page %d has %q:\n%s", i+1, s, page)
			}
		}
	}
}

// Names come from elsewhere. What the fonts lack is printed as a sign that says so,
// and the PDF library does not get to see it.
func TestCharactersThatFontsLack(t *testing.T) {
	t.Parallel()
	l := sample()
	l.User = "A\xffB\x00C\nD\u202eE\U00010000F😀G山H\xf0\x9f"
	l.Issuer, l.Profile, l.Server = l.User, l.User, l.User
	page := textOf(t, written(t, l), "1")
	want := "A\uFFFDB\uFFFDC\uFFFDD\uFFFDE\uFFFDF\uFFFDG\uFFFDH\uFFFD\uFFFD"
	if n := strings.Count(page, want); n != 4 {
		t.Errorf("%q is there %d times, want 4:\n%s", want, n, page)
	}
}

func TestFontsHaveTheSameCharacters(t *testing.T) {
	t.Parallel()
	var buf sfnt.Buffer
	has := map[font][]rune{}
	for name, ttf := range faces {
		f := must(sfnt.Parse(ttf))
		for r := range rune(0x10000) {
			if must(f.GlyphIndex(&buf, r)) != 0 {
				has[name] = append(has[name], r)
			}
		}
	}
	for name, runes := range has {
		if !slices.Equal(runes, has[regular]) || !slices.Contains(runes, missing) || len(runes) < 600 {
			t.Errorf("%s has %d characters, regular %d", name, len(runes), len(has[regular]))
		}
	}
}

var word = regexp.MustCompile(`<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*)</word>`)

// The longest texts stay inside the margins, beside the QR code, and do not run into
// each other.
func TestLongTextsStay(t *testing.T) {
	t.Parallel()
	usual := sample()
	long := of(
		vector(func(p *activation.Profile) { p.Applications, p.Rules.Format = applications(8), activation.Decimal }),
		"FDM123456789012345",
		1, 2, 3, 4, 5, 6, 7, 8)
	long.Binding = true
	letters := []Letter{usual}
	for _, text := range []string{strings.Repeat("W", 5000), strings.Repeat("Łódź and ", 500),
		"For " + strings.Repeat("x", 90), strings.Repeat(" ", 300) + "x"} {
		l := long
		l.Issuer, l.Profile, l.User, l.Server = text, text, text, text
		letters = append(letters, l)
	}
	for i, page := range strings.Split(run(t, "poppler-utils", "pdftotext", "-bbox", written(t, letters...), "-"),
		"</page>")[:len(letters)] {
		type box struct {
			x0, y0, x1, y1 float64
			text           string
		}
		var boxes []box
		for _, m := range word.FindAllStringSubmatch(page, -1) {
			mm := func(s string) float64 { return must(strconv.ParseFloat(s, 64)) * 25.4 / 72 }
			boxes = append(boxes, box{mm(m[1]), mm(m[2]), mm(m[3]), mm(m[4]), m[5]})
		}
		if len(boxes) < 80 {
			t.Fatalf("page %d has %d words", i+1, len(boxes))
		}
		qrTop := boxes[slices.IndexFunc(boxes, func(b box) bool { return b.text == "Install" })].y0
		for j, b := range boxes {
			if b.x0 < left-0.1 || right+0.1 < b.x1 || b.y0 < 15 || 297-12 < b.y1 {
				t.Errorf("page %d: %+v leaves the page", i+1, b)
			}
			if b.x1 > right-qrSide-5.7 && b.y1 > qrTop && b.y0 < qrTop+qrSide+5.7 {
				t.Errorf("page %d: %+v runs into the QR code", i+1, b)
			}
			for _, c := range boxes[:j] {
				if b.x0 < c.x1-0.1 && c.x0 < b.x1-0.1 && b.y0 < c.y1-0.1 && c.y0 < b.y1-0.1 {
					t.Errorf("page %d: %+v and %+v overlap", i+1, b, c)
				}
			}
		}
		if cut := strings.Contains(page, "…"); cut != (i > 0) {
			t.Errorf("page %d: cut is %t", i+1, cut)
		}
	}
}

// Equal input gives equal bytes, also at the same time, and the properties name
// nobody.
func TestEqualInputEqualBytes(t *testing.T) {
	t.Parallel()
	letters := []Letter{sample(), of(vector(plain), "FDM10000002", 5)}
	var want bytes.Buffer
	if err := Write(&want, made, letters); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := Write(&got, made, letters); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("other bytes (%v)", err)
			}
		})
	}
	const date = "2026-03-01T12:00:00Z"
	info := strings.Join(strings.Fields(run(t, "poppler-utils", "pdfinfo", "-isodates", written(t, letters...))), " ")
	if want := "Title: Activation letters Producer: Ostiary CreationDate: " + date + " ModDate: " + date +
		" Custom Metadata: no Metadata Stream: no "; !strings.HasPrefix(info, want) {
		t.Errorf("properties %q, want %q", info, want)
	}
	if !strings.Contains(info, "Page size: 595.28 x 841.89 pts (A4)") {
		t.Errorf("properties %q", info)
	}
}

// Not parallel: it measures the memory.
func TestManyLetters(t *testing.T) {
	v := vector(plain)
	letters := make([]Letter, MaxLetters)
	for i := range letters {
		letters[i] = of(v, "FDM"+strconv.Itoa(10000001+i))
	}
	for _, n := range []int{200, MaxLetters} {
		file := written(t, letters[:n]...)
		if size := must(os.Stat(file)).Size(); size > int64(200<<10+10<<10*n) {
			t.Errorf("%d letters are %d bytes", n, size)
		}
		if info := run(t, "poppler-utils", "pdfinfo", file); !regexp.MustCompile(`Pages: +` + strconv.Itoa(n) + "\n").MatchString(info) {
			t.Errorf("%d letters:\n%s", n, info)
		}
		for _, page := range []int{1, n / 2, n} {
			if text := textOf(t, file, strconv.Itoa(page)); !strings.Contains(text, letters[page-1].Serial) ||
				strings.Count(text, "FDM1") != 1 {
				t.Errorf("page %d has another serial:\n%s", page, text)
			}
		}
	}

	doc := must(newDocument(made, "en"))
	before := inUse()
	for i := range letters {
		if err := doc.add(&letters[i]); err != nil {
			t.Fatal(err)
		}
	}
	if each := (inUse() - before) / MaxLetters; each > 96<<10 {
		t.Errorf("a page takes %d bytes of memory", each)
	}
	runtime.KeepAlive(doc)
}

// inUse is how much memory is in use, in bytes.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

type failing struct{}

var errFull = errors.New("the disk is full")

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestRefusals(t *testing.T) {
	t.Parallel()
	change := func(f func(*Letter)) []Letter {
		l := sample()
		f(&l)
		return []Letter{sample(), l}
	}
	for name, c := range map[string]struct {
		made    time.Time
		letters []Letter
		want    string
	}{
		"none":     {made, nil, "letter: 0 letters; a document has 1 to 1000"},
		"too many": {made, make([]Letter, MaxLetters+1), "letter: 1001 letters; a document has 1 to 1000"},
		"no date":  {time.Time{}, []Letter{sample()}, "letter: no date is given"},
		"no serial": {made, change(func(l *Letter) { l.Serial = "" }), "letter: page 2: the serial or the " +
			"activation code is missing"},
		"no code": {made, change(func(l *Letter) { l.Code = nil }), "letter: page 2: the serial or the " +
			"activation code is missing"},
		"long serial": {made, change(func(l *Letter) { l.Serial = strings.Repeat("1", 19) }),
			"letter: page 2: the serial, the activation code or the event counter code is too long"},
		"long code": {made, change(func(l *Letter) { l.Code = bytes.Repeat([]byte("1"), 46) }),
			"letter: page 2: the serial, the activation code or the event counter code is too long"},
		"long ERC": {made, change(func(l *Letter) { l.ERC = strings.Repeat("1", 83) }),
			"letter: page 2: the serial, the activation code or the event counter code is too long"},
		"no QR code": {made, change(func(l *Letter) { l.QRBody = nil }), "letter: page 2: qr: the text is empty " +
			"or not UTF-8"},
		"larger QR code": {made, change(func(l *Letter) { l.QRBody = bytes.Repeat([]byte("x"), 3000) }),
			"letter: page 2: qr: the text has 3000 bytes, but at level M the maximum is 2331"},
	} {
		var out bytes.Buffer
		if err := Write(&out, c.made, c.letters); err == nil || err.Error() != c.want || out.Len() != 0 {
			t.Errorf("%s: %v, and %d bytes, want %s", name, err, out.Len(), c.want)
		}
	}
	if err := Write(failing{}, made, []Letter{sample()}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}
