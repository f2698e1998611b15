package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestRewrite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text, kinds, want string
		args              []int
	}{
		{"SELECT 1", "", "SELECT 1", nil},
		{"SELECT a FROM t WHERE a = ? AND b > ?", "it", "SELECT a FROM t WHERE a = $1::bigint AND b > $2::text", []int{0, 1}},
		{"VALUES (?,?)", "b0", "VALUES ($1::bytea,$2)", []int{0, 1}},
		{"a = ?2 AND b = ?1 AND c = ?2", "it", "a = $1::text AND b = $2::bigint AND c = $1::text", []int{1, 0}},
		{"a = ?12", strings.Repeat("i", 12), "a = $1::bigint", []int{11}}, // the others are not named
		{"a = '?' AND b = ?", "i", "a = '?' AND b = $1::bigint", []int{0}},
		{"a = 'it''s ?' || ?", "t", "a = 'it''s ?' || $1::text", []int{0}},
		{`"a?" = ? -- why?` + "\n AND b = ? /* or ? */", "ii", `"a?" = $1::bigint -- why?` +
			"\n AND b = $2::bigint /* or ? */", []int{0, 1}},
		{"a = ? AND b = 'never closed ?", "i", "a = $1::bigint AND b = 'never closed ?", []int{0}},
	} {
		s, err := rewrite(tt.text, []byte(tt.kinds))
		if err != nil || s.text != tt.want || !slices.Equal(s.args, tt.args) {
			t.Errorf("%s:\n got %s, %v, %v\nwant %s, %v", tt.text, s.text, s.args, err, tt.want, tt.args)
		}
	}
}

func TestRewriteRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, kinds, want string }{
		{"a = ?", "", "parameter 1 has no argument: there are 0"},
		{"a = ?3", "ii", "parameter 3 has no argument: there are 2"},
		{"a = ?", "ii", "2 arguments for 1 parameters"},
		{"a = ?0", "i", "no parameter ?0"},
		{"a = ?99999999999999999999", "i", "no parameter"},
	} {
		if s, err := rewrite(tt.text, []byte(tt.kinds)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q, %v, want %s", tt.text, s.text, err, tt.want)
		}
	}
}

// One text has a form for the arguments of each kind, and the number of what is kept has
// an end.
func TestStatementsAreKept(t *testing.T) {
	t.Parallel()
	s := newStatements()
	for range 2 {
		for kinds, want := range map[string]string{"i": "a = $1::bigint", "0": "a = $1", "t": "a = $1::text"} {
			if got, err := s.rewritten("a = ?", []byte(kinds)); err != nil || got.text != want {
				t.Errorf("%s: %s, %v", kinds, got.text, err)
			}
		}
	}
	if s.kept.Len() != 3 {
		t.Errorf("%d statements are kept, want 3", s.kept.Len())
	}
	for i := range maxStatements + 10 {
		if _, err := s.rewritten(fmt.Sprintf("a = ? AND %d", i), []byte("i")); err != nil {
			t.Fatal(err)
		}
	}
	if s.kept.Len() != maxStatements {
		t.Errorf("%d statements are kept, want %d", s.kept.Len(), maxStatements)
	}
}
