package authenticator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"slices"

	"golang.org/x/crypto/argon2"

	"ostiary/activation"
	"ostiary/internal/codec/cbor"
	"ostiary/internal/codec/kdf"
)

// The versions of records. Version 1 kept the proof of an activation at PIN level none,
// and knew no typed activation that waits for the server; it is read, and never written.
const (
	formatVersion = 2
	formerVersion = 1
	// secretsVersion is that of what is sealed within a record.
	secretsVersion = 1
)

// The records of a vault are named by their id and what they are.
const (
	accountSuffix  = ".account"
	exchangeSuffix = ".exchange"
)

// The labels under which the device key seals what: records by their kind, and the
// device secret of binding within one.
const (
	labelAccount  = "vault/outer"
	labelExchange = "vault/exchange"
	labelBind     = "vault/bind"
	labelEpoch    = "vault/epoch"
)

const (
	idSize   = 16
	saltSize = 16
)

// box is what the records of one account are sealed with: its id and the device key,
// which the platform makes from the salt.
type box struct {
	version byte // of the record that was read
	id      [idSize]byte
	salt    [saltSize]byte
	key     Secret // the device key
}

func (b *box) idText() string { return hex.EncodeToString(b.id[:]) }

// validID reports whether a text is the id of an account.
func validID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == idSize && hex.EncodeToString(b) == id
}

// aad binds what is sealed within a record to account and format.
func (b *box) aad() []byte { return b.bound(secretsVersion) }

func (b *box) bound(version byte) []byte { return append([]byte{version}, b.id[:]...) }

// newBox draws the id and the salt of a new account.
func (v *Vault) newBox() (b box, err error) {
	if err := v.draw(b.id[:], b.salt[:]); err != nil {
		return b, err
	}
	b.key, err = v.deviceKey(b.salt[:])
	return b, err
}

func (v *Vault) deviceKey(salt []byte) (Secret, error) {
	key, err := v.cfg.Platform.MAC(salt)
	if err != nil {
		return nil, errors.Join(ErrDeviceKey, err)
	}
	if len(key) != kdf.Size {
		return nil, activation.ErrKeySize
	}
	return key, nil
}

// draw fills them with random bytes.
func (v *Vault) draw(into ...[]byte) error {
	for _, b := range into {
		if _, err := io.ReadFull(v.cfg.Random, b); err != nil {
			return errors.Join(errors.New("draw random bytes"), err)
		}
	}
	return nil
}

// seal makes a record: version, id and salt in the clear, and the rest encrypted.
func (v *Vault) seal(b *box, label string, plain []byte) ([]byte, error) {
	sealed, err := v.encrypt(kdf.Key(b.key, label, kdf.Size), plain, b.bound(formatVersion))
	if err != nil {
		return nil, err
	}
	record := cbor.AppendArray(nil, 4)
	record = cbor.AppendUint(record, formatVersion)
	record = cbor.AppendBytes(record, b.id[:])
	record = cbor.AppendBytes(record, b.salt[:])
	return cbor.AppendBytes(record, sealed), nil
}

// open opens a record that stands under an id. Bytes that are none, and such as were
// sealed on another device or under another id, are [ErrDamaged].
func (v *Vault) open(record []byte, id, label string) (b box, plain Secret, err error) {
	b, sealed, err := parseRecord(record)
	if err != nil {
		return b, nil, err
	}
	if b.idText() != id {
		return b, nil, ErrDamaged
	}
	if b.key, err = v.deviceKey(b.salt[:]); err != nil {
		return b, nil, err
	}
	if plain, err = decrypt(kdf.Key(b.key, label, kdf.Size), sealed, b.bound(b.version)); err != nil {
		clear(b.key)
		return b, nil, ErrDamaged
	}
	return b, plain, nil
}

// parseRecord reads what of a record is in the clear.
func parseRecord(record []byte) (b box, sealed []byte, err error) {
	d := cbor.NewDecoder(record)
	d.Array()
	switch version := d.Uint(); {
	case version > formatVersion:
		return b, nil, ErrNewer
	case version < formerVersion:
		return b, nil, ErrDamaged
	default:
		b.version = byte(version)
	}
	copy(b.id[:], d.Fixed(idSize))
	copy(b.salt[:], d.Fixed(saltSize))
	sealed = d.Bytes()
	d.Close()
	if d.End() != nil {
		return b, nil, ErrDamaged
	}
	return b, sealed, nil
}

// encrypt is AES-256-GCM with a random nonce in front. It wipes the key.
func (v *Vault) encrypt(key Secret, plain, aad []byte) ([]byte, error) {
	defer clear(key)
	gcm := newGCM(key)
	nonce := make([]byte, gcm.NonceSize())
	if err := v.draw(nonce); err != nil {
		return nil, err
	}
	return gcm.Seal(nonce, nonce, plain, aad), nil
}

var errSealed = errors.New("not sealed with this key")

// decrypt opens what encrypt sealed. It wipes the key.
func decrypt(key Secret, sealed, aad []byte) (Secret, error) {
	defer clear(key)
	gcm := newGCM(key)
	if len(sealed) < gcm.NonceSize() {
		return nil, errSealed
	}
	plain, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], aad)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

func newGCM(key Secret) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("authenticator: " + err.Error()) // keys here have 32 bytes
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("authenticator: " + err.Error())
	}
	return gcm
}

// secretName is the name of S among what a PIN may protect.
const secretName = "S"

// pinKey stretches a PIN.
func pinKey(pin Secret, salt []byte, a activation.Argon2id) Secret {
	return argon2.IDKey(pin, salt, uint32(a.Time), uint32(a.Memory), uint8(a.Parallelism), kdf.Size)
}

// protect protects the secret of an epoch under a PIN and a fresh salt. At level hash
// it is encrypted; at level none it is masked, which tells nobody whether a PIN is
// right.
func (v *Vault) protect(b *box, e *epoch, secret, pin Secret) error {
	salt := make([]byte, saltSize)
	if err := v.draw(salt); err != nil {
		return err
	}
	p := e.vector.Profile()
	key := pinKey(pin, salt, p.Rules.Argon2id)
	defer clear(key)
	var protected []byte
	var err error
	if p.PIN.Level == activation.PINHashed {
		protected, err = v.encrypt(key, secret, b.aad())
	} else {
		protected = b.mask(key, secret)
	}
	if err == nil {
		e.salt, e.protected = salt, protected
	}
	return err
}

// unprotect gives the secret of an epoch under the key of a PIN. At level hash a
// wrong PIN is an error; at level none it gives a wrong secret.
func (b *box) unprotect(e *epoch, key Secret) (Secret, error) {
	if e.vector.Profile().PIN.Level == activation.PINHashed {
		return decrypt(slices.Clone(key), e.protected, b.aad())
	}
	return b.mask(key, e.protected), nil
}

// mask adds the pad of a PIN to a secret, or takes it away.
func (b *box) mask(key, secret Secret) Secret {
	out := kdf.Key(key, "vault/pin", len(secret), b.id[:], []byte(secretName))
	subtle.XORBytes(out, out, secret)
	return out
}

// decoyKey is the key of an application for wrong answers.
func (b *box) decoyKey(key Secret, app activation.Application) Secret {
	return kdf.Key(key, "decoy", app.Suite.KeySize(), b.id[:], []byte{byte(app.Index)})
}

// bindKey is the key of the device secret.
func (b *box) bindKey() Secret { return kdf.Key(b.key, labelBind, kdf.Size) }

// mark tells whether two epochs have one secret, without the secret. There is none
// at level none, where nothing kept may tell a right PIN.
func (b *box) mark(e *epoch, secret Secret) []byte {
	if e.vector.Profile().PIN.Level != activation.PINHashed {
		return nil
	}
	key := kdf.Key(b.key, labelEpoch, kdf.Size)
	defer clear(key)
	return kdf.MAC(key, b.id[:], secret)
}
