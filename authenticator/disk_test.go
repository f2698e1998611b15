package authenticator_test

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"ostiary/internal/device/vaultdir"
)

// disk is a directory that is looked at between any two steps: each byte written is a
// step, and so is everything else that changes something.
type disk struct {
	names map[string]*content // as programs see it
	lasts map[string]*content // as it is after a loss of power
	// stepping, if set, is called before each step: a program may die there.
	stepping func()
}

type content struct {
	written []byte // as programs see it
	lasts   []byte // as it is after a loss of power
}

func newDisk(files map[string][]byte) *disk {
	d := &disk{names: map[string]*content{}}
	for name, b := range files {
		d.names[name] = &content{b, b}
	}
	d.lasts = maps.Clone(d.names)
	return d
}

func (d *disk) step() {
	if d.stepping != nil {
		d.stepping()
	}
}

func (d *disk) List() ([]string, error) { return slices.Sorted(maps.Keys(d.names)), nil }

func (d *disk) Read(name string) ([]byte, error) {
	c, ok := d.names[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(c.written), nil
}

func (d *disk) Create(name string) (vaultdir.File, error) {
	d.step()
	c := new(content)
	d.names[name] = c
	return &diskFile{d, c}, nil
}

func (d *disk) Rename(from, to string) error {
	d.step()
	c, ok := d.names[from]
	if !ok {
		return fs.ErrNotExist
	}
	delete(d.names, from)
	d.names[to] = c
	return nil
}

func (d *disk) Remove(name string) error {
	if _, ok := d.names[name]; !ok {
		return fs.ErrNotExist
	}
	d.step()
	delete(d.names, name)
	return nil
}

func (d *disk) Sync() error {
	d.step()
	d.lasts = maps.Clone(d.names)
	return nil
}

type diskFile struct {
	disk *disk
	*content
}

func (f *diskFile) Write(b []byte) (int, error) {
	for _, c := range b {
		f.disk.step()
		f.written = append(f.written, c)
	}
	return len(b), nil
}

func (f *diskFile) Sync() error {
	f.disk.step()
	f.lasts = slices.Clone(f.written)
	return nil
}

func (f *diskFile) Close() error { return nil }

// left is what may be found on the disk if the program dies now: the program alone;
// the power, with what was synced; and the power, when the names had come further
// than the contents.
func (d *disk) left() map[string]map[string][]byte {
	views := map[string]map[string][]byte{"program killed": {}, "power lost": {}, "power lost, names kept": {}}
	for name, c := range d.names {
		views["program killed"][name] = c.written
		views["power lost, names kept"][name] = c.lasts
	}
	for name, c := range d.lasts {
		views["power lost"][name] = c.lasts
	}
	return views
}

// fingerprint tells two views apart, but for files that were never finished.
func fingerprint(view map[string][]byte) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(view)) {
		if !strings.HasSuffix(name, ".new") {
			fmt.Fprintf(&b, "%s %x\n", name, view[name])
		}
	}
	return b.String()
}
