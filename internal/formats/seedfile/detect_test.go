package seedfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"ostiary/pskc"
)

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		content string
		want    Format
	}{
		{`<?xml version="1.0"?><!-- x --><p:KeyContainer xmlns:p="urn:ietf:params:xml:ns:keyprov:pskc">`, PSKC},
		{`<KeyContainer xmlns="http://www.openauthentication.org/OATH/2006/10/PSKC">`, PSKC},
		{testfile(t, "dualshield/safeid.xml"), DualShield},
		{testfile(t, "dualshield-v3/pocketid.xml"), DualShieldV3},
		{testfile(t, "safenet-xml/two-keys.xml"), SafeNet},
		{testfile(t, "entra-csv/upn.csv"), EntraCSV},
		{testfile(t, "entra-csv/hex.csv"), EntraCSV},
		{testfile(t, "entra-csv/graph.csv"), EntraCSV},
		{testfile(t, "oath-csv/plain.csv"), OATHCSV},
		{testfile(t, "oath-csv/titles.csv"), OATHCSV},
		{testfile(t, "dualshield-assignments/users.csv"), DualShieldAssignments},
		{testfile(t, "yubico-csv/traditional.csv"), YubicoCSV},
		{testfile(t, "yubico-csv/short.csv"), YubicoCSV},
		{testfile(t, "otpauth/export.txt"), OTPAuth},
		{"otpauth-migration://offline?data=x", OTPAuthMigration},
		{"", fEmpty},
		{"\ufeff\r\n", fEmpty},
		{"<!DOCTYPE html><html>", fHTML},
		{"\n<HTML><head>", fHTML},
		{"<html><meta charset=x><br>", fHTML},
		{"PK\x03\x04....[Content_Types].xml", fXLSX},
		{"PK\x03\x04....seeds.xml", fZIP},
		{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", fXLS},
		{"-----BEGIN PGP MESSAGE-----\n", fPGP},
		{"\x85\x01\x0c\x03abcdefgh", fPGP},
		{"\xc1\xc0\x4c\x03abcdefgh", fPGP},
		{"\x8c\x0d\x04\x09abcdefgh", fPGP},
		{"\xc3\x2e\x04\x09abcdefgh", fPGP},
		{"\x30\x82\x10\x00\x02\x01\x03\x30\x82\x0f\xff\x06", fPKCS12},
		{"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", fCMS},
		{"-----BEGIN PKCS7-----", fCMS},
		{"-----BEGIN RSA PRIVATE KEY-----", fPEM},
		{"%PDF-1.7", fPDF},
		{`{"version": 1}`, fJSON},
		{"age-encryption.org/v1\n", fAge},
		{"\x1f\x8b\x08", fArchive},
		{"# ===== SafeWord Authenticator Records", fSafeWord},
		{"# ykksm 1\n", fYubiKSM},
		{"<other/>", ""},
		{"<data><other/></data>", ""},
		{"hello world", ""},
		{"a,b,c\n", ""},
		{"# only this\n", ""},
		{"\x00\x01\x02\x03", ""},
		{"\x30\xff", ""},
	} {
		if got := Detect([]byte(tt.content)); got != tt.want {
			t.Errorf("%.40q is %q, want %q", tt.content, got, tt.want)
		}
	}
	big := "serial,secret\na," + strings.Repeat("A", 2*HeadBytes)
	if got := Detect([]byte(big)); got != OATHCSV {
		t.Errorf("a large file is %q", got)
	}
}

func TestUnreadable(t *testing.T) {
	for _, tt := range []struct {
		name, content string
		opt           Options
		kind          error
		part          string
	}{
		{"empty", " \n", Options{}, ErrUnreadable, "an empty file"},
		{"seeds.dpx", "\x01\x02", Options{}, ErrUnreadable, "OneSpan (Vasco) DPX"},
		{"SEEDS.SDS", "hello", Options{}, ErrUnreadable, "HID (ActivIdentity) SDS"},
		{"seeds.xml", "<other><a/></other>", Options{}, ErrUnknown, `outermost element "other"`},
		{"seeds.bin", "\x00\x01", Options{}, ErrUnknown, "binary"},
		{"seeds.txt", "hello", Options{}, ErrUnknown, "not known"},
		{"seeds.xml", "<KeyContainer/>", Options{}, ErrPSKC, "PSKC"},
		{"", "x", Options{Format: "fish"}, ErrOptions, `"fish"`},
		{"", "x", Options{Encoding: "fish"}, ErrOptions, `"fish"`},
		{"", "x", Options{MinSecret: -1}, ErrOptions, "-1"},
		{"", "x", Options{Assume: Assume{Kind: pskc.OCRA}}, ErrOptions, "OCRA"},
		{"", "x", Options{Assume: Assume{Digits: 5}}, ErrOptions, "5"},
		{"", "x", Options{Assume: Assume{Period: maxPeriod + 1}}, ErrOptions, "time step"},
		{"", "x", Options{Assume: Assume{Hash: "MD5"}}, ErrOptions, `"MD5"`},
		{"", "x", Options{Products: map[ProductCode]Product{{"A", "B"}: {}}}, ErrOptions, "HOTP or TOTP"},
		{"", "x", Options{Products: map[ProductCode]Product{{"A", "B"}: {Kind: pskc.TOTP, Period: -1}}}, ErrOptions,
			"time step"},
	} {
		tt.opt.Name = tt.name
		_, err := open(tt.content, tt.opt)
		fails(t, err, tt.kind, tt.part)
		if e, ok := errors.AsType[*Error](err); !ok || (tt.kind == ErrUnreadable || tt.kind == ErrUnknown) &&
			e.Hint == "" {
			t.Errorf("%s: error %#v has no hint", tt.name, err)
		}
	}
	for f := range foreign {
		if f.Description() == string(f) || foreign[f].hint == "" {
			t.Errorf("%s lacks a description or a hint", f)
		}
	}
	for _, f := range Formats() {
		if f.Description == "" || f.Name.Description() != f.Description {
			t.Errorf("%s lacks a description", f.Name)
		}
	}
}

func TestLimits(t *testing.T) {
	_, err := Open(bytes.NewReader(make([]byte, MaxBytes+1)), Options{})
	fails(t, err, ErrLimit, "larger than")
	_, err = Open(strings.NewReader(strings.Repeat("a\n", MaxKeys+1)), Options{Format: OATHCSV})
	fails(t, err, ErrLimit, "more than 1000000 entries")
}

// TestClosed: nothing of a file remains, and nothing of it prints.
func TestClosed(t *testing.T) {
	f, err := Open(strings.NewReader(testfile(t, "oath-csv/plain.csv")), Options{Now: sampleTime})
	if err != nil {
		t.Fatal(err)
	}
	silentOn(t, fmt.Sprintf("%v %+v %#v %v", f, f, *f, f.Info()))
	data := f.data
	f.Close()
	if _, err := f.Next(); err == nil || len(bytes.Trim(data, "\x00")) > 0 {
		t.Errorf("a closed file gives %v, and %d bytes remain", err, len(bytes.Trim(data, "\x00")))
	}
}
