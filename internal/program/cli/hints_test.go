package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ostiary/internal/test/compiled"
)

var (
	// hinted is a command in the words of a message or a help, to the end of its sentence.
	hinted = regexp.MustCompile(`\bostiary ([a-z][^\n"]*)`)
	// sentenceEnd is where the words of a command end in prose.
	sentenceEnd = regexp.MustCompile(`[.,;:)]+(\s|$)|\s(and|or)\s|\s-\s`)
	// otherName is what begins like a command and is the name of something else: the first
	// line of a file (its format and version), or of a log ("ostiary audit/…").
	otherName = regexp.MustCompile(`^[a-z]+( \d+[\s\x00]*$|/)`)
	// verb is a place in a format for what is known only when it is said.
	verb = regexp.MustCompile(`%[+#]?[a-z]`)
)

// TestHintedCommandsExist: what an error, a warning or a help says to type is a command
// that there is, with flags that it has. What is put in when it is said stands as X.
func TestHintedCommandsExist(t *testing.T) {
	t.Parallel()
	checked := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, compiled.File(path), nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := said(e)
			if !ok {
				return true
			}
			text = strings.ReplaceAll(verb.ReplaceAllString(text, "X"), "\\\n", " ")
			for _, m := range hinted.FindAllStringSubmatch(text, -1) {
				command := m[1]
				if otherName.MatchString(command) {
					continue
				}
				if at := sentenceEnd.FindStringIndex(command); at != nil {
					command = command[:at[0]]
				}
				takes(t, set.Position(e.Pos()).String(), "ostiary "+strings.TrimSpace(command), false)
				checked++
			}
			return false
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 150 {
		t.Errorf("%d commands were found", checked)
	}
}

// said is the text of a string, of strings that are joined, with X for what is no
// literal.
func said(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, isLeft := said(e.X)
		right, isRight := said(e.Y)
		if !isLeft && !isRight {
			return "", false
		}
		if !isLeft {
			left = "X"
		}
		if !isRight {
			right = "X"
		}
		return left + right, true
	}
	return "", false
}
