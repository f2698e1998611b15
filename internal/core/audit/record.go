package audit

import (
	"encoding/binary"
	"errors"
)

// Record is what the database says of itself as a whole. It is made anew with each
// commit and stands beside the head of the log, under a MAC whose key only the
// key-encryption key opens.
type Record struct {
	Genesis     [16]byte // names the database for ever
	Key         uint32   // of the integrity key
	Commit      uint64   // counts the commits
	First       int64    // place of the first entry that is kept
	Checkpoints int64    // how many there are
	Config      [32]byte // digest of the small tables: settings, keys, types
	Frontier    Frontier
}

const (
	recordVersion = 1
	recordFixed   = 1 + 16 + 4 + 8 + 8 + 8 + 32
)

// AppendBinary appends the stored form: 1 ‖ genesis (16) ‖ key (4) ‖ commit (8) ‖
// first (8) ‖ checkpoints (8) ‖ config (32) ‖ frontier, numbers big-endian.
func (r *Record) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, recordVersion)
	b = append(b, r.Genesis[:]...)
	b = binary.BigEndian.AppendUint32(b, r.Key)
	b = binary.BigEndian.AppendUint64(b, r.Commit)
	b = binary.BigEndian.AppendUint64(b, uint64(r.First))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Checkpoints))
	b = append(b, r.Config[:]...)
	return r.Frontier.AppendBinary(b)
}

// UnmarshalBinary reads the stored form.
func (r *Record) UnmarshalBinary(b []byte) error {
	if len(b) < recordFixed || b[0] != recordVersion {
		return errors.New("record of the audit head: not in the form of this program")
	}
	r.Genesis = [16]byte(b[1:17])
	r.Key = binary.BigEndian.Uint32(b[17:])
	r.Commit = binary.BigEndian.Uint64(b[21:])
	r.First = int64(binary.BigEndian.Uint64(b[29:]))
	r.Checkpoints = int64(binary.BigEndian.Uint64(b[37:]))
	r.Config = [32]byte(b[45:77])
	if r.First < 0 || r.Checkpoints < 0 {
		return errors.New("record of the audit head: a count is out of range")
	}
	return r.Frontier.UnmarshalBinary(b[recordFixed:])
}
