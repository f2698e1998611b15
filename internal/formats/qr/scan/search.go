package scan

import (
	"image"
	"strings"
	"unicode/utf8"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/common"
	multi "github.com/makiuchi-d/gozxing/multi/qrcode/detector"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

const (
	// maxFinders is how many finder patterns a view may seem to have. The library
	// tries all triples of them.
	maxFinders = 128
	// maxTries is how many triples of finder patterns are read in one picture.
	maxTries = 200
)

// undecoded stands in a text where the library could make nothing of some bytes.
const undecoded = utf8.RuneError

// search is the effort that is left for a picture.
type search struct {
	tries int
}

// read looks for codes in a view under each contrast: black by the neighbourhood
// of a pixel, which shadows do not disturb, and by the whole of the picture; dark
// on light, then light on dark. The first that shows any decides.
func (s *search) read(view *image.Gray) (string, error) {
	width, height := view.Rect.Dx(), view.Rect.Dy()
	source, err := gozxing.NewPlanarYUVLuminanceSource(view.Pix, width, height, 0, 0, width, height, false)
	if err != nil {
		return "", ErrNoCode
	}
	for _, source := range []gozxing.LuminanceSource{source, source.Invert()} {
		for _, binarizer := range []gozxing.Binarizer{gozxing.NewHybridBinarizer(source),
			gozxing.NewGlobalHistgramBinarizer(source)} {
			if found := s.codes(binarizer); len(found) > 0 {
				return only(found)
			}
		}
	}
	return "", ErrNoCode
}

// only is the text of the codes, if they have the same one.
func only(found []*common.DecoderResult) (string, error) {
	text := found[0].GetText()
	for _, code := range found {
		if code.HasStructuredAppend() {
			return "", ErrPart
		}
		if code.GetText() != text {
			return "", ErrSeveral
		}
	}
	return text, nil
}

// codes reads what codes there are. Strict rules, which tell several apart, come
// first; lax ones see a single code at an angle.
func (s *search) codes(binarizer gozxing.Binarizer) (found []*common.DecoderResult) {
	var matrix *gozxing.BitMatrix
	var places []*detector.FinderPatternInfo
	survive(func() {
		if m, err := binarizer.GetBlackMatrix(); err == nil {
			matrix = m
			places, _ = multi.NewMultiFinderPatternFinder(m, bounded()).FindMulti(hints())
		}
	})
	if matrix == nil {
		return nil
	}
	finder := detector.NewDetector(matrix)
	for _, place := range places {
		found = s.try(found, func() (*common.DetectorResult, error) { return finder.ProcessFinderPatternInfo(place) })
	}
	if len(found) == 0 {
		found = s.try(found, func() (*common.DetectorResult, error) { return finder.Detect(hints()) })
	}
	return found
}

// try adds the code that locate leads to, if it can be read.
func (s *search) try(found []*common.DecoderResult,
	locate func() (*common.DetectorResult, error)) []*common.DecoderResult {
	if s.tries == 0 {
		return found
	}
	s.tries--
	survive(func() {
		place, err := locate()
		if err != nil {
			return
		}
		code, err := decoder.NewDecoder().Decode(place.GetBits(), nil)
		if err != nil {
			return
		}
		if text := code.GetText(); text != "" && !strings.ContainsRune(text, undecoded) {
			found = append(found, code)
		}
	})
	return found
}

func hints() map[gozxing.DecodeHintType]any {
	return map[gozxing.DecodeHintType]any{
		gozxing.DecodeHintType_TRY_HARDER:                 true,
		gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK: bounded(),
	}
}

// bounded is told of each finder pattern. The library has no limit of its own;
// the only way out of its loops is a panic.
func bounded() gozxing.ResultPointCallback {
	n := 0
	return func(gozxing.ResultPoint) {
		if n++; n > maxFinders {
			panic("too many finder patterns")
		}
	}
}

// survive runs a part of the library, which trusts its input: on a hostile picture
// it may read beyond an array. Then there is no code here.
func survive(f func()) {
	defer func() { _ = recover() }()
	f()
}
