package activation

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maker collects the cases of the vectors. The output of a case that is to be
// accepted is what is read; that another implementation reads the same is
// check.py's to say.
type maker struct {
	t   *testing.T
	set *vectorSet
}

func (m *maker) file(file, about string) { m.set.files[file] = &vectorFile{About: about} }

func (m *maker) accept(file, name string, in fields) {
	m.t.Helper()
	out, err := readers[file](m.set, in)
	if err != nil {
		m.t.Fatalf("%s: %s: %v", file, name, err)
	}
	m.set.files[file].Cases = append(m.set.files[file].Cases, vectorCase{Name: name, In: in, Out: &out})
}

func (m *maker) refuse(file, reason, label string, in fields) {
	m.t.Helper()
	if _, err := readers[file](m.set, in); err == nil || name(err) != reason {
		m.t.Fatalf("%s: %s: %v, want %s", file, label, err, reason)
	}
	m.set.files[file].Cases = append(m.set.files[file].Cases, vectorCase{Name: label, In: in, Refuse: reason})
}

func writeVectors(t *testing.T) {
	t.Helper()
	m := &maker{t, &vectorSet{map[string]*vectorFile{}, map[string]*Vector{}}}
	m.profile()
	m.code()
	m.appKey()
	m.erc()
	m.fad()
	m.registration()
	m.derivation()
	m.online()
	m.offer()
	m.carrier()
	m.qrBody()
	if err := os.MkdirAll(vectorDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, f := range m.set.files {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if err := e.Encode(f); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(vectorDir, file+".json"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *maker) profile() {
	m.file("profile", "A static vector is read. Other files name these profiles.")
	add := func(name string, v *Vector) {
		m.set.profiles[name] = v
		m.accept("profile", name, fields{Vector: hex.EncodeToString(v.encoded)})
	}
	for _, name := range sortedKeys(profiles()) {
		add(name, profiles()[name])
	}
	add("default Argon2id", vector(func(p *Profile) { p.Rules.Argon2id = DefaultArgon2id() }))
	add("no prefix", vector(noPassword, func(p *Profile) { p.Prefix = "" }))
	add("secure channel", vector(func(p *Profile) { p.TwoStep, p.SecureChannel = true, true }))

	good := sheet().encode()
	refuse := func(reason, name string, b []byte) {
		m.refuse("profile", reason, name, fields{Vector: hex.EncodeToString(b)})
	}
	refuse("vector", "empty", nil)
	refuse("vector", "cut off", good[:len(good)-1])
	refuse("vector", "byte behind", append(bytes.Clone(good), 0))
	refuse("vector", "unknown key", edited(m.t, good, setUint(11, 0)))
	refuse("vector", "missing key", edited(m.t, good, dropKey(9)))
	refuse("version", "version 2", edited(m.t, good, setUint(0, 2)))
	refuse("vector", "long form of a number", edited(m.t, good, func(m *cborMap) { m.set(0, []byte{0x18, 1}) }))
	refuse("vector", "text of no length", edited(m.t, good, func(m *cborMap) { m.set(2, []byte{0x7f, 0x60, 0xff}) }))
	refuse("vector", "key of 31 bytes", edited(m.t, good, setBytes(3, make([]byte, 31))))
	for name, change := range map[string]func(*Profile){
		"prefix of small letters": func(p *Profile) { p.Prefix = "fdm" },
		"indexes not rising": func(p *Profile) {
			p.Applications = append(
				p.Applications, p.Applications[0])
		},
		"no one-time passwords": func(p *Profile) { events(p); p.Applications = p.Applications[2:] },
		"signature without QH64": func(p *Profile) {
			events(p)
			p.Applications[2].Suite = must(
				ParseSuite("OCRA-1:HOTP-SHA1-6:QH40"))
		},
		"PIN of 3 digits":                   func(p *Profile) { p.PIN.Min = 3 },
		"password checked but not required": func(p *Profile) { p.Rules.Password, p.Rules.CheckPassword = false, true },
		"less than 8 KiB for each lane":     func(p *Profile) { p.Rules.Argon2id = Argon2id{1, 31, 4} },
		"channel without erasing": func(p *Profile) {
			p.TwoStep, p.SecureChannel, p.PIN.Penalty = true, true,
				WrongAnswers
		},
		"name that turns round": func(p *Profile) { p.Name = "a\u202eb" },
	} {
		refuse("vector", name, sheet(change).encode())
	}
	sortCases(m.set.files["profile"], len(m.set.profiles))
}

// sortCases puts cases from a map in order: the first n stay.
func sortCases(f *vectorFile, n int) {
	slices.SortStableFunc(f.Cases[n:], func(a, b vectorCase) int { return strings.Compare(a.Name, b.Name) })
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// in is what a code of a profile is bound to.
func (m *maker) in(profile string, counters ...uint64) fields {
	in := fields{Profile: profile, Serial: testSerial, Counters: counters}
	if m.set.profiles[profile].profile.Rules.Password {
		in.Password = testPassword
	}
	return in
}

func (m *maker) coded(profile string, counters ...uint64) fields {
	in := m.in(profile, counters...)
	v, terms := m.set.input(in)
	in.Code = string(must(v.MakeCode(testSecret, terms)))
	return in
}

func (m *maker) code() {
	m.file("code", "An activation code is read as typed, under serial, password and counters, and gives the secret "+
		"S. The code in out is its canonical form.")
	for _, p := range []string{"base32", "base32 password", "base32 checked password", "decimal", "decimal password",
		"decimal checked password", "default Argon2id", "bound"} {
		m.accept("code", p, m.coded(p))
	}
	m.accept("code", "first time, without ERC", m.coded("events"))
	m.accept("code", "with counters", m.coded("events", 17, 4))
	m.accept("code", "greatest counters", m.coded("events same key", MaxCounter, MaxCounter))
	with := func(in fields, change func(*fields)) fields { change(&in); return in }
	m.accept("code", "grouped, small",
		with(m.coded("base32"), func(f *fields) { f.Code = strings.ToLower(Group(f.Code)) }))
	m.accept("code", "O, I and L",
		with(m.coded("base32"), func(f *fields) { f.Code = strings.NewReplacer("0", "o", "1", "I").Replace(f.Code) }))
	m.accept("code", "digits grouped",
		with(m.coded("decimal"), func(f *fields) { f.Code = strings.ReplaceAll(Group(f.Code), "-", " ") }))
	m.accept("code", "number alone", with(m.coded("base32"), func(f *fields) { f.Serial = "10000001" }))
	m.accept("code", "password grouped, small",
		with(m.coded("base32 password"), func(f *fields) { f.Password = "abcde-l2345" }))
	own := m.in("base32 checked password")
	own.Password = "Correct horse"
	v, terms := m.set.input(own)
	own.Code = string(must(v.MakeCode(testSecret, terms)))
	m.accept("code", "password of somebody's own", own)

	m.refuse("code", "code-or-password", "password of somebody's own in small letters",
		with(own, func(f *fields) { f.Password = "correct horse" }))
	m.refuse("code", "code-or-password", "wrong password, checked",
		with(m.coded("base32 checked password"), func(f *fields) { f.Password = "ABCDE12346" }))
	m.refuse("code", "password-empty", "no password",
		with(m.coded("base32 password"), func(f *fields) { f.Password = "" }))
	m.refuse("code", "password", "password of 9",
		with(m.coded("base32 password"), func(f *fields) { f.Password = "ABCDE1234" }))
	m.refuse("code", "password-unexpected", "password for a profile without",
		with(m.coded("base32"), func(f *fields) { f.Password = testPassword }))
	m.refuse("code", "code-invalid", "wrong character",
		with(m.coded("base32"), func(f *fields) { f.Code = change(f.Code, 3) }))
	m.refuse("code", "code-invalid", "wrong check character",
		with(m.coded("base32"), func(f *fields) { f.Code = change(f.Code, 29) }))
	m.refuse("code", "code-invalid", "wrong digit",
		with(m.coded("decimal"), func(f *fields) { f.Code = change(f.Code, 44) }))
	m.refuse("code", "code-invalid", "number of 2^128",
		with(m.in("decimal"), func(f *fields) { f.Code = "340282366920938463463374607431768211456" + "000000" }))
	m.refuse("code", "code-invalid", "other serial",
		with(m.coded("base32"), func(f *fields) { f.Serial = "FDM10000002" }))
	m.refuse("code", "code-invalid", "other profile",
		with(m.coded("base32"), func(f *fields) { f.Profile = "no prefix"; f.Serial = "10000001" }))
	m.refuse("code", "code-invalid", "counters left out",
		with(m.coded("events", 17, 4), func(f *fields) { f.Counters = nil }))
	m.refuse("code", "code-invalid", "other counters",
		with(m.coded("events", 17, 4), func(f *fields) { f.Counters = []uint64{18, 4} }))
	m.refuse("code", "counter", "one counter of two",
		with(m.coded("events"), func(f *fields) { f.Counters = []uint64{17} }))
	m.refuse("code", "erc-unexpected", "counters for a profile without",
		with(m.coded("base32"), func(f *fields) { f.Counters = []uint64{17} }))
	m.refuse("code", "code-length", "character missing",
		with(m.coded("base32"), func(f *fields) { f.Code = f.Code[1:] }))
	m.refuse("code", "code-character", "U", with(m.coded("base32"), func(f *fields) { f.Code = "U" + f.Code[1:] }))
	m.refuse("code", "code-character", "letter among digits",
		with(m.coded("decimal"), func(f *fields) { f.Code = "O" + f.Code[1:] }))
	m.refuse("code", "code-empty", "no code", m.in("base32"))
	m.refuse("code", "prefix", "other prefix", with(m.coded("base32"), func(f *fields) { f.Serial = "FDL10000001" }))
	m.refuse("code", "serial", "serial of 16 digits",
		with(m.coded("base32"), func(f *fields) { f.Serial = "FDM1234567890123456" }))
	m.refuse("code", "serial-empty", "no serial", with(m.coded("base32"), func(f *fields) { f.Serial = "" }))
	m.refuse("code", "two-step", "two-step profile",
		with(m.coded("base32"), func(f *fields) { f.Profile = "two-step" }))
}

// change replaces the character at i by another of both alphabets.
func change(code string, i int) string {
	c := byte('7')
	if code[i] == c {
		c = '8'
	}
	return code[:i] + string(c) + code[i+1:]
}

func (m *maker) appKey() {
	m.file("appkey", "The key of an application from the secret S; device is D, with binding.")
	s := hex.EncodeToString(testSecret)
	d := hex.EncodeToString(bytesOf("device", DeviceSecretSize))
	for _, i := range []int{1, 2, 5} {
		m.accept("appkey", "application "+string(rune('0'+i)), fields{Profile: "events", Secret: s, Serial: testSerial,
			Index: i})
	}
	m.accept("appkey", "bound", fields{Profile: "bound", Secret: s, Serial: testSerial, Index: 1, Device: d})
	m.refuse("appkey", "application", "no such application", fields{Profile: "events", Secret: s, Serial: testSerial,
		Index: 3})
	m.refuse("appkey", "key-size", "binding without D", fields{Profile: "bound", Secret: s, Serial: testSerial,
		Index: 1})
	m.refuse("appkey", "key-size", "D without binding", fields{Profile: "events", Secret: s, Serial: testSerial,
		Index: 1, Device: d})
}

func (m *maker) erc() {
	m.file("erc", "An ERC is read as typed and gives the next counter of each application that counts events.")
	for name, counters := range map[string][]uint64{"small": {17, 4}, "zero": {0, 0},
		"greatest": {MaxCounter, MaxCounter}} {
		m.accept(
			"erc", name,
			fields{Profile: "events", Serial: testSerial,
				ERC: must(m.set.profiles["events"].MakeERC(testSerial, counters))})
	}
	sortCases(m.set.files["erc"], 0)
	erc := must(m.set.profiles["events"].MakeERC(testSerial, []uint64{17, 4}))
	in := func(erc string) fields { return fields{Profile: "events", Serial: testSerial, ERC: erc} }
	m.accept("erc", "grouped", in(Group(erc)))
	m.refuse("erc", "erc-invalid", "wrong digit", in(change(erc, 9)))
	m.refuse("erc", "erc-invalid", "neighbours swapped", in(erc[:8]+erc[9:10]+erc[8:9]+erc[10:]))
	other := in(erc)
	other.Serial = "FDM10000002"
	m.refuse("erc", "erc-invalid", "other serial", other)
	for c := range uint64(97) {
		if e := must(m.set.profiles["events"].MakeERC(testSerial, []uint64{c, 0})); strings.HasSuffix(e, "02") {
			m.refuse("erc", "erc-invalid", "check digits 99 for 02", in(e[:20]+"99"))
		}
	}
	m.refuse("erc", "erc-empty", "nothing", in(""))
	m.refuse("erc", "erc-character", "letter", in("O"+erc[1:]))
	m.refuse("erc", "erc-length", "digit missing", in(erc[1:]))
	m.refuse("erc", "erc-unexpected", "profile without events", fields{Profile: "base32", Serial: testSerial, ERC: erc})
}

func (m *maker) fad() {
	m.file("fad", "Full activation data is read; hash is that of its vector.")
	v := m.set.profiles["base32 password"]
	f := FAD{Vector: v, Serial: testSerial, Code: must(v.MakeCode(testSecret, input(v))), Label: "ann"}
	good := must(f.Encode())
	in := func(b []byte) fields { return fields{FAD: hex.EncodeToString(b)} }
	m.accept("fad", "with label", in(good))
	m.accept("fad", "without label", in(edited(m.t, good, dropKey(4))))
	m.refuse("fad", "version", "version 2", in(edited(m.t, good, setUint(0, 2))))
	m.refuse("fad", "message", "prefix before the number", in(edited(m.t, good, setText(2, testSerial))))
	m.refuse("fad", "message", "code in groups", in(edited(m.t, good, setText(3, Group(string(f.Code))))))
	m.refuse("fad", "message", "empty label", in(edited(m.t, good, setText(4, ""))))
	m.refuse("fad", "message", "unknown key", in(edited(m.t, good, setText(5, "x"))))
	m.refuse("fad", "vector", "vector cut off", in(edited(m.t, good, setBytes(1, v.encoded[1:]))))
	m.refuse("fad", "two-step", "two-step vector",
		in(edited(m.t, good, setBytes(1, m.set.profiles["two-step"].encoded))))
}

func (m *maker) registration() {
	m.file("registration", "A registration code is read as typed; mac is MAC(KDF(R, \"on/req\"; 32), \"message\").")
	text := string(testCode().Text())
	in := func(s string) fields { return fields{Registration: s} }
	m.accept("registration", "plain", in(text))
	m.accept("registration", "grouped, small", in(strings.ToLower(Group(text))))
	m.refuse("registration", "registration-invalid", "wrong character", in(change(text, 7)))
	m.refuse("registration", "registration-invalid", "wrong check character", in(change(text, 24)))
	m.refuse("registration", "registration-length", "character missing", in(text[1:]))
	m.refuse("registration", "registration-character", "U", in("U"+text[1:]))
	m.refuse("registration", "registration-empty", "nothing", in(""))
}

func (m *maker) derivation() {
	m.file("derivation", "A derivation code is read as typed, under S and the serial, and gives D; display is what "+
		"consoles show.")
	s := hex.EncodeToString(testSecret)
	for i, name := range []string{"device", "another device"} {
		code := string(must(DerivationCode(testSecret, testSerial, bytesOf(name, DeviceSecretSize))))
		if i == 1 {
			code = strings.ToLower(Group(code))
		}
		m.accept("derivation", name, fields{Secret: s, Serial: testSerial, Derivation: code})
	}
	code := string(must(DerivationCode(testSecret, testSerial, bytesOf("device", DeviceSecretSize))))
	m.refuse("derivation", "derivation-invalid", "wrong character",
		fields{Secret: s, Serial: testSerial, Derivation: change(code, 2)})
	m.refuse("derivation", "derivation-invalid", "other serial",
		fields{Secret: s, Serial: "FDM10000002", Derivation: code})
	m.refuse("derivation", "derivation-invalid", "other epoch",
		fields{Secret: hex.EncodeToString(bytesOf("other", SecretSize)), Serial: testSerial, Derivation: code})
	m.refuse("derivation", "derivation-length", "character missing",
		fields{Secret: s, Serial: testSerial, Derivation: code[1:]})
	m.refuse("derivation", "derivation-character", "U",
		fields{Secret: s, Serial: testSerial, Derivation: "U" + code[1:]})
	m.refuse("derivation", "derivation-empty", "nothing", fields{Secret: s, Serial: testSerial})
}

func (m *maker) online() {
	m.file("request", "The body of POST /api/v1/activate, as the server reads it. hash is H(request).")
	m.file("answer", "The body of its answer, as the device reads it whose request and private key (seed) "+
		"stand beside it.")
	m.file("confirm", "The body of POST /api/v1/activate/confirm, as the server reads it; hash is H(request).")
	m.file("result", "The body of its answer, as the device reads it that sent confirm.")
	v := m.set.profiles["events"]
	o := testOnline(m.t, v, 17, 4)
	hash := o.request.Hash()
	registration := string(o.code.Text())
	reg := func(b []byte) fields { return fields{Registration: registration, Body: hex.EncodeToString(b)} }
	signed := func(label string, context []byte, message []byte) []byte {
		return pack(message, o.code.MAC(label, context, message))
	}
	flipped := func(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 1; return b }

	request := o.exchange.Request()
	message := o.exchange.message
	m.accept("request", "first", reg(request))
	m.accept("request", "other type and name",
		reg(signed(labelRequest, nil, edited(m.t, edited(m.t, message, setText(4, "銀行")), setUint(3, 0)))))
	m.refuse("request", "auth", "bit of the MAC flipped", reg(flipped(request, len(request)-1)))
	m.refuse("request", "auth", "bit of the nonce flipped", reg(flipped(request, len(request)-36)))
	m.refuse("request", "auth", "MAC of a confirmation", reg(signed(labelConfirm, nil, message)))
	m.refuse("request", "version", "version 2", reg(signed(labelRequest, nil, edited(m.t, message, setUint(0, 2)))))
	m.refuse("request", "message", "unknown device type",
		reg(signed(labelRequest, nil, edited(m.t, message, setUint(3, 6)))))
	m.refuse("request", "message", "unknown key", reg(signed(labelRequest, nil, edited(m.t, message, setUint(6, 0)))))
	m.refuse("request", "message", "small locator",
		reg(signed(labelRequest, nil, edited(m.t, message, setText(1, strings.ToLower(o.code.Locator()))))))
	m.refuse("request", "auth", "locator of another offer",
		reg(signed(labelRequest, nil, edited(m.t, message, setText(1, "00000")))))
	m.refuse("request", "message", "key that is none",
		reg(signed(labelRequest, nil, edited(m.t, message, setBytes(2, bytes.Repeat([]byte{0xff}, hpkePublicSize))))))

	opened := func(b []byte) fields {
		in := reg(b)
		in.Request, in.Seed = hex.EncodeToString(request), hex.EncodeToString(must(o.exchange.private().Bytes()))
		return in
	}
	time := testOnline(m.t, m.set.profiles["base32 password"])
	body, _, err := unpack(o.answer)
	if err != nil {
		m.t.Fatal(err)
	}
	m.accept("answer", "with XERC", opened(o.answer))
	m.accept("answer", "without XERC", opened(time.answer))
	m.refuse("answer", "auth", "bit of the MAC flipped", opened(flipped(o.answer, len(o.answer)-1)))
	m.refuse("answer", "auth", "bit of XFAD flipped", opened(flipped(o.answer, 1300)))
	m.refuse("answer", "sealed", "bit of XFAD flipped, right MAC",
		opened(signed(labelResponse, hash[:], edited(m.t, body, setBytes(2, flipped(o.sealed.XFAD, 9))))))
	m.refuse("answer", "sealed", "XERC of another answer",
		opened(signed(labelResponse, hash[:], edited(m.t, body, setBytes(3, flipped(o.sealed.XERC, 0))))))
	m.refuse("answer", "message", "time 0", opened(signed(labelResponse, hash[:], edited(m.t, body, setUint(4, 0)))))
	m.refuse("answer", "version", "version 2", opened(signed(labelResponse, hash[:], edited(m.t, body, setUint(0, 2)))))

	confirm := must(
		o.exchange.Confirm(
			Confirmation{OTP: Secret("123456"), Next: Secret("654321"), Derivation: Secret("ABCDEFGHJKMNPQRSTVWX")}))
	plain := must(o.exchange.Confirm(Confirmation{OTP: Secret("0012345678")}))
	sent := func(b []byte) fields { in := reg(b); in.Hash = hex.EncodeToString(hash[:]); return in }
	body, _, err = unpack(confirm)
	if err != nil {
		m.t.Fatal(err)
	}
	m.accept("confirm", "all", sent(confirm))
	m.accept("confirm", "one-time password alone", sent(plain))
	m.refuse("confirm", "auth", "bit flipped", sent(flipped(confirm, 12)))
	other := sent(confirm)
	other.Hash = hex.EncodeToString(bytesOf("other request", 32))
	m.refuse("confirm", "auth", "other request", other)
	m.refuse("confirm", "message", "password of 5 digits",
		sent(signed(labelConfirm, hash[:], edited(m.t, body, setText(2, "12345")))))
	m.refuse("confirm", "message", "derivation code in groups",
		sent(signed(labelConfirm, hash[:], edited(m.t, body, setText(3, "ABCDE-FGHJK-MNPQR-STVWX")))))

	server := must(OpenConfirm(confirm, o.code, hash))
	answered := func(b []byte) fields { in := reg(b); in.Confirm = hex.EncodeToString(confirm); return in }
	yes, no := must(server.Answer(Result{Accepted: true})), must(server.Answer(Result{TriesLeft: 4}))
	done := server.Hash()
	body, _, err = unpack(no)
	if err != nil {
		m.t.Fatal(err)
	}
	m.accept("result", "accepted", answered(yes))
	m.accept("result", "not accepted", answered(no))
	m.accept("result", "ended", answered(must(server.Answer(Result{}))))
	m.refuse("result", "auth", "no turned to yes", answered(flipped(no, 7)))
	m.refuse("result", "message", "no without tries left",
		answered(signed(labelDone, done[:], edited(m.t, body, dropKey(2)))))
	m.refuse("result", "message", "yes with tries left",
		answered(signed(labelDone, done[:], edited(m.t, body, func(m *cborMap) { m.set(1, []byte{0xf5}) }))))
	m.refuse("result", "message", "100 tries left",
		answered(signed(labelDone, done[:], edited(m.t, body, setUint(2, 100)))))
	last := answered(yes)
	last.Confirm = hex.EncodeToString(plain)
	m.refuse("result", "auth", "other confirmation", last)
}

func (m *maker) offer() {
	m.file("offer", "The payload of an offer is read.")
	good := must(Offer{"https://ostiary.example:8443", testCode()}.Encode())
	in := func(b []byte) fields { return fields{Payload: hex.EncodeToString(b)} }
	m.accept("offer", "https", in(good))
	for _, s := range []string{"http://127.0.0.1:8080", "http://[::1]", "https://[2001:db8::1]", "https://192.0.2.7",
		"https://[2001:db8::1:0:0:1]:8443", "https://4you.example", "https://[::ffff:192.0.2.7]"} {
		m.accept("offer", s, in(edited(m.t, good, setText(1, s))))
	}
	for _, s := range []string{"http://ostiary.example", "https://Ostiary.example", "https://ostiary.example/",
		"https://a@ostiary.example", "https://ostiary.example:0443", "", "https://[2001:db8:0::1]",
		"https://[2001:db8:0:0:0:0:0:1]", "https://[2001:0db8::1]", "https://[2001:DB8::1]", "https://[::1%25eth0]",
		"https://[2001:db8::1:0:0:0:1]", "https://[192.0.2.7]", "https://[:]", "https://[::ffff:c000:207]",
		"https://192.0.2.07", "https://192.0.2", "https://3221225991", "https://0xc0000207", "https://ostiary.0x7f"} {
		m.refuse("offer", "server", s, in(edited(m.t, good, setText(1, s))))
	}
	m.refuse("offer", "message", "code in groups", in(edited(m.t, good, setText(2, Group(string(testCode().Text()))))))
	m.refuse("offer", "message", "code mistyped",
		in(edited(m.t, good, setText(2, change(string(testCode().Text()), 20)))))
	m.refuse("offer", "message", "unknown key", in(edited(m.t, good, setText(3, ""))))
	m.refuse("offer", "version", "version 2", in(edited(m.t, good, setUint(0, 2))))
}

func (m *maker) carrier() {
	m.file("carrier", "What a camera saw, a pasted text, a link or its fragment is read; qr, level and paste are "+
		"how it is written.")
	in := func(s string) fields { return fields{Text: s} }
	vector := Message{TypeVector, m.set.profiles["base32"].encoded}
	offer := Message{TypeOffer, must(Offer{"https://ostiary.example", testCode()}.Encode())}
	long := Message{TypeActivation1, bytesOf("long", 500)}
	for name, message := range map[string]Message{"vector": vector, "offer": offer, "long": long,
		"nothing": {TypeActivation2, nil}} {
		qr, _, err := message.QR()
		if err != nil {
			m.t.Fatal(err)
		}
		m.accept("carrier", name+", code image", in(string(qr)))
		m.accept("carrier", name+", pasted", in(" "+string(must(message.Paste()))+"\n"))
	}
	link := string(must(offer.Link("https://ostiary.example")))
	m.accept("carrier", "offer, link", in(link))
	m.accept("carrier", "offer, fragment", in(link[strings.IndexByte(link, '#'):]))
	sortCases(m.set.files["carrier"], 0)
	paste := string(must(offer.Paste()))
	qr, _, err := offer.QR()
	if err != nil {
		m.t.Fatal(err)
	}
	m.refuse("carrier", "carrier", "nothing", in(""))
	m.refuse("carrier", "carrier", "code image cut off", in(string(qr[:len(qr)-1])))
	m.refuse("carrier", "carrier", "code image in small letters", in(strings.ToLower(string(qr))))
	m.refuse("carrier", "carrier", "padding", in(paste+"="))
	m.refuse("carrier", "carrier", "line break within", in(paste[:20]+"\n"+paste[20:]))
	m.refuse("carrier", "carrier", "other path", in(strings.Replace(link, "/app#", "/app/#", 1)))
	m.refuse("carrier", "carrier", "http", in(strings.Replace(link, "https:", "http:", 1)))
	m.refuse("carrier", "carrier", "type 7", in("ost1.ggdA"))
	m.refuse("carrier", "carrier", "three items", in("ost1.gwFAAA"))
	m.refuse("carrier", "carrier", "spare bit set", in("ost1.ggFBAB"))
	m.refuse("carrier", "carrier", "base45 above 65535", in("OST1:GGW"))
}

func (m *maker) qrBody() {
	m.file("qrbody", "The body of an activation code image is read; text in out is how it is written.")
	const sn, ac = "<SN>FDM10000001</SN>", "<AC>0123456789ABCDEFGHJKMNPQRSTVWX</AC>"
	body := func(inner string) fields { return fields{Text: "<QRCode>" + inner + "</QRCode>"} }
	m.accept("qrbody", "least", body(sn+ac))
	m.accept("qrbody", "all, any order, white space", body("\n<CHALLENGE>Ab1</CHALLENGE>\t<USERID>&lt;ann&gt; &amp; "+
		"&quot;co&quot;&apos;</USERID> <ERC>01234-56789-12</ERC>\r\n"+ac+sn+" "))
	m.accept("qrbody", "digits in groups", body(sn+"<AC>"+Group(strings.Repeat("1", 45))+"</AC>"))
	for _, c := range [][3]string{
		{"qr-body", "no AC", sn}, {"qr-body", "SN twice", sn + sn + ac}, {"qr-body", "unknown element", sn + ac + "<X>1</X>"}, {"qr-body", "attribute", sn + `<AC a="b">1</AC>`}, {"qr-body", "comment", sn + ac + "<!-- -->"},
		{"qr-body", "CDATA", sn + ac + "<USERID><![CDATA[a]]></USERID>"},
		{"qr-body", "character reference", sn + ac + "<USERID>&#97;</USERID>"},
		{"qr-body", "unknown entity", sn + ac + "<USERID>&nbsp;</USERID>"},
		{"qr-body", "empty element", sn + ac + "<ERC></ERC>"}, {"qr-body", "empty-element tag", sn + ac + "<ERC/>"},
		{"qr-body", "text between", sn + "text" + ac},
		{"qr-body", "1025 bytes", sn + ac + strings.Repeat(" ", 1025-17-len(sn+ac))},
		{"serial", "small serial", "<SN>fdm1</SN>" + ac}, {"code-length", "short code", sn + "<AC>0123</AC>"},
		{"code-character", "45 letters", sn + "<AC>" + strings.Repeat("A", 45) + "</AC>"},
		{"code-character", "45 digits with O for 0", sn + "<AC>O" + strings.Repeat("1", 44) + "</AC>"},
		{"code-character", "45 digits with l for 1", sn + "<AC>l" + strings.Repeat("1", 44) + "</AC>"},
		{"user-id", "user with a filler", sn + ac + "<USERID>ann\u3164</USERID>"},
		{"user-id", "user with a variation selector", sn + ac + "<USERID>ann\ufe0f</USERID>"},
		{"user-id", "user with a space behind", sn + ac + "<USERID>ann </USERID>"},
		{"erc-length", "short ERC", sn + ac + "<ERC>12</ERC>"},
		{"erc-character", "letter in ERC", sn + ac + "<ERC>O12345678901</ERC>"},
		{"user-id", "user of 41 bytes", sn + ac + "<USERID>" + strings.Repeat("x", 41) + "</USERID>"},
		{"user-id", "user of two lines", sn + ac + "<USERID>a\nb</USERID>"},
		{"challenge", "challenge of signs", sn + ac + "<CHALLENGE>a-b</CHALLENGE>"},
		{"challenge", "challenge of 65", sn + ac + "<CHALLENGE>" + strings.Repeat("1", 65) + "</CHALLENGE>"},
	} {
		m.refuse("qrbody", c[0], c[1], body(c[2]))
	}
	m.refuse("qrbody", "qr-body", "white space around", fields{Text: " " + body(sn+ac).Text})
	m.refuse("qrbody", "qr-body", "XML declaration", fields{Text: `<?xml version="1.0"?>` + body(sn+ac).Text})
}
