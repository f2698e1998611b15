package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/test/testkit"
)

// request is a well-formed one for an operation, about a token, user or key
// that does not exist, so that it changes nothing.
type request struct {
	needs authz.Operation
	body  any
	query string
}

type object map[string]any

// requests has every operation of the description. Where one takes more rights
// for some requests, those stand under the same name with a number.
var requests = map[string]request{
	"verify": {needs: authz.Verify, body: object{"serial": "nobody", "otp": "123456"}},
	"verify 2": {needs: authz.VerifyWide,
		body: object{"serial": "nobody", "otp": "123456", "resynchronize": true}},
	"verify 4": {needs: authz.TokenView, body: object{"serial": "nobody", "otp": "123456", "explain": true}},
	"verify 3": {needs: authz.Verify,
		body: object{"user": "nobody", "otp": "123456", "resynchronize": false}},
	"list-tokens":       {needs: authz.TokenView},
	"show-token":        {needs: authz.TokenView},
	"create-tokens":     {needs: authz.TokenCreate, body: object{"type": "nonesuch"}},
	"renew-enrolment":   {needs: authz.TokenCreate},
	"confirm-token":     {needs: authz.TokenConfirm, body: object{"otp": "123456"}},
	"assign-token":      {needs: authz.TokenAssign, body: object{"user": "nobody"}},
	"unassign-token":    {needs: authz.TokenAssign},
	"resync-token":      {needs: authz.TokenResync, body: object{"otp1": "123456", "otp2": "654321"}},
	"set-token-state":   {needs: authz.TokenMarkLost, body: object{"state": "REVOKED_TOKEN_LOST"}},
	"set-token-state 2": {needs: authz.TokenState, body: object{"state": "VALID"}},
	"set-token-state 3": {needs: authz.TokenState, body: object{"state": "REVOKED_TOKEN_BROKEN"}},
	"set-token-state 4": {needs: authz.TokenState, body: object{"state": "REVOKED_TOKEN_OTHER"}},
	"replace-token":     {needs: authz.TokenReplace, body: object{}},
	"set-token-dates":   {needs: authz.TokenDates, body: object{"valid_until": "none"}},
	"preview-job":       {needs: authz.JobView, body: object{"kind": "delete", "tokens": []object{{"serial": "9"}}}},
	"start-job": {needs: authz.JobView, body: object{"kind": "delete", "tokens": []object{{"serial": "9"}}, "number": 1,
		"digest": "x"}},
	"list-jobs":        {needs: authz.JobView},
	"show-job":         {needs: authz.JobView},
	"list-job-rows":    {needs: authz.JobView},
	"cancel-job":       {needs: authz.JobView},
	"set-token-label":  {needs: authz.TokenLabel, body: object{"label": "x"}},
	"unlock-token":     {needs: authz.TokenUnlock},
	"delete-token":     {needs: authz.TokenDelete},
	"import-tokens":    {needs: authz.TokenImport, body: object{}},
	"list-imports":     {needs: authz.TokenImport},
	"show-import":      {needs: authz.TokenImport},
	"list-import-rows": {needs: authz.TokenImport},
	"cancel-import":    {needs: authz.ImportCancel},
	"watch-import":     {needs: authz.TokenImport},
	"export-tokens": {needs: authz.TokenExport, body: object{"passphrase": "correct horse battery",
		"all": true}},
	"list-moves": {needs: authz.TokenExport},
	"confirm-move": {needs: authz.TokenExport, body: object{"ostiary_receipt": 1, "move": "x", "import": 1,
		"issued": "2026-01-02T03:04:05Z", "tokens": []int{1}, "mac": "00"}},
	"cancel-move":        {needs: authz.TokenExport},
	"import-receipt":     {needs: authz.TokenImport},
	"list-batches":       {needs: authz.TokenView},
	"set-batch-state":    {needs: authz.TokenState, body: object{"state": "REVOKED_TOKEN_LOST"}},
	"start-activation":   {needs: authz.ActivationStart, body: object{"route": "offline"}},
	"show-activations":   {needs: authz.TokenView},
	"confirm-activation": {needs: authz.ActivationConfirm, body: object{"otp": "123456"}},
	"cancel-activation":  {needs: authz.ActivationStart},
	"reset-activation":   {needs: authz.ActivationReset, body: object{"failures": true}},
	"unbind-token":       {needs: authz.ActivationUnbind},
	"activate-ahead":     {needs: authz.ActivationAhead, body: object{"type": "nonesuch", "count": 1}},
	"start-own-activation": {needs: authz.SelfService, body: object{"user": "nobody", "serial": "nobody",
		"code": "123456"}},
	"confirm-own-activation": {needs: authz.SelfService, body: object{"user": "nobody", "serial": "nobody",
		"otp": "123456"}},
	"list-types": {needs: authz.TypeView},
	"show-type":  {needs: authz.TypeView},
	"create-type": {needs: authz.TypeManage,
		body: object{"name": "hotp", "kind": "hardware", "algorithm": "HOTP"}},
	"change-type":    {needs: authz.TypeManage, body: object{"profile": "p"}},
	"retire-type":    {needs: authz.TypeManage},
	"restore-type":   {needs: authz.TypeManage},
	"list-series":    {needs: authz.SeriesView},
	"set-series":     {needs: authz.SeriesManage, body: object{"next": "1"}},
	"list-users":     {needs: authz.UserView},
	"show-user":      {needs: authz.UserView},
	"rename-user":    {needs: authz.UserManage, body: object{"name": "anybody"}},
	"add-user":       {needs: authz.UserManage, body: object{"name": " "}},
	"add-users":      {needs: authz.UserManage, body: object{"users": []string{" "}}},
	"unlock-user":    {needs: authz.UserUnlock},
	"delete-user":    {needs: authz.UserManage},
	"issue-codes":    {needs: authz.UserCode, body: object{}},
	"revoke-codes":   {needs: authz.UserCode},
	"list-events":    {needs: authz.EventView},
	"retry-event":    {needs: authz.EventManage},
	"retry-events":   {needs: authz.EventManage},
	"test-events":    {needs: authz.EventManage},
	"issue-link":     {needs: authz.UserLink, body: object{"for": "activate", "serial": "nobody"}},
	"list-keys":      {needs: authz.KeyView},
	"create-key":     {needs: authz.KeyManage, body: object{"name": "verifier", "role": "verifier"}},
	"revoke-key":     {needs: authz.KeyManage},
	"list-admins":    {needs: authz.AdminView},
	"add-admin":      {needs: authz.AdminManage, body: object{"name": " ", "role": "operator"}},
	"show-admin":     {needs: authz.AdminView},
	"set-admin-role": {needs: authz.AdminManage, body: object{"role": "operator"}},
	"disable-admin":  {needs: authz.AdminManage},
	"enable-admin":   {needs: authz.AdminManage},

	"reset-admin-password":     {needs: authz.AdminManage, body: object{}},
	"list-admin-sessions":      {needs: authz.AdminView},
	"end-admin-sessions":       {needs: authz.AdminManage},
	"end-admin-session":        {needs: authz.AdminManage},
	"prove-session":            {needs: authz.SessionManage, body: object{"otp": "123456"}},
	"change-password":          {needs: authz.SessionManage, body: object{"before": "x", "password": "y"}},
	"list-sessions":            {needs: authz.SessionManage},
	"end-sessions":             {needs: authz.SessionManage},
	"end-own-session":          {needs: authz.SessionManage},
	"list-passkeys":            {needs: authz.SessionManage},
	"ask-passkey":              {needs: authz.SessionManage, body: object{"for": "use"}},
	"add-passkey":              {needs: authz.SessionManage, body: object{"name": "x", "answer": object{}}},
	"prove-session-by-passkey": {needs: authz.SessionManage, body: object{"answer": object{}}},
	"remove-passkey":           {needs: authz.SessionManage},
	"list-views":               {needs: authz.SessionManage},
	"keep-view":                {needs: authz.SessionManage, body: object{"query": "size=50"}},
	"remove-view":              {needs: authz.SessionManage},
	"list-settings":            {needs: authz.SettingView},
	"count-tokens":             {needs: authz.TokenView},
	"count-codes":              {needs: authz.AuditView, query: "?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"},
	"list-audit":               {needs: authz.AuditView},
	"show-audit-entry":         {needs: authz.AuditView},
	"latest-checkpoint":        {needs: authz.AuditView},
	"verify-audit":             {needs: authz.AuditVerify, body: object{}},
	"archive-audit":            {needs: authz.AuditArchive, body: object{"before": "2001-01-01T00:00:00Z"}},
	"remove-archived": {needs: authz.AuditArchive, body: object{"before": "2001-01-01T00:00:00Z", "to": 1,
		"sha256": strings.Repeat("0", 64)}},
	"end-session":           {needs: authz.SessionManage},
	"reset-root-password":   {needs: authz.RootPassword},
	"set-root-password":     {needs: authz.RootPassword, body: object{"password": "too short"}},
	"list-profiles":         {needs: authz.ProfileView},
	"retire-profile":        {needs: authz.ProfileManage},
	"restore-profile":       {needs: authz.ProfileManage},
	"show-profile":          {needs: authz.ProfileView},
	"show-profile-limits":   {needs: authz.ProfileView},
	"change-profile-limits": {needs: authz.ProfileManage, body: object{"tries": 3}},
	"create-profile":        {needs: authz.ProfileManage, body: object{"name": "nobody", "toml": "x"}},
}

// open are the operations where rights come from: a password, a link, a ticket, a
// registration code.
var open = []string{"start-session", "show-enrolment", "confirm-enrolment", "activate", "activate-confirm"}

// operations gives method and path of every operation that is described.
func operations(t *testing.T, s *testkit.Server) map[string][2]string {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	raw, err := s.API.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	ops := map[string][2]string{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			path := strings.NewReplacer("{serial}", "nobody", "{name}", "nobody", "{batch}", "none", "{id}",
				"4711", "{entry}", "4711", "{session}", "0badcafe").Replace(path)
			ops[op.OperationID] = [2]string{strings.ToUpper(method), path}
		}
	}
	return ops
}

// Every operation is open to exactly the callers that the permission matrix
// names, whatever stands in the request.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	ops := operations(t, s)
	for id := range ops {
		if _, ok := requests[id]; !ok && !slices.Contains(open, id) {
			t.Errorf("operation %s has no request in this test", id)
		}
	}
	principals := testkit.Principals()
	for id, r := range requests {
		name, _, _ := strings.Cut(id, " ")
		op, ok := ops[name]
		if !ok {
			t.Errorf("operation %s is not described", name)
			continue
		}
		for _, caller := range testkit.Callers() {
			a := s.Do(t, caller, op[0], op[1]+r.query, r.body)
			allowed := authz.Allows(principals[caller], r.needs)
			switch {
			case caller == testkit.Nobody && a.Status != http.StatusUnauthorized:
				t.Errorf("%s without a key: %d, want 401", id, a.Status)
			case caller != testkit.Nobody && !allowed && a.Status != http.StatusForbidden:
				t.Errorf("%s as %s: %d, want 403: %s", id, caller, a.Status, a.Body)
			case allowed && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden):
				t.Errorf("%s as %s: %d: %s", id, caller, a.Status, a.Body)
			}
			if a.Status >= 400 {
				a.Problem(t)
			}
			if caller == testkit.Root && (id == "reset-root-password" || id == "end-session") {
				signIn(t, s, a, id)
			}
			if allowed || id != name {
				continue
			}
			// Whoever may not do it is told so before the request is read.
			if b := s.Do(t, caller, op[0], op[1]+"?no=such&no=such",
				strings.Repeat("{", 100_000)); b.Status != a.Status {
				t.Errorf("%s as %s with a body that is no JSON: %d, want %d", id, caller, b.Status, a.Status)
			}
		}
	}
}

// signIn starts another session where the request ended the one there was.
func signIn(t *testing.T, s *testkit.Server, a testkit.Answer, id string) {
	t.Helper()
	if id == "reset-root-password" {
		var p struct{ Password string }
		a.JSON(t, &p)
		s.RootPassword = p.Password
	}
	if b := s.Do(t, testkit.Root, http.MethodGet, "/api/v1/tokens", nil); b.Status != http.StatusUnauthorized {
		t.Errorf("after %s the session still works: %d", id, b.Status)
	}
	s.Clock.Advance(time.Minute)
	s.Bearer[testkit.Root] = startSession(t, s, s.RootPassword)
}

func startSession(t *testing.T, s *testkit.Server, password string) string {
	t.Helper()
	a := s.Do(t, testkit.Nobody, http.MethodPost, "/api/v1/session", object{"name": "ROOT", "password": password})
	var session struct{ Token string }
	if a.Status != http.StatusCreated {
		t.Fatalf("sign in: %d %s", a.Status, a.Body)
	}
	a.JSON(t, &session)
	return session.Token
}

// Credentials of every wrong form are none.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	good := s.Bearer[testkit.Admin]
	for _, header := range []string{
		"", "Bearer", "Bearer ", "bearer " + good + "x", "Bearer " + good[:len(good)-1], "Bearer  " + good,
		"Basic " + good, good,
		"Bearer " + strings.ToUpper(good), "Bearer ostiary_session_AAAAAAAAAAAAAAAAAAAAAAAAAA", "Bearer " + good + "," +
			good, "Bearer ostiary__",
	} {
		a := s.Do(t, testkit.Nobody, http.MethodGet, "/api/v1/tokens", nil, "Authorization", header)
		if a.Status != http.StatusUnauthorized {
			t.Errorf("%q: %d, want 401", header, a.Status)
		}
		if p := a.Problem(t); p.Code != "unauthenticated" || strings.Contains(a.Body, good[20:]) {
			t.Errorf("%q: %s", header, a.Body)
		}
	}
	if a := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/tokens", nil); a.Status != http.StatusOK {
		t.Errorf("the right key: %d", a.Status)
	}
	if strings.Contains(s.Log.String(), good[20:]) || strings.Contains(s.Log.String(), s.RootPassword) {
		t.Error("a credential is in the log")
	}
}

// Of a key that has ended, who asks is told what is told of one that never was; the log
// says why.
func TestExpiredKeyIsAnsweredLikeNone(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	a := s.Do(t, testkit.Root, http.MethodPost, "/api/v1/keys", object{"name": "short", "role": "admin",
		"expires": s.Clock.Now().Add(time.Hour)})
	var key struct{ Key string }
	if a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	a.JSON(t, &key)
	get := func(text string) testkit.Answer {
		return s.Do(t, testkit.Nobody, http.MethodGet, "/api/v1/tokens", nil, "Authorization", "Bearer "+text)
	}
	if a := get(key.Key); a.Status != http.StatusOK {
		t.Errorf("before its end: %d", a.Status)
	}
	s.Clock.Advance(time.Hour)
	ended, wrong := get(key.Key), get(key.Key[:len(key.Key)-1]+"?")
	if p, q := ended.Problem(t), wrong.Problem(t); ended.Status != http.StatusUnauthorized || p.Detail != q.Detail ||
		p.Code != q.Code || p.Hint != q.Hint {
		t.Errorf("%d %s, and with a wrong key %s", ended.Status, ended.Body, wrong.Body)
	}
	if e := s.LastEntry(t); e.Action != "key.expired" || e.Actor != "key:short" || e.Subject["other"] != "short" ||
		e.Request != ended.Header.Get("X-Request-Id") {
		t.Errorf("the log says %s", e.Raw)
	}
}

// What comes through the socket is ROOT, named after the user of the system.
func TestLocal(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	local := localServer(t, s)
	a := local.Do(t, testkit.Nobody, http.MethodPost, "/api/v1/users", object{"name": "anna"})
	if a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if e := s.LastEntry(t); e.Actor != "local:1000" || e.Role != "root" || e.Source != "local" ||
		e.Request != a.Header.Get("X-Request-Id") {
		t.Errorf("the log says %s", e.Raw)
	}
}
