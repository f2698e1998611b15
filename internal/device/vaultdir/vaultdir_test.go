package vaultdir

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func random() *bytes.Reader { return bytes.NewReader(bytes.Repeat([]byte{7}, keySize)) }

func open(t *testing.T, path string) *Opened {
	t.Helper()
	o, err := Open(t.Context(), path, random())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

func mac(t *testing.T, o *Opened) string {
	t.Helper()
	b, err := o.Key.MAC([]byte("salt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "some", "where", "vault")
	o := open(t, path)
	first := mac(t, o)
	if err := o.Write("a.account", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := o.Write("a.account", []byte("two")); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = open(t, path+"/")
	if mac(t, o) != first {
		t.Error("another key")
	}
	if names, err := o.List(); err != nil || !slices.Equal(names, []string{"a.account"}) {
		t.Errorf("%q %v", names, err)
	}
	if b, err := o.Read("a.account"); err != nil || string(b) != "two" {
		t.Errorf("%q %v", b, err)
	}
	if _, err := o.Read("b.account"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	for range 2 {
		if err := o.Remove("a.account"); err != nil {
			t.Error(err)
		}
	}
	if names, err := o.List(); err != nil || len(names) != 0 {
		t.Errorf("%q %v", names, err)
	}
}

// A path may be relative to where the program runs.
func TestOpenHere(t *testing.T) {
	t.Chdir(t.TempDir())
	open(t, "vault")
	if _, err := os.Stat("vault.key"); err != nil {
		t.Error(err)
	}
}

// What is in the vault is its owner's alone.
func TestModes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	path := filepath.Join(t.TempDir(), "vault")
	o := open(t, path)
	if err := o.Write("a.account", nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{path: fs.ModeDir | 0o700, path + ".key": 0o600,
		path + "/a.account": 0o600, path + "/lock": 0o600} {
		info, err := os.Stat(name)
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	_ = o.Close()
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660} {
		if err := os.Chmod(path+".key", mode); err != nil {
			t.Fatal(err)
		}
		if o, err := Open(t.Context(), path, random()); err == nil || !strings.Contains(err.Error(), "chmod 600") ||
			o != nil {
			t.Errorf("%v: %v", mode, err)
		}
	}
	if err := os.Chmod(path+".key", 0o400); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vault")
	first := open(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if _, err := Open(ctx, path, random()); !errors.Is(err, ErrInUse) {
		t.Errorf("%v", err)
	}
	done := make(chan error)
	go func() {
		second, err := Open(t.Context(), path, random())
		if err == nil {
			err = second.Close()
		}
		done <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the second waits, and then: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(path string) error
		want    string
	}{
		"a file": {func(path string) error { return os.WriteFile(path, nil, 0o600) }, "is no directory"},
		"below a file": {func(path string) error { return os.WriteFile(filepath.Dir(path), nil, 0o600) },
			"is no directory"},
		"files of somebody else": {func(path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.WriteFile(path+"/draft.new", []byte("mine"), 0o600))
		}, "its key file"},
		"a short key": {func(path string) error {
			return os.WriteFile(path+".key", make([]byte, 31),
				0o600)
		}, "its length is 31, not 32 bytes"},
		"a directory as the key": {func(path string) error { return os.Mkdir(path+".key", 0o700) }, "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := t.TempDir()
			path := filepath.Join(top, "top", "vault")
			if name != "below a file" {
				if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.prepare(path); err != nil {
				t.Fatal(err)
			}
			o, err := Open(t.Context(), path, random())
			if err == nil || !strings.Contains(err.Error(), c.want) || o != nil {
				t.Errorf("%v, want %q", err, c.want)
			}
			if name == "files of somebody else" {
				if b, err := os.ReadFile(path + "/draft.new"); err != nil || string(b) != "mine" {
					t.Errorf("it is gone: %v", err)
				}
			}
		})
	}
	// A vault whose key is gone does not get another.
	path := filepath.Join(t.TempDir(), "vault")
	o := open(t, path)
	if err := o.Write("a.account", nil); err != nil {
		t.Fatal(err)
	}
	_ = o.Close()
	if err := os.Remove(path + ".key"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, random()); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(path + ".key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a key: %v", err)
	}
}

// What an interrupted write left is removed, and nothing else.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vault")
	o := open(t, path)
	if err := o.Write("a.account", []byte("whole")); err != nil {
		t.Fatal(err)
	}
	_ = o.Close()
	if err := os.WriteFile(path+"/a.account.new", []byte("wh"), 0o600); err != nil {
		t.Fatal(err)
	}
	o = open(t, path)
	if names, err := o.List(); err != nil || !slices.Equal(names, []string{"a.account"}) {
		t.Errorf("%q %v", names, err)
	}
}

// steps is a directory that notes what is done to it, and may fail.
type steps struct {
	done []string
	fail string
}

func (s *steps) step(name string) error {
	s.done = append(s.done, name)
	if name == s.fail {
		return errors.New("failed")
	}
	return nil
}

func (s *steps) List() ([]string, error)          { return nil, nil }
func (s *steps) Read(string) ([]byte, error)      { return nil, fs.ErrNotExist }
func (s *steps) Create(name string) (File, error) { return s, s.step("create " + name) }
func (s *steps) Rename(from, to string) error     { return s.step("rename " + from + " " + to) }
func (s *steps) Remove(name string) error         { return s.step("remove " + name) }
func (s *steps) Write(b []byte) (int, error)      { return len(b), s.step("write") }
func (s *steps) Sync() error                      { return s.step("sync") }
func (s *steps) Close() error                     { return s.step("close") }

// The content is on the disk before it gets its name, and the name before Write
// returns; whatever fails, the old file keeps its name.
func TestOrder(t *testing.T) {
	t.Parallel()
	want := []string{"create a.new", "write", "sync", "close", "rename a.new a", "sync"}
	s := &steps{}
	if err := (&Dir{s}).Write("a", []byte("x")); err != nil || !slices.Equal(s.done, want) {
		t.Errorf("%q %v", s.done, err)
	}
	for _, fail := range want[:5] {
		s := &steps{fail: fail}
		if err := (&Dir{s}).Write("a", []byte("x")); err == nil {
			t.Errorf("%s fails, and nobody is told", fail)
		}
		if renamed := slices.Contains(s.done, want[4]); renamed != (fail == want[4]) {
			t.Errorf("%s fails: %q", fail, s.done)
		}
	}
	s = &steps{}
	if err := (&Dir{s}).Remove("a"); err != nil || !slices.Equal(s.done, []string{"remove a", "sync"}) {
		t.Errorf("%q %v", s.done, err)
	}
}
