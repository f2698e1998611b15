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
	Streams     [32]byte // digest of how far each stream has come; zero where there was none
	Moved       bool     // another database takes its place: only who moves it still writes
	Frontier    Frontier
}

const (
	recordAlone   = 1 // without streams
	recordStreams = 2
	recordMoved   = 0x80 // beside the version
	recordFixed   = 1 + 16 + 4 + 8 + 8 + 8 + 32
)

// AppendBinary appends the stored form: version ‖ genesis (16) ‖ key (4) ‖ commit (8) ‖
// first (8) ‖ checkpoints (8) ‖ config (32) ‖ streams (32, in version 2 only) ‖ frontier,
// numbers big-endian. A record without streams is of version 1. The highest bit of the
// version says that the database was moved.
func (r *Record) AppendBinary(b []byte) ([]byte, error) {
	version := byte(recordAlone)
	if r.Streams != [32]byte{} {
		version = recordStreams
	}
	b = append(b, version|moved(r.Moved))
	b = append(b, r.Genesis[:]...)
	b = binary.BigEndian.AppendUint32(b, r.Key)
	b = binary.BigEndian.AppendUint64(b, r.Commit)
	b = binary.BigEndian.AppendUint64(b, uint64(r.First))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Checkpoints))
	b = append(b, r.Config[:]...)
	if version == recordStreams {
		b = append(b, r.Streams[:]...)
	}
	return r.Frontier.AppendBinary(b)
}

func moved(is bool) byte {
	if is {
		return recordMoved
	}
	return 0
}

// UnmarshalBinary reads the stored form.
func (r *Record) UnmarshalBinary(b []byte) error {
	version := byte(0)
	if len(b) >= recordFixed {
		version, r.Moved = b[0]&^recordMoved, b[0]&recordMoved != 0
	}
	if version != recordAlone && (version != recordStreams || len(b) < recordFixed+32) {
		return errors.New("record of the audit head: not in the form of this program")
	}
	r.Genesis = [16]byte(b[1:17])
	r.Key = binary.BigEndian.Uint32(b[17:])
	r.Commit = binary.BigEndian.Uint64(b[21:])
	r.First = int64(binary.BigEndian.Uint64(b[29:]))
	r.Checkpoints = int64(binary.BigEndian.Uint64(b[37:]))
	r.Config = [32]byte(b[45:77])
	rest := b[recordFixed:]
	if r.Streams = [32]byte{}; version == recordStreams {
		r.Streams, rest = [32]byte(rest), rest[32:]
		if r.Streams == [32]byte{} {
			return errors.New("record of the audit head: streams without a digest")
		}
	}
	if r.First < 0 || r.Checkpoints < 0 {
		return errors.New("record of the audit head: a count is out of range")
	}
	return r.Frontier.UnmarshalBinary(rest)
}
