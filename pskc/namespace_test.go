package pskc

import (
	"regexp"
	"strings"
	"testing"
)

var unprefixed = regexp.MustCompile(`<(/?)([A-Za-z0-9]+)([ />])`)

// inSpace puts a file into another namespace of PSKC, under a prefix if one is given.
func inSpace(file, space, prefix string) string {
	decl := `xmlns="` + space + `"`
	if prefix != "" {
		file = unprefixed.ReplaceAllString(file, "<${1}"+prefix+":${2}${3}")
		decl = "xmlns:" + prefix + `="` + space + `"`
	}
	return strings.Replace(file, `xmlns="urn:ietf:params:xml:ns:keyprov:pskc"`, decl, 1)
}

// Every namespace of RFC 6030 and its drafts, under any prefix: the same keys.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	n := 0
	for space, part := range namespaces {
		if part != nsPSKC && part != nsDraft {
			continue
		}
		n++
		for _, prefix := range []string{"", "pskc", "p", "xenc11x", "_.-9", "KeyContainer"} {
			for name, c := range map[string]struct {
				file string
				opt  Options
			}{
				"plain":     {plainFile(data(plainSecret(seed), plain("Counter", "7"))), Options{}},
				"encrypted": {sealedFile("1"), Options{PreSharedKey: testKey}},
			} {
				res := readString(t, inSpace(c.file, space, prefix), c.opt)
				if k := wantOne(t, res); string(k.Secret) != seed || k.Serial != "1" || !k.HasCounter {
					t.Errorf("%s, %q, %s: %+v", space, prefix, name, k)
				}
				if res.hdr.Namespace != space {
					t.Errorf("%s is read as %s", space, res.hdr.Namespace)
				}
			}
		}
	}
	if n != 9 {
		t.Errorf("%d namespaces", n)
	}
	// A prefix may be bound anew inside, and another may mean the same.
	file := strings.Replace(plainFile(data(plainSecret(seed))), "<Issuer>", "", 1)
	file = strings.Replace(file, "<DeviceInfo>", `<x:DeviceInfo xmlns:x="urn:ietf:params:xml:ns:keyprov:pskc" xmlns:ds="urn:other">`, 1)
	file = strings.Replace(file, "</DeviceInfo>", "</x:DeviceInfo>", 1)
	if k := wantOne(t, readString(t, file, Options{})); k.Serial != "1" {
		t.Error(k)
	}
}
