package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
)

// call is one request of an operation of the API.
type call struct {
	id, path, kind, body string
	key                  string // in place of the caller's own
}

// scene is what calls are about: names that exist on a server made by stage.
type scene struct {
	*server
	token        device // imported and assigned
	spare        device // imported and free
	third        device // imported and free, to replace the first
	more         device // in no file yet
	app          device // created with its secret shown
	serial       string // of one that is created with a link
	link         string // of another one
	shown        wire.EnrolmentSecret
	password     string // of ROOT
	session      string // token of a session of ROOT
	admin        string // of one of an administrator
	first        string // of one of another, who was given this password
	given        string
	second, last string // names of others of the same

	phone   string          // to be activated
	offered wire.Activation // of another one, for which this exchange is under way
	taking  *exchanged
	active  device // activated
	seed    *exchanged
	own     string // of the user, who activates it alone

	other   *server      // to which tokens move, and from which
	comes   device       // came from there
	arrival int64        // by this import
	goes    device       // went there
	receipt wire.Receipt // for which there is this one
	stays   device       // was to go there
	open    string       // by this move, of which nothing came

	change wire.JobStart // of many tokens, not begun
	job    string        // the path of one that has begun

	archive wire.ArchiveRemoval // of the entries up to the end of the stage
}

const (
	phoneType  = "mobile-totp"
	sceneUser  = "scene.user"
	sceneAdmin = "scene.admin"
	sceneKey   = "scene-key"
	sceneType  = "scene-app" // with 8 digits, as hotp has them
	sceneBatch = "scene-batch"

	chosenPassword = "four unlikely green umbrellas"

	profileSample = "../examples/profiles/plain.toml"
)

// runPath is the path of an import.
func runPath(id int64) string { return fmt.Sprintf("/api/v1/imports/%d", id) }

// calls gives a request for every operation, in an order in which all succeed
// for ROOT.
func (c *scene) calls(t testing.TB) []call {
	token, spare := "/api/v1/tokens/"+c.token.Serial, "/api/v1/tokens/"+c.spare.Serial
	asJSON := func(id, path string, body any) call {
		return call{id: id, path: path, kind: "application/json", body: string(encode(t, body))}
	}
	upload := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"more.pskc\"\r\n\r\n" +
		container(c.more) + "\r\n--b--\r\n"
	asOwn := func(of call) call {
		of.key = c.admin
		return of
	}
	changing := asJSON("change-password", "/api/v1/session/password",
		wire.ChangePasswordRequest{Before: c.given, Password: chosenPassword})
	changing.key = c.first
	codes := c.token.codes(t, 0, 100)
	phone := "/api/v1/tokens/" + c.phone + "/activation"
	return []call{
		{id: "list-tokens", path: "/api/v1/tokens"},
		{id: "show-token", path: token},
		asJSON("verify", "/api/v1/verify", wire.VerifyRequest{Serial: c.token.Serial, OTP: codes[0],
			Client: "192.0.2.7"}),
		asJSON("resync-token", token+"/resync", wire.ResyncRequest{OTP1: codes[50], OTP2: codes[51]}),
		asJSON("start-activation", phone, wire.ActivationRequest{Route: "offline"}),
		{id: "show-activations", path: phone},
		asJSON("confirm-activation", phone+"/confirm", wire.ActivationConfirm{OTP: "000000"}),
		{id: "cancel-activation", path: phone + "/cancel"},
		asJSON("reset-activation", phone+"/reset", wire.ActivationReset{Failures: true}),
		{id: "activate", path: "/api/v1/activate", kind: "application/cbor", body: string(c.taking.Request())},
		{id: "activate-confirm", path: "/api/v1/activate/confirm", kind: "application/cbor",
			body: c.taking.confirmation("000000")},
		{id: "unbind-token", path: "/api/v1/tokens/" + c.active.Serial + "/activation/unbind"},
		asJSON("activate-ahead", "/api/v1/activations", wire.ActivationsRequest{Type: phoneType, Count: 1}),
		asJSON("start-own-activation", "/api/v1/self-service/activation",
			wire.OwnActivationRequest{User: sceneUser, Serial: c.own, Code: codes[52]}),
		asJSON("confirm-own-activation", "/api/v1/self-service/activation/confirm",
			wire.OwnActivationConfirm{User: sceneUser, Serial: c.own,
				ActivationConfirm: wire.ActivationConfirm{OTP: "000000"}}),
		{id: "import-tokens", path: "/api/v1/imports", kind: "multipart/form-data; boundary=b", body: upload},
		{id: "list-imports", path: "/api/v1/imports"},
		{id: "show-import", path: runPath(c.arrival)},
		{id: "cancel-import", path: runPath(c.arrival) + "/cancel"},
		asJSON("preview-job", "/api/v1/jobs/preview", c.change.JobChange),
		asJSON("start-job", "/api/v1/jobs", c.change),
		{id: "list-jobs", path: "/api/v1/jobs"},
		{id: "show-job", path: c.job},
		{id: "list-job-rows", path: c.job + "/rows"},
		{id: "cancel-job", path: c.job + "/cancel"},
		{id: "list-import-rows", path: runPath(c.arrival) + "/rows"},
		{id: "watch-import", path: runPath(c.arrival) + "/events"},
		{id: "import-receipt", path: runPath(c.arrival) + "/receipt"},
		{id: "list-batches", path: "/api/v1/batches"},
		asJSON("set-batch-state", "/api/v1/batches/"+sceneBatch+"/state",
			wire.StateRequest{State: "REVOKED_TOKEN_LOST", Reason: "stolen on the way"}),
		asJSON("export-tokens", "/api/v1/exports",
			wire.ExportRequest{Passphrase: movePhrase, Serials: []string{c.token.Serial}}),
		{id: "list-moves", path: "/api/v1/moves"},
		asJSON("confirm-move", "/api/v1/moves/confirm", c.receipt),
		{id: "cancel-move", path: "/api/v1/moves/" + c.open + "/cancel"},
		asJSON("create-tokens", "/api/v1/tokens", wire.TokenRequest{Type: "app-totp", Label: "for the scene"}),
		{id: "renew-enrolment", path: "/api/v1/tokens/" + c.serial + "/enrolment"},
		asJSON("confirm-token", "/api/v1/tokens/"+c.app.Serial+"/confirm", wire.ConfirmRequest{OTP: c.app.code(t, 0)}),
		asJSON("show-enrolment", "/api/v1/enrolment/show", wire.EnrolmentRequest{Token: c.link}),
		asJSON("confirm-enrolment", "/api/v1/enrolment/confirm",
			wire.EnrolmentConfirm{Ticket: c.shown.Ticket, OTP: c.scanned(t).code(t, 0)}),
		asJSON("assign-token", spare+"/assign", wire.AssignRequest{User: sceneUser}),
		{id: "unassign-token", path: spare + "/unassign"},
		asJSON("set-token-state", spare+"/state",
			wire.StateRequest{State: "REVOKED_TOKEN_BROKEN", Reason: "fell into the sea"}),
		{id: "unlock-token", path: spare + "/unlock"},
		asJSON("set-token-label", spare+"/label", wire.LabelRequest{Label: "in the sea"}),
		asJSON("set-token-dates", token+"/dates", wire.DatesRequest{ValidUntil: new("2100-01-01T00:00:00Z")}),
		asJSON("replace-token", token+"/replace", wire.ReplaceRequest{By: c.third.Serial, Reason: "worn out"}),
		{id: "delete-token", path: spare},
		{id: "list-types", path: "/api/v1/types"},
		asJSON("create-type", "/api/v1/types", wire.TokenTypeRequest{Name: "added-type", Kind: "software",
			Algorithm: "TOTP", Prefix: "E2E"}),
		{id: "show-type", path: "/api/v1/types/added-type"},
		asJSON("change-type", "/api/v1/types/added-type", wire.TokenTypeChange{LifetimeDays: new(30)}),
		{id: "retire-type", path: "/api/v1/types/added-type/retire"},
		{id: "restore-type", path: "/api/v1/types/added-type/restore"},
		{id: "list-profiles", path: "/api/v1/profiles"},
		asJSON("create-profile", "/api/v1/profiles",
			wire.ProfileRequest{Name: "added-profile", TOML: read(t, profileSample)}),
		{id: "show-profile", path: "/api/v1/profiles/added-profile"},
		{id: "retire-profile", path: "/api/v1/profiles/added-profile/retire"},
		{id: "restore-profile", path: "/api/v1/profiles/added-profile/restore"},
		{id: "show-profile-limits", path: "/api/v1/profiles/added-profile/limits"},
		asJSON("change-profile-limits", "/api/v1/profiles/added-profile/limits",
			wire.ProfileLimitsChange{Tries: new(3), Expiry: new(int64(3600))}),
		{id: "list-series", path: "/api/v1/series"},
		asJSON("set-series", "/api/v1/series/added-type", wire.SeriesRequest{Next: "E2E20000001"}),
		{id: "list-users", path: "/api/v1/users"},
		asJSON("add-user", "/api/v1/users", wire.UserRequest{Name: "added.user"}),
		asJSON("add-users", "/api/v1/user-lists", wire.UserListRequest{Users: []string{"listed.user"}}),
		{id: "show-user", path: "/api/v1/users/" + sceneUser},
		asJSON("rename-user", "/api/v1/users/added.user/rename", wire.RenameRequest{Name: "renamed.user"}),
		{id: "unlock-user", path: "/api/v1/users/" + sceneUser + "/unlock"},
		asJSON("issue-codes", "/api/v1/users/"+sceneUser+"/codes", wire.TemporaryCodeRequest{Count: new(2)}),
		{id: "revoke-codes", path: "/api/v1/users/" + sceneUser + "/codes"},
		asJSON("issue-link", "/api/v1/users/"+sceneUser+"/link", wire.UserLinkRequest{For: "app"}),
		{id: "delete-user", path: "/api/v1/users/renamed.user"},
		{id: "list-keys", path: "/api/v1/keys"},
		asJSON("create-key", "/api/v1/keys", wire.KeyRequest{Name: "added-key", Role: "admin"}),
		{id: "revoke-key", path: "/api/v1/keys/added-key"},
		{id: "list-admins", path: "/api/v1/admins"},
		{id: "list-settings", path: "/api/v1/settings"},
		asJSON("add-admin", "/api/v1/admins", wire.AdminRequest{Name: "added.admin", Role: "operator"}),
		{id: "show-admin", path: "/api/v1/admins/added.admin"},
		asJSON("set-admin-role", "/api/v1/admins/added.admin/role", wire.AdminRole{Role: "admin"}),
		{id: "disable-admin", path: "/api/v1/admins/added.admin/disable"},
		{id: "enable-admin", path: "/api/v1/admins/added.admin/enable"},
		asJSON("reset-admin-password", "/api/v1/admins/added.admin/password", wire.AdminReset{}),
		{id: "list-admin-sessions", path: "/api/v1/admins/" + sceneAdmin + "/sessions"},
		asOwn(call{id: "list-sessions", path: "/api/v1/session/all"}),
		asOwn(asJSON("prove-session", "/api/v1/session/proof", wire.ProofRequest{Password: chosenPassword})),
		asOwn(asJSON("keep-view", "/api/v1/session/views/tokens", wire.View{Query: "size=50"})),
		asOwn(call{id: "list-views", path: "/api/v1/session/views/tokens"}),
		asOwn(call{id: "remove-view", path: "/api/v1/session/views/tokens"}),
		asOwn(call{id: "list-passkeys", path: "/api/v1/session/passkeys"}),
		asOwn(asJSON("ask-passkey", "/api/v1/session/passkeys/question", wire.PasskeyQuestion{For: "create"})),
		asOwn(asJSON("add-passkey", "/api/v1/session/passkeys", wire.NewPasskey{Name: "key", Answer: map[string]any{}})),
		asOwn(asJSON("prove-session-by-passkey", "/api/v1/session/proof/passkey",
			wire.PasskeyAnswer{Answer: map[string]any{}})),
		asOwn(call{id: "remove-passkey", path: "/api/v1/session/passkeys/AAAA"}),
		asOwn(call{id: "end-own-session", path: "/api/v1/session/all/" + c.second}),
		{id: "end-admin-session", path: "/api/v1/admins/" + sceneAdmin + "/sessions/" + c.last},
		asOwn(call{id: "end-sessions", path: "/api/v1/session/all"}),
		changing,
		{id: "end-admin-sessions", path: "/api/v1/admins/" + sceneAdmin + "/sessions"},
		asJSON("start-session", "/api/v1/session", wire.SessionRequest{Name: "ROOT", Password: c.password}),
		{id: "end-session", path: "/api/v1/session", key: c.session},
		{id: "reset-root-password", path: "/api/v1/root-password"},
		asJSON("set-root-password", "/api/v1/root-password", wire.PasswordRequest{Password: chosenPassword}),
		{id: "list-events", path: "/api/v1/events"},
		{id: "retry-events", path: "/api/v1/events/retry"},
		{id: "retry-event", path: "/api/v1/events/NONE/retry"},
		{id: "test-events", path: "/api/v1/events/test"},
		{id: "count-tokens", path: "/api/v1/overview/tokens"},
		{id: "count-codes", path: "/api/v1/overview/codes?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"},
		{id: "list-audit", path: "/api/v1/audit"},
		{id: "show-audit-entry", path: "/api/v1/audit/entries/0"},
		{id: "latest-checkpoint", path: "/api/v1/audit/checkpoint"},
		asJSON("verify-audit", "/api/v1/audit/verify", struct{}{}),
		asJSON("archive-audit", "/api/v1/audit/archive", wire.ArchiveRequest{Before: c.archive.Before}),
		asJSON("remove-archived", "/api/v1/audit/archive/remove", c.archive),
	}
}

// stage makes what the calls are about.
func stage(t testing.TB, args ...string) *scene {
	t.Helper()
	c := &scene{server: start(t, newData(t), args...), token: hotp("90000001"), spare: hotp("90000002"),
		third: hotp("90000009"), more: hotp("90000003")}
	c.password = c.server.password
	c.imports(plain(t, c.token, c.spare, c.third), 3)
	c.ok("type", "create", sceneType, "--kind", "software", "--algorithm", "HOTP", "--digits", "8", "--prefix", "SC")
	c.app = c.create(sceneType)
	c.serial, _ = c.enrolling(sceneType)
	_, c.link = c.enrolling(sceneType)
	_, link := c.enrolling(sceneType)
	c.shown = c.show(link)
	c.ok("user", "add", sceneUser)
	c.ok("token", "assign", c.token.Serial, sceneUser)
	c.phones()
	c.other = start(t, newData(t), args...)
	c.comes, c.goes, c.stays = hotp("90000004"), hotp("90000005"), hotp("90000006")
	c.arrival, c.receipt, c.open = exchange(t, c.server, c.other, c.comes, c.goes, c.stays)
	a := c.as("").json(http.MethodPost, "/api/v1/session", wire.SessionRequest{Name: "ROOT", Password: c.password})
	c.session = into[wire.Session](t, a).Token
	c.administrator()
	c.changes()
	c.archived()
	return c
}

// changes begins a change of a token, and prepares another.
func (c *scene) changes() {
	c.t.Helper()
	preview := func(label string) (start wire.JobStart) {
		start.JobChange = wire.JobChange{Kind: "label", Label: label, Tokens: []wire.JobToken{{Serial: c.third.Serial}}}
		p := into[wire.JobPreview](c.t, c.local().json(http.MethodPost, "/api/v1/jobs/preview", start.JobChange))
		start.Number, start.Digest = p.Number, p.Digest
		return start
	}
	begun := into[wire.Job](c.t, c.local().json(http.MethodPost, "/api/v1/jobs", preview("third")))
	c.job = fmt.Sprintf("/api/v1/jobs/%d", begun.ID)
	c.change = preview("the third")
	for n := 0; ; n++ {
		if into[wire.Job](c.t, c.local().json(http.MethodGet, c.job, nil)).Status == "done" {
			return
		}
		if time.Sleep(50 * time.Millisecond); n == 200 {
			c.t.Fatal("the job does not end")
		}
	}
}

// administrator makes one with three sessions, and a password of its own choice.
func (c *scene) administrator() {
	c.t.Helper()
	made := into[wire.NewAdmin](c.t, c.local().json(http.MethodPost, "/api/v1/admins",
		wire.AdminRequest{Name: sceneAdmin, Role: "super_admin"}))
	signIn := func(name, password string) string {
		return into[wire.Session](c.t, c.as("").json(http.MethodPost, "/api/v1/session",
			wire.SessionRequest{Name: name, Password: password})).Token
	}
	if a := c.as(signIn(sceneAdmin, made.Password)).json(http.MethodPut, "/api/v1/session/password",
		wire.ChangePasswordRequest{Before: made.Password, Password: chosenPassword}); a.status/100 != 2 {
		c.t.Fatalf("the password is not changed: %d %s", a.status, a.body)
	}
	for range 2 {
		signIn(sceneAdmin, chosenPassword)
	}
	c.admin = signIn(sceneAdmin, chosenPassword)
	c.given = into[wire.NewAdmin](c.t, c.local().json(http.MethodPost, "/api/v1/admins",
		wire.AdminRequest{Name: "new.admin", Role: "admin"})).Password
	c.first = signIn("new.admin", c.given)
	own := into[wire.AdminSessionList](c.t, c.as(c.admin).json(http.MethodGet, "/api/v1/session/all", nil))
	for _, s := range own.Sessions {
		if !s.Own {
			c.second, c.last = c.last, s.Session
		}
	}
}

// archived asks for the archive that is to be removed.
func (c *scene) archived() {
	c.t.Helper()
	c.ok("audit", "checkpoint")
	c.archive.Before = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	a := c.local().json(http.MethodPost, "/api/v1/audit/archive", wire.ArchiveRequest{Before: c.archive.Before})
	lines := bytes.SplitN(a.body, []byte("\n"), 3)
	var head struct{ To int64 }
	if err := json.Unmarshal(lines[1], &head); err != nil {
		c.t.Fatalf("the archive: %v: %.200s", err, a.body)
	}
	c.archive.To, c.archive.SHA256 = head.To, fmt.Sprintf("%x", sha256.Sum256(a.body))
	// The next one is to be the same: it ends where this one does.
	c.archive.Before = time.Now().Add(time.Second)
}

// phones makes the tokens that are activated.
func (c *scene) phones() {
	made := decode[wire.NewTokens](c.server, "token", "create", phoneType, "--count", "3").Tokens
	offer := func(serial string) wire.Activation {
		return decode[wire.Activation](c.server, "activation", "offer", serial)
	}
	c.phone, c.offered = made[0].Serial, offer(made[1].Serial)
	c.taking = newExchange(c.t, c.offered)
	c.seed = newExchange(c.t, offer(made[2].Serial))
	c.active = c.seed.complete(c.server)
	c.own = decode[wire.NewTokens](c.server, "token", "create", phoneType, "--user", sceneUser).Tokens[0].Serial
}

// scanned is the app that scanned what a link showed.
func (c *scene) scanned(t testing.TB) device { return appOf(t, c.shown.Serial, c.shown.URI) }

// described reads the API's own description: the method and the pattern of the
// path of every operation.
func (c *scene) described() map[string][2]string {
	c.t.Helper()
	doc := into[struct {
		Paths map[string]map[string]struct{ OperationID string }
	}](c.t, c.as("").json(http.MethodGet, "/api/v1/openapi.json", nil))
	all := map[string][2]string{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if op.OperationID == "" {
				c.t.Errorf("%s %s has no operation id", method, path)
			}
			all[op.OperationID] = [2]string{strings.ToUpper(method), path}
		}
	}
	return all
}

// each sends every call, having compared them with the description: an
// operation that has no call here fails the test.
func (c *scene) each(by *caller, do func(call, string, answer)) {
	c.t.Helper()
	described := c.described()
	for _, call := range c.calls(c.t) {
		op, ok := described[call.id]
		if !ok {
			c.t.Errorf("the test calls %s, which the description does not have", call.id)
			continue
		}
		delete(described, call.id)
		pattern := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(op[1]), `[^/]+`)
		if path, _, _ := strings.Cut(call.path, "?"); !regexp.MustCompile("^" + pattern + "$").MatchString(path) {
			c.t.Errorf("%s is at %s; the test calls %s", call.id, op[1], call.path)
		}
		caller := by
		if call.key != "" {
			caller = c.as(call.key)
		}
		do(call, op[0], caller.raw(op[0], call.path, call.kind, call.body))
	}
	for id, op := range described {
		c.t.Errorf("the operation %s (%s %s) is new: add a call of it to operations_test.go", id, op[0], op[1])
	}
}

// TestVerifierMayNothingElse tries every operation with a key of the role
// verifier, and with none.
func TestVerifierMayNothingElse(t *testing.T) {
	t.Parallel()
	c := stage(t)
	key := c.key("v", "verifier")
	c.session, c.admin, c.first = "", "", ""
	before, size := c.tokens(), c.logSize()
	c.each(c.as(""), func(call call, method string, a answer) {
		if slices.Contains([]string{"start-session", "show-enrolment", "confirm-enrolment", "activate",
			"activate-confirm"}, call.id) {
			return
		}
		if p := a.problem(t); a.status != http.StatusUnauthorized {
			t.Errorf("%s without a key: %d %+v", call.id, a.status, p)
		}
	})
	c.session, c.admin, c.first = key, key, key // a verifier that ends its session has none
	want := map[string]int{"verify": http.StatusOK, "start-session": http.StatusCreated,
		"end-session": http.StatusConflict,
		// Those were used up without a key, which they do not need.
		"show-enrolment": http.StatusNotFound, "confirm-enrolment": http.StatusConflict,
		// Those were, too, and the identical message gets the same answer.
		"activate": http.StatusOK, "activate-confirm": http.StatusOK}
	c.each(c.as(key), func(call call, method string, a answer) {
		status := http.StatusForbidden
		if s, ok := want[call.id]; ok {
			status = s
		} else if call.key != "" {
			status = http.StatusConflict // it is about a session of one's own
		}
		if a.status != status {
			t.Errorf("%s as a verifier: %d, want %d: %s", call.id, a.status, status, a.body)
		}
	})
	after := c.tokens()
	if got := after[c.token.Serial]; got.Counter != 1 || got.LastUsed == nil {
		t.Errorf("the one code that counted: %+v", got)
	}
	if got := after[c.shown.Serial]; got.State != "VALID" || got.Counter != 1 {
		t.Errorf("the one that was confirmed: %+v", got)
	}
	for _, changed := range []string{c.token.Serial, c.shown.Serial} {
		delete(after, changed)
		delete(before, changed)
	}
	if len(after) != 12 || !reflect.DeepEqual(after, before) {
		t.Errorf("a verifier changed tokens: %+v", after)
	}
	// One code, twice the sign-in that needs no key, a link and a first code, an offer
	// that was taken and wrongly confirmed.
	if got := c.logSize() - size; got != 7 {
		t.Errorf("%d entries, want 7", got)
	}
}
