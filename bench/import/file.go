package main

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// The pre-shared key and the MAC key of the files that are written here.
var (
	fileKey = []byte("benchmark key 16")
	macKey  = []byte("benchmark MAC key 20")
)

func serial(i int) string { return fmt.Sprintf("%09d", 100_000_000+i) }

// seed is the secret of key i.
func seed(i int) []byte {
	s := []byte("ostiary benchmark!!!")
	binary.BigEndian.PutUint32(s, uint32(i))
	return s
}

// writeFile writes a PSKC file of n HOTP keys: plain, or under AES-128-CBC with
// HMAC-SHA-1 and the pre-shared key fileKey.
func writeFile(path string, n int, encrypted bool) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>
<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xmlns:xenc="http://www.w3.org/2001/04/xmlenc#">
`)
	block, err := aes.NewCipher(fileKey)
	if err != nil {
		return err
	}
	mac := hmac.New(sha1.New, macKey)
	value := func(b []byte) (cipherValue, valueMAC string) {
		iv := make([]byte, aes.BlockSize)
		binary.BigEndian.PutUint64(iv, binary.BigEndian.Uint64(b)+1)
		pad := aes.BlockSize - len(b)%aes.BlockSize
		text := append([]byte(nil), b...)
		for range pad {
			text = append(text, byte(pad))
		}
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
		text = append(iv, text...)
		mac.Reset()
		mac.Write(text)
		return base64.StdEncoding.EncodeToString(text), base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	const method = `<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/><xenc:CipherData><xenc:CipherValue>`
	if encrypted {
		key, _ := value(macKey)
		fmt.Fprintf(w, `<EncryptionKey><ds:KeyName>bench</ds:KeyName></EncryptionKey>
<MACMethod Algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1"><MACKey>%s%s</xenc:CipherValue></xenc:CipherData></MACKey></MACMethod>
`, method, key)
	}
	for i := range n {
		fmt.Fprintf(w, `<KeyPackage><DeviceInfo><Manufacturer>BENCH</Manufacturer><SerialNo>%s</SerialNo></DeviceInfo><Key Id="%s" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp"><AlgorithmParameters><ResponseFormat Length="6" Encoding="DECIMAL"/></AlgorithmParameters><Data><Secret>`,
			serial(i), serial(i))
		if encrypted {
			v, m := value(seed(i))
			fmt.Fprintf(w, `<EncryptedValue>%s%s</xenc:CipherValue></xenc:CipherData></EncryptedValue><ValueMAC>%s</ValueMAC>`, method, v, m)
		} else {
			fmt.Fprintf(w, `<PlainValue>%s</PlainValue>`, base64.StdEncoding.EncodeToString(seed(i)))
		}
		io.WriteString(w, "</Secret><Counter><PlainValue>0</PlainValue></Counter></Data></Key></KeyPackage>\n")
	}
	io.WriteString(w, "</KeyContainer>\n")
	if err := w.Flush(); err != nil {
		return err
	}
	// Now, or the kernel writes hundreds of megabytes half a minute later, while
	// the server is measured.
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

func writeKey(path string) error {
	return os.WriteFile(path, []byte(hex.EncodeToString(fileKey)+"\n"), 0o600)
}
