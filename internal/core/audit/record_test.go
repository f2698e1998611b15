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
	for name, bad := range map[string][]byte{"nothing": nil, "cut off": got[:76], "another version": append([]byte{3},
		got[1:]...), "of streams that are not there": bytes.Join([][]byte{{2}, got[1:77], zeros(32), frontier}, nil),
		"another version, moved": append([]byte{0x83},
			got[1:]...), "a byte more": append(bytes.Clone(got), 0), "no frontier": got[:77]} {
		if err := again.UnmarshalBinary(bad); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	r.Moved = true
	if got, err = r.AppendBinary(nil); err != nil || !bytes.Equal(got, append([]byte{0x81}, want[1:]...)) {
		t.Errorf("record of a database that was moved % x, %v", got, err)
	}
	if err := again.UnmarshalBinary(got); err != nil || !again.Moved || again.Commit != r.Commit {
		t.Errorf("record of a database that was moved: %+v, %v", again, err)
	}
	r.Moved = false
	r.Streams = [32]byte{0: 0xEE, 31: 0xFF}
	want = bytes.Join([][]byte{{2}, want[1:77], {0xEE}, zeros(30), {0xFF}, frontier}, nil)
	got, err = r.AppendBinary(nil)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("record with streams % x, %v, want % x", got, err, want)
	}
	if err := again.UnmarshalBinary(got); err != nil || again.Moved || again.Streams != r.Streams ||
		again.Frontier.Size() != 1 {
		t.Errorf("record with streams: %+v, %v", again, err)
	}
	if err := again.UnmarshalBinary(got[:108]); err == nil {
		t.Error("a digest that is cut off was read")
	}
}
