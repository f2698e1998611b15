package serve

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ostiary/internal/engine/integrity"
)

// A mark that somebody set back, so that an older copy of the database would pass, is
// not taken for one of this server: its MAC needs the key. Nor is one of another key.
func TestMarkThatWasSetBackIsRefused(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	_, closed := opened(t, data)
	closed()
	name := filepath.Join(data, "kek.mark")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	right, err := integrity.ParseMark(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*integrity.Mark){
		"fewer commits": func(m *integrity.Mark) { m.Commit = 0 },
		"a shorter log": func(m *integrity.Mark) { m.Size, m.Root = 0, [32]byte{} },
		"another time":  func(m *integrity.Mark) { m.Time = m.Time.AddDate(-1, 0, 0) },
		"another key":   func(m *integrity.Mark) { _, _ = rand.Read(m.MAC[:]) },
	} {
		m := right
		change(&m)
		if err := os.WriteFile(name, []byte(m.Text()), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Config{Data: data})
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "is not one that this server wrote") {
			t.Errorf("%s: %v", what, err)
		}
		if s != nil {
			_ = s.Close()
		}
	}
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, closed = opened(t, data)
	closed()
}
