package audit

import (
	"bytes"
	"testing"
)

// The bytes of the record are stored and authenticated: they never change.
func TestRecordBytes(t *testing.T) {
	t.Parallel()
	r := Record{Genesis: [16]byte{0: 0xAA, 15: 0xBB}, Key: 0x01020304, Commit: 0x1112131415161718, First: 0x21,
		Checkpoints: 0x31, Config: [32]byte{0: 0xCC, 31: 0xDD}}
	r.Frontier.Append([]byte("entry"))
	frontier, err := r.Frontier.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	zeros := func(n int) []byte { return make([]byte, n) }
	want := bytes.Join([][]byte{{1, 0xAA}, zeros(14), {0xBB, 1, 2, 3, 4, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
		0x18}, zeros(7), {0x21}, zeros(7), {0x31, 0xCC}, zeros(30), {0xDD}, frontier}, nil)
	got, err := r.AppendBinary(nil)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("record % x, %v, want % x", got, err, want)
	}
	var again Record
	if err := again.UnmarshalBinary(got); err != nil {
		t.Fatal(err)
	}
	if back, err := again.AppendBinary(nil); err != nil || !bytes.Equal(back, got) {
		t.Errorf("written back as % x, %v", back, err)
	}
	for name, bad := range map[string][]byte{"nothing": nil, "cut off": got[:76], "another version": append([]byte{2},
		got[1:]...), "a byte more": append(bytes.Clone(got), 0), "no frontier": got[:77]} {
		if err := again.UnmarshalBinary(bad); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}
