package audit

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is a signed statement of what the log was at a time.
type Checkpoint struct {
	Size int64
	Root tlog.Hash
	Time time.Time
	// Note is the signed form.
	Note string
}

// Signer signs checkpoints.
type Signer struct {
	signer note.Signer
	key    string // the verifier key, which may be published
}

// NewSigningKey makes a key pair for the server of this name: the private half,
// to be sealed, and the verifier key, to be published.
func NewSigningKey(name string) (private, verifier string, err error) {
	return note.GenerateKey(rand.Reader, name)
}

// NewSigner reads what NewSigningKey made.
func NewSigner(private, verifier string) (*Signer, error) {
	s, err := note.NewSigner(private)
	if err != nil {
		return nil, errors.New("audit signing key: not in the form of a note signer key")
	}
	return &Signer{signer: s, key: verifier}, nil
}

// VerifierKey is the public key with which anyone checks checkpoints.
func (s *Signer) VerifierKey() string { return s.key }

// Sign makes the checkpoint of a log that stands at f.
//
// Its text has four lines: the origin "ostiary audit/" and the signer's name,
// the number of entries, the root in base64, and the time.
func (s *Signer) Sign(f *Frontier, at time.Time) (Checkpoint, error) {
	c := Checkpoint{Size: f.Size(), Root: f.Root(), Time: at.UTC().Truncate(time.Second)}
	var err error
	c.Note, err = s.Attest("audit", strconv.FormatInt(c.Size, 10), base64.StdEncoding.EncodeToString(c.Root[:]),
		"time "+c.Time.Format(time.RFC3339))
	return c, err
}

// Attest signs lines about a subject: a note whose first line is "ostiary ", the
// subject, "/" and the signer's name.
func (s *Signer) Attest(subject string, lines ...string) (string, error) {
	text := "ostiary " + subject + "/" + s.signer.Name() + "\n" + strings.Join(lines, "\n") + "\n"
	signed, err := note.Sign(&note.Note{Text: text}, s.signer)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return string(signed), nil
}

var errForeignNote = errors.New("not in the form this server signs")

// CheckVerifierKey refuses a text that is no verifier key.
func CheckVerifierKey(key string) error {
	_, err := note.NewVerifier(key)
	return err
}

// Attested checks the signature of a note against a verifier key and gives its lines,
// n of them, if they are about the subject.
func Attested(signed, verifierKey, subject string, n int) (lines []string, err error) {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return nil, fmt.Errorf("verifier key: %w", err)
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	lines = strings.Split(opened.Text, "\n")
	if len(lines) != n+2 || lines[0] != "ostiary "+subject+"/"+v.Name() || lines[n+1] != "" {
		return nil, errForeignNote
	}
	return lines[1 : n+1], nil
}

// IsCheckpoint reports whether a text has the form of a checkpoint, of whatever server:
// its origin, and a signature behind an empty line. It checks no signature.
func IsCheckpoint(text string) bool {
	body, signatures, signed := strings.Cut(text, "\n\n")
	return signed && strings.HasPrefix(body, "ostiary audit/") && strings.HasPrefix(signatures, "\u2014 ")
}

// OpenCheckpoint checks the signature of a checkpoint against a verifier key
// and reads it.
func OpenCheckpoint(signed, verifierKey string) (Checkpoint, error) {
	lines, err := Attested(signed, verifierKey, "audit", 3)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	bad := fmt.Errorf("checkpoint: %w", errForeignNote)
	c := Checkpoint{Note: signed}
	if c.Size, err = strconv.ParseInt(lines[0], 10, 64); err != nil || c.Size < 0 {
		return Checkpoint{}, bad
	}
	root, err := base64.StdEncoding.DecodeString(lines[1])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, bad
	}
	c.Root = tlog.Hash(root)
	at, ok := strings.CutPrefix(lines[2], "time ")
	if c.Time, err = time.Parse(time.RFC3339, at); !ok || err != nil {
		return Checkpoint{}, bad
	}
	return c, nil
}
