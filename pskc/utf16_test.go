package pskc

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

// wide gives a text in UTF-16.
func wide(order binary.AppendByteOrder, text string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

func TestUTF16(t *testing.T) {
	t.Parallel()
	file := strings.ReplaceAll(sealedFile("1", "2"), "Acme", "Zürich 漢 😀")
	opt := Options{PreSharedKey: testKey}
	le, be := binary.LittleEndian, binary.BigEndian
	const mark = "\ufeff"
	decl := func(enc string) string { return `<?xml version="1.0" encoding="` + enc + `"?>` + "\r\n" }
	for name, f := range map[string]string{
		"le":             wide(le, mark+file),
		"be":             wide(be, mark+file),
		"le unmarked":    wide(le, file),
		"be unmarked":    wide(be, file),
		"le declared":    wide(le, mark+decl("UTF-16")+file),
		"be declared":    wide(be, decl("utf-16")+file),
		"le by name":     wide(le, decl("UTF-16LE")+file),
		"be by name":     wide(be, mark+decl("UTF-16BE")+file),
		"le white space": wide(le, mark+" \r\n\t"+decl("UTF-16")+file),
		"be white space": wide(be, "\n "+file),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			readers := map[string]io.Reader{
				"whole": strings.NewReader(f),
				"bytes": iotest.OneByteReader(strings.NewReader(f)),
				"odd":   &stutter{f, 7},
				"data":  iotest.DataErrReader(strings.NewReader(f)),
			}
			for how, r := range readers {
				res := readAll(t, r, opt)
				if res.err != nil || len(res.keys) != 2 || res.keys[1].Manufacturer != "Zürich 漢 😀" {
					t.Errorf("%s: %v", how, res.err)
				}
			}
		})
	}
	for name, f := range map[string]string{
		"other order": wide(le, mark+decl("UTF-16BE")+file),
		"not wide":    wide(be, mark+decl("UTF-8")+file),
		"latin":       wide(be, mark+decl("ISO-8859-1")+file),
		"narrow":      decl("UTF-16") + file,
	} {
		if res := readString(t, f, opt); !errors.Is(res.err, ErrUnsupported) || len(res.keys) != 0 {
			t.Errorf("%s: %v", name, res.err)
		}
	}
	lone := strings.Replace(wide(le, file), wide(le, "😀"), "\x3d\xd8", 1)
	for name, f := range map[string]string{
		"odd length": wide(be, mark+file) + "\x00",
		"lone half":  lone,
		"swapped":    strings.Replace(wide(le, file), wide(le, "😀"), "\x00\xde\x3d\xd8", 1),
		"cut half":   lone[:strings.Index(lone, "\x3d\xd8")+2],
		"nul":        wide(le, strings.Replace(file, "漢", "\x00", 1)),
	} {
		if res := readString(t, f, opt); !errors.Is(res.err, ErrMalformed) {
			t.Errorf("%s: %v", name, res.err)
		}
	}
	wantFatal(t, readString(t, wide(le, mark), opt), ErrNotPSKC, "it is empty")
	wantFatal(t, readString(t, wide(le, mark+"<!DOCTYPE a>"+file), opt), ErrUnsupported, "DTD")
	// The limit is of the file, not of what it becomes.
	f := wide(le, mark+file)
	if res := readString(
		t, f, Options{PreSharedKey: testKey, Limits: Limits{TotalBytes: int64(len(f))}}); res.err != nil {
		t.Error(res.err)
	}
	wantFatal(t, readString(t, f, Options{PreSharedKey: testKey, Limits: Limits{TotalBytes: 1000}}), ErrLimit,
		"1000 bytes")
}

// Memory stays flat for a wide file, whatever its length.
func TestUTF16Flat(t *testing.T) {
	head, _, _ := strings.Cut(container(), "\n")
	good := pkg("1", "k", hotpURI, data(plainSecret(seed)))
	le := binary.LittleEndian
	file := repeat(wide(le, "\ufeff"+head), wide(le, strings.Repeat(" \n", 3000)), 1000,
		wide(le, good+"</KeyContainer>"))
	grown := heapDuring(func(sample func()) {
		wantOne(t, readAll(t, file, Options{}))
		sample()
	})
	if grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}
