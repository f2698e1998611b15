package credentials_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/seal"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

var (
	root  = authz.Principal{Name: "ROOT", Role: authz.Root}
	super = authz.Principal{Name: "account:boss", ID: "boss", Role: authz.SuperAdmin}
)

const chosen = "seventeen green umbrellas"

// office has administrators.
type office struct {
	*testing.T
	*testkit.Kit
	root      *credentials.Root
	accounts  *credentials.Accounts
	publicURL string
	texts     []string // that nothing may hold
}

func newOffice(t *testing.T, edit ...func(*credentials.AccountsConfig)) *office {
	t.Helper()
	return officeIn(t, testkit.New(t), edit...)
}

func officeIn(t *testing.T, k *testkit.Kit, edit ...func(*credentials.AccountsConfig)) *office {
	t.Helper()
	o := &office{T: t, Kit: k, publicURL: "https://tokens.example.com",
		root: credentials.NewRoot(k.DB, k.Hasher(seal.Password), k.Hasher(seal.Session), k.Clock.Now)}
	cfg := credentials.AccountsConfig{DB: k.DB, Root: o.root, Codes: k.Engine, Now: k.Clock.Now,
		PublicURL: func() string { return o.publicURL }}
	for _, e := range edit {
		e(&cfg)
	}
	var err error
	if o.accounts, err = credentials.NewAccounts(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.notKept)
	return o
}

// notKept demands that no file of the database has what is secret.
func (o *office) notKept() {
	files, err := filepath.Glob(filepath.Join(filepath.Dir(o.Path), "ostiary.db*"))
	if err != nil || len(files) == 0 {
		o.Errorf("no database: %v", err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			o.Error(err)
		}
		for _, text := range o.texts {
			if strings.Contains(string(content), text) {
				o.Errorf("%s holds %q", filepath.Base(f), text)
			}
		}
	}
}

// must gives what was returned without an error.
func must[V any](o *office) func(V, error) V {
	return func(v V, err error) V {
		o.Helper()
		if err != nil {
			o.Fatal(err)
		}
		return v
	}
}

func (o *office) refused(what string, err error, kind fault.Kind, code string) {
	o.Helper()
	if f := fault.Of(err); f == nil || f.Kind != kind || f.Code != code {
		o.Errorf("%s: %v, want kind %d, code %s", what, err, kind, code)
	}
	if err == nil {
		return
	}
	for _, text := range o.texts {
		if strings.Contains(err.Error(), text) {
			o.Errorf("%s: the error tells %q", what, text)
		}
	}
}

// add adds an account and gives its first password.
func (o *office) add(name string, role authz.Role) (password string) {
	o.Helper()
	_, password, err := o.accounts.Add(o.Context(), root, credentials.AdminRequest{Name: name, Role: role}, testkit.Origin)
	if err != nil {
		o.Fatal(err)
	}
	o.texts = append(o.texts, password)
	return password
}

func (o *office) tries(name, password, source string, kind credentials.Kind) (string, credentials.Session, error) {
	origin := testkit.Origin
	origin.Source = source
	return o.accounts.SignIn(o.Context(), credentials.SignIn{Name: name, Password: password, Kind: kind,
		Agent: "Browser/1"}, origin)
}

// signsIn signs in where the password is all that there is.
func (o *office) signsIn(name, password string) (string, credentials.Session) {
	o.Helper()
	text, s, err := o.tries(name, password, "192.0.2.1:4711", credentials.Page)
	if err != nil {
		o.Fatal(err)
	}
	o.texts = append(o.texts, text)
	return text, s
}

// settled adds an account that has chosen its password, and signs in.
func (o *office) settled(name string, role authz.Role) (string, credentials.Session) {
	o.Helper()
	first := o.add(name, role)
	_, s := o.signsIn(name, first)
	o.texts = append(o.texts, chosen)
	text, s, err := o.accounts.ChangePassword(o.Context(), s, first, chosen, originOf(s))
	if err != nil {
		o.Fatal(err)
	}
	o.texts = append(o.texts, text)
	return text, s
}

func originOf(s credentials.Session) audit.Origin {
	return audit.Origin{Actor: s.Principal.Name, ActorID: s.Principal.ID, Role: s.Principal.Role.String(),
		Source: "192.0.2.1:4711", Request: "r"}
}

// alive gives the session of a token.
func (o *office) alive(text string) (credentials.Session, bool) {
	o.Helper()
	s, ok, err := o.accounts.Session(o.Context(), text, credentials.Page)
	if err != nil {
		o.Error(err)
	}
	return s, ok
}

func (o *office) isAlive(what, text string, want bool) {
	o.Helper()
	if _, ok := o.alive(text); ok != want {
		o.Errorf("%s: the session is alive: %t", what, ok)
	}
}

// holds gives the user of an administrator's name a token.
func (o *office) holds(name, serial string) *pskc.Key {
	o.Helper()
	key := testkit.TOTP(serial)
	o.Import(o.T, key)
	o.User(o.T, name)
	o.Assign(o.T, serial, name)
	return key
}

func (o *office) code(key *pskc.Key) string {
	return testkit.OathtoolTOTP(o.T, key, 0, o.Clock.Now())
}
