package pskc

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// sealedKeys is a file of n keys, AES-128-CBC with HMAC-SHA1, laid out as
// manufacturers and python-pskc do.
func sealedKeys(n int) string {
	parts := []string{pskHeader, macXML()}
	for i := range n {
		serial := fmt.Sprintf("%08d", i)
		parts = append(parts, fmt.Sprintf(`
 <KeyPackage>
  <DeviceInfo>
   <Manufacturer>Manufacturer</Manufacturer>
   <SerialNo>%s</SerialNo>
  </DeviceInfo>
  <Key Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp" Id="%s">
   <Issuer>Issuer</Issuer>
   <AlgorithmParameters>
    <ResponseFormat Encoding="DECIMAL" Length="6"/>
   </AlgorithmParameters>
   <Data>
     %s
     <Counter>
      <PlainValue>0</PlainValue>
     </Counter>
   </Data>
  </Key>
 </KeyPackage>`, serial, serial,
			strings.ReplaceAll(sealed("Secret", []byte(seed), byte(i)), "><", ">\n      <")))
	}
	return container(parts...)
}

// exportedKeys is a file of n keys as a Writer writes it.
func exportedKeys(b *testing.B, n int, opt WriterOptions) string {
	b.Helper()
	keys := make([]*Key, n)
	for i := range keys {
		serial := fmt.Sprintf("%08d", i)
		keys[i] = &Key{
			ID: serial, Kind: HOTP, Algorithm: hotpURI, Manufacturer: "Manufacturer", Serial: serial, Issuer: "Issuer",
			Secret:     Secret(seed),
			HasCounter: true, HasResponse: true, Response: ResponseFormat{Encoding: "DECIMAL", Length: 6},
		}
		if !opt.Unprotected {
			keys[i].Record = []Property{{"state", "VALID"}, {"owner", "alice"}}
		}
	}
	return export(b, opt, keys...)
}

// BenchmarkRead reads files of 100,000 keys.
func BenchmarkRead(b *testing.B) {
	const keys = 100_000
	for name, file := range map[string]string{
		"plain":       exportedKeys(b, keys, WriterOptions{Unprotected: true}),
		"AES128-SHA1": sealedKeys(keys),
		"export":      exportedKeys(b, keys, WriterOptions{}),
	} {
		b.Run(name, func(b *testing.B) {
			opt := readsExport()
			opt.PreSharedKey = testKey
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := NewReader(strings.NewReader(file), opt)
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for {
					if _, err := r.Next(); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != keys {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(keys*b.N)/b.Elapsed().Seconds(), "keys/s")
		})
	}
}

// BenchmarkWrite writes 100,000 keys with their records.
func BenchmarkWrite(b *testing.B) {
	const keys = 100_000
	k := recordKeys()[0]
	b.ReportAllocs()
	for b.Loop() {
		w := testWriter(b, io.Discard, WriterOptions{})
		for range keys {
			if err := w.Write(k); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(keys*b.N)/b.Elapsed().Seconds(), "keys/s")
}
