package activations_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"ostiary/internal/engine/imports"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// exported reads the keys of an export.
func exported(t *testing.T, file []byte) (keys []*pskc.Key) {
	t.Helper()
	r, err := pskc.NewReader(bytes.NewReader(file), pskc.Options{Passphrase: pskc.Secret(testkit.ExportPhrase)})
	if err != nil {
		t.Fatal(err)
	}
	for {
		k, err := r.Next()
		if errors.Is(err, io.EOF) {
			return keys
		} else if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
}

// A record that does not fit together is refused, whatever was altered in it, and
// nothing comes in by it.
func TestTamperedRecordIsRefused(t *testing.T) {
	t.Parallel()
	s := setUp(t, many, bound)
	s.activate()
	file, k := s.leave(), s.other()
	set := func(name, value string) func(*pskc.Key) {
		return func(k *pskc.Key) {
			for i := range k.Record {
				if k.Record[i].Name == name {
					k.Record[i].Value = value
				}
			}
		}
	}
	put := func(old, new string) func(*pskc.Key) {
		return func(k *pskc.Key) {
			for i := range k.Record {
				if p := &k.Record[i]; p.Name == "activation" {
					p.Value = strings.Replace(p.Value, old, new, 1)
				}
			}
		}
	}
	flip := func(name string) func(*pskc.Key) {
		return func(k *pskc.Key) {
			for i := range k.Hidden {
				if k.Hidden[i].Name == name {
					k.Hidden[i].Value[0] ^= 1
				}
			}
		}
	}
	without := func(name string) func(*pskc.Key) {
		return func(k *pskc.Key) {
			for i := range k.Record {
				if k.Record[i].Name == name {
					k.Record = append(k.Record[:i], k.Record[i+1:]...)
					return
				}
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*pskc.Key)
		why    string
	}{
		"secret":            {flip("secret_activation"), "not that of the activation"},
		"device":            {flip("secret_device"), "not that of the activation"},
		"issuer":            {flip("secret_issuer"), "does not belong to its profile's issuer"},
		"key":               {func(k *pskc.Key) { k.Secret[0] ^= 1 }, "not that of the activation"},
		"no key":            {func(k *pskc.Key) { k.Secret = nil }, "not that of the activation"},
		"serial":            {func(k *pskc.Key) { k.Serial = "EX10000009" }, "not that of the activation"},
		"no activation":     {without("activation"), "without"},
		"other spelling":    {set("activation", "{ }"), "wrong activation"},
		"a hidden text":     {put(`"route":"offline"`, `"route":"off\u0000line"`), "cannot be shown"},
		"a long text":       {put(`"route":"offline"`, `"route":"`+strings.Repeat("x", 257)+`"`), "cannot be shown"},
		"a year of 5":       {put(`"opened":`, `"opened":99`), "cannot be shown"},
		"fewer apps":        {set("applications", "[]"), "the applications in its record do not match"},
		"no apps":           {without("applications"), "the applications in its record do not match"},
		"no such epoch":     {set("epoch", "01"), "wrong epoch"},
		"no epoch":          {set("epoch", "0"), "that is not possible"},
		"vector":            {set("profile_vector", "AAAA"), "wrong profile_vector"},
		"name":              {set("profile", "No Name"), "wrong profile"},
		"state":             {set("state", "PENDING"), "PENDING"},
		"a record of plain": {func(k *pskc.Key) { k.Record, k.Hidden = nil, nil; k.Secret = nil }, "empty"},
		"unknown secret": {func(k *pskc.Key) {
			k.Hidden = append(k.Hidden, pskc.HiddenProperty{Name: "secret_more", Value: pskc.Secret{1}})
		}, "does not know"},
	} {
		key := exported(t, file)[0]
		c.change(key)
		rep := testkit.Take(t, k, testkit.Keys(key), createUsers)
		testkit.Ended(t, rep, store.RunCounts{Refused: 1})
		if got := rep.Rows[0].Reason; !strings.Contains(got, c.why) {
			t.Errorf("%s: refused because %q, want %q", name, got, c.why)
		}
	}
	if all, err := k.Profiles.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d profiles, %v", len(all), err)
	}
	take(t, k, file)
}

// Without its owner an activated token is refused: assigned to somebody else, it would
// let the holder of the phone in as that one.
func TestActivatedTokenWithoutItsOwnerIsRefused(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.activate()
	file, k := s.leave(), s.other()
	for _, more := range [][]func(*imports.Request){{testkit.DryRun}, {}} {
		rep := testkit.Take(t, k, testkit.OpenExport(t, file), more...)
		testkit.Ended(t, rep, store.RunCounts{Refused: 1})
		if got := rep.Rows[0].Reason; !strings.Contains(got, "on the device of user alice") {
			t.Errorf("refused because %q", got)
		}
	}
	if all, err := k.Profiles.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("an import of nothing leaves %d profiles, %v", len(all), err)
	}
}

// An old file does not bring back a deleted token that has further applications: codes
// of these that were used would count again.
func TestOldFileOfADeletedTokenIsRefused(t *testing.T) {
	t.Parallel()
	d := setUp(t, many).activate()
	file := d.leave()
	if !d.k.Verify(t, d.serial, d.code(2)) {
		t.Fatal("application 2 is refused")
	}
	if _, err := d.k.Lifecycle.Delete(t.Context(), testkit.Serial(d.serial), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	rep := testkit.Take(t, d.k, testkit.OpenExport(t, file))
	testkit.Ended(t, rep, store.RunCounts{Refused: 1})
	if got := rep.Rows[0].Reason; !strings.Contains(got, "further applications") {
		t.Errorf("refused because %q", got)
	}
}

// A copy that is here already and stands behind the token that moves is no duplicate of
// it, also if only a further application went on.
func TestMoveOntoACopyWhoseApplicationsStandBehind(t *testing.T) {
	t.Parallel()
	d := setUp(t, many).activate()
	k := d.other()
	take(t, k, d.leave())
	if !d.k.Verify(t, d.serial, d.code(2)) {
		t.Fatal("application 2 is refused")
	}
	rep := testkit.Take(t, k, testkit.OpenExport(t, d.leave(testkit.Move)), createUsers)
	testkit.Ended(t, rep, store.RunCounts{Conflict: 1})
	if got := rep.Rows[0].Reason; !strings.Contains(got, "earlier") {
		t.Errorf("in conflict because %q", got)
	}
}
