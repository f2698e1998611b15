package main

import (
	"os"
	"path/filepath"
	"testing"
)

const profile = "mode: set\nm/a/x.go:1.1,2.2 3 1\nm/a/y.go:1.1,2.2 1 0\nm/b/z.go:1.1,2.2 2 0\n"

func TestFloors(t *testing.T) {
	for name, c := range map[string]struct {
		floors, profile string
		below, bad      bool
	}{
		"above":              {"m/a 75 # three of four\n", profile, false, false},
		"below":              {"m/a 75.1\n", profile, true, false},
		"one of two":         {"m/a 70\nm/b 1\n", profile, true, false},
		"package is gone":    {"m/c 1\n", profile, false, true},
		"no floor":           {"# none\n", profile, false, true},
		"not a percentage":   {"m/a 750\n", profile, false, true},
		"not a profile":      {"m/a 75\n", "<html>\n", false, true},
		"nothing was tested": {"m/a 75\n", "mode: set\n", false, true},
	} {
		dir := t.TempDir()
		floors, prof := filepath.Join(dir, "floors"), filepath.Join(dir, "profile")
		for file, text := range map[string]string{floors: c.floors, prof: c.profile} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if below, err := check(floors, prof); below != c.below || (err != nil) != c.bad {
			t.Errorf("%s: below %v, %v", name, below, err)
		}
	}
}
