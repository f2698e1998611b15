package lifecycle_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// What a server has taken once, by a switch or under rules that are stricter now,
// another one takes from its export without a switch, and has it the same.
func TestExportOfWhatWasTakenOnce(t *testing.T) {
	t.Parallel()
	long := func(s string) string { return strings.Repeat(s, tokens.MaxText) }
	a, b := testkit.New(t), testkit.New(t)
	secret := byte(0)
	stage := func(length int, change func(*token.Token)) {
		secret++
		tok := token.Token{Kind: token.Hardware, Identity: token.Identity{Type: "totp", Serial: string('A' + rune(secret))},
			Spec:      token.Spec{Algorithm: token.TOTP, Hash: "SHA1", Digits: 6, Period: 30},
			Condition: token.Condition{Epoch: 1}}
		change(&tok)
		a.Stage(t, tok, []byte(strings.Repeat(string('a'+rune(secret)), length)))
	}
	named := func(serial, id string) func(*token.Token) {
		return func(tok *token.Token) { tok.Identity.Serial, tok.Identity.KeyID = serial, id }
	}
	stage(10, func(*token.Token) {}) // --allow-short-secrets
	stage(20, func(tok *token.Token) { tok.Spec.Period = tokens.MaxPeriod })
	stage(20, func(tok *token.Token) {
		tok.Condition.NotBefore, tok.Condition.NotAfter = testkit.Start.Add(time.Hour), testkit.Start
	})
	stage(20, func(tok *token.Token) { tok.Condition.Drift = token.MaxDrift + 1 })
	// Serials that could be taken for another, as files named them.
	stage(20, named("B\u3164", ""))
	stage(20, named("C\ufe0f", "C\ufe0f"))
	stage(20, named("\u2800", ""))
	stage(20, named(" D", " D")) // without a serial number the key id is the serial
	stage(20, named("E ", "E "))
	stage(20, named(" ", ""))
	// The longest texts, in the longest characters.
	stage(20, func(tok *token.Token) {
		tok.Identity = token.Identity{Type: "totp", Manufacturer: long("😀"), Serial: long("😁"), KeyID: long("😂")}
		tok.Model, tok.Issuer, tok.Label = long("😃"), long("😄"), long("😅")
		tok.StateReason = strings.Repeat("😆", tokens.MaxReason)
	})
	count := len(a.List(t, lifecycle.Filter{}))

	for _, k := range []*testkit.Kit{a, b} {
		k.PastLog()
		err := k.DB.Update(context.Background(), func(tx store.Tx) error { // who is there under the former rules
			_, err := tx.AddUser("zo\u00eb\u3164", testkit.Start)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	a.Assign(t, "B", "zo\u00eb\u3164")

	file, n, err := testkit.Export(t, a)
	if err != nil || n != count {
		t.Fatalf("%d of %d exported, %v", n, count, err)
	}
	rep := testkit.Take(t, b, testkit.OpenExport(t, file))
	for _, row := range rep.Rows {
		if row.Outcome != imports.Imported {
			t.Errorf("%q was %s: %s", row.Serial, row.Outcome, row.Reason)
		}
	}
	want := all(t, a)
	for i := range want {
		if tok, ok := want[i].(token.Token); ok { // which no server keeps to any more
			tok.Condition.Drift = min(tok.Condition.Drift, token.MaxDrift)
			want[i] = tok
		}
	}
	if diff := cmp.Diff(want, all(t, b)); diff != "" {
		t.Errorf("the tokens differ (-exported +imported):\n%s", diff)
	}
}
