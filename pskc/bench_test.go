package pskc

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// BenchmarkRead10000 reads a file of 10,000 keys, AES-128-CBC with HMAC-SHA1,
// laid out as manufacturers and python-pskc do.
func BenchmarkRead10000(b *testing.B) {
	const keys = 10_000
	parts := []string{pskHeader, macXML()}
	for i := range keys {
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
	file := container(parts...)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader(strings.NewReader(file), Options{PreSharedKey: testKey})
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
}
