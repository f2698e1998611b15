package console_test

import (
	"net/http"
	"strings"
	"testing"

	"ostiary/internal/core/authz"
	"ostiary/internal/test/testkit"
)

// A stack of tokens is checked one after another: right and wrong with the reason, and no
// code comes back. A code is used up.
func TestCheckTokens(t *testing.T) {
	t.Parallel()
	one, two := testkit.HOTP("1001"), testkit.HOTP("1002")
	s, b := admin(t, one, two)
	has(t, b.get(t, "/check"), 200, `name="serial" type="text" value="" autocomplete="off" autofocus`, "Check tokens")
	code := testkit.Code(t, one, 0)
	a := b.post(t, "/check", "serial", " 1001 ", "otp", code)
	has(t, a, 200, "1001: right", "!"+code, "Checked here: 1 right, 0 not", `name="serial" type="text" value=""`)
	has(t, b.post(t, "/check", "serial", "1001", "otp", code, "right", "1001\n"), 200, "used before",
		"Checked here: 0 right, 1 not", "!"+code, `value="1001"`, `name="otp" inputmode="numeric" autocomplete="one-time-code" spellcheck="false" autofocus`)
	has(t, b.post(t, "/check", "serial", "1002", "otp", testkit.Code(t, two, 15), "right", "1001\n"), 200,
		"15 ahead of the window", ">Resynchronize</a>", "Checked here: 1 right, 1 not")
	wrong := testkit.Wrong(t, two, 0, 1)[0]
	has(t, b.post(t, "/check", "serial", "1002", "otp", wrong), 200, "wrong code", "!"+wrong)
	has(t, b.post(t, "/check", "serial", "9999", "otp", wrong), 404, `href="#serial"`, "!"+wrong, `value="9999"`)
	has(t, b.post(t, "/check", "otp", wrong), 422, "Enter the serial number", "!"+wrong)
	has(t, b.post(t, "/check", "serial", "1002", "otp", "12"), 422, `href="#otp"`, "!value=\"12\"")
	has(t, b.post(t, "/check", "serial", "<i>x", "otp", wrong, "right", "<b>y\nz\u202e\n"), 404, "!<i>x", "!<b>y",
		"!\u202e")
	if got := on(t, s, "1001").Condition.Next; got != 1 {
		t.Errorf("the token is at %d", got)
	}
	many := b.post(t, "/check", "serial", "1002", "otp", testkit.Code(t, two, 3), "right", strings.Repeat("7\n", 300))
	has(t, many, 200, "Checked here: 100 right")
	account(t, s, "operator", authz.Operator, false)
	has(t, as(t, s, "operator").get(t, "/check"), http.StatusForbidden)
	has(t, as(t, s, "operator").post(t, "/check"), http.StatusForbidden)
	account(t, s, "desk", authz.Operator, true)
	has(t, as(t, s, "desk").get(t, "/check"), 200, "Check tokens", "!Imports")
}
