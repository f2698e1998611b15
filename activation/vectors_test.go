package activation

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"ostiary/internal/codec/cbor"
)

// The vectors are part of the protocol: testdata/vectors/activation at the root of
// the tree, described in docs/protocol.md. They were written once by
//
//	go test ./activation -run Vectors -update
//
// and are read by the test. What changes in them changes the protocol. (The answers
// change at each -update, because encapsulation draws its own randomness.)
var update = flag.Bool("update", false, "write the vectors anew")

const vectorDir = "../testdata/vectors/activation"

// fields are the inputs or outputs of a case. Bytes are in hexadecimal.
type fields struct {
	Profile     string       `json:"profile,omitempty"` // the name of a case of profile.json
	Vector      string       `json:"vector,omitempty"`
	Sheet       *vectorSheet `json:"sheet,omitempty"`
	Hash        string       `json:"hash,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty"`

	Serial   string   `json:"serial,omitempty"`
	Password string   `json:"password,omitempty"`
	Counters []uint64 `json:"counters,omitempty"`
	ERC      string   `json:"erc,omitempty"`
	Code     string   `json:"code,omitempty"`
	Secret   string   `json:"secret,omitempty"`
	Index    int      `json:"index,omitempty"`
	Device   string   `json:"device,omitempty"`
	Display  string   `json:"display,omitempty"`
	Key      string   `json:"key,omitempty"`
	FAD      string   `json:"fad,omitempty"`
	Label    string   `json:"label,omitempty"`

	Registration string `json:"registration,omitempty"`
	Locator      string `json:"locator,omitempty"`
	MAC          string `json:"mac,omitempty"`
	Seed         string `json:"seed,omitempty"`
	Request      string `json:"request,omitempty"`
	Confirm      string `json:"confirm,omitempty"`
	Body         string `json:"body,omitempty"`
	DeviceType   int    `json:"device_type,omitempty"`
	DeviceName   string `json:"device_name,omitempty"`
	Time         int64  `json:"time,omitempty"`
	OTP          string `json:"otp,omitempty"`
	Next         string `json:"next_otp,omitempty"`
	Derivation   string `json:"derivation,omitempty"`
	Accepted     *bool  `json:"accepted,omitempty"`
	TriesLeft    *int   `json:"tries_left,omitempty"`

	Server    string `json:"server,omitempty"`
	Type      int    `json:"type,omitempty"`
	Payload   string `json:"payload,omitempty"`
	Text      string `json:"text,omitempty"`
	QR        string `json:"qr,omitempty"`
	Level     string `json:"level,omitempty"`
	Paste     string `json:"paste,omitempty"`
	UserID    string `json:"user_id,omitempty"`
	Challenge string `json:"challenge,omitempty"`
}

type vectorCase struct {
	Name   string  `json:"name"`
	In     fields  `json:"in"`
	Out    *fields `json:"out,omitempty"`    // what it is read as
	Refuse string  `json:"refuse,omitempty"` // or why it is refused
}

type vectorFile struct {
	About string       `json:"about"`
	Cases []vectorCase `json:"cases"`
}

// sentinels are the reasons of refusals under the names that the vectors use.
var sentinels = map[string]error{
	"version": ErrVersion, "message": ErrMessage, "auth": ErrAuth, "sealed": ErrSealed, "profile": ErrProfile,
	"vector": ErrVector, "suite": ErrSuite,
	"two-step": ErrTwoStep, "application": ErrApplication, "serial-empty": ErrSerialEmpty, "serial": ErrSerial,
	"prefix":     ErrPrefix,
	"code-empty": ErrCodeEmpty, "code-character": ErrCodeCharacter, "code-length": ErrCodeLength,
	"code-invalid": ErrCodeInvalid, "code-or-password": ErrCodeOrPassword,
	"password-empty": ErrPasswordEmpty, "password": ErrPassword, "password-unexpected": ErrPasswordUnexpected,
	"erc-empty": ErrERCEmpty, "erc-character": ErrERCCharacter, "erc-length": ErrERCLength,
	"erc-invalid": ErrERCInvalid, "erc-unexpected": ErrERCUnexpected,
	"counter": ErrCounter, "counter-jump": ErrCounterJump,
	"registration-empty": ErrRegistrationEmpty, "registration-character": ErrRegistrationCharacter,
	"registration-length": ErrRegistrationLength, "registration-invalid": ErrRegistrationInvalid,
	"derivation-empty": ErrDerivationEmpty, "derivation-character": ErrDerivationCharacter,
	"derivation-length": ErrDerivationLength, "derivation-invalid": ErrDerivationInvalid,
	"qr-body": ErrQRBody, "carrier": ErrCarrier, "server": ErrServer, "too-long": ErrTooLong, "user-id": ErrUserID,
	"challenge": ErrChallenge, "device": ErrDevice, "otp": ErrOTP,
	"key-size": ErrKeySize, "time": ErrTime,
}

// name returns the name of an error's sentinel.
func name(err error) string {
	for n, s := range sentinels {
		if errors.Is(err, s) {
			return n
		}
	}
	return "unnamed: " + err.Error()
}

// readers say how the input of each file is read.
var readers = map[string]func(*vectorSet, fields) (fields, error){
	"profile":      readProfileCase,
	"code":         readCodeCase,
	"appkey":       readAppKeyCase,
	"erc":          readERCCase,
	"fad":          readFADCase,
	"registration": readRegistrationCase,
	"derivation":   readDerivationCase,
	"request":      readRequestCase,
	"answer":       readAnswerCase,
	"confirm":      readConfirmCase,
	"result":       readResultCase,
	"offer":        readOfferCase,
	"carrier":      readCarrierCase,
	"qrbody":       readQRBodyCase,
}

// vectorSet are the files, and the profiles by their names.
type vectorSet struct {
	files    map[string]*vectorFile
	profiles map[string]*Vector
}

func TestVectors(t *testing.T) {
	t.Parallel()
	if *update {
		writeVectors(t)
	}
	set := loadVectors(t)
	for file, read := range readers {
		accepted, refused := 0, 0
		for _, c := range set.files[file].Cases {
			got, err := read(set, c.In)
			switch {
			case c.Refuse != "":
				refused++
				if err == nil || name(err) != c.Refuse {
					t.Errorf("%s: %s: %v, want the refusal %s", file, c.Name, err, c.Refuse)
				}
			case err != nil:
				t.Errorf("%s: %s: %v", file, c.Name, err)
			default:
				accepted++
				if !reflect.DeepEqual(&got, c.Out) {
					t.Errorf("%s: %s:\n%+v, want\n%+v", file, c.Name, got, *c.Out)
				}
			}
		}
		if accepted < 2 || refused < 2 {
			t.Errorf("%s: %d accepting and %d refusing cases", file, accepted, refused)
		}
	}
}

// An implementation of docs/protocol.md in another language, on other people's
// AES, HMAC and Argon2id, agrees.
func TestVectorsAgainstPython(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/check.py", vectorDir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("check.py: %v (it needs the packages python3-cryptography and python3-argon2)\n%s", err, out)
	}
	if want := "all agree\n"; !strings.HasSuffix(string(out), want) {
		t.Errorf("check.py says\n%s", out)
	}
}

func loadVectors(t *testing.T) *vectorSet {
	t.Helper()
	set := &vectorSet{map[string]*vectorFile{}, map[string]*Vector{}}
	names, err := filepath.Glob(filepath.Join(vectorDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(readers) {
		t.Errorf("%d files of vectors, want %d", len(names), len(readers))
	}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		f := new(vectorFile)
		if err := d.Decode(f); err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		set.files[strings.TrimSuffix(filepath.Base(n), ".json")] = f
	}
	for file := range readers {
		if set.files[file] == nil {
			t.Fatalf("there is no %s.json", file)
		}
	}
	for _, c := range set.files["profile"].Cases {
		if c.Refuse == "" {
			if set.profiles[c.Name], err = ParseVector(unhex(c.In.Vector)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return set
}

func unhex(s string) []byte { return must(hex.DecodeString(s)) }

func readProfileCase(_ *vectorSet, in fields) (fields, error) {
	v, err := ParseVector(unhex(in.Vector))
	if err != nil {
		return fields{}, err
	}
	hash := v.Hash()
	return fields{Hash: hex.EncodeToString(hash[:]), Fingerprint: v.Fingerprint(), Sheet: newVectorSheet(v.Profile())},
		nil
}

// vectorSheet is a profile in JSON.
type vectorSheet struct {
	ID            string   `json:"id"`
	Prefix        string   `json:"prefix"`
	Key           string   `json:"key"`
	IssuerKey     string   `json:"issuer_key"`
	Applications  []string `json:"applications"` // index mode suite name
	PIN           []any    `json:"pin"`          // 6.1 to 6.6
	Activation    []any    `json:"activation"`   // 7.1 to 7.5, 7.6 in three, 7.7
	TwoStep       bool     `json:"two_step"`
	SecureChannel bool     `json:"secure_channel"`
	Name          string   `json:"name"`
	Issuer        string   `json:"issuer"`
}

func newVectorSheet(p Profile) *vectorSheet {
	s := &vectorSheet{
		ID: hex.EncodeToString(p.ID[:]), Prefix: p.Prefix, Key: hex.EncodeToString(p.Key[:]),
		IssuerKey: hex.EncodeToString(p.IssuerKey[:]),
		TwoStep:   p.TwoStep, SecureChannel: p.SecureChannel, Name: p.Name, Issuer: p.Issuer,
	}
	for _, a := range p.Applications {
		s.Applications = append(s.Applications, string(rune('0'+a.Index))+" "+string(rune('0'+a.Mode))+" "+
			a.Suite.String()+" "+a.Name)
	}
	r, a := p.Rules, p.Rules.Argon2id
	// Numbers as encoding/json reads them.
	s.PIN = []any{float64(p.PIN.Min), float64(p.PIN.Max), p.PIN.RefuseWeak, float64(p.PIN.Tries),
		float64(p.PIN.Penalty), float64(p.PIN.Level)}
	s.Activation = []any{float64(r.Format), r.Password, r.CheckPassword, r.DeviceBinding, r.NewKey, float64(a.Time),
		float64(a.Memory), float64(a.Parallelism), r.Reactivation}
	return s
}

func (set *vectorSet) input(in fields) (*Vector, CodeInput) {
	return set.profiles[in.Profile], CodeInput{Serial: in.Serial, Password: Secret(in.Password), Counters: in.Counters}
}

func readCodeCase(set *vectorSet, in fields) (fields, error) {
	v, terms := set.input(in)
	s, err := v.OpenCode(in.Code, terms)
	if err != nil {
		return fields{}, err
	}
	code, err := v.MakeCode(s, terms)
	return fields{Secret: hex.EncodeToString(s), Code: string(code)}, err
}

func readAppKeyCase(set *vectorSet, in fields) (fields, error) {
	key, err := set.profiles[in.Profile].AppKey(unhex(in.Secret), in.Serial, in.Index, unhex(in.Device))
	return fields{Key: hex.EncodeToString(key)}, err
}

func readERCCase(set *vectorSet, in fields) (fields, error) {
	v := set.profiles[in.Profile]
	counters, err := v.ReadERC(in.Serial, in.ERC)
	if err != nil {
		return fields{}, err
	}
	serial, err := v.Serial(in.Serial)
	if err != nil {
		return fields{}, err
	}
	erc, err := v.MakeERC(serial, counters)
	return fields{Serial: serial, Counters: counters, ERC: erc}, err
}

func readFADCase(_ *vectorSet, in fields) (fields, error) {
	f, err := ParseFAD(unhex(in.FAD))
	if err != nil {
		return fields{}, err
	}
	hash := f.Vector.Hash()
	return fields{Hash: hex.EncodeToString(hash[:]), Serial: f.Serial, Code: string(f.Code), Label: f.Label}, nil
}

func readRegistrationCase(_ *vectorSet, in fields) (fields, error) {
	c, err := ParseRegistrationCode(in.Registration)
	if err != nil {
		return fields{}, err
	}
	return fields{Registration: string(c.Text()), Locator: c.Locator(),
		MAC: hex.EncodeToString(c.MAC(labelRequest, []byte("message")))}, nil
}

func readDerivationCase(_ *vectorSet, in fields) (fields, error) {
	d, err := OpenDerivationCode(in.Derivation, unhex(in.Secret), in.Serial)
	if err != nil {
		return fields{}, err
	}
	code, err := DerivationCode(unhex(in.Secret), in.Serial, d)
	if err != nil {
		return fields{}, err
	}
	display, err := DeviceDisplay(d)
	return fields{Device: hex.EncodeToString(d), Derivation: string(code), Display: display}, err
}

func readRequestCase(_ *vectorSet, in fields) (fields, error) {
	locator, err := Locator(unhex(in.Body))
	if err != nil {
		return fields{}, err
	}
	r, err := OpenRequest(unhex(in.Body), must(ParseRegistrationCode(in.Registration)))
	if err != nil {
		return fields{}, err
	}
	hash := r.Hash()
	return fields{Locator: locator, DeviceType: int(r.Device.Type), DeviceName: r.Device.Name,
		Hash: hex.EncodeToString(hash[:])}, nil
}

func readAnswerCase(_ *vectorSet, in fields) (fields, error) {
	message, _, err := unpack(unhex(in.Request))
	if err != nil {
		return fields{}, err
	}
	e := newExchange(must(ParseRegistrationCode(in.Registration)), must(hpkeKEM().NewPrivateKey(unhex(in.Seed))),
		message)
	d, err := e.Open(unhex(in.Body))
	if err != nil {
		return fields{}, err
	}
	fad, err := d.FAD.Encode()
	return fields{FAD: hex.EncodeToString(fad), Counters: d.Counters, Time: d.Time}, err
}

func readConfirmCase(_ *vectorSet, in fields) (fields, error) {
	c, err := OpenConfirm(unhex(in.Body), must(ParseRegistrationCode(in.Registration)), [32]byte(unhex(in.Hash)))
	if err != nil {
		return fields{}, err
	}
	return fields{OTP: string(c.OTP), Next: string(c.Next), Derivation: string(c.Derivation)}, nil
}

func readResultCase(_ *vectorSet, in fields) (fields, error) {
	e := &Exchange{code: must(ParseRegistrationCode(in.Registration))}
	r, err := e.Result(unhex(in.Confirm), unhex(in.Body))
	if err != nil {
		return fields{}, err
	}
	out := fields{Accepted: &r.Accepted}
	if !r.Accepted {
		out.TriesLeft = &r.TriesLeft
	}
	return out, nil
}

func readOfferCase(_ *vectorSet, in fields) (fields, error) {
	o, err := ParseOffer(unhex(in.Payload))
	if err != nil {
		return fields{}, err
	}
	return fields{Server: o.Server, Registration: string(o.Code.Text())}, nil
}

func readCarrierCase(_ *vectorSet, in fields) (fields, error) {
	m, err := ReadMessage(in.Text)
	if err != nil {
		return fields{}, err
	}
	qr, level, err := m.QR()
	if err != nil {
		return fields{}, err
	}
	return fields{Type: int(m.Type), Payload: hex.EncodeToString(m.Payload), QR: string(qr), Level: string(rune(level)),
		Paste: string(must(m.Paste()))}, nil
}

func readQRBodyCase(_ *vectorSet, in fields) (fields, error) {
	b, err := ReadQRBody(in.Text)
	if err != nil {
		return fields{}, err
	}
	text, err := b.Encode()
	return fields{Serial: b.Serial, Code: string(b.Code), ERC: b.ERC, UserID: b.UserID, Challenge: b.Challenge,
		Text: string(text)}, err
}

// edited changes a message with unsigned keys.
func edited(t *testing.T, b []byte, edit func(*cborMap)) []byte {
	m := mapOf(t, b)
	edit(m)
	return m.encode()
}

func setText(key uint64, s string) func(*cborMap) {
	return func(m *cborMap) { m.set(key, cbor.AppendText(nil, s)) }
}

func setUint(key, v uint64) func(*cborMap) {
	return func(m *cborMap) { m.set(key, cbor.AppendUint(nil, v)) }
}

func setBytes(key uint64, b []byte) func(*cborMap) {
	return func(m *cborMap) { m.set(key, cbor.AppendBytes(nil, b)) }
}

func dropKey(key uint64) func(*cborMap) { return func(m *cborMap) { m.drop(key) } }
