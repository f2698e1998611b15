package archtest

import (
	"go/ast"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// neverOne are the numbers before a plural that are never one, by the reason: "%d digits"
// in every file, or in one.
var neverOne = map[string][]string{
	"codes, PINs and serials have several": {"%d digits"},
	"bytes times eight":                    {"%d bits"},
	"a rate that the server sets":          {"doors/upload/body.go %d bytes"},
	"a log begins with several entries": {"core/audit/archive/check.go %d entries", "core/audit/verify.go %d entries",
		"engine/integrity/mark.go %d entries"},
	"one has a message of its own, or none": {"doors/api/api.go %d times", "engine/imports/sheets.go %d profiles",
		"formats/seedfile/migration.go %[1]d parts", "formats/seedfile/secret.go %d secrets",
		"formats/seedfile/secret.go %d characters", "formats/seedfile/secret.go %d bytes",
		"program/cli/errors.go %d tokens", "program/cmdline/mistake.go %d arguments",
		"program/serve/demo.go %d sample tokens", "pskc/xmlsig/signature.go %d transforms",
		"pskc/xmlsig/tree.go %d signatures"},
	"limits of 30 days and more": {"doors/console/dashboard.go %d days"},
	"refused, because it is below one or above a limit": {"engine/activations/batch.go %d activations",
		"engine/imports/bounds.go %d seconds looks", "engine/imports/bounds.go %d seconds",
		"engine/lifecycle/create.go %d tokens", "engine/lifecycle/typecheck.go %d tokens",
		"engine/tempcodes/tempcodes.go %d codes", "engine/tempcodes/tempcodes.go %d hours",
		"formats/letter/letter.go %d letters", "formats/letter/texts.go %d characters", "formats/qr/qr.go %d bytes",
		"formats/seedfile/options.go %d bytes", "program/cli/activationbatch.go %d tokens",
		"program/cli/connect.go %d bytes", "pskc/writable.go %d bytes"},
}

// TestCountsAgree: no message says "1 tokens". A number that a message puts before a
// plural is a constant, or goes through fault.Plural, or is in neverOne.
func TestCountsAgree(t *testing.T) {
	t.Parallel()
	all := files(t)
	fixed := map[string]bool{} // constants, by folder and name
	for _, f := range all {
		for _, d := range f.ast.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, spec := range g.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						fixed[path.Base(f.pkg)+"."+name.Name] = true
					}
				}
			}
		}
	}
	exempt, used := map[string]bool{}, map[string]bool{}
	for _, list := range neverOne {
		for _, words := range list {
			exempt[words] = true
		}
	}
	for _, f := range all {
		if f.test || holdsAny([]string{"internal/test", "internal/store", "bench", "tools"}, f.pkg) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			for i, arg := range call.Args {
				for n, words := range counted(joined(arg)) {
					if i+1+n < len(call.Args) && !constant(call.Args[i+1+n], path.Base(f.pkg), fixed) {
						here := strings.TrimPrefix(f.path, "internal/") + " " + words
						if used[words], used[here] = true, true; !exempt[words] && !exempt[here] {
							t.Errorf("%s: use fault.Plural, or say in neverOne why it is not 1", here)
						}
					}
				}
			}
			return true
		})
	}
	for _, words := range slices.Sorted(maps.Keys(exempt)) {
		if !used[words] {
			t.Errorf("no message says %q any more", words)
		}
	}
}

var (
	verb    = regexp.MustCompile(`%(?:\[(\d+)\])?[-+#0-9.]*[a-zA-Z]`)
	aPlural = regexp.MustCompile(`^ (?:[a-z]+ )?[a-z]+s\b`)
	aBound  = regexp.MustCompile(`\b(than|than the|most|least|to|between \d+ and|required) $`)
	singles = regexp.MustCompile(`\b(is|has|was|does|this|its|as|stands|belongs|shows)$`)
)

// counted are the plurals of a format, by the place of the number before them.
func counted(format string) map[int]string {
	found := map[int]string{}
	next := 0
	for _, at := range verb.FindAllStringSubmatchIndex(strings.ReplaceAll(format, "%%", "__"), -1) {
		if at[2] >= 0 {
			n, _ := strconv.Atoi(format[at[2]:at[3]])
			next = n - 1
		}
		words := aPlural.FindString(format[at[1]:])
		if words != "" && format[at[1]-1] == 'd' && !singles.MatchString(words) &&
			!aBound.MatchString(format[:at[0]]) {
			found[next] = format[at[0]:at[1]] + words
		}
		next++
	}
	return found
}

// joined is the text of an expression of literals.
func joined(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return text
		}
	case *ast.BinaryExpr:
		return joined(e.X) + joined(e.Y)
	}
	return ""
}

// constant tells whether an expression is made of numbers and of names of constants,
// those of a package's own among them.
func constant(e ast.Expr, pkg string, fixed map[string]bool) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return fixed[pkg+"."+e.Name]
	case *ast.SelectorExpr:
		return fixed[written(e)]
	case *ast.BinaryExpr:
		return constant(e.X, pkg, fixed) && constant(e.Y, pkg, fixed)
	case *ast.CallExpr: // a conversion
		return len(e.Args) == 1 && constant(e.Args[0], pkg, fixed)
	case *ast.ParenExpr:
		return constant(e.X, pkg, fixed)
	}
	return false
}

// TestCountedSees: the rule above finds plurals, and knows bounds and verbs.
func TestCountedSees(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]map[int]string{
		"%s has %d tokens":                 {1: "%d tokens"},
		"%d temporary codes, %d users":     {0: "%d temporary codes", 1: "%d users"},
		"%[2]d of %[1]d parts":             {0: "%[1]d parts"},
		"100%% of %d keys":                 {0: "%d keys"},
		"longer than %d bytes":             {},
		"%d to %d days, counter %d is new": {},
		"%d token":                         {},
	} {
		if got := counted(format); !maps.Equal(got, want) {
			t.Errorf("%q: %v, want %v", format, got, want)
		}
	}
}
