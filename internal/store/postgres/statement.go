package postgres

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"ostiary/internal/core/lru"
	"ostiary/internal/store/decide"
)

// maxStatements bounds how many rewritten statements are kept. The fixed ones are a few
// hundred; the rest are lists with filters, and rows in different numbers.
const maxStatements = 1024

// statements keeps what was rewritten. It is safe for concurrent use.
type statements struct {
	mu   sync.Mutex
	kept *lru.Cache[form, statement]
	sets sync.Map // from *decide.Statement to its text for many
}

func newStatements() *statements {
	return &statements{kept: lru.New[form, statement](maxStatements, nil)}
}

// form is a statement as package query writes it, and of what kind each argument is.
type form struct{ text, kinds string }

// statement is one as PostgreSQL takes it.
type statement struct {
	text string
	// args says which argument each parameter stands for, from 0.
	args []int
}

// rewritten gives a statement for arguments of these kinds.
func (s *statements) rewritten(text string, kinds []byte) (statement, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := form{text, string(kinds)}
	if done, ok := s.kept.Get(key); ok {
		return done, nil
	}
	done, err := rewrite(text, kinds)
	if err == nil {
		s.kept.Add(key, done)
	}
	return done, err
}

// typeNames are the types of parameters, by the kind of the argument. A parameter says
// its type, because PostgreSQL would take it from what stands beside it otherwise: that of
// "? + 1" would be an integer of 4 bytes, in which no time has room. NULL has no type of
// its own.
var typeNames = map[byte]string{kindInt: "::bigint", kindText: "::text", kindBytes: "::bytea", kindNull: ""}

// rewrite puts $1::bigint and the like in the place of ?, or of ?1. What stands in quotes
// and in comments stays as it is. Parameters are numbered as they first come, so an
// argument that the statement does not name is left out.
func rewrite(text string, kinds []byte) (statement, error) {
	var (
		out      strings.Builder
		s        statement
		place    = map[int]int{} // of the parameter for an argument, from 1
		largest  int
		numbered bool
	)
	for i := 0; i < len(text); {
		if n := opaque(text[i:]); n > 0 {
			out.WriteString(text[i : i+n])
			i += n
			continue
		}
		if text[i] != '?' {
			out.WriteByte(text[i])
			i++
			continue
		}
		i++
		digits := 0
		for i+digits < len(text) && '0' <= text[i+digits] && text[i+digits] <= '9' {
			digits++
		}
		arg := largest // as in SQLite: the one behind the largest so far
		if digits > 0 {
			n, err := strconv.Atoi(text[i : i+digits])
			if err != nil || n == 0 {
				return s, fmt.Errorf("there is no parameter ?%s", text[i:i+digits])
			}
			arg, numbered = n-1, true
		}
		i += digits
		largest = max(largest, arg+1)
		if arg >= len(kinds) {
			return s, fmt.Errorf("parameter %d has no argument: there are %d", arg+1, len(kinds))
		}
		if place[arg] == 0 {
			s.args = append(s.args, arg)
			place[arg] = len(s.args)
		}
		out.WriteString("$" + strconv.Itoa(place[arg]) + typeNames[kinds[arg]])
	}
	if !numbered && largest != len(kinds) {
		return s, fmt.Errorf("%d arguments for %d parameters", len(kinds), largest)
	}
	s.text = out.String()
	return s, nil
}

// opaque gives the length of the literal, the quoted name or the comment that a text
// begins with, or 0. One without an end goes to the end, and PostgreSQL refuses it. A
// doubled quote ends one literal and begins the next, which comes to the same.
func opaque(text string) int {
	for _, o := range [...]struct{ begin, end string }{{"'", "'"}, {`"`, `"`}, {"--", "\n"}, {"/*", "*/"}} {
		if rest, ok := strings.CutPrefix(text, o.begin); ok {
			if end := strings.Index(rest, o.end); end >= 0 {
				return len(o.begin) + end + len(o.end)
			}
			return len(text)
		}
	}
	return 0
}

// many gives the text of a conditional write for many lists of arguments at once: ?1 is the
// first column of the lists, and so on. It gives the tokens whose rows were written.
func (s *statements) many(of *decide.Statement) string {
	if text, ok := s.sets.Load(of); ok {
		return text.(string)
	}
	columns, lists := make([]string, of.Args), make([]string, of.Args)
	for i := range of.Args {
		columns[i], lists[i] = "a"+strconv.Itoa(i+1), "$"+strconv.Itoa(i+1)+"::bigint[]"
	}
	set, where, _ := strings.Cut(argumentPattern.ReplaceAllString(of.SQL, "p.a$1"), "WHERE")
	text := set + "FROM unnest(" + strings.Join(lists, ", ") + ") AS p (" + strings.Join(columns, ", ") + ")\n\tWHERE" +
		where + "\n\tRETURNING token"
	s.sets.Store(of, text)
	return text
}

var argumentPattern = regexp.MustCompile(`\?([0-9]+)`)
