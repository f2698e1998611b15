package archtest

import (
	"slices"
	"testing"
)

// owners says which packages may import a technology: a module other than this
// one, or a part of the standard library.
var owners = map[string][]string{
	"github.com/danielgtaylor/huma/v2":    {"internal/doors/api"},
	"codeberg.org/go-pdf/fpdf":            {"internal/formats/letter"},
	"github.com/go-ldap/ldap/v3":          {"internal/engine/users"},
	"github.com/go-webauthn/webauthn":     {"internal/formats/passkey"},
	"github.com/descope/virtualwebauthn":  {}, // tests only
	"github.com/gofrs/flock":              {"internal/program/serve", "internal/device/vaultdir"},
	"github.com/makiuchi-d/gozxing":       {"internal/formats/qr/scan"},
	"github.com/pelletier/go-toml/v2":     {"internal/formats/profilefile", "internal/formats/letter"},
	"github.com/prometheus/client_golang": {"internal/doors/api", "internal/program/serve"},
	"github.com/spf13/cobra": {"internal/program/cli", "internal/device/authenticatorcli",
		"internal/program/cmdline"},
	"github.com/spf13/pflag":     {"internal/program/cli", "internal/program/cmdline"},
	"github.com/jackc/pgx/v5":    {"internal/store/postgres"},
	"golang.org/x/crypto":        {"activation", "authenticator", "internal/engine/credentials"},
	"golang.org/x/image":         {"internal/formats/letter"},
	"golang.org/x/mod":           {"internal/core/audit"},
	"golang.org/x/term":          {"internal/program/cmdline"},
	"golang.org/x/text/encoding": {"pskc/charset"},
	"golang.org/x/text/unicode":  {"internal/engine/credentials", "internal/engine/users", "internal/formats/letter"},
	"golang.org/x/text/width":    {"internal/engine/users"},
	"golang.org/x/sync":          {"internal/engine/activations", "internal/engine/imports"},
	"golang.org/x/sys/unix":      {"internal/store/postgres"}, // what a connection waits for
	"golang.org/x/time":          {"internal/engine/credentials", "internal/core/throttle"},
	"modernc.org/sqlite":         {"internal/store/sqlite"},
	"rsc.io/qr":                  {"internal/formats/qr"},
	"database/sql":               {"internal/store/sqlite"},
	"net/http": {"internal/doors/api", "internal/device/authenticatorcli",
		"internal/doors/client", "internal/doors/console", "internal/doors/enrol", "internal/doors/look",
		"internal/doors/webhook",
		"internal/doors/self", "internal/doors/words",
		"internal/program/serve", "internal/program/connlimit"},
	"encoding/xml":                    {"pskc", "pskc/xmlsig", "internal/formats/seedfile"},
	"html/template":                   {"internal/doors/look", "internal/doors/look/chart"},
	"text/template":                   {},
	"os/exec":                         {},
	"plugin":                          {},
	"unsafe":                          {},
	"C":                               {},
	"math/rand":                       {}, // what is random here is secret
	"math/rand/v2":                    {},
	"encoding/gob":                    {},
	"crypto/md5":                      {},
	"golang.org/x/exp":                {},
	"github.com/google/go-cmp":        {}, // tests only
	"github.com/rogpeppe/go-internal": {}, // tests only
	"pgregory.net/rapid":              {}, // tests only
	"testing":                         {}, // tests only

	"github.com/beevik/etree":                       {"pskc/xmlsig"},
	"github.com/mattermost/xml-roundtrip-validator": {"pskc/xmlsig"},
	"github.com/russellhaering/goxmldsig":           {"pskc/xmlsig"},
}

// ownsAlone tells whether an import is a part of a technology that is this
// package's and nobody else's.
func ownsAlone(pkg, p string) bool {
	for tech, by := range owners {
		if holds(tech, p) {
			return slices.Equal(by, []string{pkg})
		}
	}
	return false
}

func TestTechnologiesHaveOwners(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		if f.test || holdsAny(helpers, f.pkg) || holdsAny(outside, f.pkg) {
			continue
		}
		for _, p := range f.imports {
			if _, ok := own(p); ok {
				continue
			}
			found := false
			for tech, by := range owners {
				if !holds(tech, p) {
					continue
				}
				found = true
				if !slices.Contains(by, f.pkg) {
					t.Errorf("%s imports %s, which belongs to %q", f.path, p, by)
				}
			}
			if !found && !std(p) {
				t.Errorf("%s imports %s, which has no owner; name one in this test", f.path, p)
			}
		}
	}
}

// builtOn are modules that several packages use and that a package of the pure
// core is built on, besides the standard library and what it owns alone.
var builtOn = map[string]string{
	"activation":             "golang.org/x/crypto/argon2",
	"authenticator":          "golang.org/x/crypto/argon2",
	"internal/core/throttle": "golang.org/x/time/rate",
}

// The pure core does no I/O and is built on the standard library, and on the
// technology that a package is there for.
func TestPureCore(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		if l, _ := floorOf(f.pkg); f.test || !l.pure {
			continue
		}
		for _, p := range f.imports {
			if _, ok := own(p); !ok && !std(p) && !ownsAlone(f.pkg, p) && builtOn[f.pkg] != p {
				t.Errorf("%s imports %s, and is to import the standard library alone", f.path, p)
			}
			if p == "crypto/rand" && (f.pkg == "pskc" || f.pkg == "internal/core/audit") {
				continue // crypto.Decrypter asks for it, to blind RSA; a signing key is drawn
			}
			if p == "net/netip" {
				continue // it reads addresses, and opens nothing
			}
			if holdsAny([]string{"net", "os", "database", "syscall", "log", "plugin", "math/rand", "crypto/rand"}, p) {
				t.Errorf("%s imports %s, and is to do no I/O", f.path, p)
			}
		}
	}
}

// The engine and its contracts know no technology: databases, HTTP and files are the
// adapters' business.
func TestEngineKnowsNoTechnology(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		if f.test || !holds("internal/engine", f.pkg) && f.pkg != "internal/store" && f.pkg != "internal/seal" {
			continue
		}
		for _, p := range f.imports {
			if holdsAny([]string{"database", "net/http", "os", "syscall", "html", "text/template", "embed"}, p) {
				t.Errorf("%s imports %s", f.path, p)
			}
		}
	}
}
