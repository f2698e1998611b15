package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// mutation is a row of the table.
type mutation struct {
	line     int // in the table
	promise  string
	file     string // from the root
	old, new string // one line each, without the blanks around it
	packages []string
	run      string // the pattern of -run
	quick    bool
}

// parse reads the table. Rows are separated by empty lines; each line of a row
// is a word, a colon and a value:
//
//	promise: an equal counter is not above the one that was used
//	file:    internal/store/sqlite/hot.go
//	old:     AND next <= ?
//	new:     AND next <= ? + 1
//	test:    TestAttempt ./internal/store/sqlite
//	quick:   yes
//
// An empty new takes the text out. Lines that begin with # are remarks.
func parse(text string) (all []mutation, err error) {
	var m mutation
	seen := map[string]bool{}
	end := func() error {
		if len(seen) == 0 {
			return nil
		}
		for _, name := range []string{"promise", "file", "old", "new", "test"} {
			if !seen[name] {
				return fmt.Errorf("line %d: the row has no %q", m.line, name)
			}
		}
		if m.old == "" || m.old == m.new {
			return fmt.Errorf("line %d: the row changes nothing", m.line)
		}
		all, m, seen = append(all, m), mutation{}, map[string]bool{}
		return nil
	}
	for n, line := range strings.Split(text+"\n", "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if strings.TrimSpace(line) == "" {
			if err := end(); err != nil {
				return nil, err
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || seen[name] {
			return nil, fmt.Errorf("line %d: not a name and a value that the row does not have yet", n+1)
		}
		if len(seen) == 0 {
			m.line = n + 1
		}
		seen[name] = true
		if err := m.set(name, strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return all, end()
}

func (m *mutation) set(name, value string) error {
	switch name {
	case "promise":
		m.promise = value
	case "file":
		m.file = value
	case "old":
		m.old = value
	case "new":
		m.new = value
	case "quick":
		m.quick = value == "yes"
	case "test":
		fields := strings.Fields(value)
		if len(fields) < 2 {
			return errors.New("test: a pattern and at least one package")
		}
		m.run, m.packages = fields[0], fields[1:]
	default:
		return fmt.Errorf("a row has no %q", name)
	}
	return nil
}

// check tells whether the row is still of this tree.
func (m mutation) check() error {
	_, err := m.apply()
	return err
}

// apply gives the file with the mutation in it.
func (m mutation) apply() ([]byte, error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return nil, fmt.Errorf("%s: %q stands there %d times, and not once", m.file, m.old, n)
	}
	return []byte(strings.Replace(string(text), m.old, m.new, 1)), nil
}
