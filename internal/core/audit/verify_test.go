package audit

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// memory is a log in memory that can be tampered with.
type memory struct {
	rows  []row
	head  *Frontier
	notes []string
	// Of a log whose first entries were archived.
	seams  []Seam
	proofs map[int64][]byte

	eachErr, headErr, notesErr error
}

type row struct {
	seq   int64
	entry string
}

func (m *memory) Each(fn func(int64, []byte, bool) error) error {
	var p Parser
	for _, r := range m.rows {
		_, unread := p.Parse([]byte(r.entry))
		if err := fn(r.seq, []byte(r.entry), unread == nil); err != nil {
			return err
		}
	}
	return m.eachErr
}
func (m *memory) Head() (*Frontier, error) { return m.head, m.headErr }
func (m *memory) Seams() ([]Seam, error)   { return m.seams, nil }
func (m *memory) Notes() (all []StoredNote, err error) {
	for _, n := range m.notes {
		s := StoredNote{Text: n}
		if lines := strings.Split(n, "\n"); len(lines) > 1 {
			size, _ := strconv.ParseInt(lines[1], 10, 64)
			s.Proof = m.proofs[size]
		}
		all = append(all, s)
	}
	return all, m.notesErr
}

func (m *memory) append(n int) {
	for range n {
		e := Entry{Time: at, Action: UserAdded, Reason: fmt.Sprint(len(m.rows))}.Canonical()
		m.rows = append(m.rows, row{int64(len(m.rows)), string(e)})
		m.head.Append(e)
	}
}

func (m *memory) sign(t *testing.T, s *Signer) Checkpoint {
	t.Helper()
	c, err := s.Sign(m.head, at)
	if err != nil {
		t.Fatal(err)
	}
	m.notes = append(m.notes, c.Note)
	return c
}

func signer(t *testing.T, name string) *Signer {
	t.Helper()
	private, public, err := NewSigningKey(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner(private, public)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signedLog has 20 entries and checkpoints at 0, 7 and 15.
func signedLog(t *testing.T, s *Signer) *memory {
	t.Helper()
	m := &memory{head: &Frontier{}}
	for _, n := range []int{7, 8, 5} {
		m.sign(t, s)
		m.append(n)
	}
	return m
}

func verify(t *testing.T, m *memory, s *Signer, extra ...string) Report {
	t.Helper()
	rep, err := Verify(m, s.VerifierKey(), extra...)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestVerifyCleanLog(t *testing.T) {
	t.Parallel()
	s := signer(t, "ostiary-test")
	m := signedLog(t, s)
	kept := m.sign(t, s)
	m.append(2)
	rep := verify(t, m, s, m.notes[1], kept.Note)
	root := m.head.Root()
	// Those given are stored as well: each counts once.
	want := Report{Entries: 22, Checkpoints: 4, Root: root.String()}
	if !reflect.DeepEqual(rep, want) {
		t.Errorf("report %+v, want %+v", rep, want)
	}
	empty := &memory{head: &Frontier{}}
	if rep := verify(t, empty, s); rep.Problem != "" || rep.Entries != 0 {
		t.Errorf("an empty log: %+v", rep)
	}
}

func TestVerifyFindsTampering(t *testing.T) {
	t.Parallel()
	s, other := signer(t, "ostiary-test"), signer(t, "ostiary-test")
	rehead := func(m *memory) {
		m.head = &Frontier{}
		for _, r := range m.rows {
			m.head.Append([]byte(r.entry))
		}
	}
	renumber := func(m *memory) {
		for i := range m.rows {
			m.rows[i].seq = int64(i)
		}
	}
	edit := func(m *memory, i int) {
		m.rows[i].entry = strings.Replace(m.rows[i].entry, "user.added", "user.adder", 1)
	}
	for _, tt := range []struct {
		name   string
		tamper func(*testing.T, *memory) (extra []string)
		want   string
	}{
		{"an entry edited under a checkpoint", func(_ *testing.T, m *memory) []string { edit(m, 3); return nil },
			"first 7 entries"},
		{"the first entry edited", func(_ *testing.T, m *memory) []string { edit(m, 0); return nil },
			"first 7 entries"},
		{"an entry edited between two checkpoints", func(_ *testing.T, m *memory) []string { edit(m, 7); return nil },
			"first 15 entries"},
		{"an entry edited since the last checkpoint",
			func(_ *testing.T, m *memory) []string { edit(m, 19); return nil }, "head"},
		{"an entry edited, and the head", func(_ *testing.T, m *memory) []string { edit(m, 3); rehead(m); return nil },
			"first 7 entries"},
		{"an entry removed in the middle",
			func(_ *testing.T, m *memory) []string { m.rows = slices.Delete(m.rows, 4, 5); return nil },
			"entry 4 is missing"},
		{"an entry removed and the rest moved up", func(_ *testing.T, m *memory) []string {
			m.rows = slices.Delete(m.rows, 4, 5)
			renumber(m)
			rehead(m)
			return nil
		}, "first 7 entries"},
		{"an entry removed since the last checkpoint", func(_ *testing.T, m *memory) []string {
			m.rows = slices.Delete(m.rows, 17, 18)
			renumber(m)
			return nil
		}, "head"},
		{"an entry put in", func(_ *testing.T, m *memory) []string {
			m.rows = slices.Insert(m.rows, 2, row{2, "{}"})
			renumber(m)
			rehead(m)
			return nil
		}, "first 7 entries"},
		{"an entry appended without the head", func(_ *testing.T, m *memory) []string {
			m.rows = append(m.rows, row{20, "{}"})
			return nil
		}, "the stored head (20 entries) does not match the entries (21)"},
		{"the last entry removed", func(_ *testing.T, m *memory) []string { m.rows = m.rows[:19]; return nil },
			"the stored head (20 entries) does not match the entries (19)"},
		{"the last entries removed with a checkpoint", func(_ *testing.T, m *memory) []string {
			m.rows = m.rows[:14]
			rehead(m)
			return nil
		}, "removed from its end"},
		{"all removed", func(_ *testing.T, m *memory) []string { m.rows = nil; rehead(m); return nil },
			"removed from its end"},
		{"all removed, an exported checkpoint kept", func(t *testing.T, m *memory) []string {
			c := m.sign(t, s)
			m.rows, m.notes = nil, nil
			rehead(m)
			return []string{c.Note}
		}, "removed from its end"},
		{"entries exchanged", func(_ *testing.T, m *memory) []string {
			m.rows[1].entry, m.rows[2].entry = m.rows[2].entry, m.rows[1].entry
			return nil
		}, "first 7 entries"},
		{"rows in another order", func(_ *testing.T, m *memory) []string {
			m.rows[1], m.rows[2] = m.rows[2],
				m.rows[1]
			return nil
		}, "entry 1 is missing"},
		{"an entry that is no JSON",
			func(_ *testing.T, m *memory) []string { m.rows[18].entry = "text"; rehead(m); return nil },
			"entry 18 is not JSON"},
		{"the head of another log of this size", func(_ *testing.T, m *memory) []string {
			m.head = &Frontier{}
			for range 20 {
				m.head.Append([]byte("{}"))
			}
			return nil
		}, "head"},
		{"the head of a longer log", func(_ *testing.T, m *memory) []string { m.head.Append([]byte("{}")); return nil },
			"head"},
		{"an empty head", func(_ *testing.T, m *memory) []string { m.head = &Frontier{}; return nil }, "head"},
		{"a checkpoint edited", func(_ *testing.T, m *memory) []string {
			m.notes[1] = strings.Replace(m.notes[1], "\n7\n", "\n8\n", 1)
			return nil
		}, "checkpoint 2"},
		{"a checkpoint that is no note", func(_ *testing.T, m *memory) []string { m.notes[0] = "text"; return nil },
			"checkpoint 1"},
		{"a checkpoint of another key of this name",
			func(t *testing.T, m *memory) []string { m.sign(t, other); return nil }, "checkpoint 4"},
		{"an extra checkpoint of another key", func(t *testing.T, m *memory) []string {
			foreign := signedLog(t, other)
			return []string{foreign.notes[1]}
		}, "checkpoint 4"},
		{"an extra checkpoint of another log of this key", func(t *testing.T, _ *memory) []string {
			fork := &memory{head: &Frontier{}}
			fork.head.Append([]byte("{}"))
			return []string{fork.sign(t, s).Note}
		}, "first 1 entries"},
		{"an extra checkpoint of a longer log of this key", func(t *testing.T, _ *memory) []string {
			fork := signedLog(t, s)
			fork.append(1)
			return []string{fork.sign(t, s).Note}
		}, "removed from its end"},
		{"a checkpoint of the empty log that is not empty", func(t *testing.T, m *memory) []string {
			c := m.sign(t, s)
			m.notes = nil
			return []string{strings.Replace(c.Note, "\n20\n", "\n0\n", 1)}
		}, "checkpoint 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := signedLog(t, s)
			if rep := verify(t, m, s); rep.Problem != "" {
				t.Fatalf("before: %s", rep.Problem)
			}
			extra := tt.tamper(t, m)
			if rep := verify(t, m, s, extra...); !strings.Contains(rep.Problem, tt.want) {
				t.Errorf("problem %q, want one with %q", rep.Problem, tt.want)
			}
		})
	}
}

func TestVerifyOfALogThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := signer(t, "ostiary-test")
	broken := errors.New("the disk of the test")
	for name, spoil := range map[string]func(*memory){
		"entries":     func(m *memory) { m.eachErr = broken },
		"head":        func(m *memory) { m.headErr = broken },
		"checkpoints": func(m *memory) { m.notesErr = broken },
	} {
		m := signedLog(t, s)
		spoil(m)
		if _, err := Verify(m, s.VerifierKey()); !errors.Is(err, broken) {
			t.Errorf("%s: %v, want the error", name, err)
		}
	}
}

func TestCheckpoint(t *testing.T) {
	t.Parallel()
	s := signer(t, "ostiary-test")
	m := signedLog(t, s)
	signed, err := s.Sign(m.head, at)
	if err != nil {
		t.Fatal(err)
	}
	root := m.head.Root()
	if want := "ostiary audit/ostiary-test\n20\n" + root.String() +
		"\ntime 2026-03-01T11:30:45Z\n\n— ostiary-test "; !strings.HasPrefix(signed.Note, want) {
		t.Errorf("note %q, want %q…", signed.Note, want)
	}
	got, err := OpenCheckpoint(signed.Note, s.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if got != signed || got.Size != 20 || got.Root != root || !got.Time.Equal(at.Truncate(time.Second)) {
		t.Errorf("opened as %+v, signed as %+v", got, signed)
	}
	for name, key := range map[string]string{
		"another key of this name": signer(t, "ostiary-test").VerifierKey(),
		"a key of another name":    signer(t, "ostiary-other").VerifierKey(),
		"no key":                   "",
	} {
		if c, err := OpenCheckpoint(signed.Note, key); err == nil {
			t.Errorf("%s opens it as %+v", name, c)
		}
	}
}

// Every byte of a checkpoint counts, but for the two bits at the end of its
// base64 that say nothing: where they are altered, it says the same.
func TestCheckpointTampering(t *testing.T) {
	t.Parallel()
	s := signer(t, "ostiary-test")
	m := signedLog(t, s)
	signed := m.sign(t, s)
	slack := len(signed.Note) - len("=\n") - 1
	for i := range len(signed.Note) {
		for _, flip := range []byte{1, 2, 4, 16, 32, 128} {
			bad := []byte(signed.Note)
			bad[i] ^= flip
			c, err := OpenCheckpoint(string(bad), s.VerifierKey())
			if err != nil {
				continue
			}
			c.Note = signed.Note
			if i != slack || c != signed {
				t.Errorf("byte %d as %q: opened as %+v", i, bad[i], c)
			}
		}
		if _, err := OpenCheckpoint(signed.Note[:i], s.VerifierKey()); err == nil {
			t.Errorf("cut to %d bytes: opened", i)
		}
	}
}

// A good signature is not enough: the text must be one that Sign writes.
func TestCheckpointForm(t *testing.T) {
	t.Parallel()
	s := signer(t, "ostiary-test")
	good := "ostiary audit/ostiary-test\n1\n" + (&Frontier{}).Root().String() + "\ntime 2026-03-01T11:30:45Z\n"
	if _, err := OpenCheckpoint(signText(t, s, good), s.VerifierKey()); err != nil {
		t.Fatalf("the form as it is: %v", err)
	}
	for name, text := range map[string]string{
		"another origin":   strings.Replace(good, "ostiary audit/", "go.sum ", 1),
		"another server":   strings.Replace(good, "ostiary-test", "ostiary-best", 1),
		"a negative size":  strings.Replace(good, "\n1\n", "\n-1\n", 1),
		"no size":          strings.Replace(good, "\n1\n", "\n\n", 1),
		"a huge size":      strings.Replace(good, "\n1\n", "\n9223372036854775808\n", 1),
		"a short root":     strings.Replace(good, "47DE", "", 1),
		"a root of hex":    strings.Replace(good, (&Frontier{}).Root().String(), "e3b0", 1),
		"no time":          strings.Replace(good, "time 2026-03-01T11:30:45Z\n", "", 1),
		"a time unmarked":  strings.Replace(good, "time ", "", 1),
		"a day too many":   strings.Replace(good, "03-01", "02-30", 1),
		"a line too many":  good + "more\n",
		"an empty line on": good + "\n",
	} {
		if c, err := OpenCheckpoint(signText(t, s, text), s.VerifierKey()); err == nil {
			t.Errorf("%s: opened as %+v", name, c)
		}
	}
}

func TestSignerNeedsItsKey(t *testing.T) {
	t.Parallel()
	private, public, err := NewSigningKey("ostiary-test")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"", "text", public, private[1:]} {
		if _, err := NewSigner(key, public); err == nil || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("NewSigner = %v, want an error that does not show the key", err)
		}
	}
	if s, err := NewSigner(private, public); err != nil || s.VerifierKey() != public {
		t.Errorf("NewSigner: %v", err)
	}
}

// signText signs any text with the server's key.
func signText(t *testing.T, s *Signer, text string) string {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, s.signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}
