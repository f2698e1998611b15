package credentials

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

var root = authz.Principal{Name: RootName, Role: authz.Root}

func openKeys(t *testing.T, db store.DB) *Keys {
	t.Helper()
	k, err := OpenKeys(t.Context(), db, hasher(t, seal.KeyHash), newClock().Now)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func create(t *testing.T, k *Keys, name string, role authz.Role, helpDesk bool) (store.APIKey, string) {
	t.Helper()
	key, text, err := k.Create(t.Context(), root, KeyRequest{Name: name, Role: role, HelpDesk: helpDesk}, origin)
	if err != nil {
		t.Fatal(err)
	}
	return key, text
}

func TestKeyIsThePrincipalItWasMadeFor(t *testing.T) {
	t.Parallel()
	db, dir := open(t)
	k := openKeys(t, db)
	var texts []string
	for _, tt := range []struct {
		role     authz.Role
		helpDesk bool
	}{{authz.Verifier, false}, {authz.Operator, false}, {authz.Operator, true}, {authz.Admin, false},
		{authz.SuperAdmin, false}} {
		name := fmt.Sprintf("%s-%t", tt.role, tt.helpDesk)
		key, text := create(t, k, name, tt.role, tt.helpDesk)
		texts = append(texts, text)
		if len(text) != len("ostiary_")+10+1+26 || !strings.HasPrefix(text, "ostiary_"+key.ID+"_") {
			t.Errorf("key text %q of id %s", text, key.ID)
		}
		want := authz.Principal{Name: "key:" + name, ID: key.ID, Role: tt.role, HelpDesk: tt.helpDesk}
		for when, keys := range map[string]*Keys{"at once": k, "after a restart": openKeys(t, db)} {
			if p, ok := keys.Principal(text); !ok || p != want {
				t.Errorf("%s: %+v, %t, want %+v", when, p, ok, want)
			}
		}
		e := last(t, db)
		if e.Action != "key.created" || e.Subject.Other != name || e.After["role"] != tt.role.String() ||
			e.After["help_desk"] != tt.helpDesk || e.After["id"] != key.ID {
			t.Errorf("audit entry %+v", e)
		}
	}
	for _, text := range texts {
		secret := text[len(text)-26:]
		sum := sha256.Sum256([]byte(secret))
		notStored(t, dir, text, secret, string(sum[:])) // a plain hash would let anybody make a row
	}
}

func TestWrongKeys(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	k := openKeys(t, db)
	key, text := create(t, k, "radius", authz.Verifier, false)
	_, other := create(t, k, "portal", authz.Admin, false)
	secret, otherSecret := text[len(text)-26:], other[len(other)-26:]
	flipped := []byte(text)
	flipped[len(flipped)-1] ^= 1
	wrong := map[string]string{
		"nothing":                   "",
		"prefix alone":              "ostiary_",
		"no secret":                 "ostiary_" + key.ID + "_",
		"no id":                     "ostiary__" + secret,
		"secret alone":              secret,
		"hash as the secret":        "ostiary_" + key.ID + "_" + string(key.Hash[:26]),
		"another key's secret":      "ostiary_" + key.ID + "_" + otherSecret,
		"another id":                "ostiary_aaaaaaaaaa_" + secret,
		"id in capitals":            "ostiary_" + strings.ToUpper(key.ID) + "_" + secret,
		"secret in small letters":   "ostiary_" + key.ID + "_" + strings.ToLower(secret),
		"one bit":                   string(flipped),
		"one character less":        text[:len(text)-1],
		"one character more":        text + "A",
		"blank before":              " " + text,
		"line feed behind":          text + "\n",
		"another prefix":            "OSTIARY_" + text[len("ostiary_"):],
		"a session's prefix":        "ostiary_session_" + secret,
		"an id of nobody's, no key": "ostiary_0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	}
	for _, when := range []string{"before a right one", "behind a right one"} {
		for name, bad := range wrong {
			if p, ok := k.Principal(bad); ok || p != (authz.Principal{}) {
				t.Errorf("%s, %s: %+v, %t", name, when, p, ok)
			}
		}
		if _, ok := k.Principal(text); !ok {
			t.Errorf("the right one is refused %s", when)
		}
	}
}

func TestRevokedKey(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	k := openKeys(t, db)
	key, text := create(t, k, "radius", authz.Verifier, false)
	_, kept := create(t, k, "portal", authz.Admin, false)
	if err := k.Revoke(t.Context(), root, "radius", origin); err != nil {
		t.Fatal(err)
	}
	e := last(t, db)
	if e.Action != "key.revoked" || e.Subject.Other != "radius" || e.Before["id"] != key.ID ||
		e.Before["role"] != "verifier" {
		t.Errorf("audit entry %+v", e)
	}
	demand(t, "revoke again", k.Revoke(t.Context(), root, "radius", origin), fault.NotFound, "key_not_found")
	demand(t, "revoke nothing", k.Revoke(t.Context(), root, "nobody", origin), fault.NotFound, "key_not_found")

	// The name is free again, and only the new key works.
	again, newText := create(t, k, "radius", authz.Admin, false)
	if again.ID == key.ID || newText == text {
		t.Error("the new key is the old one")
	}
	for when, keys := range map[string]*Keys{"at once": k, "after a restart": openKeys(t, db)} {
		if _, ok := keys.Principal(text); ok {
			t.Errorf("%s: the revoked key works", when)
		}
		if p, ok := keys.Principal(newText); !ok || p.Role != authz.Admin {
			t.Errorf("%s: the new key is %+v, %t", when, p, ok)
		}
		if _, ok := keys.Principal(kept); !ok {
			t.Errorf("%s: another key was revoked as well", when)
		}
	}
	all, err := k.List(t.Context())
	if err != nil || len(all) != 3 || all[2].ID != key.ID || all[2].Revoked.IsZero() || !all[0].Revoked.IsZero() {
		t.Errorf("list %+v, %v, want the revoked one last", all, err)
	}
}

// Nobody makes or ends a key of his own level or above.
func TestRoleCeilings(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	k := openKeys(t, db)
	roles := []authz.Role{authz.Verifier, authz.Operator, authz.Admin, authz.SuperAdmin, authz.Root}
	for _, by := range roles {
		for _, role := range roles[:4] {
			name := fmt.Sprintf("%s-by-%s", role, by)
			p := authz.Principal{Name: "key:someone", Role: by}
			_, text, err := k.Create(t.Context(), p, KeyRequest{Name: name, Role: role}, origin)
			if by > role {
				if _, ok := k.Principal(text); err != nil || !ok {
					t.Errorf("%s makes %s: %v", by, role, err)
				}
			} else {
				demand(t, fmt.Sprintf("%s makes %s", by, role), err, fault.Forbidden, "role_too_high")
				create(t, k, name, role, false)
			}
			err = k.Revoke(t.Context(), p, name, origin)
			if by > role && err != nil {
				t.Errorf("%s revokes %s: %v", by, role, err)
			} else if by <= role {
				demand(t, fmt.Sprintf("%s revokes %s", by, role), err, fault.Forbidden, "role_too_high")
			}
		}
	}
}

func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	k := openKeys(t, db)
	create(t, k, "radius", authz.Verifier, false)
	before := len(entries(t, db))
	for _, name := range []string{"", " ", "two words", "ünal", "a/b", "a:b", "a\nb", "a\x00", strings.Repeat("a", 65), "käse", `a"b`} {
		_, text, err := k.Create(t.Context(), root, KeyRequest{Name: name, Role: authz.Verifier}, origin)
		demand(t, fmt.Sprintf("name %q", name), err, fault.Invalid, "key_name")
		if text != "" {
			t.Errorf("name %q: a key text without a key", name)
		}
	}
	for _, role := range []authz.Role{authz.None, authz.Root} {
		_, _, err := k.Create(t.Context(), root, KeyRequest{Name: "key", Role: role}, origin)
		demand(t, "role "+role.String(), err, fault.Invalid, "key_role")
	}
	for _, role := range []authz.Role{authz.Verifier, authz.Admin, authz.SuperAdmin} {
		_, _, err := k.Create(t.Context(), root, KeyRequest{Name: "key", Role: role, HelpDesk: true}, origin)
		demand(t, "help desk for "+role.String(), err, fault.Invalid, "key_help_desk")
	}
	_, _, err := k.Create(t.Context(), root, KeyRequest{Name: "radius", Role: authz.Admin}, origin)
	demand(t, "a name that is taken", err, fault.Conflict, "key_exists")
	if after := len(entries(t, db)); after != before {
		t.Errorf("%d audit entries, want %d: refusals change nothing", after, before)
	}
	for _, name := range []string{"a", "A.b_c-9", strings.Repeat("a", 64)} {
		create(t, k, name, authz.Verifier, false)
	}
}

func TestKeysTogether(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	k := openKeys(t, db)
	_, text := create(t, k, "steady", authz.Verifier, false)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := fmt.Sprint("key", i%4) // each name twice: one of the two loses
			_, mine, err := k.Create(t.Context(), root, KeyRequest{Name: name, Role: authz.Verifier}, origin)
			if _, ok := k.Principal(mine); ok != (err == nil) {
				t.Errorf("%s: works %t, made with %v", name, ok, err)
			}
			if _, ok := k.Principal(text); !ok {
				t.Error("the steady key is refused")
			}
		})
	}
	wg.Wait()
	if all, err := k.List(t.Context()); err != nil || len(all) != 5 {
		t.Errorf("%d keys, %v, want 5", len(all), err)
	}
}

func TestKeysAreDistinct(t *testing.T) {
	t.Parallel()
	ids, secrets := map[string]bool{}, map[string]bool{}
	for range 1000 {
		id, text, hash, err := newKey()
		if err != nil {
			t.Fatal(err)
		}
		gotID, secret, ok := parseKey(text)
		sum := sha256.Sum256([]byte(secret))
		if !ok || gotID != id || !bytes.Equal(hash[:], sum[:]) || ids[id] || secrets[secret] {
			t.Fatalf("key %q of id %s: parsed as %s, %t", text, id, gotID, ok)
		}
		ids[id], secrets[secret] = true, true
	}
}

func TestCreatedIsTheClock(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	c := newClock()
	k, err := OpenKeys(t.Context(), db, hasher(t, seal.KeyHash), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := create(t, k, "radius", authz.Verifier, false)
	c.advance(time.Hour)
	if err := k.Revoke(t.Context(), root, "radius", origin); err != nil {
		t.Fatal(err)
	}
	all, err := k.List(t.Context())
	if err != nil || !all[0].Created.Equal(key.Created) || !all[0].Revoked.Equal(key.Created.Add(time.Hour)) {
		t.Errorf("keys %+v, %v", all, err)
	}
}
