package credentials

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Argon2id with the least that OWASP advises: two passes over 19 MiB, one lane.
// ROOT's password has 130 random bits; more would only cost memory.
const (
	argonTime   = 2
	argonMemory = 19 * 1024 // KiB
	argonLanes  = 1
	argonSalt   = 16
	argonHash   = 32
)

// A stored password is a PHC string of Argon2id whose hash is a keyed one over the
// account, the parameters, the salt and what Argon2id gives, so that nobody but the
// server can make one. Its name says so; an older database holds that of Argon2id.
const (
	keyedName = "$ostiary-argon2id$"
	olderName = "$argon2id$"
)

// hashPassword gives the stored form of an account's password.
func hashPassword(hasher *seal.Hasher, account, password string) (string, error) {
	p, err := newStored()
	if err != nil {
		return "", err
	}
	return p.text(hasher, account, p.stretch(password, argonHash)), nil
}

// newStored draws a salt.
func newStored() (stored, error) {
	salt := make([]byte, argonSalt)
	_, err := rand.Read(salt)
	return stored{parameters: fmt.Sprintf("v=%d$m=%d,t=%d,p=%d", argon2.Version, argonMemory, argonTime, argonLanes),
		memory: argonMemory, time: argonTime, lanes: argonLanes, salt: salt}, err
}

// unknownPassword gives the stored form of a password that nobody knows, of no account: what
// is compared with it takes as long, and is wrong.
func unknownPassword(hasher *seal.Hasher) (string, error) {
	p, err := newStored()
	if err != nil {
		return "", err
	}
	return p.text(hasher, "", []byte(rand.Text())), nil
}

// stored is the stored form of a password in its parts.
type stored struct {
	parameters   string
	memory, time uint32
	lanes        uint8
	salt, hash   []byte
}

func (p stored) stretch(password string, size uint32) []byte {
	return argon2.IDKey([]byte(asTyped(password)), p.salt, p.time, p.memory, p.lanes, size)
}

func (p stored) parts(account string, stretched []byte) [][]byte {
	return [][]byte{[]byte(account), []byte(p.parameters), p.salt, stretched}
}

func (p stored) text(hasher *seal.Hasher, account string, stretched []byte) string {
	keyed, b64 := hasher.Sum(p.parts(account, stretched)...), base64.RawStdEncoding
	return keyedName + p.parameters + "$" + b64.EncodeToString(p.salt) + "$" + b64.EncodeToString(keyed[:])
}

// parseStored reads a stored form of this name.
func parseStored(name, text string) (p stored, err error) {
	rest, ok := strings.CutPrefix(text, name)
	parts := strings.Split(rest, "$")
	if !ok || len(parts) != 4 {
		return p, errors.New("stored password: not in the form of this server")
	}
	p.parameters = parts[0] + "$" + parts[1]
	var version int
	if _, err := fmt.Sscanf(p.parameters, "v=%d$m=%d,t=%d,p=%d", &version, &p.memory, &p.time,
		&p.lanes); err != nil || version != argon2.Version {
		return p, errors.New("stored password: parameters that this server does not know")
	}
	if p.salt, err = base64.RawStdEncoding.DecodeString(parts[2]); err != nil {
		return p, errors.New("stored password: bad salt")
	}
	if p.hash, err = base64.RawStdEncoding.DecodeString(parts[3]); err != nil || len(p.hash) != argonHash {
		return p, errors.New("stored password: bad hash")
	}
	return p, nil
}

// checkPassword compares a password with its stored form, in constant time.
func checkPassword(hasher *seal.Hasher, account, text, password string) (bool, error) {
	p, err := parseStored(keyedName, text)
	if err != nil {
		return false, err
	}
	return hasher.Check(p.hash, p.parts(account, p.stretch(password, argonHash))...), nil
}

// UpgradeRoot puts the keyed form in the place of that of an older database. The
// password goes on working.
func UpgradeRoot(tx store.Tx, hasher *seal.Hasher) error {
	text, err := tx.Setting(rootSetting)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	p, err := parseStored(olderName, string(text))
	if err != nil {
		return err
	}
	return tx.SetSetting(rootSetting, []byte(p.text(hasher, RootName, p.hash)))
}
