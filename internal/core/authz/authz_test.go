package authz

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ostiary/internal/test/compiled"
)

// who are the principals of the matrix below, in the order of its columns.
var who = []struct {
	name string
	Principal
}{
	{"root", Principal{Role: Root}},
	{"super_admin", Principal{Role: SuperAdmin}},
	{"admin", Principal{Role: Admin}},
	{"operator with help desk", Principal{Role: Operator, HelpDesk: true}},
	{"operator", Principal{Role: Operator}},
	{"portal", Principal{Role: Portal}},
	{"verifier", Principal{Role: Verifier}},
	{"none", Principal{Role: None}},
}

// rights is the whole matrix: x may, . may not.
//
//	root, super_admin, admin, operator with help desk, operator, portal, verifier, none
var rights = map[string]string{
	"Verify":            "xxxx..x.",
	"VerifyWide":        "xxxx....",
	"TokenView":         "xxxx....",
	"TokenImport":       "xxx.....",
	"ImportCancel":      "xxx.....",
	"TokenCreate":       "xxx.....",
	"TokenConfirm":      "xxxx....",
	"TokenAssign":       "xxx.....",
	"TokenExport":       "xx......",
	"TokenResync":       "xxxx....",
	"TokenState":        "xxx.....",
	"TokenMarkLost":     "xxxx....",
	"TokenReplace":      "xxx.....",
	"TokenDates":        "xxx.....",
	"TokenLabel":        "xxx.....",
	"TokenUnlock":       "xxxx....",
	"TokenDelete":       "xxx.....",
	"JobView":           "xxx.....",
	"ActivationStart":   "xxxx....",
	"ActivationBeyond":  "xxx.....",
	"ActivationConfirm": "xxxx....",
	"ActivationReset":   "xxx.....",
	"ActivationUnbind":  "xxxx....",
	"ActivationAhead":   "xxx.....",
	"SelfService":       "xxx..x..",
	"TypeView":          "xxxx....",
	"TypeManage":        "xxx.....",
	"ProfileView":       "xxxx....",
	"ProfileManage":     "xxx.....",
	"SeriesView":        "xxx.....",
	"SeriesManage":      "xxx.....",
	"UserView":          "xxxxx...",
	"UserManage":        "xxx.....",
	"UserUnlock":        "xxxx....",
	"UserCode":          "xxxx....",
	"UserLink":          "xxxx....",
	"KeyView":           "xx......",
	"KeyManage":         "xx......",
	"AuditView":         "xxxxx...",
	"AuditVerify":       "xxxxx...",
	"AuditArchive":      "xx......",
	"AuditSerials":      "xxxx....",
	"SessionManage":     "xxxxxxx.",
	"EventView":         "xx......",
	"EventManage":       "xx......",
	"AdminView":         "xx......",
	"SettingView":       "xx......",
	"AdminManage":       "xx......",
	"RootPassword":      "x.......",
}

// operations reads the constants of type Operation from the source of this
// package, so that a new one cannot be forgotten here.
func operations(t *testing.T) map[string]Operation {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Operation{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), compiled.File(name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			typ, typed := spec.Type.(*ast.Ident)
			for i, value := range spec.Values {
				if call, ok := value.(*ast.CallExpr); ok {
					if fn, ok := call.Fun.(*ast.Ident); ok && fn.Name == "Operation" {
						t.Errorf("operation %s is not written as a typed constant", spec.Names[i].Name)
					}
				}
				if !typed || typ.Name != "Operation" {
					continue
				}
				lit, ok := value.(*ast.BasicLit)
				if !ok {
					t.Fatalf("operation %s is not a literal", spec.Names[i].Name)
				}
				found[spec.Names[i].Name] = Operation(strings.Trim(lit.Value, `"`))
			}
			return true
		})
	}
	return found
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	ops := operations(t)
	if len(ops) < 19 {
		t.Fatalf("%d operations were found in the source", len(ops))
	}
	for name, op := range ops {
		row, ok := rights[name]
		if !ok || len(row) != len(who) {
			t.Errorf("operation %s has no row of %d columns in this test", name, len(who))
			continue
		}
		for i, w := range who {
			if got, want := Allows(w.Principal, op), row[i] == 'x'; got != want {
				t.Errorf("%s may %s: %t, want %t", w.name, op, got, want)
			}
		}
	}
	for name := range rights {
		if _, ok := ops[name]; !ok {
			t.Errorf("there is no operation %s any more", name)
		}
	}
	// And nothing is in the matrix that is no constant.
	all := slices.Collect(maps.Values(ops))
	for op := range matrix {
		if !slices.Contains(all, op) {
			t.Errorf("the matrix has a row for %q, which is no constant", op)
		}
	}
}

// The help-desk set is for operators. On any other role it gives nothing.
func TestHelpDeskIsForOperators(t *testing.T) {
	t.Parallel()
	for _, op := range operations(t) {
		for _, role := range []Role{None, Verifier, Portal, Admin, SuperAdmin, Root} {
			with, without := Allows(Principal{Role: role, HelpDesk: true}, op), Allows(Principal{Role: role}, op)
			if with != without {
				t.Errorf("%s with help desk may %s: %t, without %t", role, op, with, without)
			}
		}
	}
}

func TestUnknownOperation(t *testing.T) {
	t.Parallel()
	for _, w := range who {
		for _, op := range []Operation{"", "token.clone", "VERIFY", "token"} {
			if Allows(w.Principal, op) {
				t.Errorf("%s may %q", w.name, op)
			}
		}
	}
	if Allows(Principal{Role: 75, HelpDesk: true}, Verify) || Allows(Principal{Role: 1000}, Verify) {
		t.Error("a role that does not exist may verify")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	var all []Operation
	for _, op := range operations(t) {
		all = append(all, op)
	}
	if err := Check(all...); err != nil {
		t.Error(err)
	}
	err := Check(Verify, "token.clone", TokenView, "token.copy")
	if err == nil || !strings.Contains(err.Error(), "token.clone, token.copy") ||
		strings.Contains(err.Error(), string(TokenView)) {
		t.Errorf("Check = %v, want the two without a row", err)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	for role, name := range map[Role]string{Verifier: "verifier", Portal: "portal", Operator: "operator",
		Admin: "admin", SuperAdmin: "super_admin", Root: "root"} {
		if role.String() != name {
			t.Errorf("%d is written %q, want %q", role, role, name)
		}
		for _, s := range []string{name, strings.ToUpper(name)} {
			if got, err := ParseRole(s); err != nil || got != role {
				t.Errorf("ParseRole(%q) = %v, %v", s, got, err)
			}
		}
	}
	for _, s := range []string{"", "none", "user", "admin ", " admin", "superadmin", "super-admin", "0", "80"} {
		if got, err := ParseRole(s); err == nil || got != None {
			t.Errorf("ParseRole(%q) = %v, %v, want an error", s, got, err)
		}
	}
	if None.String() != "none" || Role(75).String() != "none" {
		t.Error("what is no role is not written none")
	}
}

func TestOutranks(t *testing.T) {
	t.Parallel()
	order := []Role{None, Verifier, Operator, Admin, SuperAdmin, Root}
	for i, a := range order {
		for j, b := range order {
			if got := (Principal{Role: a, HelpDesk: true}).Outranks(b); got != (i > j) {
				t.Errorf("%s outranks %s: %t", a, b, got)
			}
		}
	}
}

// What cannot be taken back, or gives others a way in, needs a proof of who it is, whatever
// the role.
func TestProofsAreNeeded(t *testing.T) {
	t.Parallel()
	for _, op := range operations(t) {
		one := slices.Contains([]Operation{TokenExport, KeyManage, AdminManage, RootPassword}, op)
		many := one || op == TokenDelete || op == UserManage
		if NeedsFresh(op, 1) != one || NeedsFresh(op, 2) != many {
			t.Errorf("%s needs a proof: %t for one thing, %t for two", op, NeedsFresh(op, 1), NeedsFresh(op, 2))
		}
	}
	if NeedsFresh("token.clone", 2) {
		t.Error("what is no operation needs a proof")
	}
}
