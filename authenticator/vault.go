package authenticator

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"ostiary/activation"
	"ostiary/internal/codec/kdf"
	"ostiary/internal/core/printable"
)

// Secret is a PIN, a password or a code. It does not print; convert it to string to
// show it.
type Secret = activation.Secret

// Storage keeps records under names of lower-case letters, digits and a dot. One
// vault has it to itself.
type Storage interface {
	// List returns the names of all records, in any order.
	List() ([]string, error)
	// Read returns a record. One that is not there is [fs.ErrNotExist].
	Read(name string) ([]byte, error)
	// Write makes a record, or puts it in the place of the one of that name. When it
	// has returned nil the new one is there for good, through a loss of power. When it
	// was interrupted anywhere, the old one or the new one is there, and whole.
	Write(name string, record []byte) error
	// Remove removes a record, for good when it has returned nil. One that is not
	// there is no error.
	Remove(name string) error
}

// PlatformKey is a key that belongs to the device and need not leave its key store.
type PlatformKey interface {
	// MAC returns HMAC-SHA256 of a salt under the key, 32 bytes.
	MAC(salt []byte) ([]byte, error)
}

// keyBytes is a platform key behind a closure, which does not print.
type keyBytes func() Secret

// KeyBytes returns a platform key that is at hand as 32 bytes. They are not copied.
// The error is activation.ErrKeySize.
func KeyBytes(key Secret) (PlatformKey, error) {
	if len(key) != kdf.Size {
		return nil, activation.ErrKeySize
	}
	return keyBytes(func() Secret { return key }), nil
}

// MAC returns HMAC-SHA256 of the salt.
func (k keyBytes) MAC(salt []byte) ([]byte, error) { return kdf.MAC(k(), salt), nil }

// Transport brings messages to a server.
type Transport interface {
	// Post posts a body of type application/cbor to an address, and returns the
	// status and the body of the answer, of which no more than [MaxAnswer] bytes are
	// needed. It follows no redirects. An error means that no answer came.
	Post(ctx context.Context, url string, body []byte) (status int, answer []byte, err error)
}

// MaxAnswer is the length of the longest answer of a server in bytes.
const MaxAnswer = 16 << 10

// Config is what a vault is made with. Storage, Platform, Random and Now are
// required.
type Config struct {
	Storage  Storage
	Platform PlatformKey
	Random   io.Reader // cryptographically secure
	Now      func() time.Time

	// Transport and Device are needed for Begin and Confirm alone. Device is what the
	// server shows to people.
	Transport Transport
	Device    activation.Device

	// Vector, if set, is the one profile that this app is made for; activations for
	// any other are refused. Otherwise the caller shows issuer, profile and
	// fingerprint, and asks the user.
	Vector *activation.Vector
	// MaxAccounts is how many accounts the vault takes at most; 0 is any number.
	MaxAccounts int
}

// Vault holds the accounts of a device. Its methods may be called from several
// goroutines; they wait for each other.
type Vault struct {
	cfg Config
	mu  sync.Mutex
}

// Open returns the vault in a storage, which may be empty. It reads nothing yet.
func Open(cfg Config) (*Vault, error) {
	if cfg.Storage == nil || cfg.Platform == nil || cfg.Random == nil || cfg.Now == nil {
		return nil, errors.New("authenticator: Storage, Platform, Random and Now are required")
	}
	return &Vault{cfg: cfg}, nil
}

// List returns the accounts in the order of their names. If some cannot be read, the
// others are returned with the error, which joins an [AccountError] for each.
func (v *Vault) List() ([]Account, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	all, unread, err := v.accounts()
	defer wipeAll(all)
	if err != nil {
		return nil, err
	}
	var list []Account
	for _, a := range all {
		list = append(list, a.describe())
	}
	slices.SortFunc(list, func(a, b Account) int { return strings.Compare(a.Name, b.Name) })
	return list, unread
}

// Account returns one account by its id.
func (v *Vault) Account(id string) (Account, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	a, err := v.load(id)
	if err != nil {
		return Account{}, err
	}
	defer a.wipe()
	return a.describe(), nil
}

// Rename gives an account another name. It is for display alone. The error is
// [ErrName] or [ErrNameTaken].
func (v *Vault) Rename(id, name string) error {
	return v.change(id, func(a *account) error {
		all, _, err := v.accounts()
		defer wipeAll(all)
		if err != nil {
			return err
		}
		a.name = name
		return checkName(a, all)
	})
}

// Delete removes an account with its secrets, also one that cannot be read. The server
// is not told.
func (v *Vault) Delete(id string) error {
	return v.locked(func() error {
		a, err := v.load(id)
		switch {
		case errors.Is(err, ErrDamaged) || errors.Is(err, ErrNewer):
			return v.cfg.Storage.Remove(id + accountSuffix)
		case err != nil:
			return err
		}
		defer a.wipe()
		if err := v.cfg.Storage.Remove(id + accountSuffix); err != nil {
			return err
		}
		return v.dropPending(a.pending)
	})
}

// SetServerTime sets the shift of an account, so that its codes are made for the
// server's clock, whatever the device's clock says. The error is [ErrServerTime].
func (v *Vault) SetServerTime(id string, now time.Time) error {
	shift := now.Unix() - v.cfg.Now().Unix()
	if now.Unix() < 1 || !validShift(shift) {
		return ErrServerTime
	}
	return v.change(id, func(a *account) error {
		a.epoch.shift = shift
		return nil
	})
}

// maxShift is how far apart the clocks of device and server may be in seconds: a
// hundred years, because a clock that was never set is half a century behind.
const maxShift = 100 * 365 * 24 * 3600

func validShift(shift int64) bool { return -maxShift <= shift && shift <= maxShift }

// locked runs a step that has the vault to itself.
func (v *Vault) locked(step func() error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return step()
}

// change loads an account, changes it and stores it.
func (v *Vault) change(id string, f func(a *account) error) error {
	return v.locked(func() error {
		a, err := v.load(id)
		if err != nil {
			return err
		}
		defer a.wipe()
		if err := f(a); err != nil {
			return err
		}
		return v.store(a)
	})
}

// accounts loads all accounts. Those that cannot be read are told apart in unread; the
// others are there all the same.
func (v *Vault) accounts() (all []*account, unread, err error) {
	names, err := v.cfg.Storage.List()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		id, ok := strings.CutSuffix(name, accountSuffix)
		if !ok || !validID(id) {
			continue
		}
		switch a, err := v.load(id); {
		case err == nil:
			all = append(all, a)
		case errors.Is(err, ErrDamaged) || errors.Is(err, ErrNewer):
			unread = errors.Join(unread, &AccountError{id, err})
		default:
			return all, nil, err
		}
	}
	return all, unread, nil
}

// find returns the account of a serial of a profile, or nil. all are all accounts. The
// issuer and its key are not looked at: a vector is not authenticated, and nothing of an
// activation in one step is signed, so whoever writes another issuer's key into a vector
// of their own must not reach that issuer's account.
func find(all []*account, serial string, vector *activation.Vector) *account {
	for _, a := range all {
		if a.serial == serial && a.epoch.vector.Hash() == vector.Hash() {
			return a
		}
	}
	return nil
}

// checkName checks the name of an account among all accounts.
func checkName(a *account, all []*account) error {
	if printable.Check(a.name, maxName) != "" {
		return ErrName
	}
	for _, other := range all {
		if other.name == a.name && other.id != a.id {
			return ErrNameTaken
		}
	}
	return nil
}

func wipeAll(all []*account) {
	for _, a := range all {
		a.wipe()
	}
}

// load reads an account.
func (v *Vault) load(id string) (*account, error) {
	if !validID(id) {
		return nil, ErrAccount
	}
	record, err := v.cfg.Storage.Read(id + accountSuffix)
	if err != nil {
		return nil, notThere(err)
	}
	box, plain, err := v.open(record, id, labelAccount)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	a, err := decodeAccount(box, plain)
	if err == nil && box.version == formerVersion && a.pending != nil && !a.keepsProof() {
		err = v.store(a) // so that its proof is gone
	}
	return a, err
}

// store writes an account.
func (v *Vault) store(a *account) error {
	plain := a.encode()
	defer clear(plain)
	record, err := v.seal(&a.box, labelAccount, plain)
	if err != nil {
		return err
	}
	return v.cfg.Storage.Write(a.idText()+accountSuffix, record)
}

// unix is now on the device's clock, within what a record holds.
func (v *Vault) unix() int64 { return min(max(v.cfg.Now().Unix(), 0), maxTime) }

// notThere gives the absence of a record its name.
func notThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrAccount
	}
	return err
}
