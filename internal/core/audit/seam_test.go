package audit

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// cut archives the entries of a log before place s, of which a checkpoint was signed.
func (m *memory) cut(t *testing.T, s int64, key string) {
	t.Helper()
	var from Frontier
	if n := len(m.seams); n > 0 {
		from = m.seams[n-1].Frontier
	}
	var sizes []int64
	seam := Seam{}
	for _, n := range m.notes {
		c, err := OpenCheckpoint(n, key)
		if err != nil {
			t.Fatal(err)
		}
		if c.Size == s {
			seam.Note = n
		} else if c.Size >= max(1, from.Size()) && c.Size < s {
			sizes = append(sizes, c.Size)
		}
	}
	p, err := NewProver(&from, sizes, s)
	if err != nil {
		t.Fatal(err)
	}
	for len(m.rows) > 0 && m.rows[0].seq < s {
		p.Append([]byte(m.rows[0].entry))
		m.rows = m.rows[1:]
	}
	if m.proofs == nil {
		m.proofs = map[int64][]byte{}
	}
	for _, n := range sizes {
		if m.proofs[n], err = p.Proof(n); err != nil {
			t.Fatal(err)
		}
	}
	seam.Frontier = p.Frontier
	m.seams = append(m.seams, seam)
}

// seamedLog has 22 entries, of which 15 were archived, in two files, and checkpoints
// at 3, 7, 15 and 20.
func seamedLog(t *testing.T, s *Signer) *memory {
	m := &memory{head: &Frontier{}}
	for _, n := range []int{3, 4, 8, 5} {
		m.append(n)
		m.sign(t, s)
	}
	m.append(2)
	m.cut(t, 7, s.VerifierKey())
	m.cut(t, 15, s.VerifierKey())
	return m
}

// Verification goes on across seams: the root is that of the whole log, and kept
// checkpoints from before it are checked by their proofs.
func TestVerifyAcrossSeams(t *testing.T) {
	t.Parallel()
	s := signer(t, "ostiary-test")
	m := seamedLog(t, s)
	root := m.head.Root()
	want := Report{Entries: 22, First: 15, Checkpoints: 4, Root: root.String()}
	if rep := verify(t, m, s); !reflect.DeepEqual(rep, want) {
		t.Errorf("report %+v, want %+v", rep, want)
	}
	// One that was kept elsewhere, and is here; one that is not.
	other := signedLog(t, s)
	var early Frontier
	for _, r := range other.rows[:5] {
		early.Append([]byte(r.entry))
	}
	gone, err := s.Sign(&early, at)
	if err != nil {
		t.Fatal(err)
	}
	rep := verify(t, m, s, m.notes[1], gone.Note)
	if rep.Problem != "" || !slices.Equal(rep.Archived, []int{1}) || rep.Checkpoints != 4 {
		t.Errorf("report %+v, want the second archived", rep)
	}
}

func TestVerifyFindsTamperingAtSeams(t *testing.T) {
	t.Parallel()
	s := signer(t, "ostiary-test")
	for _, tt := range []struct {
		name   string
		tamper func(*testing.T, *memory) (extra []string)
		want   string
	}{
		{"more rows removed than were archived", func(_ *testing.T, m *memory) []string {
			m.rows = m.rows[2:]
			return nil
		}, "entry 15 is missing"},
		{"rows put back", func(_ *testing.T, m *memory) []string {
			m.rows = slices.Insert(m.rows, 0, row{14, "{}"})
			return nil
		}, "entry 15 is missing"},
		{"the last seam taken away", func(_ *testing.T, m *memory) []string {
			m.seams = m.seams[:1]
			return nil
		}, "entry 7 is missing"},
		{"all seams taken away", func(_ *testing.T, m *memory) []string { m.seams = nil; return nil },
			"entry 0 is missing"},
		{"the first seam taken away", func(_ *testing.T, m *memory) []string { m.seams = m.seams[1:]; return nil },
			"does not begin with the 3 entries"},
		{"another frontier", func(_ *testing.T, m *memory) []string {
			m.seams[1].Frontier.hashes[0][0] ^= 1
			return nil
		}, "is not at its checkpoint"},
		{"a seam further on, without a checkpoint of its own", func(t *testing.T, m *memory) []string {
			f := m.seams[1].Frontier.Clone()
			f.Append([]byte(m.rows[0].entry))
			m.rows, m.seams[1].Frontier = m.rows[1:], *f
			return nil
		}, "is not at its checkpoint"},
		{"a seam of a checkpoint of another key", func(t *testing.T, m *memory) []string {
			c, err := signer(t, "ostiary-test").Sign(&m.seams[1].Frontier, at)
			if err != nil {
				t.Fatal(err)
			}
			m.seams[1].Note = c.Note
			return nil
		}, "seam at entry 15"},
		{"the checkpoint of the seam before taken away", func(_ *testing.T, m *memory) []string {
			m.notes = slices.Delete(m.notes, 1, 2)
			return nil
		}, "nothing proves that the seam at entry 7"},
		{"a proof changed", func(_ *testing.T, m *memory) []string { m.proofs[7][40] ^= 1; return nil },
			"does not begin with the 7 entries"},
		{"a proof cut", func(_ *testing.T, m *memory) []string { m.proofs[7] = m.proofs[7][:31]; return nil },
			"does not begin with the 7 entries"},
		{"an entry behind the seam edited", func(_ *testing.T, m *memory) []string {
			m.rows[1].entry = strings.Replace(m.rows[1].entry, "user.added", "user.adder", 1)
			return nil
		}, "first 20 entries"},
		{"a checkpoint kept elsewhere of another log", func(t *testing.T, _ *memory) []string {
			fork := &memory{head: &Frontier{}}
			for range 7 {
				fork.head.Append([]byte("{}"))
			}
			return []string{fork.sign(t, s).Note}
		}, "the first 7 entries did not match the checkpoint"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := seamedLog(t, s)
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

// A proof made while entries pass is the one that the whole tree gives.
func TestProver(t *testing.T) {
	t.Parallel()
	const most = 70
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	})
	entries := make([][]byte, most)
	roots := []tlog.Hash{(&Frontier{}).Root()}
	var f Frontier
	for i := range entries {
		entries[i] = fmt.Appendf(nil, "%d", i)
		hashes, err := tlog.StoredHashes(int64(i), entries[i], read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		f.Append(entries[i])
		roots = append(roots, f.Root())
	}
	for end := int64(2); end <= most; end++ {
		from := rand.Int64N(end)
		var begin Frontier
		for _, e := range entries[:from] {
			begin.Append(e)
		}
		var sizes []int64
		for n := max(1, from); n < end; n++ {
			sizes = append(sizes, n)
		}
		p, err := NewProver(&begin, sizes, end)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries[from:end] {
			p.Append(e)
		}
		if p.Root() != roots[end] || begin.Size() != from {
			t.Errorf("from %d to %d: another root", from, end)
		}
		for _, n := range sizes {
			got, err := p.Proof(n)
			if err != nil {
				t.Fatal(err)
			}
			want, err := tlog.ProveTree(end, n, read)
			if err != nil {
				t.Fatal(err)
			}
			var flat []byte
			for _, h := range want {
				flat = append(flat, h[:]...)
			}
			if !slices.Equal(got, flat) {
				t.Errorf("the proof from %d to %d, begun at %d, is another", n, end, from)
			}
			if err := CheckProof(got, end, roots[end], n, roots[n]); err != nil {
				t.Errorf("the proof from %d to %d: %v", n, end, err)
			}
			if err := CheckProof(got, end, roots[end], n, roots[n-1]); err == nil {
				t.Errorf("the proof from %d to %d proves another root", n, end)
			}
		}
	}
}
