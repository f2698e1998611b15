package pskc_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"ostiary/pskc"
)

// An export, and what a Reader makes of it.
func ExampleWriter() {
	var file bytes.Buffer
	w, err := pskc.NewWriter(&file, pskc.WriterOptions{Passphrase: pskc.Secret("correct horse battery staple")})
	if err != nil {
		fmt.Println(err)
		return
	}
	key := &pskc.Key{
		Kind: pskc.HOTP, ID: "1", Manufacturer: "Acme", Serial: "10000001", Secret: pskc.Secret("12345678901234567890"),
		Counter: 42, HasCounter: true, Record: []pskc.Property{{Name: "state", Value: "VALID"}},
	}
	if err := errors.Join(w.Write(key), w.Close()); err != nil {
		fmt.Println(err)
		return
	}
	r, err := pskc.NewReader(&file, pskc.Options{Passphrase: pskc.Secret("correct horse battery staple")})
	if err != nil {
		fmt.Println(err)
		return
	}
	got, err := r.Next()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = r.Next()
	fmt.Println(got.Serial, got.Counter, got.Record, err == io.EOF, r.Header().FileMAC)
	// Output: 10000001 42 [{state VALID}] true true
}

// Of figure 10, whose second key could not be imported, remains its package.
func ExampleRemainder() {
	file, err := os.Open("testdata/vectors/figure10.pskc")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	var rest bytes.Buffer
	kept, err := pskc.Remainder(&rest, file, func(n int) bool { return n == 1 })
	fmt.Println(kept, err, strings.Count(rest.String(), "<SerialNo>123456</SerialNo>"))
	// Output: 1 <nil> 1
}

// Figure 10 of RFC 6030 holds four keys of three devices.
func Example() {
	file, err := os.Open("testdata/vectors/figure10.pskc")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	r, err := pskc.NewReader(file, pskc.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		key, err := r.Next()
		if err == io.EOF {
			fmt.Println("whole file read")
			return
		}
		if refused, ok := errors.AsType[*pskc.KeyError](err); ok {
			fmt.Println("refused:", refused)
			continue
		}
		if err != nil {
			fmt.Println("file:", err)
			return
		}
		fmt.Println(key.Serial, key.ID, key.Kind, key.Hash, key.Digits(), key.Secret)
	}
	// Output:
	// 654321 1 HOTP SHA1 8 [redacted]
	// 123456 2 HOTP SHA1 8 [redacted]
	// 9999999 3 HOTP SHA1 8 [redacted]
	// 9999999 4 HOTP SHA1 8 [redacted]
	// whole file read
}

// The header tells what a file needs, also without its key.
func ExampleReader_Header() {
	file, err := os.Open("testdata/vectors/figure7.pskc")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	r, err := pskc.NewReader(file, pskc.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := r.Next(); errors.Is(err, pskc.ErrKeyNeeded) && r.Header().NeedsPassphrase {
		h := r.Header()
		fmt.Printf("passphrase %q, %d iterations\n", h.KeyName, h.Iterations)
	}
	// Output:
	// passphrase "My Password 1", 1000 iterations
}

// A refused key says which it is and why.
func ExampleKeyError() {
	file, err := os.Open("testdata/vectors/figure2.pskc")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	r, err := pskc.NewReader(file, pskc.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = r.Next()
	fmt.Println(err)
	// Output:
	// key "12345678" (line 6): secret of 32 bits is too short, at least 128 are demanded
}
