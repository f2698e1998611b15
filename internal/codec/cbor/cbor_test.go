package cbor

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The examples of RFC 8949 appendix A that are of these types.
func TestExamplesOfTheStandard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want string
		got  []byte
	}{
		{"00", AppendUint(nil, 0)},
		{"17", AppendUint(nil, 23)},
		{"1818", AppendUint(nil, 24)},
		{"1864", AppendUint(nil, 100)},
		{"1903e8", AppendUint(nil, 1000)},
		{"1a000f4240", AppendUint(nil, 1000000)},
		{"1b000000e8d4a51000", AppendUint(nil, 1000000000000)},
		{"1bffffffffffffffff", AppendUint(nil, math.MaxUint64)},
		{"f4", AppendBool(nil, false)},
		{"f5", AppendBool(nil, true)},
		{"40", AppendBytes(nil, nil)},
		{"4401020304", AppendBytes(nil, []byte{1, 2, 3, 4})},
		{"60", AppendText(nil, "")},
		{"6449455446", AppendText(nil, "IETF")},
		{"62c3bc", AppendText(nil, "\u00fc")},
		{"64f0908591", AppendText(nil, "\U00010151")},
		{"80", AppendArray(nil, 0)},
		{"83010203", AppendUint(AppendUint(AppendUint(AppendArray(nil, 3), 1), 2), 3)},
		{"a0", AppendMap(nil, 0)},
		{"a201020304", AppendUint(AppendUint(AppendUint(AppendUint(AppendMap(nil, 2), 1), 2), 3), 4)},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("written %s, want %s", got, c.want)
		}
		again, err := copyItem(c.got)
		if err != nil || !bytes.Equal(again, c.got) {
			t.Errorf("%s: read as %x, %v", c.want, again, err)
		}
	}
}

func TestEveryLengthOfHead(t *testing.T) {
	t.Parallel()
	for _, v := range []uint64{0, 23, 24, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxUint64} {
		d := NewDecoder(AppendUint(nil, v))
		if got := d.Uint(); got != v || d.End() != nil {
			t.Errorf("%d: read as %d, %v", v, got, d.Err())
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	b := AppendMap(nil, 4)
	b = AppendText(AppendUint(b, 1), "text")
	b = AppendBytes(AppendUint(b, 2), []byte{7, 8})
	b = AppendBool(AppendUint(b, 5), true)
	b = AppendUint(AppendArray(AppendUint(b, 300), 1), 9)

	d := NewDecoder(b)
	d.Map()
	d.Key(1)
	if got := d.Text(); got != "text" {
		t.Errorf("text %q", got)
	}
	d.Key(2)
	fixed := d.Fixed(2)
	if !bytes.Equal(fixed, []byte{7, 8}) {
		t.Errorf("bytes %x", fixed)
	}
	if d.Optional(4) {
		t.Error("there is no key 4")
	}
	if !d.Optional(5) || !d.Bool() {
		t.Error("key 5 is true")
	}
	d.Key(300)
	if n := d.Array(); n != 1 {
		t.Errorf("array of %d", n)
	}
	if got := d.Uint(); got != 9 {
		t.Errorf("number %d", got)
	}
	d.Close()
	if d.Optional(301) {
		t.Error("there is no key 301")
	}
	d.Close()
	if err := d.End(); err != nil {
		t.Error(err)
	}
	fixed[0] = 0
	if !bytes.Contains(b, []byte{7, 8}) {
		t.Error("a byte string is not a copy")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	uints := func(d *Decoder) {
		for range d.Array() {
			d.Uint()
		}
		d.Close()
	}
	key1 := func(d *Decoder) { d.Map(); d.Key(1); d.Uint(); d.Close() }
	number := func(d *Decoder) { d.Uint() }
	text := func(d *Decoder) { d.Text() }
	octets := func(d *Decoder) { d.Bytes() }
	flag := func(d *Decoder) { d.Bool() }
	for name, c := range map[string]struct {
		in   string
		read func(*Decoder)
		want error
	}{
		"nothing":                   {"", number, ErrShort},
		"head cut off":              {"19 03", number, ErrShort},
		"24 for a small number":     {"18 17", number, ErrForm},
		"25 for a byte":             {"19 00ff", number, ErrForm},
		"26 for two bytes":          {"1a 0000ffff", number, ErrForm},
		"27 for four bytes":         {"1b 00000000ffffffff", number, ErrForm},
		"reserved 28":               {"1c", number, ErrForm},
		"reserved 30":               {"1e", number, ErrForm},
		"number of no length":       {"1f", number, ErrForm},
		"negative number":           {"20", number, ErrType},
		"text of no length":         {"7f 61 61 ff", text, ErrForm},
		"long form of a length":     {"78 01 61", text, ErrForm},
		"text cut off":              {"62 61", text, ErrShort},
		"length past all memory":    {"5b 7fffffffffffffff", octets, ErrShort},
		"length past int":           {"5b ffffffffffffffff", octets, ErrShort},
		"text not UTF-8":            {"61 ff", text, ErrText},
		"surrogate":                 {"63 eda080", text, ErrText},
		"bytes for text":            {"41 61", text, ErrType},
		"text for bytes":            {"61 61", octets, ErrType},
		"byte string too short":     {"41 61", func(d *Decoder) { d.Fixed(2) }, ErrLength},
		"byte string too long":      {"43 616161", func(d *Decoder) { d.Fixed(2) }, ErrLength},
		"null":                      {"f6", flag, ErrType},
		"undefined":                 {"f7", flag, ErrType},
		"float":                     {"f9 3c00", flag, ErrType},
		"simple value in long form": {"f8 15", flag, ErrForm},
		"number for flag":           {"01", flag, ErrType},
		"tag":                       {"c1 01", number, ErrType},
		"bytes behind":              {"01 00", number, ErrTrailing},
		"array of no length":        {"9f ff", uints, ErrForm},
		"array that claims more":    {"82 01", uints, ErrShort},
		"array that claims all":     {"9b ffffffffffffffff", uints, ErrShort},
		"item too few read":         {"82 01 02", func(d *Decoder) { d.Array(); d.Uint(); d.Close() }, ErrCount},
		"item too many read": {"81 01 02", func(d *Decoder) { d.Array(); d.Uint(); d.Uint(); d.Close() },
			ErrCount},
		"array left open":      {"81 01", func(d *Decoder) { d.Array(); d.Uint() }, ErrCount},
		"closed too often":     {"01", func(d *Decoder) { d.Uint(); d.Close() }, ErrCount},
		"second item":          {"01 02", func(d *Decoder) { d.Uint(); d.Uint() }, ErrCount},
		"nothing read":         {"01", func(*Decoder) {}, ErrCount},
		"map that claims more": {"a2 01 02", key1, ErrShort},
		"map past int":         {"bb 8000000000000001 0102", key1, ErrShort},
		"key missing":          {"a0", key1, ErrCount},
		"other key":            {"a1 02 02", key1, ErrKey},
		"key of text":          {"a1 61 31 02", key1, ErrType},
		"key in long form":     {"a1 18 01 02", key1, ErrForm},
		"key repeated":         {"a2 01 02 01 02", key1, ErrCount},
		"keys out of order": {"a2 02 02 01 02", func(d *Decoder) {
			d.Map()
			d.Key(1)
			d.Uint()
			d.Key(2)
			d.Uint()
			d.Close()
		}, ErrKey},
		"optional key repeated": {"a2 01 02 01 02", func(d *Decoder) {
			d.Map()
			for _, k := range []uint64{1, 2} {
				if d.Optional(k) {
					d.Uint()
				}
			}
			d.Close()
		}, ErrCount},
		"optional key in long form": {"a1 18 01 02", func(d *Decoder) { d.Map(); d.Optional(1); d.Close() }, ErrCount},
		"too deep": {strings.Repeat("81", MaxDepth+1) + "01", func(d *Decoder) {
			for range MaxDepth + 1 {
				d.Array()
			}
		}, ErrDepth},
	} {
		d := NewDecoder(unhex(t, c.in))
		c.read(d)
		if err := d.End(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestDeepestIsRead(t *testing.T) {
	t.Parallel()
	b := unhex(t, strings.Repeat("81", MaxDepth)+"01")
	if again, err := copyItem(b); err != nil || !bytes.Equal(again, b) {
		t.Errorf("%x, %v", again, err)
	}
}

// After an error everything is zero, and the error stays.
func TestFirstErrorStays(t *testing.T) {
	t.Parallel()
	own := errors.New("own")
	d := NewDecoder(unhex(t, "82 01 02"))
	d.Array()
	d.Fail(own)
	if d.Uint() != 0 || d.Bytes() != nil || d.Text() != "" || d.Bool() || d.Array() != 0 || d.Fixed(1) != nil ||
		d.Optional(1) {
		t.Error("something was read after the error")
	}
	d.Close()
	if d.Err() != own || d.End() != own {
		t.Error(d.End())
	}
}

// copyItem reads whatever the first bytes say there is, and writes it again.
func copyItem(b []byte) ([]byte, error) {
	d := NewDecoder(b)
	out := copyNext(d, nil)
	return out, d.End()
}

func copyNext(d *Decoder, out []byte) []byte {
	if d.err != nil || len(d.rest) == 0 {
		d.Fail(ErrShort)
		return nil
	}
	switch d.rest[0] & 0xe0 {
	case majorUint:
		return AppendUint(out, d.Uint())
	case majorBytes:
		return AppendBytes(out, d.Bytes())
	case majorText:
		return AppendText(out, d.Text())
	case majorSimple:
		return AppendBool(out, d.Bool())
	case majorArray:
		n := d.Array()
		out = AppendArray(out, n)
		for range n {
			out = copyNext(d, out)
		}
		d.Close()
		return out
	case majorMap:
		d.Map()
		n := d.left[d.depth] / 2
		out = AppendMap(out, n)
		last := -1
		for range n {
			k := d.Uint()
			if int(k) <= last {
				d.Fail(ErrKey)
			}
			last = int(k)
			out = copyNext(d, AppendUint(out, k))
		}
		d.Close()
		return out
	}
	d.Fail(ErrType)
	return nil
}

// Whatever is read is written again as the same bytes: there is one encoding.
func FuzzDecoder(f *testing.F) {
	for _, s := range []string{"00", "1903e8", "6449455446", "a201020304", "8301a10281f543010203", "9f01ff",
		"5bffffffffffffffff", "8181818181818101"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		out, err := copyItem(b)
		if err == nil && !bytes.Equal(out, b) {
			t.Errorf("%x is read as %x", b, out)
		}
		if !bytes.Equal(b, before) {
			t.Error("the input was changed")
		}
	})
}
