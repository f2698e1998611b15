package activation

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"

	"ostiary/internal/codec/cbor"
)

// The examples of RFC 9285 section 4.3 and 4.4, and its refusals.
func TestBase45(t *testing.T) {
	t.Parallel()
	for plain, text := range map[string]string{"": "", "AB": "BB8", "Hello!!": "%69 VD92EX0", "base-45": "UJCLQE7W581",
		"ietf!": "QED8WEX0", "\x00": "00", "\xff\xff": "FGW", "\xff": "U5"} {
		if got := string(appendBase45([]byte("x"), []byte(plain))); got != "x"+text {
			t.Errorf("%q is %q, want %q", plain, got, text)
		}
		if got, ok := decodeBase45(text); !ok || string(got) != plain {
			t.Errorf("%q is read as %q, %v", text, got, ok)
		}
	}
	for _, text := range []string{"A", "BB8A", "GGW", ":::", "V5", "::", "bb8", "BB\u00d6", "B\x008"} {
		if got, ok := decodeBase45(text); ok {
			t.Errorf("%q is read as %x", text, got)
		}
	}
}

func TestMessagesAreCarried(t *testing.T) {
	t.Parallel()
	const server = "https://ostiary.example:8443"
	for size := range 300 {
		m := Message{Type(1 + size%6), bytesOf("payload"+big.NewInt(int64(size)).String(), size)}
		qr, _, err := m.QR()
		if err != nil {
			t.Fatal(err)
		}
		paste, link := must(m.Paste()), must(m.Link(server))
		fragment := string(link)[strings.IndexByte(string(link), '#'):]
		for _, text := range []string{string(qr), "\n\t " + string(qr) + "\r\n", string(paste), " " + string(paste) +
			" \n", string(link), fragment} {
			got, err := ReadMessage(text)
			if err != nil || got.Type != m.Type || !bytes.Equal(got.Payload, m.Payload) {
				t.Fatalf("%q: %v", text, err)
			}
		}
		if strings.Trim(string(qr), base45) != "" {
			t.Errorf("%q does not fit into alphanumeric mode", string(qr))
		}
		if want := server + "/app#" + string(paste); string(link) != want {
			t.Errorf("%q, want %q", string(link), want)
		}
	}
}

func TestLevelsOfCodeImages(t *testing.T) {
	t.Parallel()
	// [type, payload] is 5 bytes longer than a payload of 256 bytes and more.
	for size, want := range map[int]byte{395: 'M', 396: 'L', 2855: 'L', 2856: 0} {
		text, level, err := (Message{TypeVector, make([]byte, size)}).QR()
		if level != want || (err == nil) != (want != 0) || len(text) > 4296 {
			t.Errorf("%d bytes: level %q, %d characters, %v", size, level, len(text), err)
		}
		if want == 0 && !errors.Is(err, ErrTooLong) {
			t.Error(err)
		}
	}
}

func TestMessageRefusals(t *testing.T) {
	t.Parallel()
	qr := func(b []byte) string { return string(appendBase45([]byte(qrPrefix), b)) }
	paste := func(b []byte) string { return pastePrefix + base64.RawURLEncoding.EncodeToString(b) }
	good := must(Message{TypeVector, []byte("payload")}.encode())
	if _, err := ReadMessage(paste(good)); err != nil {
		t.Fatal(err)
	}
	if paste(good)[len(paste(good))-1] != 'A' {
		good = must(Message{TypeVector, []byte("payloadxx")}.encode()) // spare bits are zero in the end
	}
	for name, text := range map[string]string{
		"nothing": "", "prefix alone": "ost1.", "QR prefix alone": "OST1:", "no prefix": paste(good)[5:],
		"small QR prefix": strings.ToLower(qr(good)), "QR cut off": qr(good)[:len(qr(good))-1],
		"great prefix": "OST1." + paste(good)[5:], "padding": paste(good) + "=",
		"base64 of the other alphabet": "ost1.+/+/", "line break within": paste(good)[:10] + "\n" + paste(good)[10:],
		"space within": paste(good)[:10] + " " + paste(good)[10:], "two messages": paste(good) + paste(good),
		"type 0": paste([]byte{0x82, 0, 0x40}), "type 7": paste([]byte{0x82, 7, 0x40}),
		"type 257": paste([]byte{0x82, 0x19, 1, 1, 0x40}), "three items": paste([]byte{0x83, 1, 0x40, 0}),
		"text":        paste([]byte{0x82, 1, 0x60}),
		"byte behind": paste(append(bytes.Clone(good), 0)), "another path": "https://ostiary.example/login#" +
			paste(good), "path with slash": "https://ostiary.example/app/#" + paste(good),
		"query": "https://ostiary.example/app?x#" + paste(good), "link of QR": "https://ostiary.example/app#" +
			qr(good), "user in link": "https://a@ostiary.example/app#" + paste(good),
		"plain link": "http://ostiary.example/app#" + paste(good), "scheme": "javascript://ostiary.example/app#" +
			paste(good), "long": strings.Repeat(" ", maxText+1) + paste(good),
		"too many bytes":  paste(append([]byte{0x82, 1, 0x59, 0x0b, 0x28}, make([]byte, 2856)...)),
		"activation code": "<QRCode><SN>1</SN><AC>0</AC></QRCode>",
	} {
		if m, err := ReadMessage(text); !errors.Is(err, ErrCarrier) {
			t.Errorf("%s: %v, %v", name, m.Type, err)
		}
	}
	for _, typ := range []Type{0, 7} {
		if _, err := (Message{Type: typ}).Paste(); !errors.Is(err, ErrCarrier) {
			t.Error(typ, err)
		}
	}
	if _, err := (Message{Type: TypeOffer}).Link("https://ostiary.example/"); !errors.Is(err, ErrServer) {
		t.Error(err)
	}
	if _, err := (Message{TypeVector, make([]byte, 2856)}).Link("https://ostiary.example"); !errors.Is(
		err, ErrTooLong) {
		t.Error(err)
	}
	// One text for each message: bits to spare are zero.
	spare := []byte(paste(must(Message{TypeVector, make([]byte, 1)}.encode())))
	if len(spare)%4 == 1 {
		t.Fatal("no bits to spare")
	}
	spare[len(spare)-1]++
	if _, err := ReadMessage(string(spare)); !errors.Is(err, ErrCarrier) {
		t.Errorf("spare bits: %v", err)
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://ostiary.example": true, "https://a-b.c3.example:8443": true, "https://192.0.2.1": true,
		"https://[2001:db8::1]:443": true, "https://localhost": true,
		"http://localhost": true, "http://localhost:8080": true, "http://127.0.0.1:8080": true,
		"http://[::1]:8080": true, "https://" + strings.Repeat("a", 63) + ".example:65535": true,
		"": false, "https://": false, "https:///": false, "ostiary.example": false, "ftp://ostiary.example": false,
		"HTTPS://ostiary.example": false, "https://Ostiary.example": false,
		"https://ostiary.example/": false, "https://ostiary.example/app": false, "https://ostiary.example?x": false,
		"https://ostiary.example#x": false, "https://u@ostiary.example": false,
		"https://ostiary.example:": false, "https://ostiary.example:0": false, "https://ostiary.example:0443": false,
		"https://ostiary.example:65536": false, "https://ostiary.example:+1": false,
		"https://.example": false, "https://ostiary..example": false, "https://ostiary.example.": false,
		"https://-a.example": false, "https://a-.example": false, "https://a b": false, "https://zürich.example": false,
		"https://[::1": false, "https://[]": false, "https://[ab]": false, "https://[::g]": false,
		"https://[::1]x": false, "https://::1": false,
		"http://ostiary.example": false, "http://localhost.example": false, "http://127.0.0.1.example": false,
		"http://10.0.0.1": false, "https://" + strings.Repeat("a", 64) + ".example": false,
		"https://" + strings.Repeat("a.", 100) + "example": false,
	} {
		if validServer(address) != want {
			t.Errorf("%q: %v", address, !want)
		}
	}
}

func TestOffer(t *testing.T) {
	t.Parallel()
	o := Offer{"https://ostiary.example", testCode()}
	b := must(o.Encode())
	got, err := ParseOffer(b)
	if err != nil || got.Server != o.Server || !bytes.Equal(got.Code.Text(), o.Code.Text()) {
		t.Fatal(err)
	}
	if _, err := (Offer{"https://ostiary.example/", testCode()}).Encode(); !errors.Is(err, ErrServer) {
		t.Error(err)
	}
	if _, err := (Offer{Server: "https://ostiary.example"}).Encode(); !errors.Is(err, ErrRegistrationEmpty) {
		t.Error(err)
	}
	text := func(key uint64, s string) func(*cborMap) {
		return func(m *cborMap) { m.set(key, cbor.AppendText(nil, s)) }
	}
	for name, c := range map[string]struct {
		edit func(*cborMap)
		want error
	}{
		"version 2":    {func(m *cborMap) { m.set(0, []byte{2}) }, ErrVersion},
		"no version":   {func(m *cborMap) { m.drop(0) }, ErrMessage},
		"no code":      {func(m *cborMap) { m.drop(2) }, ErrMessage},
		"plain http":   {text(1, "http://ostiary.example"), ErrServer},
		"grouped code": {text(2, Group(string(o.Code.Text()))), ErrMessage},
		"short code":   {text(2, string(o.Code.Text()[1:])), ErrMessage},
		"mistyped":     {text(2, strings.Repeat("0", 25)), ErrMessage},
		"one key more": {text(3, ""), ErrMessage},
	} {
		m := mapOf(t, b)
		c.edit(m)
		if got, err := ParseOffer(m.encode()); !errors.Is(err, c.want) || got.Server != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQRBody(t *testing.T) {
	t.Parallel()
	code := Secret("0123456789ABCDEFGHJKMNPQRSTVWX")
	for _, c := range []struct {
		body QRBody
		want string
	}{
		{QRBody{Serial: "FDM10000001", Code: code},
			"<QRCode><SN>FDM10000001</SN><AC>0123456789ABCDEFGHJKMNPQRSTVWX</AC></QRCode>"},
		{
			QRBody{"1", Secret(strings.Repeat("1", 45)), strings.Repeat("2", 82), `<a> & "b" 'c'`, "Ab1"},
			"<QRCode><SN>1</SN><AC>" + strings.Repeat("1", 45) + "</AC><ERC>" + strings.Repeat("2", 82) + `</ERC><USERID>&lt;a&gt; &amp; "b" 'c'</USERID><CHALLENGE>Ab1</CHALLENGE></QRCode>`,
		},
	} {
		got, err := c.body.Encode()
		if err != nil || string(got) != c.want {
			t.Errorf("%q, %v; want %q", string(got), err, c.want)
		}
		again, err := ReadQRBody(c.want)
		if err != nil || again.Serial != c.body.Serial || !bytes.Equal(again.Code, c.body.Code) ||
			again.ERC != c.body.ERC || again.UserID != c.body.UserID || again.Challenge != c.body.Challenge {
			t.Errorf("%+v, %v; want %+v", again, err, c.body)
		}
	}
	got, err := ReadQRBody("<QRCode>\r\n\t<CHALLENGE>1</CHALLENGE> " +
		"<AC>01234-56789-abcde-fghjk-mnpqr-stvwx</AC>\n<USERID>&lt;&gt;&amp;&quot;&apos;&amp;lt;</USERID><ERC>01234-56789-12</ERC><SN>FDM1</SN>\n</QRCode>")
	if err != nil || !bytes.Equal(got.Code, code) || got.UserID != `<>&"'&lt;` || got.ERC != "012345678912" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestQRBodyRefusals(t *testing.T) {
	t.Parallel()
	const sn, ac = "<SN>FDM10000001</SN>", "<AC>0123456789ABCDEFGHJKMNPQRSTVWX</AC>"
	body := func(inner string) string { return "<QRCode>" + inner + "</QRCode>" }
	if _, err := ReadQRBody(body(sn + ac)); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]error{
		"":                                                           ErrQRBody,
		"FDM10000001":                                                ErrQRBody,
		" " + body(sn+ac):                                            ErrQRBody,
		body(sn+ac) + "\n":                                           ErrQRBody,
		"\ufeff" + body(sn+ac):                                       ErrQRBody,
		`<?xml version="1.0"?>` + body(sn+ac):                        ErrQRBody,
		"<QRCode >" + sn + ac + "</QRCode>":                          ErrQRBody,
		"<qrcode>" + sn + ac + "</qrcode>":                           ErrQRBody,
		body(body(sn + ac)):                                          ErrQRBody,
		body(sn+ac) + body(sn+ac):                                    ErrQRBody,
		body(sn):                                                     ErrQRBody,
		body(ac):                                                     ErrQRBody,
		body(""):                                                     ErrQRBody,
		body(sn + sn + ac):                                           ErrQRBody,
		body(sn + ac + "text"):                                       ErrQRBody,
		body("text" + sn + ac):                                       ErrQRBody,
		body(sn + "\u00a0" + ac):                                     ErrQRBody,
		body(sn + "\v" + ac):                                         ErrQRBody,
		body(sn + ac + "<X>1</X>"):                                   ErrQRBody,
		body(sn + ac + "<ERC/>"):                                     ErrQRBody,
		body(sn + ac + "<ERC></ERC>"):                                ErrQRBody,
		body(sn + ac + `<ERC x="1">1</ERC>`):                         ErrQRBody,
		body(sn + ac + "<ERC>1"):                                     ErrQRBody,
		body(sn + ac + "<ERC>1</erc>"):                               ErrQRBody,
		body(sn + ac + "<!-- c -->"):                                 ErrQRBody,
		body(sn + ac + "<USERID>a<!-- --></USERID>"):                 ErrQRBody,
		body(sn + ac + "<USERID><![CDATA[a]]></USERID>"):             ErrQRBody,
		body(sn + ac + "<USERID>a<SN>1</SN></USERID>"):               ErrQRBody,
		body(sn + ac + "<USERID>&#97;</USERID>"):                     ErrQRBody,
		body(sn + ac + "<USERID>&nbsp;</USERID>"):                    ErrQRBody,
		body(sn + ac + "<USERID>a & b</USERID>"):                     ErrQRBody,
		body(sn + ac + "<USERID>&amp</USERID>"):                      ErrQRBody,
		body(sn + ac + "<USERID>&AMP;</USERID>"):                     ErrQRBody,
		body(sn + ac + "<USERID>a > b</USERID>"):                     ErrQRBody,
		body(sn + ac + strings.Repeat(" ", 1024)):                    ErrQRBody,
		body("<SN>ABCD1</SN>" + ac):                                  ErrSerial,
		body("<SN>fdm1</SN>" + ac):                                   ErrSerial,
		body("<SN>FDM-1</SN>" + ac):                                  ErrSerial,
		body("<SN>FDM</SN>" + ac):                                    ErrSerial,
		body(sn + "<AC>-</AC>"):                                      ErrCodeEmpty,
		body(sn + "<AC>0123456789</AC>"):                             ErrCodeLength,
		body(sn + "<AC>U</AC>"):                                      ErrCodeCharacter,
		body(sn + "<AC>" + strings.Repeat("A", 45) + "</AC>"):        ErrCodeCharacter,
		body(sn + ac + "<ERC>12</ERC>"):                              ErrERCLength,
		body(sn + ac + "<ERC>-</ERC>"):                               ErrERCLength,
		body(sn + ac + "<ERC>1234567890123</ERC>"):                   ErrERCLength,
		body(sn + ac + "<ERC>" + strings.Repeat("1", 92) + "</ERC>"): ErrERCLength,
		body(sn + ac + "<ERC>O00000000000</ERC>"):                    ErrERCCharacter,
		body(sn + ac + "<USERID>a\nb</USERID>"):                      ErrUserID,
		body(sn + ac + "<USERID>" + strings.Repeat("x", 41) + "</USERID>"):       ErrUserID,
		body(sn + ac + "<USERID>\xff</USERID>"):                                  ErrUserID,
		body(sn + ac + "<CHALLENGE>a b</CHALLENGE>"):                             ErrChallenge,
		body(sn + ac + "<CHALLENGE>" + strings.Repeat("1", 65) + "</CHALLENGE>"): ErrChallenge,
	} {
		if got, err := ReadQRBody(text); !errors.Is(err, want) || got.Serial != "" {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	for want, b := range map[error]QRBody{
		ErrSerial: {}, ErrCodeEmpty: {Serial: "1"}, ErrUserID: {Serial: "1", Code: Secret(strings.Repeat("1", 30)),
			UserID: "\n"},
	} {
		if _, err := b.Encode(); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}
