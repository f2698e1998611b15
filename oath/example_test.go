package oath_test

import (
	"errors"
	"fmt"

	"ostiary/oath"
)

// The first value of RFC 4226 appendix D.
func ExampleHOTP() {
	code, err := oath.HOTP([]byte("12345678901234567890"), 0, oath.SHA1, 6)
	fmt.Println(code, err)
	// Output: 755224 <nil>
}

// The first value of RFC 6238 appendix B.
func ExampleTOTP() {
	code, err := oath.TOTP([]byte("12345678901234567890"), 59, 30, 0, oath.SHA1, 8)
	fmt.Println(code, err)
	// Output: 94287082 <nil>
}

// Checking a counter code: the search starts above the last accepted counter and
// looks ten further. The caller then stores the counter, and accepts only if that
// write was the one that moved it.
func ExampleScanner_Find() {
	s, err := oath.NewScanner([]byte("12345678901234567890"), oath.SHA1, 6)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Wipe()
	lastAccepted := uint64(3)
	counter, found := s.Find("254676", lastAccepted+1, 10)
	fmt.Println(counter, found)
	_, again := s.Find("254676", counter+1, 10)
	fmt.Println(again)
	// Output:
	// 5 true
	// false
}

// Checking a time code, one step either side.
func ExampleStep() {
	now, err := oath.Step(1234567890, 30, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := oath.NewScanner([]byte("12345678901234567890"), oath.SHA1, 8)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Wipe()
	step, found := s.Find("89005924", now-1, 3)
	fmt.Println(int64(step-now), found)
	// Output: 0 true
}

// Resynchronising a token that ran ahead: two codes in a row.
func ExampleScanner_FindPair() {
	s, err := oath.NewScanner([]byte("12345678901234567890"), oath.SHA1, 6)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Wipe()
	counter, found := s.FindPair("162583", "399871", 0, 1000)
	fmt.Println("last accepted:", counter+1, found)
	// Output: last accepted: 8 true
}

// One-way challenge and response with a counter and a PIN.
func ExampleSuite_Response() {
	suite, err := oath.ParseSuite("OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1")
	if err != nil {
		fmt.Println(err)
		return
	}
	key := []byte("12345678901234567890123456789012")
	response, err := suite.Response(key, oath.Input{
		Counter:  4,
		Question: "12345678",
		PIN:      oath.NewSecret([]byte("1234")),
	})
	fmt.Println(response, err)
	// Output: 10104329 <nil>
}

// Mutual challenge and response, RFC 6287 section 7.2: first the client checks
// the server, then the server checks the client.
func ExampleSuite_Response_mutual() {
	suite, err := oath.ParseSuite("OCRA-1:HOTP-SHA256-8:QA08")
	if err != nil {
		fmt.Println(err)
		return
	}
	key := []byte("12345678901234567890123456789012")
	server := oath.Input{Question: "CLI22220", Own: "SRV11110"} // answers the client
	client := oath.Input{Question: "SRV11110", Own: "CLI22220"} // answers the server
	fmt.Println(suite.Response(key, server))
	fmt.Println(suite.Response(key, client))
	// Output:
	// 28247970 <nil>
	// 15510767 <nil>
}

// Checking a response whose counter may have run ahead.
func ExampleSuite_Find() {
	suite, err := oath.ParseSuite("OCRA-1:HOTP-SHA512-8:C-QN08")
	if err != nil {
		fmt.Println(err)
		return
	}
	key := []byte("1234567890123456789012345678901234567890123456789012345678901234")
	in := oath.Input{Counter: 0, Question: "33333333"}
	match, found, err := suite.Find(key, in, "25341727", 10, 0)
	fmt.Println(match.Counter, found, err)
	// Output: 3 true <nil>
}

func ExampleParseURI() {
	u, err := oath.ParseURI("otpauth://totp/ACME%20Co:john@example.com?secret=JBSWY3DPEHPK3PXP&issuer=ACME%20Co")
	fmt.Printf("%+v %v\n", u, err)

	_, err = oath.ParseURI("otpauth://totp/john?secret=JBSWY3DPEHPK3PXP&image=x")
	var uriErr *oath.URIError
	fmt.Println(err, errors.As(err, &uriErr))
	// Output:
	// {Type:totp Issuer:ACME Co Account:john@example.com Secret:[redacted] Hash:SHA1 Digits:6 Period:30 Counter:0} <nil>
	// invalid otpauth URI: parameter image: unknown true
}

func ExampleURI_Encode() {
	u := oath.URI{
		Type: oath.TypeTOTP, Issuer: "ACME", Account: "alice",
		Secret: oath.NewSecret([]byte("12345678901234567890")),
		Hash:   oath.SHA1, Digits: 6, Period: 30,
	}
	fmt.Println(u.Encode())
	// Output:
	// otpauth://totp/ACME:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=ACME&algorithm=SHA1&digits=6&period=30 <nil>
}
