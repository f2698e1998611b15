package activation

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"

	"ostiary/internal/codec/kdf"
	"ostiary/internal/codec/typedcode"
)

// An activation code holds one block, the encrypted secret, and a check.
const (
	base32Code = 30 // characters: 128 bits of block, 22 of check
	checkBits  = 22

	blockDigits = 39
	checkDigits = 6
	decimalCode = blockDigits + checkDigits
	checkMod    = 1_000_000
)

// CodeInput is what an activation code is bound to, besides the profile.
type CodeInput struct {
	Serial string // as issued, or as [Vector.Serial] reads it
	// Password is the activation password, exactly where the profile has one.
	Password Secret
	// Counters are those that go with the code, as ERC or XERC; nil without.
	Counters []uint64
}

// terms are a CodeInput that fits the profile, in canonical form.
type terms struct {
	serial   string
	password string
	erc      string
}

// terms checks the input of an activation code.
func (v *Vector) terms(in CodeInput) (t terms, err error) {
	if err := v.oneStep(); err != nil {
		return t, err
	}
	if t.serial, err = v.Serial(in.Serial); err != nil {
		return t, err
	}
	switch required := v.profile.Rules.Password; {
	case required && len(in.Password) == 0:
		return t, ErrPasswordEmpty
	case required:
		if t.password, err = canonicalPassword(string(in.Password)); err != nil {
			return t, err
		}
	case len(in.Password) != 0:
		return t, ErrPasswordUnexpected
	}
	if len(in.Counters) != 0 {
		t.erc, err = v.MakeERC(t.serial, in.Counters)
	}
	return t, err
}

// MakeCode makes the activation code for a secret of [SecretSize] bytes: 30
// characters or 45 digits without separators; print it with [Group]. With a
// password it runs Argon2id.
//
// The error is [ErrTwoStep], [ErrKeySize], or what [Vector.OpenCode] says of the
// input.
func (v *Vector) MakeCode(secret Secret, in CodeInput) (Secret, error) {
	t, err := v.terms(in)
	if err != nil {
		return nil, err
	}
	if len(secret) != SecretSize {
		return nil, ErrKeySize
	}
	block := [aes.BlockSize]byte(secret)
	key1 := v.key1(t)
	defer clear(key1)
	encrypt(key1, &block)
	var key2 []byte
	if t.password != "" {
		key2 = v.stretch(t.password, t.serial)
		defer clear(key2)
		encrypt(key2, &block)
	}
	mac := v.codeMAC(key2, t, &block)
	if v.profile.Rules.Format == Decimal {
		code := typedcode.AppendDecimal(nil, block[:], blockDigits)
		return typedcode.AppendDecimal(code, binary.BigEndian.AppendUint32(nil, uint32(decimalCheck(mac))),
			checkDigits), nil
	}
	return typedcode.AppendBase32(nil, append(block[:], mac[:3]...), base32Code), nil
}

// OpenCode reads an activation code as it was typed and returns S. Case, spaces,
// hyphens and O, I, L for 0 and 1 do not matter. With a password it runs Argon2id.
//
// Without CheckPassword a wrong password gives a wrong S, which nothing but the
// confirmation tells.
//
// The error is [ErrTwoStep]; [ErrCodeEmpty], [ErrCodeCharacter], [ErrCodeLength];
// [ErrCodeInvalid], or [ErrCodeOrPassword] with CheckPassword; [ErrPasswordEmpty],
// [ErrPassword], [ErrPasswordUnexpected]; [ErrSerialEmpty], [ErrSerial], [ErrPrefix];
// [ErrERCUnexpected], [ErrCounter].
func (v *Vector) OpenCode(typed string, in CodeInput) (Secret, error) {
	t, err := v.terms(in)
	if err != nil {
		return nil, err
	}
	code, err := v.readCode(typed)
	if err != nil {
		return nil, err
	}
	block, check, ok := splitCode(code)
	if !ok {
		return nil, ErrCodeInvalid
	}
	// What can be refused without the password is refused before it is stretched.
	rules := &v.profile.Rules
	if !rules.CheckPassword && !v.checks(code, check, nil, t, &block) {
		return nil, ErrCodeInvalid
	}
	var key2 []byte
	if t.password != "" {
		key2 = v.stretch(t.password, t.serial)
		defer clear(key2)
	}
	if rules.CheckPassword && !v.checks(code, check, key2, t, &block) {
		return nil, ErrCodeOrPassword
	}
	if key2 != nil {
		decrypt(key2, &block)
	}
	key1 := v.key1(t)
	defer clear(key1)
	decrypt(key1, &block)
	return block[:], nil
}

// readCode returns a typed code in canonical form.
func (v *Vector) readCode(typed string) (string, error) {
	read, length := typedcode.CanonicalBase32, base32Code
	if v.profile.Rules.Format == Decimal {
		read, length = typedcode.CanonicalDecimal, decimalCode
	}
	code, err := read(typed)
	switch {
	case err != nil:
		return "", ErrCodeCharacter
	case code == "":
		return "", ErrCodeEmpty
	case len(code) != length:
		return "", ErrCodeLength
	}
	return code, nil
}

// splitCode splits a canonical code, whose length tells the format, into the
// block and the check. It is not ok if the digits give no block.
func splitCode(code string) (block [aes.BlockSize]byte, check int32, ok bool) {
	if len(code) == decimalCode {
		number, ok := typedcode.DecodeDecimal(code[:blockDigits], aes.BlockSize)
		if !ok {
			return block, 0, false
		}
		rest, _ := typedcode.DecodeDecimal(code[blockDigits:], 4) // six digits always fit
		return [aes.BlockSize]byte(number), int32(binary.BigEndian.Uint32(rest)), true
	}
	bits := typedcode.DecodeBase32(code)
	return [aes.BlockSize]byte(bits[:aes.BlockSize]), first22(bits[aes.BlockSize:]), true
}

// checks reports whether the check of a code is right, in constant time.
func (v *Vector) checks(code string, check int32, key2 []byte, t terms, block *[aes.BlockSize]byte) bool {
	mac := v.codeMAC(key2, t, block)
	want := first22(mac)
	if len(code) == decimalCode {
		want = decimalCheck(mac)
	}
	return subtle.ConstantTimeEq(check, want) == 1
}

func first22(b []byte) int32 {
	return (int32(b[0])<<16 | int32(b[1])<<8 | int32(b[2])) >> (24 - checkBits)
}

func decimalCheck(mac []byte) int32 { return int32(binary.BigEndian.Uint64(mac) % checkMod) }

// key1 derives K1.
func (v *Vector) key1(t terms) []byte {
	return kdf.Key(v.profile.Key[:], "ac/1", kdf.Size, []byte(t.serial))
}

// codeMAC computes the check of an activation code in full. key2 is looked at only
// where the password is checked.
func (v *Vector) codeMAC(key2 []byte, t terms, block *[aes.BlockSize]byte) []byte {
	from := v.profile.Key[:]
	if v.profile.Rules.CheckPassword {
		from = key2
	}
	key := kdf.Key(from, "ac/check", kdf.Size, []byte(t.serial), v.hash[:])
	defer clear(key)
	return kdf.MAC(key, kdf.AppendLV(nil, []byte(t.serial)), block[:], kdf.AppendLV(nil, []byte(t.erc)))
}

// encrypt and decrypt are AES-256 on one block.
func encrypt(key []byte, block *[aes.BlockSize]byte) {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic("activation: " + err.Error()) // keys here have 32 bytes
	}
	c.Encrypt(block[:], block[:])
}

func decrypt(key []byte, block *[aes.BlockSize]byte) {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic("activation: " + err.Error())
	}
	c.Decrypt(block[:], block[:])
}

// Group prints a code for people: groups of five joined by hyphens.
func Group(code string) string { return typedcode.Group(code) }
