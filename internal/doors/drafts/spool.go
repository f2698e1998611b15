package drafts

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"ostiary/internal/core/fault"
)

// block is how much of a file is sealed together.
const block = 64 << 10

// spool is a file on the disk that has no name and that nobody else can read: its blocks
// are sealed under a key of its own, each with its number as the nonce.
type spool struct {
	file *os.File
	aead cipher.AEAD
	size int64
	rest []byte // of the block that is not full
}

func newSpool(folder string) (*spool, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it does not fail
	defer clear(key)
	c, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(c)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(folder, "ostiary-*")
	if err != nil {
		return nil, noRoom(err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &spool{file: file, aead: aead, rest: make([]byte, 0, block)}, nil
}

func noRoom(err error) error {
	return fault.New(fault.Unavailable, "no_room", "The server cannot keep the file until it is imported.").
		WithHint("Is the disk with its temporary files full? The server's log has the reason.").Because(err)
}

// Write adds to the file.
func (s *spool) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := min(len(p), block-len(s.rest))
		s.rest = append(s.rest, p[:part]...)
		p, n = p[part:], n+part
		if len(s.rest) == block {
			if err := s.flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func nonce(n int64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4, 12), uint64(n)) }

func (s *spool) flush() error {
	n := s.size / block
	if _, err := s.file.WriteAt(s.aead.Seal(nil, nonce(n), s.rest, nil), n*int64(block+s.aead.Overhead())); err != nil {
		return noRoom(err)
	}
	s.size += int64(len(s.rest))
	clear(s.rest)
	s.rest = s.rest[:0]
	return nil
}

// end seals what is left.
func (s *spool) end() error {
	if len(s.rest) == 0 {
		return nil
	}
	return s.flush()
}

func (s *spool) close() { _ = s.file.Close() } // it has no name, and is gone

// reader reads the file from its beginning. There may be several.
func (s *spool) reader() io.Reader { return &spoolReader{spool: s} }

type spoolReader struct {
	*spool
	next int64  // block
	open []byte // of the block before it
}

// Read reads on.
func (r *spoolReader) Read(b []byte) (int, error) {
	if len(r.open) == 0 {
		left := r.size - r.next*block
		if left <= 0 {
			return 0, io.EOF
		}
		sealed := make([]byte, min(left, block)+int64(r.aead.Overhead()))
		if _, err := r.file.ReadAt(sealed, r.next*int64(block+r.aead.Overhead())); err != nil {
			return 0, err
		}
		open, err := r.aead.Open(sealed[:0], nonce(r.next), sealed, nil)
		if err != nil {
			return 0, err
		}
		r.open, r.next = open, r.next+1
	}
	n := copy(b, r.open)
	clear(r.open[:n])
	r.open = r.open[n:]
	return n, nil
}
