package oath

import (
	"strconv"
	"strings"
	"testing"
)

// ocraStep is the time step of RFC 6287 appendix C, in minutes.
const ocraStep = 0x132d0b6

// The vectors of RFC 6287 appendix C. The keys are those of RFC 6238, the PIN is
// 1234. In question and own, # stands for the row's number.
var ocraVectors = []struct {
	name, suite   string
	question, own string
	counter       bool // the counter is the row's number
	want          []string
}{
	{
		name: "one-way, SHA-1", suite: "OCRA-1:HOTP-SHA1-6:QN08", question: "########",
		want: []string{
			"237653", "243178", "653583", "740991", "608993",
			"388898", "816933", "224598", "750600", "294470",
		},
	},
	{
		name: "one-way, counter and PIN", suite: "OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1", question: "12345678",
		counter: true,
		want: []string{
			"65347737", "86775851", "78192410", "71565254", "10104329",
			"65983500", "70069104", "91771096", "75011558", "08522129",
		},
	},
	{
		name: "one-way, PIN", suite: "OCRA-1:HOTP-SHA256-8:QN08-PSHA1", question: "########",
		want: []string{"83238735", "01501458", "17957585", "86776967", "86807031"},
	},
	{
		name: "one-way, counter", suite: "OCRA-1:HOTP-SHA512-8:C-QN08", question: "########", counter: true,
		want: []string{
			"07016083", "63947962", "70123924", "25341727", "33203315",
			"34205738", "44343969", "51946085", "20403879", "31409299",
		},
	},
	{
		name: "one-way, time", suite: "OCRA-1:HOTP-SHA512-8:QN08-T1M", question: "########",
		want: []string{"95209754", "55907591", "22048402", "24218844", "36209546"},
	},
	{
		name: "mutual, server, SHA-256", suite: "OCRA-1:HOTP-SHA256-8:QA08", question: "CLI2222#", own: "SRV1111#",
		want: []string{"28247970", "01984843", "65387857", "03351211", "83412541"},
	},
	{
		name: "mutual, client, SHA-256", suite: "OCRA-1:HOTP-SHA256-8:QA08", question: "SRV1111#", own: "CLI2222#",
		want: []string{"15510767", "90175646", "33777207", "95285278", "28934924"},
	},
	{
		name: "mutual, server, SHA-512", suite: "OCRA-1:HOTP-SHA512-8:QA08", question: "CLI2222#", own: "SRV1111#",
		want: []string{"79496648", "76831980", "12250499", "90856481", "12761449"},
	},
	{
		name: "mutual, client, PIN", suite: "OCRA-1:HOTP-SHA512-8:QA08-PSHA1", question: "SRV1111#", own: "CLI2222#",
		want: []string{"18806276", "70020315", "01600026", "18951020", "32528969"},
	},
	{
		name: "signature", suite: "OCRA-1:HOTP-SHA256-8:QA08", question: "SIG1#000",
		want: []string{"53095496", "04110475", "31331128", "76028668", "46554205"},
	},
	{
		name: "signature, time", suite: "OCRA-1:HOTP-SHA512-8:QA10-T1M", question: "SIG1#00000",
		want: []string{"77537423", "31970405", "10235557", "95213541", "65360607"},
	},
}

func TestOCRAVectors(t *testing.T) {
	for _, v := range ocraVectors {
		t.Run(v.name, func(t *testing.T) {
			s, err := ParseSuite(v.suite)
			if err != nil {
				t.Fatal(err)
			}
			key := testKey(s.Hash)
			for i, want := range v.want {
				row := strconv.Itoa(i)
				in := Input{
					Question: strings.ReplaceAll(v.question, "#", row),
					Own:      strings.ReplaceAll(v.own, "#", row),
				}
				if v.counter {
					in.Counter = uint64(i)
				}
				if s.PIN != 0 {
					in.PIN = NewSecret([]byte("1234"))
				}
				if s.Period != 0 {
					if in.Step, err = s.TimeStep(ocraStep*60 + 59); err != nil || in.Step != ocraStep {
						t.Fatalf("TimeStep = %#x, %v", in.Step, err)
					}
				}
				got, err := s.Response(key, in)
				if err != nil || got != want {
					t.Errorf("row %d: Response = %q, %v; want %q", i, got, err, want)
				}
				at, ok, err := s.Find(key, in, want, 3, 3)
				if err != nil || !ok || at != (Match{in.Counter, in.Step}) {
					t.Errorf("row %d: Find = %+v, %v, %v", i, at, ok, err)
				}
				next := v.want[(i+1)%len(v.want)]
				if at, ok, err := s.Find(key, in, next, 1, 1); err != nil || ok || at != (Match{}) {
					t.Errorf("row %d: Find of another row's response = %+v, %v, %v", i, at, ok, err)
				}
			}
		})
	}
}
