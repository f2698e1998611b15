package archtest

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const width = 120

// TestWidth: no line of a program, and no line of prose, is wider than 120
// columns. Left out is what cannot be broken: text in a literal of the program
// that is raw (struct tags, SQL, documents) or long by itself, and in documents
// tables, examples, and lines that are one word, such as an address.
func TestWidth(t *testing.T) {
	t.Parallel()
	checked := map[string]int{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != root && (base == "testdata" || base == "bin" || base == "node_modules" || strings.HasPrefix(base, ".")) {
				return fs.SkipDir
			}
			return nil
		}
		ext := filepath.Ext(base)
		if ext != ".go" && ext != ".md" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		checked[ext]++
		unbroken := proseLeave
		if ext == ".go" {
			unbroken = literals
		}
		leave := unbroken(text)
		for n, line := range strings.Split(string(text), "\n") {
			// What an example prints stands on one line each.
			if base == "example_test.go" && strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			if columns := utf8.RuneCountInString(line); columns > width && !leave[n+1] {
				t.Errorf("%s:%d: %d columns, and %d are the most", strings.TrimPrefix(name, root+"/"), n+1, columns,
					width)
			}
		}
		return nil
	})
	if err != nil || checked[".go"] < 100 || checked[".md"] < 5 {
		t.Errorf("checked %v, %v", checked, err)
	}
}

// literals are the lines of a program that hold text which cannot be broken.
func literals(text []byte) map[int]bool {
	const long = 40
	leave := map[int]bool{}
	set := token.NewFileSet()
	file := set.AddFile("", set.Base(), len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, 0)
	for {
		pos, kind, literal := s.Scan()
		if kind == token.EOF {
			return leave
		}
		if kind != token.STRING || literal[0] != '`' && len(literal) < long {
			continue
		}
		first := set.Position(pos).Line
		for n := range strings.Count(literal, "\n") + 1 {
			leave[first+n] = true
		}
	}
}

// proseLeave are the lines of a document that are no prose.
func proseLeave(text []byte) map[int]bool {
	leave := map[int]bool{}
	example := false
	for n, line := range strings.Split(string(text), "\n") {
		trimmed := strings.TrimLeft(line, " -*>")
		if strings.HasPrefix(trimmed, "```") {
			example = !example
		}
		leave[n+1] = example || strings.HasPrefix(trimmed, "|") || strings.HasPrefix(line, "    ") ||
			!strings.Contains(trimmed, " ")
	}
	return leave
}

// TestWidthSees: the rule above finds a long line, and knows what is to be left.
func TestWidthSees(t *testing.T) {
	t.Parallel()
	short, long := strings.Repeat("x ", 10), strings.Repeat("x ", width)
	program := "package a\n\n// " + long + "\nvar a = `" + long + "\n" + long + "`\n\n" +
		"var b = \"" + short + "\" // " + long + "\n"
	for n, want := range map[int]bool{3: false, 4: true, 5: true, 7: false} {
		if got := literals([]byte(program))[n]; got != want {
			t.Errorf("line %d of the program is left out: %v", n, got)
		}
	}
	document := long + "\n- " + long + "\n| " + long + "\n```\n" + long + "\n```\n" + long
	for n, want := range map[int]bool{1: false, 2: false, 3: true, 5: true, 7: false} {
		if got := proseLeave([]byte(document))[n]; got != want {
			t.Errorf("line %d of the document is left out: %v", n, got)
		}
	}
}
