package activation

// base45 is the alphabet of RFC 9285, which is that of a QR code's alphanumeric
// mode.
const base45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// base45Value is the value of a character and 1 more, or 0 for none.
var base45Value = func() (table [256]byte) {
	for v := range len(base45) {
		table[base45[v]] = byte(v + 1)
	}
	return table
}()

// appendBase45 appends three characters for each two bytes, two for a last one.
func appendBase45(dst, b []byte) []byte {
	for ; len(b) >= 2; b = b[2:] {
		v := int(b[0])<<8 | int(b[1])
		dst = append(dst, base45[v%45], base45[v/45%45], base45[v/45/45])
	}
	if len(b) == 1 {
		dst = append(dst, base45[b[0]%45], base45[b[0]/45])
	}
	return dst
}

// decodeBase45 reads base45; each bytes have one text.
func decodeBase45(text string) (b []byte, ok bool) {
	for text != "" {
		n := min(3, len(text))
		if n == 1 {
			return nil, false
		}
		v := 0
		for i := n - 1; i >= 0; i-- {
			digit := base45Value[text[i]]
			if digit == 0 {
				return nil, false
			}
			v = 45*v + int(digit-1)
		}
		if v >= 1<<(8*(n-1)) {
			return nil, false
		}
		if n == 3 {
			b = append(b, byte(v>>8))
		}
		b = append(b, byte(v))
		text = text[n:]
	}
	return b, true
}
