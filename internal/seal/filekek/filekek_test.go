package filekek

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"ostiary/internal/seal"
)

func created(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kek")
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func opened(t *testing.T, path string) *KEK {
	t.Helper()
	k, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestCreate(t *testing.T) {
	t.Parallel()
	path := created(t)
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %04o, want 0600", info.Mode())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	encoded, ok := strings.CutPrefix(string(text), "ostiary-kek-1 ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(encoded, "\n"))
	if !ok || err != nil || len(raw) != 32 || strings.Count(string(text), "\n") != 1 {
		t.Errorf("a key file of %d bytes is not one line with 32 bytes in base64: %v", len(text), err)
	}
	if opened(t, path).ID() == opened(t, created(t)).ID() {
		t.Error("two new keys are the same")
	}
}

func TestCreateNeverReplaces(t *testing.T) {
	t.Parallel()
	path := created(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create = %v, want fs.ErrExist", err)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the key was replaced (%v)", err)
	}
	// Not even through a link that leads nowhere.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(t.TempDir(), "nowhere"), link); err != nil {
		t.Fatal(err)
	}
	if err := Create(link); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a link = %v, want fs.ErrExist", err)
	}
	if err := Create(filepath.Join(t.TempDir(), "missing", "kek")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Create in no folder = %v, want fs.ErrNotExist", err)
	}
}

func TestOpenNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kek")
	if _, err := Open(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open = %v, want fs.ErrNotExist", err)
	}
	if there, err := Exists(path); there || err != nil {
		t.Errorf("Exists = %t, %v", there, err)
	}
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	if there, err := Exists(path); !there || err != nil {
		t.Errorf("Exists = %t, %v", there, err)
	}
}

func TestExposed(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	path := created(t)
	for _, mode := range []fs.FileMode{0o640, 0o644, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		if !errors.Is(err, ErrExposed) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: %v, want ErrExposed and what to do", mode, err)
		}
	}
	for _, mode := range []fs.FileMode{0o600, 0o400} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		opened(t, path)
	}
}

func TestNoRegularFile(t *testing.T) {
	t.Parallel()
	dir, real := t.TempDir(), created(t)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, dir, os.DevNull} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "regular file") {
			t.Errorf("%s: %v, want a refusal", path, err)
		}
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(created(t))
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(strings.TrimPrefix(string(good), prefix))
	for name, text := range map[string]string{
		"empty":           "",
		"blank":           "\n",
		"another file":    "-----BEGIN PRIVATE KEY-----\n",
		"another version": "ostiary-kek-2 " + key + "\n",
		"prefix alone":    prefix + "\n",
		"cut":             string(good[:len(good)-5]),
		"too long":        prefix + base64.StdEncoding.EncodeToString(make([]byte, 33)) + "\n",
		"too short":       prefix + base64.StdEncoding.EncodeToString(make([]byte, 31)) + "\n",
		"no base64":       prefix + strings.Repeat("*", 44) + "\n",
		"two lines":       string(good) + string(good),
		"binary":          "\x00\xff\xfe",
	} {
		path := filepath.Join(t.TempDir(), "kek")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want a refusal that names the file", name, err)
			continue
		}
		if strings.Contains(err.Error(), key[:8]) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
	// An editor may have changed the end of the line.
	path := filepath.Join(t.TempDir(), "kek")
	if err := os.WriteFile(path, []byte(prefix+key+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	opened(t, path)
}

func TestWrap(t *testing.T) {
	t.Parallel()
	path := created(t)
	k, again, other := opened(t, path), opened(t, path), opened(t, created(t))
	if k.ID() != again.ID() || k.ID() == other.ID() || !strings.HasPrefix(k.ID(), "file:") {
		t.Errorf("ids %s, %s, %s", k.ID(), again.ID(), other.ID())
	}
	aad, key := []byte("data key 1"), seal.NewSecret([]byte("thirty-two bytes of key material"))
	wrapped, err := k.Wrap(t.Context(), aad, key)
	if err != nil || bytes.Contains(wrapped, key.Bytes()) {
		t.Fatalf("wrapped: % x, %v", wrapped, err)
	}
	got, err := again.Unwrap(t.Context(), aad, wrapped)
	if err != nil || !got.Equal(key) {
		t.Errorf("unwrap: %v", err)
	}
	twice, err := k.Wrap(t.Context(), aad, key)
	if err != nil || bytes.Equal(twice, wrapped) {
		t.Errorf("wrapped the same way twice (%v)", err)
	}
	refused := func(name string, k *KEK, aad, wrapped []byte) {
		t.Helper()
		if s, err := k.Unwrap(t.Context(), aad, wrapped); !errors.Is(err, seal.ErrOpen) || s.Len() != 0 {
			t.Errorf("%s: %v, want ErrOpen", name, err)
		}
	}
	refused("another key file", other, aad, wrapped)
	refused("other associated data", k, []byte("data key 2"), wrapped)
	for i := range len(wrapped) * 8 {
		bad := bytes.Clone(wrapped)
		bad[i/8] ^= 1 << (i % 8)
		refused("a flipped bit", k, aad, bad)
	}
	for n := range len(wrapped) {
		refused("cut", k, aad, wrapped[:n])
	}
}

// The whole way: a key file, a data key, a sealed secret, and the wrong file.
func TestKeyring(t *testing.T) {
	t.Parallel()
	k, other := opened(t, created(t)), opened(t, created(t))
	dk, err := seal.NewDataKey(t.Context(), k, 1)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenKeyring(t.Context(), k, []seal.DataKey{dk})
	if err != nil {
		t.Fatal(err)
	}
	place := seal.Binding{Table: "token", Column: "secret", Row: 1}
	box, err := ring.Seal(place, seal.NewSecret([]byte("secret")))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := ring.Open(place, box); err != nil || string(s.Bytes()) != "secret" {
		t.Errorf("Open: %v", err)
	}
	_, err = seal.OpenKeyring(t.Context(), other, []seal.DataKey{dk})
	if err == nil || !strings.Contains(err.Error(), k.ID()) || !strings.Contains(err.Error(), other.ID()) {
		t.Errorf("with the wrong key file: %v, want both keys named", err)
	}
}

// A copy is the same key, for its owner alone. It replaces none, and what is no key file is
// not copied.
func TestCopy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to, bad := filepath.Join(dir, "kek"), filepath.Join(dir, "copy"), filepath.Join(dir, "bad")
	if err := errors.Join(Create(from), Copy(from, to)); err != nil {
		t.Fatal(err)
	}
	one, err := Open(from)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := Open(to); err != nil || other.ID() != one.ID() {
		t.Errorf("the copy: %v", err)
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy's mode: %v, %v", info, err)
	}
	if err := Copy(from, to); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second copy: %v", err)
	}
	if err := os.WriteFile(bad, []byte("no key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{bad, filepath.Join(dir, "none")} {
		if err := Copy(from, filepath.Join(dir, "another")); err == nil {
			t.Errorf("%s was copied", from)
		}
	}
}
