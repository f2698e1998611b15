package xmlsig_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"ostiary/pskc"
	"ostiary/pskc/xmlsig"
)

// A signed file is verified, and then read from what was signed.
func Example() {
	pem, err := os.ReadFile("testdata/rsa.pem")
	if err != nil {
		fmt.Println(err)
		return
	}
	certs, err := xmlsig.ParseCertificates(pem)
	if err != nil {
		fmt.Println(err)
		return
	}
	file, err := os.ReadFile("testdata/good/pskctool.pskc")
	if err != nil {
		fmt.Println(err)
		return
	}
	signed, err := xmlsig.Verify(file, certs)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("signed by", signed.Certificate.Subject)
	if signed.WeakHash {
		fmt.Println("with SHA-1")
	}
	r, err := pskc.NewReader(bytes.NewReader(signed.Content), pskc.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		key, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(key.Serial, key.Kind)
	}
	// Output:
	// signed by CN=rsa
	// with SHA-1
	// 987654321 HOTP
	// 987654322 HOTP
}

// The kind of an error tells what to do next.
func ExampleVerify() {
	pem, err := os.ReadFile("testdata/rsa.pem")
	if err != nil {
		fmt.Println(err)
		return
	}
	certs, err := xmlsig.ParseCertificates(pem)
	if err != nil {
		fmt.Println(err)
		return
	}
	file, err := os.ReadFile("testdata/good/pskctool.pskc")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = xmlsig.Verify(bytes.Replace(file, []byte("987654321"), []byte("987654320"), 1), certs)
	fmt.Println(errors.Is(err, xmlsig.ErrInvalid), err)
	// Output:
	// true xmlsig: the signature does not fit the file: the content was altered after it was signed
}
