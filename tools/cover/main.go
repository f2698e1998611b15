// Command cover holds the coverage of critical packages above a floor.
//
// It reads the profile that the ordinary run of the tests wrote (go test
// -coverprofile), in which each package is covered by its own tests, and compares
// it with floors.txt: a package and the least percentage of its statements. The
// floors stand a little below what was measured when they were set, so that they
// catch what loses its tests, and no rounding. A package of the table that the
// profile does not know is an error: a floor must not vanish with a rename.
package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: cover FLOORS PROFILE")
		os.Exit(2)
	}
	below, err := check(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "cover:", err)
		os.Exit(2)
	}
	if below {
		os.Exit(1)
	}
}

func check(floorsFile, profileFile string) (below bool, err error) {
	text, err := os.ReadFile(floorsFile)
	if err != nil {
		return false, err
	}
	floors, err := readFloors(string(text))
	if err != nil {
		return false, fmt.Errorf("%s: %w", floorsFile, err)
	}
	if text, err = os.ReadFile(profileFile); err != nil {
		return false, err
	}
	covered, err := readProfile(string(text))
	if err != nil {
		return false, fmt.Errorf("%s: %w", profileFile, err)
	}
	for _, f := range floors {
		c, ok := covered[f.pkg]
		if !ok {
			return false, fmt.Errorf("the profile does not know the package %s of %s", f.pkg, floorsFile)
		}
		verdict := "ok   "
		if c.percent() < f.least {
			verdict, below = "BELOW", true
		}
		fmt.Printf("%s  %5.1f %%  at least %4.1f %%  %s\n", verdict, c.percent(), f.least, f.pkg)
	}
	return below, nil
}

type floor struct {
	pkg   string
	least float64
}

// readFloors reads lines of a package and a percentage; # begins a remark.
func readFloors(text string) (floors []floor, err error) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("%q is not a package and a percentage", line)
		}
		least, err := strconv.ParseFloat(fields[1], 64)
		if err != nil || least <= 0 || least > 100 {
			return nil, fmt.Errorf("%q is not a percentage", fields[1])
		}
		floors = append(floors, floor{fields[0], least})
	}
	if len(floors) == 0 {
		return nil, errors.New("no floor is in it")
	}
	return floors, nil
}

// statements are those of a package, and how many were run.
type statements struct{ all, run int }

func (s statements) percent() float64 { return 100 * float64(s.run) / float64(max(s.all, 1)) }

// readProfile adds up a profile: lines of "file:place statements runs".
func readProfile(text string) (map[string]statements, error) {
	covered := map[string]statements{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "mode:") {
			continue
		}
		fields := strings.Fields(line)
		file, _, ok := strings.Cut(line, ":")
		if !ok || len(fields) != 3 {
			return nil, fmt.Errorf("%q is not a line of a profile", strings.TrimSpace(line))
		}
		n, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, err
		}
		s := covered[path.Dir(file)]
		s.all += n
		if !slices.Contains([]string{"", "0"}, fields[2]) {
			s.run += n
		}
		covered[path.Dir(file)] = s
	}
	return covered, nil
}
