package derive

import (
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
)

func (f *fold) renamed(from, to string) {
	f.add(audit.Entry{Action: audit.UserRenamed, Subject: audit.Subject{User: from},
		Before: []audit.Field{field("user", from)}, After: []audit.Field{field("user", to)}})
}

// All that is a user's follows the user when the name changes, and nothing of it is of
// whoever gets the name then.
func TestRenamedUserKeepsWhatIsTheUsers(t *testing.T) {
	t.Parallel()
	owned := func(serial, owner string) token.Token {
		return token.Token{Identity: token.Identity{Type: "hotp", Serial: serial}, OwnerName: owner,
			Condition: token.Condition{Epoch: 1}}
	}
	scene := func() *fold {
		f := newFold(t)
		f.add(audit.Entry{Action: audit.UserAdded, Subject: audit.Subject{User: "anna"}})
		f.add(audit.Entry{Action: audit.TokenStaged, Subject: subject("1"),
			After: append(audit.ConditionFields(token.Condition{Epoch: 1}, "anna"), field("run", int64(0)))})
		f.add(audit.Entry{Action: audit.CodesIssued, Subject: audit.Subject{User: "anna"},
			After: []audit.Field{field("codes", "0011"), field("expires", audit.Stamp(at))}})
		f.add(audit.Entry{Action: audit.CodeVerified, Outcome: audit.Refused, Subject: audit.Subject{User: "anna"},
			After: []audit.Field{field("user_failures", int64(2))}})
		f.renamed("anna", "berta")
		f.add(audit.Entry{Action: audit.UserAdded, Subject: audit.Subject{User: "anna"}})
		return f
	}
	f := scene()
	f.Token(owned("1", "berta"), nil)
	f.User(User{Name: "berta", Failures: 2})
	f.User(User{Name: "anna"})
	f.Code(Code{User: "berta", Mark: "0011", Expires: at.UnixMilli()})
	f.found()

	f = scene()
	f.Token(owned("1", "anna"), nil)
	f.found(`token hotp 1, entry 1: in the database the owner is "anna"`)
	f = scene()
	f.User(User{Name: "anna", Failures: 2})
	f.found("user anna, entry 5: in the database the number of failures is 2, but according to the log 0")
	f = scene()
	f.Code(Code{User: "anna", Mark: "0011", Expires: at.UnixMilli()})
	f.found("user anna: the temporary code 0011 is in the database, but no entry issued it")

	// Whoever is renamed must be there, and the name free.
	f = scene()
	f.renamed("carl", "dora")
	f.found("user carl, entry 6: the entry is about a user whom no entry created")
	f = scene()
	f.renamed("anna", "berta")
	f.found("user anna, entry 6: the user is renamed to berta, but a user of that name already existed")
	// What is missing is named as it is called now.
	f = scene()
	if err := f.Finish(Source{Entry: func(int64) ([]byte, error) {
		return audit.Entry{Action: audit.UserRenamed, Subject: audit.Subject{User: "anna"}}.Canonical(), nil
	}}); err != nil {
		t.Fatal(err)
	}
	named := false
	for _, d := range f.Result().Findings {
		named = named || d.Row == "user berta"
	}
	if !named {
		t.Errorf("found %v", f.Result().Findings)
	}
}
