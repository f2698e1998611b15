// Package carry takes along what a token has beside its key when it is activated on a
// device: from one server to another, in the record of its key in a seed file. So the
// device works on, and the other server can do with the token all that this one could.
//
//	profile, profile_vector, secret_issuer   the parameter sheet, and its issuer's seed
//	epoch                                    of the token's secret
//	activation, secret_activation,           the live activation: S, the device secret,
//	secret_device, secret_registration       what a late confirmation is known by
//	applications                             where the further ones stand
//	activations, activation_reset            what limits are counted from
//	unbound, unbound_b to unbound_d          devices that are never bound again
//
// The keys of applications do not travel: they follow from S, the serial and the device
// secret (activation.Vector.AppKey), and so they are derived at the other end. The
// token's own key does travel, as the secret of the file's key, because other programs
// read that; the two must agree, here when the token leaves and there when it comes. A
// token without a live activation, one that was never activated or whose device was
// unbound, has no secret; its key in the file has none either.
//
// An activation that is open does not travel: whoever has its letter or code would not
// know which server to turn to. The move ends it.
//
// Values are texts of one spelling: what is read must be what would be written.
package carry

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ostiary/activation"
	"ostiary/internal/core/printable"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/pskc"
)

// The names in a record. Those of licenses and instances will begin with these words;
// docs/pskc-record.md says how.
const (
	nameProfile      = "profile"
	nameVector       = "profile_vector"
	nameIssuer       = "secret_issuer"
	nameEpoch        = "epoch"
	nameActivation   = "activation"
	nameSecret       = "secret_activation"
	nameDevice       = "secret_device"
	nameRegistration = "secret_registration"
	nameApplications = "applications"
	namePast         = "activations"
	nameReset        = "activation_reset"
)

// namesUnbound hold 45 fingerprints each.
var namesUnbound = []string{"unbound", "unbound_b", "unbound_c", "unbound_d"}

const (
	unboundEach = 45
	maxUnbound  = 4 * unboundEach
	maxValue    = 2048 // as the record has it
)

// Keys seals and opens secrets.
type Keys interface {
	Seal(b seal.Binding, s seal.Secret) ([]byte, error)
	Open(b seal.Binding, sealed []byte) (seal.Secret, error)
}

// Load is what a token brings. Whoever has one wipes it.
type Load struct {
	Profile string // the name that its server gave the profile
	Vector  *activation.Vector
	Seed    seal.Secret // of the issuer's key
	Epoch   int64

	live         *live // nil without a device
	secret       seal.Secret
	device       seal.Secret // empty without binding
	registration seal.Secret // empty if no late confirmation can come
	applications []stand
	past         []past
	reset        [3]int64
	unbound      [][]byte
}

// live is the live activation as it is written. Times are in milliseconds.
type live struct {
	Route      string   `json:"route"`
	Reason     string   `json:"reason,omitempty"`
	Actor      string   `json:"actor"`
	Self       bool     `json:"self,omitempty"`
	Owned      bool     `json:"owned,omitempty"` // it was begun or confirmed for its owner
	Opened     int64    `json:"opened"`
	Expires    int64    `json:"expires"`
	Ended      int64    `json:"ended"`
	Tries      int      `json:"tries,omitempty"`
	LastTry    int64    `json:"last_try,omitempty"`
	Again      bool     `json:"again,omitempty"`
	SameSecret bool     `json:"same_secret,omitempty"`
	Counters   []uint64 `json:"counters,omitempty"`
	DeviceType int      `json:"device_type,omitempty"`
	DeviceName string   `json:"device_name,omitempty"`
	Locator    string   `json:"locator,omitempty"`
	Request    []byte   `json:"request,omitempty"`
	Taken      int64    `json:"taken,omitempty"`
	Confirm    []byte   `json:"confirm,omitempty"`
	TriesLeft  int      `json:"tries_left,omitempty"`
}

// stand is where a further application stands.
type stand struct {
	Index int    `json:"index"`
	Next  uint64 `json:"next"`
	Drift int64  `json:"drift,omitempty"`
}

// past is an activation that ended and counts for limits.
type past struct {
	Route   string `json:"route"`
	Status  int    `json:"status"`
	Again   int    `json:"again"`
	Opened  int64  `json:"opened"`
	Ended   int64  `json:"ended"`
	Tries   int    `json:"tries"`
	LastTry int64  `json:"last_try"`
	// More are confirmed activations before it that the text has no room for, the last of
	// which ended at MoreEnded.
	More      int   `json:"more,omitempty"`
	MoreEnded int64 `json:"more_ended,omitempty"`
}

func (p past) confirmed() bool { return p.Status == int(store.ActivationConfirmed) }

// Wipe overwrites the secrets.
func (l *Load) Wipe() {
	if l == nil {
		return
	}
	for _, s := range []seal.Secret{l.Seed, l.secret, l.device, l.registration} {
		s.Wipe()
	}
}

// Clone is a Load with secrets of its own.
func (l *Load) Clone() *Load {
	if l == nil {
		return nil
	}
	c := *l
	for _, s := range []*seal.Secret{&c.Seed, &c.secret, &c.device, &c.registration} {
		*s = seal.NewSecret(slices.Clone(s.Bytes()))
	}
	return &c
}

// Live tells whether the token works on a device.
func (l *Load) Live() bool { return l.live != nil }

// DeviceMark is what is shown of the bound device; empty if there is none.
func (l *Load) DeviceMark() string {
	mark, _ := activation.DeviceDisplay(activation.Secret(l.device.Bytes())) // of an empty one there is none
	return mark
}

// Read takes out of a record what is of this package and gives the rest; nil if there
// is nothing. It takes the secrets of the key, too.
func Read(k *pskc.Key) (l *Load, rest []pskc.Property, err error) {
	values := map[string]string{}
	for _, p := range k.Record {
		if slices.Contains(names, p.Name) || slices.Contains(namesUnbound, p.Name) {
			values[p.Name] = p.Value
			continue
		}
		rest = append(rest, p)
	}
	l = &Load{}
	for _, h := range k.Hidden {
		into := map[string]*seal.Secret{nameIssuer: &l.Seed, nameSecret: &l.secret, nameDevice: &l.device,
			nameRegistration: &l.registration}[h.Name]
		if into == nil {
			err = fmt.Errorf("its record has a property %q, which this server does not know; a newer server wrote it",
				h.Name)
			clear(h.Value)
			continue
		}
		*into = seal.NewSecret(h.Value)
	}
	k.Hidden = nil
	if len(values) == 0 && err == nil && l.Seed.Len()+l.secret.Len()+l.device.Len()+l.registration.Len() == 0 {
		return nil, rest, nil
	}
	if err == nil {
		err = l.read(values)
	}
	if err != nil {
		l.Wipe()
		return nil, nil, err
	}
	return l, rest, nil
}

var names = []string{nameProfile, nameVector, nameEpoch, nameActivation, nameApplications, namePast, nameReset}

func (l *Load) read(values map[string]string) error {
	wrong := func(name string, err error) error { return fmt.Errorf("its record has a wrong %s: %w", name, err) }
	raw, err := base64.StdEncoding.Strict().DecodeString(values[nameVector])
	if err != nil {
		return wrong(nameVector, err)
	}
	if l.Vector, err = activation.ParseKeptVector(raw); err != nil {
		return wrong(nameVector, err)
	}
	if l.Profile = values[nameProfile]; !token.ValidName(l.Profile) {
		return wrong(nameProfile, errors.New("it is not a name of a profile"))
	}
	if l.Epoch, err = strconv.ParseInt(values[nameEpoch], 10, 32); err != nil || l.Epoch < 0 ||
		strconv.FormatInt(l.Epoch, 10) != values[nameEpoch] {
		return wrong(nameEpoch, errors.New("it is not a count"))
	}
	for _, f := range []struct {
		name string
		into any
	}{{nameActivation, &l.live}, {nameApplications, &l.applications}, {namePast, &l.past}, {nameReset, &l.reset}} {
		if text, ok := values[f.name]; ok {
			if err := unmarshal(text, f.into); err != nil {
				return wrong(f.name, err)
			}
		}
	}
	for _, name := range namesUnbound {
		for _, text := range strings.Fields(values[name]) {
			b, err := base64.StdEncoding.Strict().DecodeString(text)
			if err != nil || len(b) != 32 {
				return wrong(name, errors.New("it is not a list of fingerprints"))
			}
			l.unbound = append(l.unbound, b)
		}
	}
	return l.check()
}

// unmarshal reads a text of one spelling.
func unmarshal(text string, into any) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return errors.New("it is not in the form that this version writes")
	}
	if again, err := json.Marshal(into); err != nil || string(again) != text {
		return errors.New("it is not in the form that this version writes")
	}
	return nil
}

// check refuses a load that no server has.
func (l *Load) check() error {
	if l.Seed.Len() != ed25519.SeedSize {
		return errors.New("the seed of its profile's issuer is missing in its record")
	}
	private := ed25519.NewKeyFromSeed(l.Seed.Bytes())
	defer clear(private)
	public := l.Vector.Profile().IssuerKey
	if string(private[ed25519.SeedSize:]) != string(public[:]) {
		return errors.New("the seed in its record does not belong to its profile's issuer")
	}
	if (l.live != nil) != (l.secret.Len() > 0) || l.live == nil && l.device.Len()+l.registration.Len() > 0 {
		return errors.New("its record has an activation without its secret, or a secret without its activation")
	}
	if l.live != nil && (l.Epoch == 0 || l.live.Counters != nil && len(l.live.Counters) !=
		len(l.Vector.EventApplications())) {
		return errors.New("its record has an activation that is not possible")
	}
	if l.live != nil && (l.live.Locator == "") != (l.registration.Len() == 0) {
		return errors.New("its record has an offer without its code, or a code without its offer")
	}
	if l.live != nil && !l.live.shown() {
		return errors.New("its record has an activation whose texts or times cannot be shown")
	}
	more := len(l.past)
	for _, p := range l.past {
		if p.Status <= int(store.ActivationOpen) || p.Status > int(store.ActivationExpired) || p.Tries < 0 ||
			!shownTimes(p.Opened, p.Ended, p.LastTry, p.MoreEnded) {
			return errors.New("its record has a past activation that is not possible")
		}
		if more += p.More; p.More < 0 || more > history || (p.More > 0) != (p.MoreEnded > 0) {
			return errors.New("its record has more past activations than a server imports")
		}
	}
	return l.checkApplications()
}

// shown tells whether lists can show the activation: its texts, and its times, which
// have years of four digits.
func (v *live) shown() bool {
	for _, text := range []string{v.Route, v.Reason, v.Actor, v.DeviceName} {
		if text != "" && printable.CheckKept(text, maxText) != "" {
			return false
		}
	}
	return v.Tries >= 0 && v.TriesLeft >= 0 && shownTimes(v.Opened, v.Expires, v.Ended, v.LastTry, v.Taken)
}

const (
	maxText = 256            // bytes of a text
	maxTime = 253402300799e3 // the end of the year 9999, in milliseconds
)

func shownTimes(times ...int64) bool {
	return !slices.ContainsFunc(times, func(t int64) bool { return t < 0 || t > maxTime })
}

// checkApplications demands those of the profile, beside the token itself.
func (l *Load) checkApplications() error {
	own, _ := l.Vector.Confirming()
	var want []activation.Application
	if l.Epoch > 0 {
		for _, app := range l.Vector.Profile().Applications {
			if app.Index != own.Index {
				want = append(want, app)
			}
		}
	}
	wrong := errors.New("the applications in its record do not match its profile, or have impossible counters")
	if len(want) != len(l.applications) {
		return wrong
	}
	for i, a := range l.applications {
		drift := a.Drift <= token.MaxDrift && a.Drift >= -token.MaxDrift ||
			a.Drift == token.TwoCodes && want[i].Suite.Kind == activation.HOTP
		if a.Index != want[i].Index || a.Next > token.MaxCounter || !drift {
			return wrong
		}
	}
	return nil
}

// Fits says why a token cannot have the load, as the type has it here; empty if it can.
func (l *Load) Fits(typ token.Type, t token.Token, secret seal.Secret) string {
	if why := profiles.Misfit(typ, l.Vector); why != "" {
		return fmt.Sprintf("its profile %s %s", l.Profile, why)
	}
	if spec, ok := profiles.Spec(l.Vector); ok && spec != t.Spec {
		return fmt.Sprintf("its profile %s does not match the codes of the key", l.Profile)
	}
	switch {
	case l.live == nil && secret.Len() > 0:
		return "it has a secret, but its record has no activation that created it"
	case l.live == nil && t.Condition.State == token.Valid:
		return "it is VALID, but has no secret"
	case l.live != nil && t.Condition.State == token.Pending:
		return "it is PENDING, but its record has an activation"
	case l.live == nil:
		return ""
	}
	key, err := l.key(t.DeviceSerial(), ownIndex(l.Vector))
	if err != nil {
		return "the activation in its record gives no key: " + err.Error()
	}
	defer key.Wipe()
	if !key.Equal(secret) {
		return "its secret is not that of the activation in its record"
	}
	return ""
}

func ownIndex(v *activation.Vector) int {
	app, _ := v.Confirming()
	return app.Index
}

// key derives the key of an application.
func (l *Load) key(serial string, index int) (seal.Secret, error) {
	var device activation.Secret
	if l.device.Len() > 0 {
		device = activation.Secret(l.device.Bytes())
	}
	key, err := l.Vector.AppKey(activation.Secret(l.secret.Bytes()), serial, index, device)
	if err != nil {
		return seal.Secret{}, fmt.Errorf("key of application %d: %w", index, err)
	}
	return seal.NewSecret([]byte(key)), nil
}
