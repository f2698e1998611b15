package tempcodes_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/test/testkit"
)

func isFault(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != kind || f.Code != code {
		t.Errorf("the error is %v (%+v), want kind %d, code %s", err, f, kind, code)
	}
}

func issue(k *testkit.Kit, user string, count, hours int) (tempcodes.Issued, error) {
	return k.Temporary.Issue(context.Background(), tempcodes.Request{User: user, Count: count, Hours: hours,
		Origin: testkit.Origin})
}

func TestIssue(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	k.User(t, "anna")
	issued, err := issue(k, "Anna", 10, 168)
	if err != nil {
		t.Fatal(err)
	}
	if issued.User != "anna" || len(issued.Codes) != 10 || !issued.Expires.Equal(testkit.Start.Add(168*time.Hour)) {
		t.Errorf("issued %+v", issued)
	}
	e, dump := k.LastEntry(t), k.Dump(t)
	if e.Action != "codes.issued" || fmt.Sprint(e.Subject) != "map[user:anna]" || e.Actor != testkit.Origin.Actor ||
		e.Before["unused"] != "0" || e.After["unused"] != "10" || e.After["expires"] != "2026-03-08T12:00:15Z" ||
		len(strings.Fields(fmt.Sprint(e.After["codes"]))) != 10 {
		t.Errorf("the log says %s", e.Raw)
	}
	seen := map[string]bool{}
	for _, c := range issued.Codes {
		code := string(c.Bytes())
		if !regexp.MustCompile(`^[0-9]{8}$`).MatchString(code) || seen[code] {
			t.Errorf("code %q, seen %t", code, seen[code])
		}
		seen[code] = true
		if strings.Contains(fmt.Sprint(issued), code) || strings.Contains(dump, code) ||
			strings.Contains(dump, hex.EncodeToString(c.Bytes())) {
			t.Error("a code is readable")
		}
	}
	if _, err := issue(k, "anna", 1, 1); err != nil {
		t.Error(err)
	}
	if e := k.LastEntry(t); e.Before["unused"] != "10" || e.After["unused"] != "1" {
		t.Errorf("the log says %s", e.Raw)
	}
}

func TestIssueIsRefused(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	k.User(t, "anna")
	before := k.Dump(t)
	for _, c := range []struct {
		user         string
		count, hours int
		kind         fault.Kind
		code         string
	}{
		{"anna", 0, 24, fault.Invalid, "count"},
		{"anna", 11, 24, fault.Invalid, "count"},
		{"anna", -1, 24, fault.Invalid, "count"},
		{"anna", 1, 0, fault.Invalid, "hours"},
		{"anna", 1, 169, fault.Invalid, "hours"},
		{"nobody", 1, 24, fault.NotFound, "user_not_found"},
		{" ", 1, 24, fault.Invalid, "user_name"},
	} {
		issued, err := issue(k, c.user, c.count, c.hours)
		isFault(t, err, c.kind, c.code)
		if len(issued.Codes) != 0 {
			t.Errorf("%+v gives codes", c)
		}
	}
	for user, code := range map[string]string{"anna": "no_codes", "nobody": "user_not_found"} {
		_, _, err := k.Temporary.Revoke(t.Context(), user, testkit.Origin)
		if f := fault.Of(err); f.Code != code {
			t.Errorf("revoke of %s: %v", user, err)
		}
	}
	if after := k.Dump(t); after != before {
		t.Errorf("the database changed:\n%s", testkit.Changes(before, after))
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	k.User(t, "anna")
	if _, err := issue(k, "anna", 3, 24); err != nil {
		t.Fatal(err)
	}
	name, n, err := k.Temporary.Revoke(t.Context(), "Anna", testkit.Origin)
	if err != nil || name != "anna" || n != 3 {
		t.Errorf("%d of %s, %v", n, name, err)
	}
	if e := k.LastEntry(t); e.Action != "codes.revoked" ||
		fmt.Sprint(e.Subject, e.Before, e.After) != "map[user:anna] map[unused:3] map[unused:0]" {
		t.Errorf("the log says %s", e.Raw)
	}
}

// A fingerprint is of one user's code under one database's key, and of nothing
// that is no code.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	k, other := testkit.New(t), testkit.New(t)
	prints := [][]byte{k.Temporary.Fingerprint(1, "12345678"), k.Temporary.Fingerprint(2, "12345678"),
		k.Temporary.Fingerprint(1, "12345679"),
		k.Temporary.Fingerprint(0, "12345678"), other.Temporary.Fingerprint(1, "12345678")}
	for i, a := range prints {
		if len(a) != 32 {
			t.Errorf("fingerprint %d has %d bytes", i, len(a))
		}
		for _, b := range prints[:i] {
			if bytes.Equal(a, b) {
				t.Errorf("fingerprint %d comes twice", i)
			}
		}
	}
	k.Reopen(t)
	if !bytes.Equal(k.Temporary.Fingerprint(1, "12345678"), prints[0]) {
		t.Error("after a restart the key is another")
	}
	for _, text := range []string{"", "1234567", "123456789", "1234567a", "1234567 ", "١٢٣٤", "-1234567"} {
		if k.Temporary.Fingerprint(1, text) != nil {
			t.Errorf("%q has a fingerprint", text)
		}
	}
}
