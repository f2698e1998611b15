package drafts

import "io"

// Spool keeps what r has, and gives what is on the disk and what comes back.
func Spool(folder string, r io.Reader) (sealed, got []byte, err error) {
	s, err := newSpool(folder)
	if err != nil {
		return nil, nil, err
	}
	defer s.close()
	if _, err = io.Copy(s, r); err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, nil, err
	}
	if sealed, err = io.ReadAll(io.NewSectionReader(s.file, 0, 1<<30)); err == nil {
		got, err = io.ReadAll(s.reader())
	}
	return sealed, got, err
}

// Tampered reads a file of which a byte was changed on the disk.
func Tampered(folder string, text []byte) error {
	s, err := newSpool(folder)
	if err != nil {
		return nil
	}
	defer s.close()
	_, _ = s.Write(text)
	_ = s.end()
	b := make([]byte, 1)
	_, _ = s.file.ReadAt(b, 0)
	b[0] ^= 1
	_, _ = s.file.WriteAt(b, 0)
	_, err = io.ReadAll(s.reader())
	return err
}
