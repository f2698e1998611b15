package e2e

import (
	"path/filepath"
	"testing"
)

// A fence stays with the secret: a HOTP token that waits for two codes in a row takes no
// code that was used before the restore when it is deleted and imported again, when it
// got another secret and its own back, and on the server to which it was exported.
func TestFenceStaysWithTheSecret(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	for name, again := range map[string]func(s *server, d device, delivery string) *server{
		"deleted and imported": func(s *server, d device, delivery string) *server {
			s.ok("token", "delete", d.Serial, "--yes")
			s.imports(delivery, 1)
			return s
		},
		"replaced and back": func(s *server, d device, delivery string) *server {
			s.ok("token", "import", plain(t, hotp(d.Serial)), "--replace")
			s.ok("token", "import", delivery, "--replace")
			return s
		},
		"exported": func(s *server, d device, _ string) *server {
			phrase := writeFile(t, "phrase", "correct horse battery staple")
			file := filepath.Join(t.TempDir(), "moved.pskc")
			s.ok("token", "export", file, "--passphrase-file", phrase, "--serial", d.Serial, "--move")
			other := start(t, newData(t))
			other.ok("token", "import", file, "--passphrase-file", phrase)
			return other
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, newData(t))
			d := hotp("14000201")
			delivery := plain(t, d)
			s.imports(delivery, 1)
			s.stop()
			file := filepath.Join(s.data, "ostiary.db")
			early := read(t, file)
			s = start(t, s.data)
			used := d.codes(t, 0, 3)
			for _, code := range used {
				s.ok("token", "verify", d.Serial, code)
			}
			s.stop()
			writeTo(t, file, early)
			s.ok("database", "accept", "--reason", "disk failed", "--fence")
			s = again(start(t, s.data), d, delivery)
			for _, code := range used {
				if r := s.run("token", "verify", d.Serial, code); r.code == 0 {
					t.Errorf("%s: a code that was used before the restore is accepted", name)
				}
			}
		})
	}
}
