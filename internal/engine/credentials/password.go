package credentials

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
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

// hashPassword gives the PHC string of a password.
func hashPassword(password string) (string, error) {
	salt := make([]byte, argonSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	hash := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonHash)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		b64.EncodeToString(salt), b64.EncodeToString(hash)), nil
}

// checkPassword compares a password with its PHC string, in constant time.
func checkPassword(phc, password string) (bool, error) {
	var version int
	var memory, time uint32
	var lanes uint8
	var rest string
	if _, err := fmt.Sscanf(phc, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &memory, &time, &lanes,
		&rest); err != nil || version != argon2.Version {
		return false, errors.New("stored password: not an Argon2id string")
	}
	var saltText, hashText string
	for i := range rest {
		if rest[i] == '$' {
			saltText, hashText = rest[:i], rest[i+1:]
		}
	}
	salt, err := base64.RawStdEncoding.DecodeString(saltText)
	if err != nil {
		return false, errors.New("stored password: bad salt")
	}
	hash, err := base64.RawStdEncoding.DecodeString(hashText)
	if err != nil || len(hash) == 0 {
		return false, errors.New("stored password: bad hash")
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, lanes, uint32(len(hash)))
	return subtle.ConstantTimeCompare(got, hash) == 1, nil
}
