package archtest

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// public are the packages for other programs, in which secrets are compared and
// wiped.
var public = []string{"oath", "pskc", "pskc/xmlsig", "activation", "authenticator"}

// inConstantTime says which functions compare a secret, a code or a MAC, and with
// what.
var inConstantTime = map[string]string{
	"oath.Find":                        "sameMask subtle.ConstantTimeCompare", // Scanner's and Suite's
	"oath.FindPair":                    "sameMask",
	"pskc.verify":                      "hmac.Equal",
	"pskc.endsRight":                   "hmac.Equal",
	"pskc.unwrap":                      "subtle.ConstantTimeCompare",
	"pskc.paddedLength":                "subtle.ConstantTimeLessOrEq",
	"pskc.unwrapRSA15":                 "rsa.DecryptPKCS1v15SessionKey",
	"activation.OpenDerivationCode":    "subtle.ConstantTimeEq",
	"activation.ParseRegistrationCode": "subtle.ConstantTimeCompare",
	"activation.authentic":             "hmac.Equal",
	"activation.checks":                "subtle.ConstantTimeEq",
	"authenticator.continues":          "hmac.Equal",
	"authenticator.findExchange":       "hmac.Equal",
}

// inVariableTime are the functions that may compare bytes as they come, because
// everybody may know them.
var inVariableTime = map[string]string{
	"pskc/xmlsig.Verify":        "the digest of what was signed",
	"activation.ResumeExchange": "a public key",
}

func TestSecretsAreComparedInConstantTime(t *testing.T) {
	t.Parallel()
	early := []string{"bytes.Equal", "bytes.Compare", "slices.Equal", "slices.Compare"}
	made, allowed := map[string][]string{}, map[string]bool{}
	for name, f := range publicFuncs(t) {
		for _, body := range f {
			calls := callsOf(body)
			made[name] = append(made[name], calls...)
			if slices.ContainsFunc(calls, func(c string) bool { return slices.Contains(early, c) }) ||
				comparesText(body) {
				if allowed[name] = true; inVariableTime[name] == "" {
					t.Errorf("%s compares bytes in variable time: use hmac.Equal, or say in inVariableTime who "+
						"may know them", name)
				}
			}
		}
	}
	for name, with := range inConstantTime {
		for _, call := range strings.Fields(with) {
			if !slices.Contains(made[name], call) {
				t.Errorf("%s does not compare with %s", name, call)
			}
		}
	}
	for name := range inVariableTime {
		if !allowed[name] {
			t.Errorf("%s compares nothing in variable time any more", name)
		}
	}
}

// publicFuncs are the bodies of the functions of the public packages, by package
// and name; methods of several types can have one name.
func publicFuncs(t *testing.T) map[string][]*ast.BlockStmt {
	t.Helper()
	all := map[string][]*ast.BlockStmt{}
	for _, f := range files(t) {
		if f.test || !slices.Contains(public, f.pkg) {
			continue
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				all[f.pkg+"."+fn.Name.Name] = append(all[f.pkg+"."+fn.Name.Name], fn.Body)
			}
		}
	}
	return all
}

// callsOf are the functions that are called, as they are written.
func callsOf(body ast.Node) (calls []string) {
	ast.Inspect(body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			calls = append(calls, written(call.Fun))
		}
		return true
	})
	return calls
}

// written is a name as it is written, with what stands before its points.
func written(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return written(e.X) + "." + e.Sel.Name
	}
	return ""
}

// comparesText tells whether bytes are made to text and compared so.
func comparesText(body ast.Node) (found bool) {
	text := func(e ast.Expr) bool {
		call, ok := e.(*ast.CallExpr)
		return ok && written(call.Fun) == "string"
	}
	ast.Inspect(body, func(n ast.Node) bool {
		if b, ok := n.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ) && text(b.X) && text(b.Y) {
			found = true
		}
		return true
	})
	return found
}

// wiped says which functions wipe what when they are done with it, as often as they
// do; functions of one name in one package stand together.
var wiped = map[string]string{
	"oath.Encode":         "clear(b)",
	"oath.Find":           "c.wipe()",
	"oath.HOTP":           "s.Wipe()",
	"oath.ParseURI":       "u.Secret.Wipe()",
	"oath.Response":       "c.wipe()",
	"oath.Wipe":           "clear() s.mac.wipe()",
	"oath.decodeSecret":   "clear(upper) clear(upper)",
	"oath.init":           "clear(pad) m.wipe()",
	"oath.newComputation": "c.wipe() c.wipe()",
	"oath.wipe":           "c.mac.wipe() clear(c.msg) clear(c.sum[]) clear(c.text[])",

	"pskc/xmlsig.content": "clear(part)",
	"pskc/xmlsig.tree":    "clear(text)",

	"pskc.Close":           "w.wipe()",
	"pskc.ParsePrivateKey": "clear(block.Bytes)",
	"pskc.Wipe":            "clear(k.Secret) clear(h.Value)",
	"pskc.Write":           "w.wipe()",
	"pskc.blockOf":         "clear(three)",
	"pskc.contentKey":      "clear(kek) clear(key)",
	"pskc.decryptCBC":      "clear(plain) clear(plain[])",
	"pskc.key":             "k.Wipe() k.Wipe()",
	"pskc.next":            "p.cry.wipe() p.wipeValues()",
	"pskc.openMAC":         "clear(plain)",
	"pskc.openRecord":      "clear(plain) clear(h.Value)",
	"pskc.protect":         "clear(key) clear(macKey)",
	"pskc.reset":           "clear(v.plain)",
	"pskc.setup":           "clear(macKey)",
	"pskc.submac":          "clear(key)",
	"pskc.unwrap":          "clear(plain) clear(work[])",
	"pskc.unwrapRSA15":     "clear(got)",
	"pskc.wipe":            "clear(c.key) clear(w.buf[]) clear(w.text[])",
	"pskc.wipeValues":      "clear(p.s.buf) clear(p.s.text[])",

	"activation.DerivationCode":     "clear(pad)",
	"activation.MAC":                "clear(key)",
	"activation.MakeCode":           "clear(key1) clear(key2)",
	"activation.NewExchange":        "clear(drawn)",
	"activation.OpenCode":           "clear(key1) clear(key2)",
	"activation.OpenDerivationCode": "clear(device) clear(pad)",
	"activation.ResumeExchange":     "clear(seed)",
	"activation.bindMAC":            "clear(key)",
	"activation.codeMAC":            "clear(key)",
	"activation.open":               "clear(plain)",
	"activation.seal":               "clear(plain)",

	"authenticator.Account":        "a.wipe()",
	"authenticator.Activate":       "a.wipe() o.wipe()",
	"authenticator.ChangePIN":      "o.wipe()",
	"authenticator.Confirm":        "a.wipe()",
	"authenticator.Confirmation":   "o.wipe()",
	"authenticator.Delete":         "a.wipe()",
	"authenticator.Finish":         "a.wipe()",
	"authenticator.Settle":         "a.wipe()",
	"authenticator.appKey":         "clear(bind)",
	"authenticator.bindSecret":     "clear(d)",
	"authenticator.change":         "a.wipe()",
	"authenticator.completeFormer": "clear(a.pending.proof)",
	"authenticator.compute":        "o.wipe()",
	"authenticator.confirmation":   "clear(bind)",
	"authenticator.decodeAccount":  "a.wipe() a.wipe()",
	"authenticator.decodeEpoch":    "clear(encoded)",
	"authenticator.decodeExchange": "clear(state)",
	"authenticator.decodePending":  "clear(encoded)",
	"authenticator.decrypt":        "clear(key)",
	"authenticator.describe":       "clear(bind)",
	"authenticator.encode":         "clear(state)",
	"authenticator.encrypt":        "clear(key)",
	"authenticator.erase":          "clear(e.protected)",
	"authenticator.keepExchange":   "clear(b.key) clear(plain)",
	"authenticator.load":           "clear(plain)",
	"authenticator.loadExchange":   "clear(b.key) clear(plain)",
	"authenticator.loadPending":    "a.wipe()",
	"authenticator.mark":           "clear(key)",
	"authenticator.newAccount":     "a.wipe() o.wipe()",
	"authenticator.open":           "clear(b.key)",
	"authenticator.protect":        "clear(key)",
	"authenticator.proveAgain":     "a.wipe() o.wipe()",
	"authenticator.respond":        "clear(key)",
	"authenticator.sameProof":      "o.wipe()",
	"authenticator.settleAnswer":   "a.wipe()",
	"authenticator.store":          "a.wipe() clear(plain) opened.wipe()",
	"authenticator.unlock":         "clear(key) clear(key) clear(key)",
	"authenticator.unlockSecret":   "o.wipe()",
	"authenticator.wipe":           "clear(a.key) clear(o.secret) clear(o.wrong)",
	"authenticator.wipeAll":        "a.wipe()",
}

// Most of what is wiped is out of a test's reach afterwards, so the wipe itself is
// looked for.
func TestKeysAreWiped(t *testing.T) {
	t.Parallel()
	done := map[string][]string{}
	for name, bodies := range publicFuncs(t) {
		for _, body := range bodies {
			ast.Inspect(body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				text := written(call.Fun) + "("
				if len(call.Args) == 1 {
					if s, ok := call.Args[0].(*ast.SliceExpr); ok {
						text += written(s.X) + "[]"
					}
					text += written(call.Args[0])
				}
				done[name] = append(done[name], text+")")
				return true
			})
		}
	}
	for name, wipes := range wiped {
		for _, wipe := range strings.Fields(wipes) {
			i := slices.Index(done[name], wipe)
			if i < 0 {
				t.Errorf("%s lacks a %s", name, wipe)
				continue
			}
			done[name] = slices.Delete(done[name], i, i+1)
		}
	}
	for name, calls := range done {
		for _, call := range calls {
			if strings.HasPrefix(call, "clear(") || strings.HasSuffix(strings.ToLower(call), "wipe()") {
				t.Errorf("%s has a %s that does not stand here", name, call)
			}
		}
	}
}
