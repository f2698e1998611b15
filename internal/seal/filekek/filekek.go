// Package filekek keeps the key-encryption key in a file that only the server's
// user can read.
//
// The file is one line of text: "ostiary-kek-1 " and 32 random bytes in
// base64. Whoever has it and the database has the tokens' secrets: keep a copy
// of it apart from the database's backups, and never the two together.
package filekek

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"ostiary/internal/seal"
)

const (
	prefix    = "ostiary-kek-1 "
	keySize   = 32
	nonceSize = 12
)

// ErrExposed says that others than the owner can read or write the key file.
var ErrExposed = errors.New("the key file is open to others than its owner")

// KEK is a key-encryption key read from a file.
type KEK struct {
	id   string
	aead cipher.AEAD
}

var _ seal.KEK = (*KEK)(nil)

// Create makes a new key file with mode 0600. It never replaces one.
func Create(path string) error {
	raw := make([]byte, keySize)
	if _, err := rand.Read(raw); err != nil {
		return err
	}
	return write(path, []byte(prefix+base64.StdEncoding.EncodeToString(raw)+"\n"))
}

// Copy makes a key file that is like another one. It never replaces one.
func Copy(from, to string) error {
	if _, err := Open(from); err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return write(to, text)
}

func write(path string, text []byte) error {
	defer clear(text)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes a new directory entry durable: a database sealed under a key
// whose file vanished in a power cut is lost.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && runtime.GOOS != "windows" {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// Open reads a key file. It returns fs.ErrNotExist when there is none and
// ErrExposed when its mode lets others in.
func Open(path string) (*KEK, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o: %w; run: chmod 600 %s", path, info.Mode().Perm(), ErrExposed, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	encoded, ok := strings.CutPrefix(strings.TrimSpace(string(text)), prefix)
	if !ok {
		return nil, fmt.Errorf("%s is not a key file: it does not begin with %q", path, strings.TrimSpace(prefix))
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) != keySize {
		return nil, fmt.Errorf("%s is damaged: its key is not %d bytes of base64", path, keySize)
	}
	defer clear(raw)
	return newKEK(raw)
}

func newKEK(raw []byte) (*KEK, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("ostiary/kek-id/1"), raw...))
	return &KEK{id: "file:" + hex.EncodeToString(sum[:6]), aead: aead}, nil
}

// ID names the key by a digest of it.
func (k *KEK) ID() string { return k.id }

// Wrap encrypts a data key under a random nonce, which comes first.
func (k *KEK) Wrap(_ context.Context, aad []byte, key seal.Secret) ([]byte, error) {
	out := make([]byte, nonceSize, nonceSize+key.Len()+k.aead.Overhead())
	if _, err := rand.Read(out); err != nil {
		return nil, err
	}
	return k.aead.Seal(out, out[:nonceSize], key.Bytes(), aad), nil
}

// Unwrap reverses Wrap.
func (k *KEK) Unwrap(_ context.Context, aad, wrapped []byte) (seal.Secret, error) {
	if len(wrapped) < nonceSize {
		return seal.Secret{}, seal.ErrOpen
	}
	plain, err := k.aead.Open(nil, wrapped[:nonceSize], wrapped[nonceSize:], aad)
	if err != nil {
		return seal.Secret{}, seal.ErrOpen
	}
	return seal.NewSecret(plain), nil
}

// Exists reports whether there is a file at path.
func Exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
