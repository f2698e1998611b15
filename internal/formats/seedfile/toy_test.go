package seedfile

import (
	"os"
	"strings"
	"testing"

	"ostiary/pskc"
)

// The format of the walk-through in CONTRIBUTING.md. It is added as any other,
// but for its row in the table, since it is none for users.

func init() { formats = append(formats, toyFormat) }

const Toy Format = "toy"

var toyFormat = format{
	name:        Toy,
	description: "toy list: TOY1, then serial and secret of time-based tokens",
	recognise:   func(h *head) bool { return string(h.row.cell(0)) == "TOY1" },
	open:        openToy,
}

type toy struct {
	*job
	*table
}

func openToy(j *job) (parser, error) {
	t := &toy{j, newTable(j.data, false)}
	if first, err := t.table.next(); err != nil || string(first.cell(0)) != "TOY1" {
		return nil, malformed(1, "the first row is not TOY1")
	}
	return t, nil
}

func (t *toy) rewind() {
	t.table.rewind()
	_, _ = t.table.next() // the row TOY1, read before
}

func (t *toy) next() (entry, error) {
	r, err := t.table.next()
	if err != nil {
		return entry{}, err
	}
	k := &pskc.Key{Line: r.line, Serial: string(r.cell(0))}
	return r.entry(verdict(k, t.read(k, r))), nil
}

// read fills in a key, or says what is wrong.
func (t *toy) read(k *pskc.Key, r row) string {
	switch {
	case r.bad != "":
		return r.bad
	case k.Serial == "":
		return "cell " + r.address(0) + " should contain the serial number"
	}
	if why := t.setSecret(k, Hex, string(r.cell(1))); why != "" {
		return "cell " + r.address(1) + ": " + why
	}
	t.silent(k, pskc.TOTP, 30)
	return ""
}

func TestToy(t *testing.T) {
	t.Parallel()
	for _, opt := range []Options{{}, {Format: "toy"}} {
		c := mustOpen(t, testfile(t, "toy/list.txt"), opt)
		sameKeys(t, c.keys,
			pskc.Key{Kind: pskc.TOTP, Line: 2, Serial: "55000101", Secret: unhex(t, k1hex), Interval: 30,
				HasInterval: true},
			pskc.Key{Kind: pskc.TOTP, Line: 3, Serial: "55000102", Secret: unhex(t, k2hex), Interval: 30,
				HasInterval: true})
		refusals(t, c.refused, "4: cell A4 should contain the serial number")
		if c.info.Format != Toy || c.info.Sample.Code != "024918" {
			t.Errorf("info %+v, sample %+v", c.info, c.info.Sample)
		}
	}
}

func FuzzToy(f *testing.F) { fuzzFormat(f, Toy) }

// TestWalkThrough: what CONTRIBUTING.md shows is what stands here.
func TestWalkThrough(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("toy_test.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for i, block := range strings.Split(string(text), "```") {
		code, ok := strings.CutPrefix(block, "go\n")
		if i%2 == 0 || !ok {
			continue
		}
		if blocks++; !strings.Contains(string(source), code) {
			t.Errorf("this is shown, and is not so:\n%s", code)
		}
	}
	if blocks == 0 {
		t.Error("nothing is shown")
	}
}
