package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func files(names ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for _, name := range names {
		m[name] = &fstest.MapFile{Data: []byte("-- " + name)}
	}
	return m
}

func TestLoad(t *testing.T) {
	t.Parallel()
	ms, err := Load(files("0002_second.sql", "0001_first_of_all.sql", "README.md", "old/0001_x.sql"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Migration{
		{Number: 1, Name: "first_of_all", SQL: "-- 0001_first_of_all.sql"},
		{Number: 2, Name: "second", SQL: "-- 0002_second.sql"},
	}
	for i := range want {
		if len(ms[i].Sum) != 64 {
			t.Errorf("sum %q is no SHA-256", ms[i].Sum)
		}
		want[i].Sum = ms[i].Sum
	}
	if diff := cmp.Diff(want, ms); diff != "" {
		t.Errorf("migrations (-want +got):\n%s", diff)
	}
	if ms[0].Sum == ms[1].Sum {
		t.Error("two files have one sum")
	}
	if ms, err := Load(files()); err != nil || len(ms) > 0 {
		t.Errorf("no files: %v, %v", ms, err)
	}
	// The sum is that of the content, in the form of sha256sum.
	abc, err := Load(fstest.MapFS{"0001_abc.sql": {Data: []byte("abc")}})
	if err != nil || abc[0].Sum != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("sum of abc: %v, %v", abc, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, fsys := range map[string]fstest.MapFS{
		"a gap":             files("0001_a.sql", "0003_c.sql"),
		"no first":          files("0002_b.sql"),
		"a number twice":    files("0001_a.sql", "0001_b.sql"),
		"number 0":          files("0000_a.sql"),
		"no number":         files("a.sql"),
		"no name":           files("0001.sql"),
		"a negative number": files("-001_a.sql"),
	} {
		if ms, err := Load(fsys); err == nil || !strings.Contains(err.Error(), ".sql: want number") &&
			!strings.Contains(err.Error(), "want number 0001") {
			t.Errorf("%s: %v, %v", name, ms, err)
		}
	}
}

// database is a Target that remembers.
type database struct {
	sums      []string
	minBinary int
	failAt    int
	readErr   error
}

var errTest = errors.New("of the test")

func (d *database) Applied(context.Context) ([]string, int, error) {
	return d.sums, d.minBinary, d.readErr
}

func (d *database) Apply(_ context.Context, m Migration) error {
	if m.Number == d.failAt {
		return errTest
	}
	if m.Number != len(d.sums)+1 {
		return fmt.Errorf("migration %d after %d", m.Number, len(d.sums))
	}
	d.sums, d.minBinary = append(d.sums, m.Sum), max(d.minBinary, m.MinBinary)
	return nil
}

func TestUp(t *testing.T) {
	t.Parallel()
	fsys := files("0001_a.sql", "0002_b.sql", "0003_c.sql")
	fsys["0002_b.sql"].Data = []byte("-- of the test\n-- min_binary: 1\nSELECT 1;\n")
	ms, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := ms[0].Sum, ms[1].Sum, ms[2].Sum
	for _, tt := range []struct {
		name   string
		db     database
		n      int
		schema Schema
		want   error
		text   string
		after  []string
	}{
		{name: "a new database", n: 3, schema: Schema{3, 1}, after: []string{a, b, c}},
		{name: "an older one", db: database{sums: []string{a}}, n: 2, schema: Schema{3, 1}, after: []string{a, b, c}},
		{name: "one of today", db: database{sums: []string{a, b, c}, minBinary: 1}, schema: Schema{3, 1},
			after: []string{a, b, c}},
		{name: "a newer one that this program may use", db: database{sums: []string{a, b, c, "d"}, minBinary: 3},
			schema: Schema{4, 3}, after: []string{a, b, c, "d"}},
		{name: "a newer one", db: database{sums: []string{a, b, c, "d"}, minBinary: 4}, schema: Schema{4, 4},
			want: ErrNewer, text: "has schema 4 and demands a program that knows schema 4, and this one knows schema 3",
			after: []string{a, b, c, "d"}},
		{name: "a newer one of another program", db: database{sums: []string{a, b, "x", "d"}, minBinary: 3},
			schema: Schema{4, 3}, want: ErrEdited, text: "0003_c", after: []string{a, b, "x", "d"}},
		{name: "an edited one", db: database{sums: []string{a, "x"}}, schema: Schema{2, 0}, want: ErrEdited, text: "0002_b",
			after: []string{a, "x"}},
		{name: "one of another program", db: database{sums: []string{"x"}}, schema: Schema{1, 0}, want: ErrEdited,
			text: "0001_a", after: []string{"x"}},
		{name: "a failure half-way", db: database{failAt: 2}, n: 1, schema: Schema{1, 0}, want: errTest, text: "0002_b",
			after: []string{a}},
		{name: "one that cannot be read", db: database{readErr: errTest}, want: errTest, text: "schema version"},
	} {
		n, schema, err := Up(t.Context(), &tt.db, ms)
		if n != tt.n || schema != tt.schema || !errors.Is(err, tt.want) ||
			err != nil && !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %d, %+v, %v, want %d, %+v, %v with %q", tt.name, n, schema, err, tt.n, tt.schema, tt.want, tt.text)
		}
		if diff := cmp.Diff(tt.after, tt.db.sums); diff != "" {
			t.Errorf("%s: applied (-want +got):\n%s", tt.name, diff)
		}
	}
}

// A number that a migration demands of programs is that of itself or of one before.
func TestMinBinaryIsRead(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{"-- min_binary: 1": 1, "-- min_binary: 2 ": 2, "-- min_binary: 0": -1,
		"-- no min_binary: 1": 0, "-- min_binary: 3": -1, "-- min_binary: two": -1, "-- min_binary:": -1} {
		fsys := files("0001_a.sql", "0002_b.sql")
		fsys["0002_b.sql"].Data = []byte("SELECT 1;\n" + line + "\nSELECT 2;\n")
		ms, err := Load(fsys)
		if want < 0 {
			if err == nil || !strings.Contains(err.Error(), "migration 0002_b.sql: ") {
				t.Errorf("%q: %v", line, err)
			}
		} else if err != nil || ms[1].MinBinary != want || ms[0].MinBinary != 0 {
			t.Errorf("%q: %+v, %v", line, ms, err)
		}
	}
}
