package migrate

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// settled is the last migration from before the rule that neighbouring versions work side by
// side: programs from before it refuse a newer schema anyway.
const settled = 27

// takes are statements after which an older program does not work any more, or takes the
// database for one that somebody else has changed, with what to do instead.
var takes = []struct {
	statement *regexp.Regexp
	why       string
}{
	{re(`^drop (table|sequence|function)`), "what is dropped may be in use"},
	{re(`^alter table .*\bdrop (column|constraint)`), "what is dropped may be in use"},
	{re(`^alter .*\brename\b`), "the former name may be in use"},
	{re(`^alter table .*\balter( column)? \S+ (type|set data type)\b`), "an older program reads another type"},
	{re(`^alter table .*\balter( column)? \S+ (set not null|drop default)`), "an older program leaves the column out"},
	{re(`^alter table .*\badd constraint`), "an older program may write what does not fit"},
	{re(`^create (or replace )?(function|trigger|rule|view|materialized view|policy)`), "an older program takes it for " +
		"forged"},
	{re(`^(insert into|update|delete from) (admin|api_key|audit_seam|data_key|key_wrapping|passkey|profile|setting|token_type)\b`),
		"an older program takes the small tables for forged"},
	{re(`^do\b`), "what it does cannot be seen here"},
}

var (
	comment = regexp.MustCompile(`--[^\n]*`)
	space   = regexp.MustCompile(`\s+`)
	created = re(`^create table "?(\w+)"?`)
	unique  = re(`^create unique index \S+ on "?(\w+)"?`)
	adds    = re(`\badd column [^,]*(,|$)`)
	// A default that is empty, so that the digest of the small tables stays as it is.
	harmless = re(`not null default (0|'')( |,|$)`)
)

func re(text string) *regexp.Regexp { return regexp.MustCompile(text) }

// taken tells what a migration takes away from an older program.
func taken(text string) (found []string) {
	var own []string // tables that it makes itself
	for statement := range strings.SplitSeq(comment.ReplaceAllString(text, ""), ";") {
		s := strings.ToLower(strings.TrimSpace(space.ReplaceAllString(statement, " ")))
		if m := created.FindStringSubmatch(s); m != nil {
			own = append(own, m[1])
		}
		say := func(why string) { found = append(found, why+": "+s) }
		for _, t := range takes {
			if t.statement.MatchString(s) {
				say(t.why)
			}
		}
		if m := unique.FindStringSubmatch(s); m != nil && !slices.Contains(own, m[1]) {
			say("an older program may write what does not fit")
		}
		for _, add := range adds.FindAllString(s, -1) {
			nothing := !strings.Contains(add, "not null") && !strings.Contains(add, "default")
			if !nothing && !harmless.MatchString(add) {
				say("a column must be empty at first, with a default that an older program can leave to the database " +
					"(NOT NULL DEFAULT 0, NOT NULL DEFAULT '', or NULL)")
			}
		}
	}
	return found
}

// A migration that takes away from older programs what they need says from which program on
// the database may be used. It is PostgreSQL's, on which servers of two versions work; the
// file for SQLite says the same.
func TestMigrationsExpand(t *testing.T) {
	t.Parallel()
	all := map[string][]Migration{}
	for _, database := range []string{"postgres", "sqlite"} {
		ms, err := Load(os.DirFS("../" + database + "/migrations"))
		if err != nil || len(ms) < 25 {
			t.Fatalf("%s: %d migrations, %v", database, len(ms), err)
		}
		all[database] = ms
	}
	for i, m := range all["postgres"] {
		if other := all["sqlite"][i]; other.MinBinary != m.MinBinary {
			t.Errorf("migration %04d_%s has min_binary %d for PostgreSQL and %d for SQLite", m.Number, m.Name, m.MinBinary,
				other.MinBinary)
		}
		if m.Number <= settled || m.MinBinary > 0 {
			continue
		}
		for _, what := range taken(m.SQL) {
			t.Errorf("migration %04d_%s: %s\nSee \"Neighbouring versions\" in docs/architecture.md: do this one release "+
				"later, with a line %s N", m.Number, m.Name, what, minBinaryLine)
		}
	}
}

// The test above finds what it is to find, also in migrations that there are.
func TestWhatTakesAwayIsFound(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]int{
		"CREATE TABLE a (b bigint NOT NULL); CREATE UNIQUE INDEX a_b ON a (b); CREATE INDEX c_d ON c (d);":           0,
		"ALTER TABLE a ADD COLUMN b bigint NOT NULL DEFAULT 0, ADD COLUMN c text COLLATE \"C\" NOT NULL DEFAULT '';": 0,
		"ALTER TABLE a ADD COLUMN b bytea; -- DROP TABLE c;\nUPDATE a SET b = NULL;":                                 0,
		"ALTER TABLE a ADD COLUMN b bigint NOT NULL;":                                                                1,
		"ALTER TABLE a ADD COLUMN b bigint NOT NULL DEFAULT 1;":                                                      1,
		"ALTER TABLE a ADD COLUMN b bigint, ADD COLUMN c text NOT NULL;":                                             1,
		"ALTER TABLE a ADD COLUMN b text DEFAULT 'x';":                                                               1,
		"ALTER TABLE a DROP COLUMN b;":                                                                               1,
		"ALTER TABLE a\n  ALTER b TYPE text;":                                                                        1,
		"alter table a alter column b set not null;":                                                                 1,
		"ALTER TABLE a RENAME b TO c; ALTER TABLE a RENAME TO d;":                                                    2,
		"ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0);":                                                              1,
		"DROP TABLE a;":                     1,
		"CREATE UNIQUE INDEX a_b ON a (b);": 1,
		"CREATE FUNCTION a() RETURNS int LANGUAGE sql AS 'SELECT 1';":                          1,
		"INSERT INTO setting (name, value) VALUES ('a', 'b'); UPDATE profile SET issuer = '';": 2,
		"DO 'BEGIN END';": 1,
	} {
		if got := taken(statement); len(got) != want {
			t.Errorf("%s: found %q, want %d", statement, got, want)
		}
	}
	ms, err := Load(os.DirFS("../postgres/migrations"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range ms[:25] {
		if len(taken(m.SQL)) > 0 {
			names = append(names, m.Name)
		}
	}
	want := []string{"import", "types", "audittimes", "activatedmoves", "lists", "decoys"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("migrations that take away (-want +got):\n%s", diff)
	}
}
